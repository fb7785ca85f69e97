package allocation

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

func TestRefusedCommandsSayWhy(t *testing.T) {
	f := newFixture(t, 2, nil)
	f.addIndex("logs", 1, 1, nil)
	f.settle()
	p, r := f.primary("logs").Node, f.replica("logs").Node
	for name, test := range map[string]struct {
		c    Command
		typ  string
		want string
	}{
		"unknown node": {Command{Kind: MoveCommand, Index: "logs", From: "nobody", Node: p}, "illegal_argument_exception", "failed to resolve [nobody], no matching nodes"},
		"ambiguous node": {
			Command{Kind: MoveCommand, Index: "logs", From: "node-*", Node: p}, "illegal_argument_exception",
			"resolved [node-*] into [2] nodes, where expected to be resolved to a single node",
		},
		"same node": {
			Command{Kind: MoveCommand, Index: "logs", From: p, Node: r}, "illegal_argument_exception",
			"since its not allowed, reason: [YES(shard has no previous failures)]",
		},
		"nothing there": {
			Command{Kind: MoveCommand, Index: "none", From: p, Node: r}, "illegal_argument_exception",
			"[move_allocation] can't move 0, failed to find it on node {" + p + "}",
		},
		"cancel a primary": {
			Command{Kind: CancelCommand, Index: "logs", Node: p}, "illegal_argument_exception",
			"shard is primary and started",
		},
		"cancel in no index": {Command{Kind: CancelCommand, Index: "none", Node: p}, "index_not_found_exception", "no such index [none]"},
		"all assigned": {
			Command{Kind: AllocateReplicaCommand, Index: "logs", Node: p}, "illegal_argument_exception",
			"[allocate_replica] all copies of [logs][0] are already assigned. Use the move allocation command instead",
		},
		"no such shard": {Command{Kind: AllocateReplicaCommand, Index: "logs", Shard: 7, Node: p}, "shard_not_found_exception", "no such shard"},
		"assigned primary": {
			Command{Kind: AllocateStalePrimaryCommand, Index: "logs", Node: p}, "illegal_argument_exception",
			"[allocate_stale_primary] primary [logs][0] is already assigned",
		},
	} {
		t.Run(name, func(t *testing.T) {
			st, explanations, err := f.s.Commands(f.st, []Command{test.c}, CommandOptions{}, f.in)
			var refused *CommandError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, test.typ, refused.Type)
			assert.Contains(t, refused.Reason, test.want)
			assert.Same(t, f.st, st)
			assert.Empty(t, explanations)
		})
	}
	_, explanations, err := f.s.Commands(f.st, []Command{{Kind: MoveCommand, Index: "logs", From: p, Node: r}}, CommandOptions{Explain: true, DryRun: true}, f.in)
	require.NoError(t, err, "with explain a refusal is an explanation")
	assert.Contains(t, explanations[0].Decisions, Decision{
		Decider: "same_shard", Verdict: No,
		Explanation: "a copy of this shard is already allocated to this node [[logs][0], node[" + r + "], [R], s[STARTED], a[id=" +
			f.replica("logs").AllocationID + "], failed_attempts[0]]",
	})
}

func TestACancelledReplicaStartsOver(t *testing.T) {
	f := newFixture(t, 2, nil)
	f.addIndex("logs", 1, 1, nil)
	f.settle()
	old := f.replica("logs")
	st, _, err := f.s.Commands(f.st, []Command{{Kind: CancelCommand, Index: "logs", Node: old.Node}}, CommandOptions{}, f.in)
	require.NoError(t, err)
	f.st = st
	assert.Equal(t, state.RerouteCancelled, f.replica("logs").Info.Reason)
	assert.NotEqual(t, old.AllocationID, f.replica("logs").AllocationID)
	assert.Equal(t, []string{f.primary("logs").AllocationID}, f.st.Index("logs").InSync[0])
}

// lostPrimary is a shard whose only copy is on a node that left.
func lostPrimary(t *testing.T) *fixture {
	f := newFixture(t, 2, nil)
	f.addIndex("logs", 1, 0, nil)
	f.settle()
	f.leave(f.primary("logs").Node)
	f.reroute()
	require.Equal(t, state.NoValidShardCopy, f.primary("logs").Info.LastStatus)
	return f
}

func TestAnEmptyPrimaryIsForcedOnlyByWhoAcceptsTheLoss(t *testing.T) {
	f := lostPrimary(t)
	c := Command{Kind: AllocateEmptyPrimaryCommand, Index: "logs", Node: f.st.Nodes[0].ID}
	_, _, err := f.s.Commands(f.st, []Command{c}, CommandOptions{}, f.in)
	require.ErrorContains(t, err, "[allocate_empty_primary] allocating an empty primary for [logs][0] can result in data loss. "+
		"Please confirm by setting the accept_data_loss parameter to true")
	c.AcceptDataLoss = true
	st, _, err := f.s.Commands(f.st, []Command{c}, CommandOptions{}, f.in)
	require.NoError(t, err)
	f.st = st
	p := f.primary("logs")
	assert.Equal(t, state.Initializing, p.State)
	assert.Equal(t, state.EmptyStore, p.Source)
	assert.Equal(t, state.ForcedEmptyPrimary, p.Info.Reason)
	assert.Contains(t, p.Info.Message, "force empty allocation from previous reason NODE_LEFT, node_left [")
	assert.Empty(t, f.st.Index("logs").InSync[0], "no older copy may come back")
	f.settle()
	assert.Equal(t, []string{p.AllocationID}, f.st.Index("logs").InSync[0])
	assert.Equal(t, int64(3), f.st.Index("logs").PrimaryTerms[0], "one more for the failure, one for the new primary")
}

func TestAStalePrimaryIsForcedUnderANewID(t *testing.T) {
	f := lostPrimary(t)
	c := Command{Kind: AllocateStalePrimaryCommand, Index: "logs", Node: f.st.Nodes[0].ID, AcceptDataLoss: true}
	st, _, err := f.s.Commands(f.st, []Command{c}, CommandOptions{}, f.in)
	require.NoError(t, err)
	f.st = st
	p := f.primary("logs")
	assert.True(t, p.ForceStale)
	assert.Equal(t, []string{state.ForcedAllocationID}, f.st.Index("logs").InSync[0])
	f.settle()
	assert.Equal(t, []string{p.AllocationID}, f.st.Index("logs").InSync[0])
	assert.False(t, f.primary("logs").ForceStale)
}

func TestAMoveEntersTheDesiredBalance(t *testing.T) {
	f := newFixture(t, 3, map[string]string{"cluster.routing.allocation.type": "desired_balance"})
	f.addIndex("logs", 1, 0, nil)
	f.settle()
	from := f.primary("logs").Node
	to := "node-0"
	if from == to {
		to = "node-1"
	}
	st, _, err := f.s.Commands(f.st, []Command{{Kind: MoveCommand, Index: "logs", From: from, Node: to}}, CommandOptions{}, f.in)
	require.NoError(t, err)
	f.st = st
	f.settle()
	assert.Equal(t, to, f.primary("logs").Node, "the balance agrees with where the copy was moved")
}
