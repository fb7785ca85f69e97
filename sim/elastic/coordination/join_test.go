package coordination

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func TestNodesWithoutTheMasterRoleJoinButDoNotVote(t *testing.T) {
	w := newWorld(1, 3, true)
	for _, name := range []string{"d0", "d1", "d2"} {
		w.add(name, nil).cfg.Node.Roles = []string{"data"}
	}
	w.formed(t)
	l := w.leader()
	assert.Equal(t, []string{"d0", "d1", "d2", "n0", "n1", "n2"}, w.names(l.applied))
	assert.Equal(t, []string{"n0", "n1", "n2"}, l.applied.LastCommitted)
	for _, h := range w.hosts {
		if h != l && h.cfg.Node.HasRole("master") {
			h.kill()
		}
	}
	w.await(t, 10*time.Second, func() bool { return w.by["d0"].applied.Master == "" })
	w.run(t, time.Minute)
	assert.Nil(t, w.leader(), "three data nodes and one master-eligible node are no quorum")
}

func TestANewcomerJoinsAndAReturningProcessReplacesItsFormerSelf(t *testing.T) {
	w := newWorld(2, 3, true).formed(t)
	var joined, left []string
	for _, h := range w.hosts {
		h.cfg.Hooks.NodesChanged = nil
	}
	l := w.leader()
	l.c.cfg.Hooks.NodesChanged = func(j, g []*state.Node) {
		for _, n := range j {
			joined = append(joined, n.EphemeralID)
		}
		for _, n := range g {
			left = append(left, n.EphemeralID)
		}
	}
	w.add("n3", nil)
	w.start()
	assert.Less(t, w.await(t, 10*time.Second, w.stable), 2*time.Second)
	assert.Equal(t, []string{"n3#1"}, joined)
	w.by["n3"].kill()
	w.by["n3"].start()
	w.await(t, 10*time.Second, w.stable)
	assert.Equal(t, []string{"n3#1", "n3#2"}, joined)
	assert.Equal(t, []string{"n3#1"}, left)
}

func TestAJoinIsRefusedByWhoCannotLiveWithTheState(t *testing.T) {
	w := newWorld(3, 3, true).formed(t)
	h := w.add("n3", nil)
	h.cfg.Hooks.ValidateJoin = func(*state.State) error { return errors.New("index [x] is not supported") }
	h.start()
	w.run(t, 10*time.Second)
	assert.Len(t, w.leader().applied.Nodes, 3)
	assert.Empty(t, h.applied.Master)
	assert.True(t, containsLine(w.log, "failed to join"))
}

func TestANodeOfAnotherClusterIsRefused(t *testing.T) {
	w := newWorld(4, 3, true).formed(t)
	h := w.add("n3", nil)
	h.disk = Persisted{Term: 1, Committed: true, Accepted: &state.State{
		ClusterUUID: "another", Version: 5, Routing: &state.RoutingTable{},
		Coordination: state.Coordination{Term: 1, LastAccepted: []string{"x"}, LastCommitted: []string{"x"}},
	}}
	h.start()
	w.run(t, 10*time.Second)
	assert.Empty(t, h.applied.Master)
	assert.True(t, containsLine(w.log, "This node previously joined a cluster with UUID [another]"))
}

func TestASingleNodeClusterTakesNobodyIn(t *testing.T) {
	w := newWorld(5, 1, true, setting("discovery.type", "single-node"))
	w.hosts[0].cfg.InitialMasters = nil
	w.formed(t)
	w.add("n1", nil)
	w.by["n1"].start()
	w.run(t, 10*time.Second)
	assert.Len(t, w.hosts[0].applied.Nodes, 1)
	assert.Empty(t, w.by["n1"].applied.Master)
}

func TestTheStateIsRecoveredOnceEnoughDataNodesAreThere(t *testing.T) {
	w := newWorld(6, 3, true, setting("gateway.recover_after_data_nodes", "3")).formed(t)
	l := w.leader()
	index := &state.Index{Name: "x", Shards: 2, Replicas: 1, InSync: [][]string{{"a", "b"}, nil}, Settings: settings.Of(nil)}
	one := "1"
	l.c.Submit(Task{Source: "create-index", Update: func(st *state.State) (*state.State, error) {
		out := st.Clone()
		out.Indices = []*state.Index{index}
		out.Persistent = out.Persistent.With(map[string]*string{"cluster.max_shards_per_node": &one})
		out.Transient = out.Persistent
		return out, nil
	}})
	w.await(t, time.Second, w.stable)
	for _, h := range w.hosts {
		h.kill()
	}
	w.hosts[0].start()
	w.hosts[1].start()
	w.await(t, 20*time.Second, func() bool { return w.hosts[0].applied.Master != "" && w.hosts[1].applied.Master != "" })
	w.run(t, time.Minute)
	st := w.hosts[0].applied
	assert.True(t, HasBlock(st, NotRecoveredBlockID))
	assert.Empty(t, st.Indices, "metadata is hidden until it is recovered")
	w.hosts[2].start()
	w.await(t, 20*time.Second, w.stable)
	st = w.hosts[0].applied
	require.Len(t, st.Indices, 1)
	assert.Equal(t, 1, st.Persistent.Len())
	assert.Zero(t, st.Transient.Len(), "transient settings do not survive")
	var sources []string
	st.Routing.Each(func(c *state.Copy) {
		assert.Equal(t, state.ClusterRecovered, c.Info.Reason)
		sources = append(sources, c.Source.String())
	})
	assert.Equal(t, []string{"EXISTING_STORE", "PEER", "EMPTY_STORE", "PEER"}, sources)
}

func TestTheNoMasterBlockFollowsItsSetting(t *testing.T) {
	for value, levels := range map[string][]string{
		"all":            {"read", "write", "metadata_read", "metadata_write"},
		"write":          {"write", "metadata_write"},
		"metadata_write": {"metadata_write"},
	} {
		b := NoMasterBlock(settings.Of(map[string]string{"cluster.no_master_block": value}))
		assert.Equal(t, levels, b.Levels)
	}
	assert.Equal(t, []string{"write", "metadata_write"}, NoMasterBlock(settings.Of(nil)).Levels)
}

func TestAMinorityKeepsItsStaleStateAndRefusesWrites(t *testing.T) {
	w := newWorld(7, 5, true, fastDetection...).formed(t)
	l := w.leader()
	var minority []*host
	for _, h := range w.hosts {
		if h != l && len(minority) < 2 {
			minority = append(minority, h)
		}
	}
	for _, m := range minority {
		for _, o := range w.hosts {
			if o != minority[0] && o != minority[1] {
				w.blackholeBoth(m.cfg.Node.ID, o.cfg.Node.ID)
			}
		}
	}
	stale := minority[0].applied
	w.await(t, 20*time.Second, func() bool { return len(l.applied.Nodes) == 3 })
	w.run(t, time.Minute)
	for _, m := range minority {
		assert.Equal(t, stale.Version, m.applied.Version)
		assert.Len(t, m.applied.Nodes, 5)
		assert.True(t, HasBlock(m.applied, NoMasterBlockID))
		assert.Equal(t, l.c.Term(), m.c.Term(), "pre-votes keep the minority from raising its term")
	}
}
