package routing_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// left is why a copy is unassigned whose node has gone.
var left = &state.UnassignedInfo{Reason: state.NodeLeft}

// started is a copy on a node whose allocation is named after it.
func started(node string, primary bool) *state.Copy {
	return &state.Copy{Index: "logs", Primary: primary, State: state.Started, Node: node, AllocationID: "on-" + node, ExpectedBytes: -1}
}

// missing is a replica without a node.
func missing() *state.Copy {
	return &state.Copy{Index: "logs", State: state.Unassigned, Source: state.Peer, Info: left, ExpectedBytes: -1}
}

// draft is that of an index with one shard on data nodes a to d.
func draft(t *testing.T, copies ...*state.Copy) *routing.Draft {
	t.Helper()
	m := &state.Index{Name: "logs", Shards: 1, Replicas: len(copies) - 1, PrimaryTerms: []int64{1}, InSync: make([][]string, 1)}
	for _, c := range copies {
		if c.Active() {
			m.InSync[0] = append(m.InSync[0], c.AllocationID)
		}
	}
	st := &state.State{Indices: []*state.Index{m}, Routing: &state.RoutingTable{Indices: []*state.IndexTable{
		{Index: "logs", Shards: []*state.ShardTable{{Index: "logs", Copies: copies}}},
	}}}
	for _, id := range []string{"a", "b", "c", "d"} {
		st.Nodes = append(st.Nodes, &state.Node{ID: id, Name: id, Roles: []string{"data"}})
	}
	ids := 0
	return new(routing.Reader).Read(routing.Source{
		State: st, Sizes: func(string, int) [][2]int64 { return nil },
		NewID: func() string { ids++; return fmt.Sprint("new-", ids) },
	})
}

func shard(p *routing.Draft) *routing.Shard { return p.Indices[0].Shards[0] }

// on is the copy on a node.
func on(t *testing.T, p *routing.Draft, node string) *routing.Copy {
	t.Helper()
	r := shard(p).On(p.ByID[node])
	require.NotNil(t, r, "no copy on %s", node)
	return r
}

// copies are those of the state that comes out: node, state, and P for the primary.
func copies(p *routing.Draft) []string {
	var out []string
	for _, c := range p.Result().Routing.Indices[0].Shards[0].Copies {
		role := "R"
		if c.Primary {
			role = "P"
		}
		out = append(out, fmt.Sprintf("%s %s %s", role, c.Node, c.State))
	}
	return out
}

// meta is the index's metadata in the state that comes out.
func meta(p *routing.Draft) *state.Index { return p.Result().Indices[0] }

func TestADraftThatNobodyChangesIsTheStateItself(t *testing.T) {
	p := draft(t, started("a", true), started("b", false))
	assert.Same(t, p.State, p.Result())
}

func TestAReplicaIsInSyncOnceItHasStarted(t *testing.T) {
	p := draft(t, started("a", true), missing())
	r := p.Drain()[0]
	p.Initialize(r, p.ByID["b"], "", routing.UnknownSize)
	assert.Equal(t, []int{1, 1}, []int{p.ByID["b"].Incoming, p.ByID["a"].Outgoing}, "it recovers from the primary")
	assert.Equal(t, []string{"on-a"}, meta(p).InSync[0], "not yet")
	p.Start(r, routing.UnknownSize)
	assert.Equal(t, []int{0, 0}, []int{p.ByID["b"].Incoming, p.ByID["a"].Outgoing})
	assert.Equal(t, []string{"new-1", "on-a"}, meta(p).InSync[0])
	assert.EqualValues(t, 1, meta(p).PrimaryTerms[0], "replicas come and go in one term")
}

func TestWhenAPrimaryIsLostTheFirstActiveReplicaTakesItsPlaceInANewTerm(t *testing.T) {
	p := draft(t, started("a", true), started("b", false), started("c", false))
	p.Fail(on(t, p, "a"), left)
	assert.Equal(t, []string{"P b STARTED", "R c STARTED", "R  UNASSIGNED"}, copies(p))
	assert.EqualValues(t, 2, meta(p).PrimaryTerms[0])
	assert.Equal(t, state.Peer, p.Unassigned[0].Source, "what was the primary comes back as a replica")
}

func TestALostPrimaryWithoutReplicasWaitsForItsOwnData(t *testing.T) {
	p := draft(t, started("a", true))
	p.Fail(on(t, p, "a"), left)
	assert.Equal(t, []string{"P  UNASSIGNED"}, copies(p))
	assert.Equal(t, state.ExistingStore, p.Unassigned[0].Source)
	assert.Equal(t, []string{"on-a"}, meta(p).InSync[0], "only that copy has everything")
	assert.Equal(t, 1, p.Primaries)
}

func TestACopyThatMovesServesUntilItsTargetHasStarted(t *testing.T) {
	p := draft(t, started("a", true), started("b", false))
	target := p.Relocate(on(t, p, "b"), p.ByID["c"], 10)
	assert.Equal(t, []string{"P a STARTED", "R b RELOCATING"}, copies(p), "a table lists the end that serves")
	assert.Equal(t, 1, p.RelocatingShards)
	p.Start(target, routing.UnknownSize)
	assert.Equal(t, []string{"P a STARTED", "R c STARTED"}, copies(p))
	assert.Equal(t, []string{"new-1", "on-a"}, meta(p).InSync[0], "the old end is in sync no more")
	assert.Zero(t, p.RelocatingShards)
	assert.Zero(t, p.ByID["b"].Size)
}

func TestAMoveWhoseTargetFailsIsOffAndCounted(t *testing.T) {
	p := draft(t, started("a", true), started("b", false))
	target := p.Relocate(on(t, p, "b"), p.ByID["c"], 10)
	p.Fail(target, left)
	assert.Equal(t, []string{"P a STARTED", "R b STARTED"}, copies(p))
	assert.Equal(t, 1, on(t, p, "b").Failures)
	assert.Empty(t, p.Unassigned, "the copy was there all the time")
	assert.Equal(t, []int{0, 0, 0}, []int{p.RelocatingShards, p.ByID["a"].Outgoing, p.ByID["c"].Incoming})
}

func TestAReplicaWhoseOldEndIsLostGoesOnToBeMade(t *testing.T) {
	p := draft(t, started("a", true), started("b", false))
	p.Relocate(on(t, p, "b"), p.ByID["c"], 10)
	p.Fail(on(t, p, "b"), left)
	assert.Equal(t, []string{"P a STARTED", "R c INITIALIZING"}, copies(p), "it reads from the primary")
	assert.Equal(t, []int{0, 1}, []int{p.RelocatingShards, p.InactiveShards})
}

func TestAPrimaryThatIsLostWhileItMovesTakesItsTargetWithIt(t *testing.T) {
	p := draft(t, started("a", true), started("b", false))
	p.Relocate(on(t, p, "a"), p.ByID["c"], 10)
	p.Fail(on(t, p, "a"), left)
	assert.Equal(t, []string{"P b STARTED", "R  UNASSIGNED"}, copies(p))
	assert.Nil(t, shard(p).On(p.ByID["c"]))
}

func TestReplicasThatAreBeingMadeFailWithTheirPrimary(t *testing.T) {
	p := draft(t, started("a", true), missing())
	p.Initialize(p.Drain()[0], p.ByID["b"], "", routing.UnknownSize)
	p.Fail(on(t, p, "a"), left)
	require.Len(t, p.Unassigned, 2)
	assert.Equal(t, state.PrimaryFailed, p.Unassigned[0].Info.Reason)
	assert.Equal(t, "b", p.Unassigned[0].Info.LastNode)
	assert.True(t, p.Unassigned[1].Primary, "nobody could take its place")
	assert.Zero(t, p.InactiveShards)
}

func TestARecoveryBeginsAgainWhenThePrimaryHasMoved(t *testing.T) {
	p := draft(t, started("a", true), missing())
	r := p.Drain()[0]
	p.Initialize(r, p.ByID["b"], "", routing.UnknownSize)
	before := r.ID
	p.Start(p.Relocate(on(t, p, "a"), p.ByID["c"], 10), routing.UnknownSize)
	assert.NotEqual(t, before, r.ID, "it is another allocation")
	assert.Equal(t, []int{0, 1}, []int{p.ByID["a"].Outgoing, p.ByID["c"].Outgoing}, "it reads from where the primary is now")
}

func TestAForcedEmptyPrimaryMakesEveryOtherCopyStale(t *testing.T) {
	p := draft(t, started("a", true))
	p.Fail(on(t, p, "a"), left)
	r := p.Drain()[0]
	r.Source = state.EmptyStore
	p.Initialize(r, p.ByID["b"], "", routing.UnknownSize)
	assert.Empty(t, meta(p).InSync[0], "what a still has may not come back")
	assert.EqualValues(t, 2, meta(p).PrimaryTerms[0], "however much happens in one pass, it is one new term")
}

func TestNodesThatHaveLeftAreKnownByTheirCopies(t *testing.T) {
	p := draft(t, started("gone", true), started("b", false))
	require.NotNil(t, p.ByID["gone"])
	assert.Nil(t, p.ByID["gone"].Disco)
	p.Fail(on(t, p, "gone"), left)
	assert.Equal(t, []string{"P b STARTED", "R  UNASSIGNED"}, copies(p))
}

func TestIndicesAreTakenByPriorityThenAgeThenName(t *testing.T) {
	index := func(name string, created int64, priority string) *state.Index {
		set := settings.Settings{}
		if priority != "" {
			set = settings.Of(map[string]string{"index.priority": priority})
		}
		return &state.Index{Name: name, CreationDate: created, Settings: set}
	}
	st := &state.State{Routing: &state.RoutingTable{}, Indices: []*state.Index{
		index("old", 1, ""), index("new-a", 2, ""), index("new-b", 2, ""), index("urgent", 0, "10"),
	}}
	for _, m := range st.Indices {
		st.Routing.Indices = append(st.Routing.Indices, &state.IndexTable{Index: m.Name})
	}
	p := new(routing.Reader).Read(routing.Source{State: st, Sizes: func(string, int) [][2]int64 { return nil }})
	ranks := map[string]int{}
	for _, idx := range p.Indices {
		ranks[idx.Meta.Name] = idx.Rank
	}
	assert.Equal(t, map[string]int{"urgent": 0, "new-b": 1, "new-a": 2, "old": 3}, ranks)
}
