package backend

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/sim/elastic/inplace"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

const mb = 1 << 20

func delayed(d string) settings.Settings {
	return settings.Of(map[string]string{"index.unassigned.node_left.delayed_timeout": d})
}

// victim is a node that isn't the master.
func (w *world) victim() string {
	for _, n := range w.c.Nodes() {
		if n != w.c.Leader() {
			return n.Name()
		}
	}
	return ""
}

func (w *world) count(kind string) (n int) {
	for _, r := range w.recoveries() {
		if r.Kind == kind {
			n++
		}
	}
	return n
}

// shardsOn are the numbers of the shards with a copy on a node.
func (w *world) shardsOn(node string) (out []int) {
	w.st().Routing.Each(func(c *state.Copy) {
		if c.Node == w.c.ByName[node].ID() {
			out = append(out, c.Shard)
		}
	})
	return out
}

func (w *world) at(what string, ok func(observed.Observation) bool) time.Duration {
	w.t.Helper()
	at, found := w.first(ok)
	require.True(w.t, found, what)
	return at
}

func membersAre(n int) func(observed.Observation) bool {
	return func(o observed.Observation) bool {
		m, ok := o.Sight.(observed.Members)
		return ok && len(m.Nodes) == n
	}
}

func healthIs(ok func(h observed.Health) bool) func(observed.Observation) bool {
	return func(o observed.Observation) bool { h, is := o.Sight.(observed.Health); return is && ok(h) }
}

// P1 of the recorded timelines: a data node is killed, and started again once the
// others have replaced its copies.
func TestAKilledDataNodeIsReplacedAndItsReturnMovesCopiesBack(t *testing.T) {
	w := newWorld(t, 3)
	w.load(inplace.IndexSpec{Name: "p1", Shards: 6, Replicas: 1, Bytes: 50 * mb, Docs: 48000, Settings: delayed("3s")})
	w.run(40 * time.Second)
	victim := w.victim()
	w.observe()
	require.NoError(t, w.c.Kill(victim))
	w.until(time.Minute, "green again", func() bool { return len(w.st().Nodes) == 2 && w.green() })

	removed := w.at("removed", membersAre(2))
	assert.InDelta(t, 0.21, removed.Seconds(), 0.2)
	initializing := w.at("initializing", healthIs(func(h observed.Health) bool { return h.Initializing > 0 }))
	assert.InDelta(t, 3, (initializing - removed).Seconds(), 0.3, "delayed_timeout runs from the removal")
	green := w.at("green", healthIs(func(h observed.Health) bool { return h.Status == "green" && h.Nodes == 2 }))
	assert.InDelta(t, 4.51, green.Seconds(), 0.6)
	assert.Equal(t, 4, w.count("files"))
	_, red := w.first(healthIs(func(h observed.Health) bool { return h.Status == "red" }))
	assert.False(t, red, "replicas are promoted in the same state: never red")

	w.observe()
	require.NoError(t, w.c.StartNode(victim))
	w.until(time.Minute, "joined", func() bool { return len(w.st().Nodes) == 3 })
	w.run(5 * time.Second)
	assert.True(t, w.balanced())
	assert.Equal(t, 4, w.count("files"), "copies come back as relocations")
	assert.Equal(t, map[string]int{"n1": 4, "n2": 4, "n3": 4}, w.perNode())
}

// P5: 18 single-copy shards lie 12/4/2, rebalancing off; then it is switched on.
func TestTwelveFourTwoBecomesSixSixSixInSixMoves(t *testing.T) {
	w := newWorld(t, 3, with("cluster.routing.rebalance.enable", "none"))
	w.load(inplace.IndexSpec{Name: "p5", Shards: 18, Bytes: 270 * mb, Docs: 67500, Placement: []int{12, 4, 2}})
	w.run(30 * time.Second)
	require.Equal(t, map[string]int{"n1": 12, "n2": 4, "n3": 2}, w.perNode())
	highest := w.shardsOn("n1")[6:]
	w.observe()
	w.settings("cluster.routing.rebalance.enable", "all", "indices.recovery.max_bytes_per_sec", "50mb")
	w.until(time.Minute, "moving", func() bool { return w.health().Relocating > 0 })
	w.until(time.Minute, "balanced", func() bool { return w.perNode()["n1"] == 6 && w.balanced() })

	assert.Equal(t, map[string]int{"n1": 6, "n2": 6, "n3": 6}, w.perNode())
	require.Equal(t, 6, w.count("files"))
	for _, r := range w.recoveries() {
		assert.Equal(t, "n1", r.From, "every move is from the fullest node")
		assert.Contains(t, highest, r.Shard, "its six highest-numbered shards")
	}
	assert.InDelta(t, 2.81, (time.Duration(w.e.Now()) - w.zero).Seconds(), 0.8)
}

// P6: a fourth, empty node is started.
func TestAJoiningNodeGetsItsShareAndNothingMovesBetweenTheOthers(t *testing.T) {
	w := newWorld(t, 3, late("n4"))
	w.load(inplace.IndexSpec{Name: "p6", Shards: 12, Replicas: 1, Bytes: 100 * mb, Docs: 50000})
	w.run(10 * time.Second)
	w.observe()
	require.NoError(t, w.c.StartNode("n4"))
	w.until(time.Minute, "joined", func() bool { return len(w.st().Nodes) == 4 })
	joined := w.e.Now()
	w.until(time.Minute, "balanced", func() bool { return w.perNode()["n4"] == 6 && w.balanced() })
	assert.InDelta(t, 4.22, w.e.Now().Sub(joined).Seconds(), 1.3)
	assert.Equal(t, map[string]int{"n1": 6, "n2": 6, "n3": 6, "n4": 6}, w.perNode())
	require.Equal(t, 6, w.count("files"))
	for _, r := range w.recoveries() {
		assert.Equal(t, "n4", r.To)
	}
}

// P8: recovery throughput under the node limit.
func TestRecoveryIsLimitedPerNode(t *testing.T) {
	for _, limit := range []struct {
		text string
		min  float64
		max  float64
	}{{"40mb", 13, 14.8}, {"10mb", 49.5, 52.5}, {"-1", 2.5, 6.3}} {
		t.Run(limit.text, func(t *testing.T) {
			w := newWorld(t, 3, with("indices.recovery.max_bytes_per_sec", limit.text))
			w.load(inplace.IndexSpec{Name: "p8", Shards: 4, Bytes: 522600000, Docs: 130000, Placement: []int{4, 0, 0}, Settings: settings.Of(map[string]string{
				"index.routing.allocation.include._name": "n1,n2", "index.routing.rebalance.enable": "none",
			})})
			w.run(10 * time.Second)
			w.observe()
			one := "1"
			w.do(updateIndex(w, "p8", map[string]*string{"index.number_of_replicas": &one}))
			w.until(2*time.Minute, "green", w.green)
			took := (time.Duration(w.e.Now()) - w.zero).Seconds()
			assert.GreaterOrEqual(t, took, limit.min)
			assert.LessOrEqual(t, took, limit.max)
			assert.Equal(t, 4, w.count("files"))
		})
	}
}

func TestTwoNodesKilledTogetherLeaveInTwoStatesAndTheSecondIsPromotedMeanwhile(t *testing.T) {
	w := newWorld(t, 5, still())
	w.load(inplace.IndexSpec{Name: "logs", Shards: 5, Replicas: 1, Bytes: 10 * mb, Docs: 1000, Placement: []int{2, 2, 2, 2, 2}})
	w.observe()
	var pair []string // the nodes of a shard's copies, the primary's first, none of them the master
	var shard int
	for _, t := range w.st().Routing.Index("logs").Shards {
		a, b := w.c.NodeByID(t.Primary().Node), w.c.NodeByID(t.Copies[1].Node)
		if t.Copies[1].Primary {
			b = w.c.NodeByID(t.Copies[0].Node)
		}
		if a != w.c.Leader() && b != w.c.Leader() {
			pair, shard = []string{a.Name(), b.Name()}, t.Shard
		}
	}
	require.Len(t, pair, 2)
	for _, name := range pair {
		require.NoError(t, w.c.Kill(name))
	}
	w.run(10 * time.Second)
	first, second := w.at("one gone", membersAre(4)), w.at("both gone", membersAre(3))
	assert.Less(t, first, second)
	red := w.at("red", healthIs(func(h observed.Health) bool { return h.Status == "red" }))
	assert.GreaterOrEqual(t, red, second, "until then the copy on the second victim counts as the primary")
	promoted, ok := w.first(func(o observed.Observation) bool {
		for _, c := range copiesIn(o) {
			if c.Shard == shard && c.Primary && c.Node == pair[1] && o.At < second {
				return true
			}
		}
		return false
	})
	assert.True(t, ok)
	assert.GreaterOrEqual(t, promoted, first)
}

func copiesIn(o observed.Observation) observed.Copies {
	copies, _ := o.Sight.(observed.Copies)
	return copies
}
