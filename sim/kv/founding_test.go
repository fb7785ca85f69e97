package kv_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/kv"
)

// alike is three machines that are started with the same command, and are down.
func alike(t *testing.T) *fleet {
	w := &fleet{t: t, e: sim.NewEngine(sim.Config{Seed: 1})}
	w.f = kv.NewFleet(w.e, kv.FleetConfig{Machines: []string{"n1", "n2", "n3"}, Settings: meta.Defaults()})
	w.k = w.f.NewCaller("client")
	t.Cleanup(func() {
		require.NoError(t, w.f.Err())
		require.NoError(t, w.e.Close())
	})
	return w
}

func (w *fleet) members() int {
	l := w.f.Leader()
	if l == nil {
		return 0
	}
	return len(l.Node().Group().State().Members())
}

func (w *fleet) clusters() map[uint64]bool {
	ids := map[uint64]bool{}
	for _, m := range w.f.Machines() {
		if n := m.Node(); n != nil && n.State().Known() {
			ids[n.State().Cluster()] = true
		}
	}
	return ids
}

func TestThreeNodesStartedAlikeMakeOneCluster(t *testing.T) {
	w := alike(t)
	for _, m := range w.f.Machines() {
		m.Start()
	}
	w.until(10*time.Second, "three members", func() bool { return w.members() == 3 })
	assert.Len(t, w.clusters(), 1)
}

func TestAClusterIsNotMadeBeforeAllOthersHaveAgreed(t *testing.T) {
	w := alike(t)
	w.f.Machine("n1").Start()
	w.f.Machine("n3").Start()
	w.run(time.Minute)
	assert.Empty(t, w.clusters())
	a := w.ask("n1", &wire.Admin{}).(*wire.AdminResult)
	assert.Equal(t, wire.Unavailable, a.Status)
	assert.Contains(t, a.Reason, "needs to hear from n2 that there is none")
	w.f.Machine("n2").Start()
	w.until(10*time.Second, "three members", func() bool { return w.members() == 3 })
}

func TestAReplacedDiskThatIsStartedFirstJoinsTheClusterThatThereIs(t *testing.T) {
	w := alike(t)
	for _, m := range w.f.Machines() {
		m.Start()
	}
	w.until(20*time.Second, "a cluster", func() bool { return w.members() == 3 && w.whole() })
	w.write("k", "v")
	before := w.clusters()
	for _, m := range w.f.Machines() {
		m.Crash()
	}
	first := w.f.Machine("n1")
	first.Wipe()
	first.Start()
	w.run(time.Minute)
	assert.Empty(t, w.clusters(), "n1 makes none, and says that it waits")
	a := w.ask("n1", &wire.Admin{}).(*wire.AdminResult)
	assert.Contains(t, a.Reason, "needs to hear from n2, n3 that there is none")

	w.f.Machine("n3").Start()
	w.run(10 * time.Second)
	a = w.ask("n1", &wire.Admin{}).(*wire.AdminResult)
	assert.Contains(t, a.Reason, "n3 belongs to cluster")
	w.f.Machine("n2").Start()
	w.until(time.Minute, "n1 comes as another node", func() bool { return first.Node().ID() == shardmap.NodeID("n1~2") })
	w.until(time.Minute, "the node that is no more has left, and all is as it was", func() bool {
		gone := w.state().Member("n1")
		return gone != nil && gone.State == wire.Removed && w.whole()
	})
	assert.Equal(t, before, w.clusters())
	assert.Equal(t, "v", w.read("k"))
}
