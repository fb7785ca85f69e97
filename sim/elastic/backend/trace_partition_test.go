package backend

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/inplace"
)

// isolate cuts all links of a node, both ways.
func (w *world) isolate(node string, mode sim.CutMode) {
	for _, n := range w.c.Nodes() {
		if n.Name() != node {
			w.c.Network().Cut(node, n.Name(), mode)
			w.c.Network().Cut(n.Name(), node, mode)
		}
	}
}

func (w *world) heal(node string) {
	for _, n := range w.c.Nodes() {
		if n.Name() != node {
			w.c.Network().Mend(node, n.Name())
			w.c.Network().Mend(n.Name(), node)
		}
	}
}

// P2: the master is killed.
func TestAKilledMasterIsReplacedAndItsCopiesToo(t *testing.T) {
	w := newWorld(t, 3)
	w.load(inplace.IndexSpec{Name: "p2", Shards: 6, Replicas: 1, Bytes: 50 * mb, Docs: 48000, Settings: delayed("3s")})
	w.run(40 * time.Second)
	w.observe()
	old := w.c.Leader().Name()
	require.NoError(t, w.c.Kill(old))
	w.until(time.Minute, "green again", func() bool { return w.c.Leader() != nil && len(w.st().Nodes) == 2 && w.green() })

	lost := w.at("no master", healthIs(func(h observed.Health) bool { return !h.Master }))
	assert.InDelta(t, 0.27, lost.Seconds(), 0.3)
	elected := w.at("new master", func(o observed.Observation) bool {
		m, ok := o.Sight.(observed.Members)
		return ok && m.Master != old && m.Master != ""
	})
	assert.InDelta(t, 0.64, elected.Seconds(), 0.5)
	removed := w.at("removed", membersAre(2))
	assert.InDelta(t, 0.81, removed.Seconds(), 0.7)
	initializing := w.at("initializing", healthIs(func(h observed.Health) bool { return h.Initializing > 0 }))
	assert.InDelta(t, 3, (initializing - removed).Seconds(), 0.3)
	assert.InDelta(t, 5.41, (time.Duration(w.e.Now()) - w.zero).Seconds(), 1.2)
	assert.Equal(t, 4, w.count("files"))
}

// P3: a node is cut off by reset links for 20 s while 200 documents a second are
// indexed; whether it catches up by operations or by files depends on whether the
// retention leases have been renewed since loading: the first renewal, 30 s after the index
// was opened, comes during the outage or before it.
func TestAReturningNodeCatchesUpAsItsLeasesAllow(t *testing.T) {
	for _, v := range []struct {
		name  string
		rest  time.Duration
		kind  string
		green float64
	}{{"leases-stale", 15 * time.Second, "files", 6.1}, {"leases-renewed", 33 * time.Second, "ops", 2.54}} {
		t.Run(v.name, func(t *testing.T) {
			w := newWorld(t, 3)
			w.load(inplace.IndexSpec{Name: "p3", Shards: 6, Replicas: 1, Bytes: 100 * mb, Docs: 100000, Settings: delayed("60s")})
			w.run(v.rest - 5*time.Second)
			w.c.SetLoad([]elastic.Load{{Index: "p3", WritesPerSec: 200, DocBytes: 1000}})
			w.run(5 * time.Second)
			victim := w.victim()
			w.observe()
			w.isolate(victim, sim.Reset)
			w.run(20 * time.Second)
			removed := w.at("removed", membersAre(2))
			assert.InDelta(t, 0.35, removed.Seconds(), 0.35)
			_, red := w.first(healthIs(func(h observed.Health) bool { return h.Status == "red" }))
			assert.False(t, red)
			assert.Empty(t, w.recoveries(), "missing copies wait for the delayed timeout")

			w.observe()
			w.heal(victim)
			w.until(time.Minute, "green again", func() bool { return len(w.st().Nodes) == 3 && w.green() })
			assert.Less(t, (time.Duration(w.e.Now()) - w.zero).Seconds(), v.green+3)
			assert.Equal(t, 4, w.count(v.kind))
			assert.Len(t, w.recoveries(), 4)
			var ops, bytes int64
			for _, r := range w.recoveries() {
				ops, bytes = ops+r.Ops, bytes+r.Bytes
			}
			assert.InDelta(t, 3000, ops, 700, "the operations missed")
			if v.kind == "ops" {
				assert.Zero(t, bytes)
			}
			w.run(time.Second)
			w.copiesAreEqual("p3")
			assert.Zero(t, w.c.Fluid.Traffic().Failed)
		})
	}
}

// copiesAreEqual: every copy of a shard has the same documents and checkpoint.
func (w *world) copiesAreEqual(index string) {
	w.t.Helper()
	w.c.SetLoad(nil)
	w.run(100 * time.Millisecond)
	byShard := make(map[int][]*elastic.Shard)
	for _, n := range w.c.Nodes() {
		for _, s := range hostedIf(n.Proc) {
			if s.Index == index {
				byShard[s.Key.Shard] = append(byShard[s.Key.Shard], s)
			}
		}
	}
	require.NotEmpty(w.t, byShard)
	for num := range len(byShard) {
		first := byShard[num][0]
		for _, s := range byShard[num] {
			e := s.Engine()
			assert.Equalf(w.t, first.Store.Docs(), s.Store.Docs(), "documents of shard %d", num)
			assert.Equalf(w.t, first.Engine().Max, e.Max, "operations of shard %d", num)
			assert.Equalf(w.t, e.Max, e.LocalCheckpoint(), "checkpoint of shard %d", num)
			assert.Equalf(w.t, e.Max, s.Store.Global, "global checkpoint of shard %d", num)
		}
	}
}

// hostedIf is hosted of a process that may not be there.
func hostedIf(p *elastic.Process) []*elastic.Shard {
	if p == nil {
		return nil
	}
	return p.Hosted()
}

func fast(c *elastic.Config) {
	for _, check := range []string{"follower_check", "leader_check"} {
		nodeSetting("cluster.fault_detection."+check+".timeout", "2s")(c)
	}
	nodeSetting("cluster.follower_lag.timeout", "10s")(c)
}

// P4: everything from and to a node is dropped silently.
func TestASilentNodeIsRemovedByFaultDetection(t *testing.T) {
	for _, v := range []struct {
		name    string
		wish    wish
		removed float64
	}{{"fast-detection", fast, 8.7}, {"default-detection", func(*elastic.Config) {}, 32.9}} {
		t.Run(v.name, func(t *testing.T) {
			w := newWorld(t, 3, v.wish)
			w.load(inplace.IndexSpec{Name: "p4", Shards: 6, Replicas: 1, Bytes: 50 * mb, Docs: 48000, Settings: delayed("3s")})
			w.run(40 * time.Second)
			victim := w.victim()
			w.observe()
			w.isolate(victim, sim.Blackhole)
			w.until(2*time.Minute, "green again", func() bool { return len(w.st().Nodes) == 2 && w.green() })
			removed := w.at("removed", membersAre(2))
			assert.InDelta(t, v.removed, removed.Seconds(), 0.9)
			_, red := w.first(healthIs(func(h observed.Health) bool { return h.Status == "red" }))
			assert.False(t, red)
			initializing := w.at("initializing", healthIs(func(h observed.Health) bool { return h.Initializing > 0 }))
			assert.InDelta(t, 3, (initializing - removed).Seconds(), 0.3)
			assert.Equal(t, 4, w.count("files"))
			w.run(5 * time.Second)

			w.observe()
			w.heal(victim)
			w.until(time.Minute, "back", func() bool { return len(w.st().Nodes) == 3 })
			assert.Less(t, (time.Duration(w.e.Now()) - w.zero).Seconds(), 1.6)
			w.until(time.Minute, "balanced", func() bool { return w.perNode()[victim] == 4 && w.balanced() })
			assert.Less(t, (time.Duration(w.e.Now()) - w.zero).Seconds(), 4.5)
			assert.Len(t, w.recoveries(), 4)
		})
	}
}

// P4, variant fast-detection-master: the new master applies its first state only after
// cluster.publish.timeout, since it also goes to the silent old master.
func TestASilentMasterCostsThePublishTimeoutToo(t *testing.T) {
	w := newWorld(t, 3, fast)
	w.load(inplace.IndexSpec{Name: "p4", Shards: 6, Replicas: 1, Bytes: 50 * mb, Docs: 48000, Settings: delayed("3s")})
	w.run(40 * time.Second)
	w.observe()
	old := w.c.Leader().Name()
	w.isolate(old, sim.Blackhole)
	w.until(2*time.Minute, "green again", func() bool { return len(w.st().Nodes) == 2 && w.green() })
	removed := w.at("removed", membersAre(2))
	assert.InDelta(t, 39.6, removed.Seconds(), 1)
	assert.InDelta(t, 44.5, (time.Duration(w.e.Now()) - w.zero).Seconds(), 2)
	assert.Equal(t, 4, w.count("files"))
}
