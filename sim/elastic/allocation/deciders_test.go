package allocation

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// drawState makes a small cluster with settings of every decider, copies in all states
// and unequal disks.
func drawState(t *rapid.T) (*state.State, Input) {
	st := &state.State{Routing: &state.RoutingTable{}, Persistent: settings.Of(drawSettings(t))}
	in := Input{Info: &ClusterInfo{
		Nodes: make(map[string]routing.DiskUsage), ShardBytes: make(map[ShardKey]int64), DataPaths: make(map[NodeShard]string),
	}}
	for i := range rapid.IntRange(2, 6).Draw(t, "nodes") {
		n := benchmarkNode(i)
		n.Address = fmt.Sprintf("10.0.0.%d:9300", rapid.IntRange(1, 4).Draw(t, "host"))
		if rapid.Bool().Draw(t, "zoned") {
			n.Attributes = []state.Attribute{{Name: "zone", Value: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "zone")}}
		}
		st.Nodes = append(st.Nodes, n)
		if rapid.Bool().Draw(t, "disk known") {
			in.Info.Nodes[n.ID] = routing.DiskUsage{Path: "/data", TotalBytes: 1000, FreeBytes: rapid.Int64Range(0, 1000).Draw(t, "free")}
		}
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "indices") {
		st = AddIndex(st, drawIndex(t, i), i, state.IndexCreated, in)
		for _, s := range st.Routing.Indices[i].Shards {
			drawShard(t, st, in, s)
		}
	}
	return st, in
}

func drawSettings(t *rapid.T) map[string]string {
	all := []string{
		"cluster.routing.allocation.enable=primaries", "cluster.routing.allocation.enable=new_primaries",
		"cluster.routing.rebalance.enable=replicas", "cluster.routing.rebalance.enable=none",
		"cluster.routing.allocation.allow_rebalance=indices_all_active", "cluster.routing.allocation.allow_rebalance=indices_primaries_active",
		"cluster.routing.allocation.cluster_concurrent_rebalance=0", "cluster.routing.allocation.cluster_concurrent_rebalance=-1",
		"cluster.routing.allocation.node_concurrent_recoveries=1", "cluster.routing.allocation.node_initial_primaries_recoveries=1",
		"cluster.routing.allocation.same_shard.host=true", "cluster.routing.allocation.total_shards_per_node=2",
		"cluster.routing.allocation.awareness.attributes=zone", "cluster.routing.allocation.awareness.force.zone.values=a,b,c",
		"cluster.routing.allocation.exclude._ip=10.0.0.1", "cluster.routing.allocation.include.zone=a", "cluster.routing.allocation.require._name=node*",
		"cluster.routing.allocation.disk.threshold_enabled=false", "cluster.routing.allocation.disk.watermark.low=60%",
	}
	out := make(map[string]string)
	for _, line := range rapid.SliceOfNDistinct(rapid.SampledFrom(all), 0, 5, rapid.ID[string]).Draw(t, "settings") {
		for i := range line {
			if line[i] == '=' {
				out[line[:i]] = line[i+1:]
			}
		}
	}
	return out
}

func drawIndex(t *rapid.T, i int) *state.Index {
	values := make(map[string]string)
	if rapid.Bool().Draw(t, "limited") {
		values["index.routing.allocation.total_shards_per_node"] = "1"
	}
	if rapid.Bool().Draw(t, "filtered") {
		values["index.routing.allocation.exclude.zone"] = "b"
	}
	if rapid.Bool().Draw(t, "own enable") {
		values["index.routing.allocation.enable"] = "none"
		values["index.routing.rebalance.enable"] = "primaries"
	}
	shards := rapid.IntRange(1, 3).Draw(t, "shards")
	return &state.Index{
		Name: fmt.Sprintf("i%d", i), UUID: fmt.Sprintf("u%d", i), Shards: shards, Replicas: rapid.IntRange(0, 2).Draw(t, "replicas"),
		Settings: settings.Of(values), PrimaryTerms: make([]int64, shards), InSync: make([][]string, shards),
	}
}

// drawShard places some of a shard's copies on distinct nodes.
func drawShard(t *rapid.T, st *state.State, in Input, s *state.ShardTable) {
	if rapid.Bool().Draw(t, "sized") {
		in.Info.ShardBytes[ShardKey{Index: s.Index, Shard: s.Shard, Primary: true}] = rapid.Int64Range(0, 300).Draw(t, "size")
	}
	order := rapid.Permutation(st.Nodes).Draw(t, "places")
	for i, c := range s.Copies {
		if i >= len(order) || !c.Primary && s.Copies[0].State != state.Started || rapid.IntRange(0, 3).Draw(t, "placed") == 0 {
			c.Info.FailedAllocations = rapid.IntRange(0, 6).Draw(t, "failures")
			continue
		}
		c.Node, c.AllocationID = order[i].ID, fmt.Sprintf("a%s%d%d", s.Index, s.Shard, i)
		in.Info.DataPaths[NodeShard{Node: c.Node, Index: s.Index, Shard: s.Shard}] = "/data"
		if c.State = rapid.SampledFrom([]state.CopyState{state.Started, state.Started, state.Initializing}).Draw(t, "state"); c.State == state.Started {
			c.Source, c.Info = state.NoSource, nil
		}
	}
}

func TestDecidersSayTheSameWithAndWithoutWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st, in := drawState(t)
		p := benchmarkService().newPass(st, in)
		p.Simulating = rapid.Bool().Draw(t, "simulating")
		same := func(what string, r *routing.Copy, question func() Verdict) {
			silent := question()
			told, decisions := p.explained(question)
			require.Equal(t, silent, told, "%s of %s: %v", what, r, decisions)
			require.NotEmpty(t, decisions)
			for _, d := range decisions {
				require.NotEmpty(t, d.Explanation, "%s says why", d.Decider)
			}
		}
		for _, idx := range p.Indices {
			for _, s := range idx.Shards {
				for _, r := range s.Assigned {
					same("canRemain", r, func() Verdict { return p.canRemain(r, r.Node) })
					same("canRebalanceShard", r, func() Verdict { return p.canRebalanceShard(r) })
					for _, n := range p.Nodes {
						same("canAllocate", r, func() Verdict { return p.canAllocate(r, n) })
					}
				}
			}
		}
		for _, r := range p.Unassigned {
			same("canAllocateAnywhere", r, func() Verdict { return p.canAllocateAnywhere(r) })
			for _, n := range p.Nodes {
				same("canAllocate", r, func() Verdict { return p.canAllocate(r, n) })
				if r.Primary {
					same("canForcePrimary", r, func() Verdict { return p.canForcePrimary(r, n) })
				}
			}
		}
	})
}
