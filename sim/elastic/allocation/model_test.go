package allocation

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// drawPlainState is a cluster whose nodes differ in nothing but what they hold; weighted
// adds write loads and sizes.
func drawPlainState(t *rapid.T, weighted bool) (*state.State, Input) {
	st := &state.State{Routing: &state.RoutingTable{}, Persistent: settings.Of(map[string]string{
		"cluster.routing.allocation.node_concurrent_recoveries": fmt.Sprint(rapid.IntRange(1, 3).Draw(t, "recoveries")),
	})}
	for i := range rapid.IntRange(2, 80).Draw(t, "nodes") {
		st.Nodes = append(st.Nodes, benchmarkNode(i))
	}
	in := Input{Info: &ClusterInfo{ShardBytes: make(map[ShardKey]int64)}}
	for i := range rapid.IntRange(1, 12).Draw(t, "indices") {
		shards := rapid.IntRange(1, 6).Draw(t, "shards")
		meta := &state.Index{
			Name: fmt.Sprintf("i%d", i), UUID: fmt.Sprintf("u%d", i), Shards: shards, Replicas: rapid.IntRange(0, 2).Draw(t, "replicas"),
			PrimaryTerms: make([]int64, shards), InSync: make([][]string, shards),
		}
		if weighted {
			load := rapid.Float64Range(0, 3).Draw(t, "load")
			meta.ForecastWriteLoad = &load
		}
		st = AddIndex(st, meta, i, state.IndexCreated, in)
		for _, s := range st.Routing.Indices[i].Shards {
			if weighted {
				in.Info.ShardBytes[ShardKey{Index: s.Index, Shard: s.Shard, Primary: true}] = rapid.Int64Range(0, 1<<34).Draw(t, "size")
			}
			drawPlaces(t, st, s)
		}
	}
	return st, in
}

// drawPlaces starts some of a shard's copies, the primary first, and relocates some.
func drawPlaces(t *rapid.T, st *state.State, s *state.ShardTable) {
	first := rapid.IntRange(0, len(st.Nodes)-1).Draw(t, "first node")
	for i, c := range s.Copies {
		if i+2 >= len(st.Nodes) || !c.Primary && s.Copies[0].State == state.Unassigned || rapid.IntRange(0, 2).Draw(t, "placed") == 0 {
			return
		}
		place := func(k int) string { return st.Nodes[(first+k)%len(st.Nodes)].ID }
		*c = state.Copy{
			Index: c.Index, Shard: c.Shard, Primary: c.Primary, State: state.Started, Node: place(i),
			AllocationID: fmt.Sprintf("%s-%d-%d", c.Index, c.Shard, i), ExpectedBytes: -1,
		}
		if i == 0 && rapid.IntRange(0, 5).Draw(t, "relocating") == 0 {
			c.State, c.Other, c.OtherID = state.Relocating, place(len(st.Nodes)-1), "target"+c.AllocationID
		}
	}
}

func TestTheQuickChoiceIsTheBestNode(t *testing.T) {
	quick := 0
	rapid.Check(t, func(t *rapid.T) {
		st, in := drawPlainState(t, false)
		p := benchmarkService().newPass(st, in)
		p.Simulating = rapid.Bool().Draw(t, "simulating")
		b := newBalancer(p)
		require.True(t, b.uniform)
		b.quick = newQuickChoice(b)
		for _, r := range p.Drain() {
			if p.canAllocateAnywhere(r) == No {
				continue
			}
			b.look(r.Shard.Index)
			where := p.placement(r)
			if v, n, ok := b.quick.choose(b, &where); ok {
				quick++
				verdict, best := b.visitNodes(r, &where)
				require.Equal(t, best.ID, b.nodes[n].ID, "node of %s", r)
				require.Equal(t, verdict, v)
			}
			b.allocate(r)
		}
		for _, idx := range p.Indices {
			b.look(idx)
			least, most := b.extremes()
			quickLeast, quickMost := newQuickChoice(b).extremes(b)
			require.Equal(t, []float32{least, most}, []float32{quickLeast, quickMost})
			b.sortNodes(len(b.order))
			for _, pair := range b.order {
				require.Equal(t, b.weight(pair.Value()), pair.Weight(), "weights looked up are the weights")
			}
		}
	})
	require.Greater(t, quick, 20, "enough choices were quick")
}

func TestARefreshedModelIsANewOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st, in := drawPlainState(t, rapid.Bool().Draw(t, "weighted"))
		c := &computer{pass: benchmarkService().newPass(st, in), input: &computationInput{}, previous: &desiredBalance{}}
		c.Simulating = true
		sim := c.newSimulatedInfo()
		c.startAll(sim)
		sim.publish()
		b := newBalancer(c.pass)
		for range rapid.IntRange(1, 4).Draw(t, "iterations") {
			b.run()
			c.startAll(sim)
			c.takeBackIgnored()
			b.resized(sim.publish())
			b.refresh()
			fresh := newBalancer(c.pass)
			require.Equal(t, fresh.count, b.count)
			require.Equal(t, fresh.load, b.load)
			require.Equal(t, fresh.disk, b.disk)
			require.Equal(t, fresh.terms, b.terms)
			require.Equal(t, fresh.order, b.order)
			require.Equal(t, fresh.uniform, b.uniform)
			for i := range fresh.entries {
				require.ElementsMatch(t, fresh.entries[i], b.entries[i])
			}
		}
	})
}
