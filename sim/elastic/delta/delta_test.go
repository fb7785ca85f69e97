package delta_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/delta"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// of makes a state of nodes and indices, a table for each index.
func of(nodes []*state.Node, indices []*state.Index, tables ...*state.IndexTable) *state.State {
	return &state.State{Nodes: nodes, Indices: indices, Routing: &state.RoutingTable{Indices: tables}}
}

func table(index string, copies ...*state.Copy) *state.IndexTable {
	return &state.IndexTable{Index: index, Shards: []*state.ShardTable{{Index: index, Copies: copies}}}
}

func started(primary bool, node string) *state.Copy {
	return &state.Copy{Index: "i", Primary: primary, State: state.Started, Node: node}
}

func TestNodesThatComeGoAndRestartAreTold(t *testing.T) {
	a, b, again, c := &state.Node{ID: "a", EphemeralID: "1"}, &state.Node{ID: "b", EphemeralID: "1"}, &state.Node{ID: "b", EphemeralID: "2"}, &state.Node{ID: "c"}
	d := delta.Compute(of([]*state.Node{a, b}, nil), of([]*state.Node{again, c}, nil))
	assert.Equal(t, []*state.Node{a, b}, d.Left, "who restarted between two states has left as well")
	assert.Equal(t, []*state.Node{again, c}, d.Joined)
	assert.False(t, d.RoutingChanged())
}

func TestAMoveConcernsBothNodesAndNobodyElse(t *testing.T) {
	i := &state.Index{Name: "i", UUID: "u"}
	before := of(nil, []*state.Index{i}, table("i", started(true, "a"), started(false, "b")))
	moving := started(true, "a")
	moving.State, moving.Other = state.Relocating, "c"
	after := of(nil, []*state.Index{i}, table("i", moving, started(false, "b")))
	d := delta.Compute(before, after)
	require.Len(t, d.Changes, 1)
	assert.Equal(t, map[string][]int{"a": {0}, "b": {0}, "c": {0}}, d.ByNode)
	assert.Empty(t, d.Removed)

	same := *after
	assert.False(t, delta.Compute(after, &same).RoutingChanged(), "the same tables are no change")
}

func TestAnIndexMadeAnewUnderTheSameNameIsAnother(t *testing.T) {
	old, young := &state.Index{Name: "i", UUID: "1"}, &state.Index{Name: "i", UUID: "2"}
	before := of(nil, []*state.Index{old}, table("i", started(true, "a")))
	after := of(nil, []*state.Index{young}, table("i", started(true, "a")))
	d := delta.Compute(before, after)
	assert.Equal(t, []*state.Index{old}, d.Removed)
	require.Len(t, d.Changes, 1)
	assert.Nil(t, d.Changes[0].Old, "nothing of the first one's shards goes on")
	assert.Same(t, young, d.Changes[0].Meta)
}

func TestTheSameStepIsComputedOnce(t *testing.T) {
	var cache delta.Cache
	a, b := of(nil, nil), of(nil, nil)
	d := cache.Between(a, b)
	assert.Same(t, d, cache.Between(a, b))
	for range 16 {
		cache.Between(of(nil, nil), b)
	}
	assert.NotSame(t, d, cache.Between(a, b), "what nobody has asked for lately is forgotten")
}

func TestATallyThatFollowsStepsCountsAsOneThatBeginsAnew(t *testing.T) {
	i, j := &state.Index{Name: "i", UUID: "1"}, &state.Index{Name: "j", UUID: "2"}
	lost := &state.Copy{Index: "i", State: state.Unassigned, Info: &state.UnassignedInfo{Reason: state.NodeLeft, Delayed: true}}
	steps := []*state.State{
		of(nil, nil),
		of(nil, []*state.Index{i}, table("i", started(true, "a"), started(false, "b"))),
		of(nil, []*state.Index{i, j}, table("i", started(true, "a"), lost), table("j", started(true, "a"))),
		of(nil, []*state.Index{j}, table("j", &state.Copy{Index: "j", Primary: true, State: state.Unassigned, Source: state.ExistingStore, Info: &state.UnassignedInfo{Reason: state.NodeLeft}})),
	}
	wants := []string{"green", "green", "yellow", "red"}
	var follows delta.Tally
	for n := 1; n < len(steps); n++ {
		follows.Move(delta.Compute(steps[n-1], steps[n]))
		var anew delta.Tally
		anew.Move(delta.Compute(steps[0], steps[n]))
		assert.Equal(t, anew.Health(), follows.Health(), "step %d", n)
		assert.Equal(t, wants[n], follows.Health().Status)
	}
}

func TestAPrimaryThatWasNeverAllocatedIsYellowUntilItIsRefused(t *testing.T) {
	fresh := &state.Copy{Index: "i", Primary: true, Source: state.EmptyStore, Info: &state.UnassignedInfo{Reason: state.IndexCreated, LastStatus: state.NoAttempt}}
	refused := *fresh
	refused.Info = &state.UnassignedInfo{Reason: state.IndexCreated, LastStatus: state.DecidersNo}
	for want, c := range map[string]*state.Copy{"yellow": fresh, "red": &refused} {
		var y delta.Tally
		y.Move(delta.Compute(of(nil, nil), of(nil, []*state.Index{{Name: "i", UUID: "1"}}, table("i", c))))
		assert.Equal(t, want, y.Health().Status)
	}
}

func TestATableIsFoundByTheIndexsUUID(t *testing.T) {
	i := &state.Index{Name: "i", UUID: "u"}
	st := of(nil, []*state.Index{i}, table("i", started(true, "a")))
	sh, m := delta.TableOf(st, store.Key{UUID: "u"})
	assert.Same(t, st.Routing.Indices[0].Shards[0], sh)
	assert.Same(t, i, m)
	sh, _ = delta.TableOf(st, store.Key{UUID: "u", Shard: 1})
	assert.Nil(t, sh)
	sh, _ = delta.TableOf(st, store.Key{UUID: "another"})
	assert.Nil(t, sh)
}
