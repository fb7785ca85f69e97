package state_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

func TestARelocatingCopyStandsInTheTableOnceAndIsFoundAtBothEnds(t *testing.T) {
	c := &state.Copy{Index: "i", Primary: true, State: state.Relocating, Node: "a", Other: "b", AllocationID: "x", OtherID: "y", ExpectedBytes: 7}
	table := &state.ShardTable{Index: "i", Copies: []*state.Copy{c}}
	assert.Same(t, c, table.On("a"))
	assert.Same(t, c, table.With("x"))
	assert.Same(t, c, table.Primary())
	target := table.On("b")
	require.NotNil(t, target)
	assert.Equal(t, target, table.With("y"))
	assert.Equal(t, state.Initializing, target.State)
	assert.True(t, target.IsRelocationTarget())
	assert.Equal(t, state.Peer, target.Source)
	assert.Equal(t, "a", target.Other, "it knows where it comes from")
	assert.False(t, target.Active())
	assert.True(t, c.Active(), "the source serves until the hand-over")
	assert.Nil(t, table.On("c"))
	assert.Nil(t, (&state.Copy{State: state.Started}).Target())
}

func TestAChangedStateLeavesTheOneBeforeAlone(t *testing.T) {
	before := &state.State{}
	with := before.WithShutdown(&state.Shutdown{Node: "a"})
	assert.Nil(t, before.Shutdown("a"), "who holds the older state sees what was")
	assert.NotNil(t, with.Shutdown("a"))
	assert.Nil(t, with.WithoutShutdown("a").Shutdown("a"))
	assert.NotNil(t, with.Shutdown("a"))

	policy := with.WithPolicy(&state.Policy{Name: "p"})
	assert.Nil(t, with.Policy("p"))
	assert.NotNil(t, policy.Policy("p"))
	again := policy.WithPolicy(&state.Policy{Name: "p", Phases: []state.Phase{{}}})
	assert.Len(t, again.Policies, 1, "the same name takes the place of the one before")
	assert.Empty(t, policy.Policy("p").Phases)
}

func TestCopiesOfANodeThatRestartsAreWaitedForAsTheOperatorSaid(t *testing.T) {
	minute, hour := time.Minute, time.Hour
	left := &state.UnassignedInfo{Reason: state.NodeLeft, LastNode: "a"}
	restarting := &state.UnassignedInfo{Reason: state.NodeRestarting, LastNode: "a"}
	plain := &state.State{}
	assert.Equal(t, minute, plain.DelayOf(left, minute))
	told := plain.WithShutdown(&state.Shutdown{Node: "a", Type: state.ShutdownRestart, Delay: &hour})
	untold := plain.WithShutdown(&state.Shutdown{Node: "a", Type: state.ShutdownRestart})
	assert.Equal(t, 5*minute, untold.DelayOf(restarting, minute), "five minutes unless the shutdown says")
	removed := plain.WithShutdown(&state.Shutdown{Node: "a", Type: state.ShutdownRemove, Delay: &hour})
	assert.Equal(t, minute, removed.DelayOf(restarting, minute), "nobody waits longer for a node that is removed")
	assert.Equal(t, hour, told.DelayOf(restarting, minute), "the longer of both")
	assert.Equal(t, 2*hour, told.DelayOf(restarting, 2*hour))
}

func TestAnAliasHasOneWriteIndex(t *testing.T) {
	yes, no := true, false
	a := (&state.Index{Name: "a"}).WithAlias(state.Alias{Name: "logs", WriteIndex: &no})
	b := (&state.Index{Name: "b"}).WithAlias(state.Alias{Name: "logs", WriteIndex: &yes})
	assert.Equal(t, "b", state.WriteIndex("logs", []*state.Index{a, b}).Name)
	alone := (&state.Index{Name: "c"}).WithAlias(state.Alias{Name: "logs"})
	assert.Equal(t, "c", state.WriteIndex("logs", []*state.Index{alone}).Name, "an alias of one index writes to it unless told otherwise")
	assert.Nil(t, state.WriteIndex("logs", []*state.Index{a}))
	assert.Nil(t, b.WithoutAlias("logs").Alias("logs"))
	assert.NotNil(t, b.Alias("logs"))
}

func TestRolesSayWhoHoldsData(t *testing.T) {
	for _, c := range []struct {
		roles []string
		data  bool
	}{{[]string{"data"}, true}, {[]string{"master", "data_hot"}, true}, {[]string{"master"}, false}, {[]string{"ingest", "ml"}, false}, {nil, false}} {
		assert.Equal(t, c.data, (&state.Node{Roles: c.roles}).CanContainData(), "%v", c.roles)
	}
	assert.True(t, (&state.Node{Roles: []string{"data_frozen"}}).DedicatedFrozen())
	assert.False(t, (&state.Node{Roles: []string{"data_frozen", "data_hot"}}).DedicatedFrozen())
}

func TestIDsLookLikeElasticsearchs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[string]bool{}
	for range 100 {
		id, doc := state.NewID(r), state.NewDocID(r)
		assert.Len(t, id, 22)
		assert.Len(t, doc, 20)
		assert.False(t, seen[id] || seen[doc])
		seen[id], seen[doc] = true, true
	}
}
