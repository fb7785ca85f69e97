package allocation

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func TestAnUnassignedReplicaWithoutPlaceIsExplained(t *testing.T) {
	f := newFixture(t, 2, nil)
	f.addIndex("logs", 1, 2, nil)
	f.settle2(t)
	var lost *state.Copy
	for _, c := range f.st.Routing.Index("logs").Shards[0].Copies {
		if c.State == state.Unassigned {
			lost = c
		}
	}
	require.NotNil(t, lost)
	e := f.s.Explain(f.st, f.in, lost, false)
	require.NotNil(t, e.Allocate)
	assert.Equal(t, "no", e.Allocate.Decision)
	assert.Equal(t, allNodesForbidden, e.Allocate.Explanation)
	require.Len(t, e.Allocate.Nodes, 2)
	for i, n := range e.Allocate.Nodes {
		assert.Equal(t, "no", n.Decision)
		assert.Equal(t, i+1, n.Ranking)
		require.Len(t, n.Deciders, 1, "answers of YES are left out")
		assert.Equal(t, "same_shard", n.Deciders[0].Decider)
	}
	full := f.s.Explain(f.st, f.in, lost, true)
	var names []string
	for _, d := range full.Allocate.Nodes[0].Deciders {
		names = append(names, d.Decider)
	}
	assert.Equal(t, []string{
		"max_retry", "replica_after_primary_active", "enable", "index_version", "node_version", "snapshot_in_progress", "restore_in_progress",
		"node_shutdown", "node_replacement", "filter", "same_shard", "disk_threshold", "throttling", "shards_limit", "awareness",
	}, names, "the deciders in Elasticsearch's order")
}

func TestAStartedCopyInAGoodPlaceIsExplained(t *testing.T) {
	f := newFixture(t, 3, nil)
	f.addIndex("logs", 3, 0, nil)
	f.settle()
	e := f.s.Explain(f.st, f.in, f.primary("logs"), false)
	require.NotNil(t, e.Move)
	assert.True(t, e.Move.CanRemain)
	assert.Equal(t, "yes", e.Move.CanRebalance)
	assert.Equal(t, "no", e.Move.Decision)
	assert.Equal(t, balancedText, e.Move.Explanation)
	assert.Equal(t, 1, e.Move.Ranking)
	for _, n := range e.Move.Nodes {
		assert.Equal(t, "worse_balance", n.Decision)
		assert.Equal(t, 1, n.Ranking, "nodes of equal weight rank as the current one")
	}
}

func TestACopyThatMustMoveIsExplained(t *testing.T) {
	f := newFixture(t, 2, nil)
	f.addIndex("logs", 1, 0, nil)
	f.settle()
	c := f.primary("logs")
	exclude := "node-*"
	f.st = f.st.Clone()
	f.st.Persistent = f.st.Persistent.With(map[string]*string{"cluster.routing.allocation.exclude._name": &exclude})
	e := f.s.Explain(f.st, f.in, c, false)
	assert.False(t, e.Move.CanRemain)
	assert.Equal(t, []Decision{{"filter", No, `node matches cluster setting [cluster.routing.allocation.exclude] filters [_name:"node-*"]`}}, e.Move.RemainDecisions)
	assert.Equal(t, "no", e.Move.Decision)
	assert.Equal(t, moveForbiddenText, e.Move.Explanation)

	f.st = f.st.Clone()
	f.st.Persistent = f.st.Persistent.With(map[string]*string{"cluster.routing.allocation.exclude._name": &c.Node})
	e = f.s.Explain(f.st, f.in, c, false)
	assert.Equal(t, "yes", e.Move.Decision)
	assert.Equal(t, moveText, e.Move.Explanation)
	assert.NotEqual(t, c.Node, e.Move.Target.ID)
}

func TestDisksAreExplainedInBytesAndPercent(t *testing.T) {
	f := newFixture(t, 2, nil)
	f.addIndex("logs", 1, 1, nil)
	f.in.Info = &ClusterInfo{
		Nodes: map[string]routing.DiskUsage{
			"node-0": {Path: "/data", TotalBytes: 100 * settings.GB, FreeBytes: 12 * settings.GB},
			"node-1": {Path: "/data", TotalBytes: 100 * settings.GB, FreeBytes: 80 * settings.GB},
		},
		ShardBytes: map[ShardKey]int64{{Index: "logs", Primary: true}: 71 * settings.GB},
	}
	f.reroute()
	f.st = f.s.StartCopies(f.st, f.initializing(), f.in)
	e := f.s.Explain(f.st, f.in, f.replica("logs"), true)
	said := make(map[string]string)
	for _, n := range e.Allocate.Nodes {
		for _, d := range n.Deciders {
			if d.Decider == "disk_threshold" {
				said[n.Node.ID] = d.Explanation
			}
		}
	}
	assert.Equal(t, "the node is above the low watermark cluster setting [cluster.routing.allocation.disk.watermark.low=85%], having less than the "+
		"minimum required [15gb] free space, actual free: [12gb], actual used: [88%]", said["node-0"])
	assert.Equal(t, "allocating the shard to this node will bring the node above the high watermark cluster setting "+
		"[cluster.routing.allocation.disk.watermark.high=90%] and cause it to have less than the minimum required [10gb] of free space "+
		"(free: [80gb], used: [20%], estimated shard size: [71gb])", said["node-1"])
}

func TestCopiesOfAReplacedNodeAreForcedOntoItsReplacement(t *testing.T) {
	f := newFixture(t, 3, nil)
	f.addIndex("logs", 4, 0, map[string]string{"index.routing.allocation.exclude._name": "node-2"})
	f.settle()
	before := f.nodes("logs")
	replaced := f.primary("logs").Node
	f.st = f.st.WithShutdown(&state.Shutdown{Node: replaced, Type: state.ShutdownReplace, Target: "node-2"})
	f.in.Info = &ClusterInfo{Nodes: map[string]DiskUsage{}, ShardBytes: map[ShardKey]int64{}}
	for _, n := range f.st.Nodes {
		f.in.Info.Nodes[n.ID] = DiskUsage{Path: "/data", TotalBytes: 100 * settings.GB, FreeBytes: 50 * settings.GB}
	}
	for i := range 4 {
		f.in.Info.ShardBytes[ShardKey{Index: "logs", Shard: i, Primary: true}] = settings.GB
	}
	e := f.s.Explain(f.st, f.in, f.primary("logs"), false)
	assert.Equal(t, "node-2", e.Move.Target.ID, "a filter doesn't insist")
	assert.Equal(t, "yes", e.Move.Decision)
	assert.Contains(t, e.Move.RemainDecisions, Decision{"node_replacement", No, "node [" + replaced + "] is being replaced by node [node-2], so no data may remain on it"})
	f.in.Info.Nodes["node-2"] = DiskUsage{Path: "/data", TotalBytes: 100 * settings.GB, FreeBytes: settings.GB / 2}
	e = f.s.Explain(f.st, f.in, f.primary("logs"), false)
	assert.Equal(t, "no", e.Move.Decision, "a disk that has no room does")
	f.in.Info = nil
	f.reroute()
	for i, c := range f.st.Routing.Index("logs").Shards {
		if before[i] == replaced {
			assert.Equal(t, state.Relocating, c.Copies[0].State)
			assert.Equal(t, "node-2", c.Copies[0].Target().Node)
		} else {
			assert.Equal(t, before[i], c.Copies[0].Node)
		}
	}
}

func TestIndicesDontExpandToEitherEndOfAReplacement(t *testing.T) {
	f := newFixture(t, 3, nil)
	f.addIndex("logs", 1, 0, map[string]string{"index.auto_expand_replicas": "0-all"})
	f.settle()
	require.Equal(t, 2, f.st.Index("logs").Replicas)
	f.st = f.st.WithShutdown(&state.Shutdown{Node: f.st.Nodes[0].ID, Type: state.ShutdownReplace, Target: f.st.Nodes[2].Name})
	f.reroute()
	assert.Equal(t, 0, f.st.Index("logs").Replicas, "the third node is all that is left")
}

func TestNoCopyGoesToANodeThatIsOlderThanTheOneItComesFrom(t *testing.T) {
	f := newFixture(t, 3, nil)
	f.addIndex("logs", 1, 1, nil)
	f.settle()
	primary := f.primary("logs")
	for _, n := range f.st.Nodes {
		if n.ID == primary.Node {
			n.Release = n.Release.Next()
		}
	}
	e := f.s.Explain(f.st, f.in, primary, false)
	for _, n := range e.Move.Nodes {
		var said []string
		for _, d := range n.Deciders {
			said = append(said, d.Decider+": "+d.Explanation)
		}
		assert.Contains(t, said, "node_version: cannot relocate primary shard from a node with version [8.19.1] to a node with older version [8.19.0]")
	}
	var replica *state.Copy
	for _, c := range f.st.Routing.Index("logs").Shards[0].Copies {
		if !c.Primary {
			replica = c
		}
	}
	e = f.s.Explain(f.st, f.in, replica, true)
	var told []string
	for _, n := range e.Move.Nodes {
		for _, d := range n.Deciders {
			told = append(told, d.Explanation)
		}
	}
	assert.Contains(t, told, "cannot allocate replica shard to a node with version [8.19.0] since this is older than the primary version [8.19.1]")
}
