package allocation

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// fixture is a small cluster whose allocator is of the balanced type unless a test says
// otherwise.
type fixture struct {
	t         *testing.T
	st        *state.State
	s         *Service
	in        Input
	primaries map[ShardID][]StoredPrimary
	stores    map[ShardID][]StoredReplica
	awaited   bool
}

func newFixture(t *testing.T, nodes int, cluster map[string]string) *fixture {
	if cluster == nil {
		cluster = map[string]string{}
	}
	if _, ok := cluster["cluster.routing.allocation.type"]; !ok {
		cluster["cluster.routing.allocation.type"] = settings.Balanced
	}
	f := &fixture{
		t: t, st: &state.State{Persistent: settings.Of(cluster), Routing: &state.RoutingTable{}},
		in: Input{NowNanos: int64(time.Hour), NowMillis: 1_700_000_000_000}, primaries: map[ShardID][]StoredPrimary{}, stores: map[ShardID][]StoredReplica{},
	}
	for i := range nodes {
		id := fmt.Sprintf("node-%d", i)
		f.st.Nodes = append(f.st.Nodes, &state.Node{ID: id, EphemeralID: id, Name: id, Host: id, Address: fmt.Sprintf("10.0.0.%d:9300", i), Roles: []string{"data"}})
	}
	n := 0
	f.s = New(Config{NewAllocationID: func() string { n++; return fmt.Sprintf("id-%d", n) }, Fetcher: f})
	return f
}

func (f *fixture) Primaries(index string, shard int) ([]StoredPrimary, bool) {
	return f.primaries[ShardID{Index: index, Shard: shard}], !f.awaited
}

func (f *fixture) Stores(index string, shard int) ([]StoredReplica, bool) {
	return f.stores[ShardID{Index: index, Shard: shard}], !f.awaited
}

func (f *fixture) addIndex(name string, shards, replicas int, set map[string]string) {
	f.st = AddIndex(f.st, &state.Index{
		Name: name, UUID: name, Shards: shards, Replicas: replicas, Settings: settings.Of(set),
		PrimaryTerms: make([]int64, shards), InSync: make([][]string, shards),
	}, len(f.st.Routing.Indices), state.IndexCreated, f.in)
}

func (f *fixture) reroute() { f.st = f.s.Reroute(f.st, f.in) }

// settle starts and reroutes until nothing initializes any more.
func (f *fixture) settle() {
	f.t.Helper()
	for range 50 {
		f.reroute()
		if f.s.Wanted() {
			f.s.Compute()
			f.st = f.s.Reconcile(f.st, f.in)
		}
		copies := f.initializing()
		if len(copies) == 0 {
			return
		}
		f.st = f.s.StartCopies(f.st, copies, f.in)
	}
	f.t.Fatal("the cluster does not settle")
}

func (f *fixture) initializing() []*state.Copy {
	var copies []*state.Copy
	f.st.Routing.Each(func(c *state.Copy) {
		switch c.State {
		case state.Initializing:
			copies = append(copies, c)
		case state.Relocating:
			copies = append(copies, c.Target())
		}
	})
	return copies
}

func (f *fixture) primary(index string) *state.Copy {
	return f.st.Routing.Index(index).Shards[0].Primary()
}

func (f *fixture) replica(index string) *state.Copy {
	for _, c := range f.st.Routing.Index(index).Shards[0].Copies {
		if !c.Primary {
			return c
		}
	}
	return nil
}

// leave takes a node out of the cluster.
func (f *fixture) leave(id string) {
	st := f.st.Clone()
	st.Nodes = nil
	for _, n := range f.st.Nodes {
		if n.ID != id {
			st.Nodes = append(st.Nodes, n)
		}
	}
	f.st = f.s.DisassociateDeadNodes(st, f.in)
}

func TestANewIndexStartsPrimariesFirstAndTheirTermsAtOne(t *testing.T) {
	f := newFixture(t, 3, nil)
	f.addIndex("logs", 2, 1, nil)
	f.reroute()
	for _, s := range f.st.Routing.Index("logs").Shards {
		assert.Equal(t, state.Initializing, s.Primary().State)
		assert.Equal(t, state.EmptyStore, s.Primary().Source)
	}
	assert.Equal(t, state.Unassigned, f.replica("logs").State, "a replica waits for its primary")
	f.settle()
	meta := f.st.Index("logs")
	assert.Equal(t, []int64{1, 1}, meta.PrimaryTerms)
	for num, s := range f.st.Routing.Index("logs").Shards {
		require.Len(t, meta.InSync[num], 2)
		for _, c := range s.Copies {
			assert.Equal(t, state.Started, c.State)
			assert.Contains(t, meta.InSync[num], c.AllocationID)
			assert.Nil(t, c.Info)
		}
	}
	assert.Same(t, f.st, f.s.Reroute(f.st, f.in), "a settled state is returned as it is")
}

func TestAFailedPrimaryIsReplacedByAnInSyncReplica(t *testing.T) {
	f := newFixture(t, 2, nil)
	f.addIndex("logs", 1, 1, nil)
	f.settle()
	failed, heir := f.primary("logs"), f.replica("logs")
	f.st = f.s.FailCopies(f.st, []Failure{{Copy: failed, Message: "disk broke", Error: "IOException[x]", MarkStale: true}}, nil, f.in)
	assert.Equal(t, heir.AllocationID, f.primary("logs").AllocationID)
	assert.Equal(t, int64(2), f.st.Index("logs").PrimaryTerms[0], "the promotion raised the primary term")
	assert.Equal(t, []string{heir.AllocationID}, f.st.Index("logs").InSync[0])
	lost := f.replica("logs")
	assert.Equal(t, state.Unassigned, lost.State, "the copy is not tried again on the node it just failed on")
	assert.Equal(t, state.AllocationFailed, lost.Info.Reason)
	assert.Equal(t, "failed shard on node ["+failed.Node+"]: disk broke", lost.Info.Message)
	assert.Equal(t, "IOException[x]", lost.Info.Failure)
	assert.Equal(t, 1, lost.Info.FailedAllocations)
	f.reroute()
	assert.Equal(t, failed.Node, f.replica("logs").Node, "the next reroute tries it again")
}

func TestTheLastCopyOfAShardStaysInSync(t *testing.T) {
	f := newFixture(t, 2, nil)
	f.addIndex("logs", 1, 0, map[string]string{"index.unassigned.node_left.delayed_timeout": "0"})
	f.settle()
	c := f.primary("logs")
	node := f.st.Node(c.Node)
	f.leave(c.Node)
	f.reroute()
	lost := f.primary("logs")
	assert.Equal(t, state.Unassigned, lost.State)
	assert.Equal(t, state.ExistingStore, lost.Source)
	assert.Equal(t, state.NoValidShardCopy, lost.Info.LastStatus)
	assert.Equal(t, []string{c.AllocationID}, f.st.Index("logs").InSync[0])

	st := f.st.Clone()
	st.Nodes = append(st.Nodes, node)
	if st.Nodes[0].ID > st.Nodes[1].ID {
		st.Nodes[0], st.Nodes[1] = st.Nodes[1], st.Nodes[0]
	}
	f.st = st
	f.primaries[ShardID{Index: "logs", Shard: 0}] = []StoredPrimary{{Node: c.Node, AllocationID: c.AllocationID, Primary: true}}
	f.awaited = true
	f.reroute()
	assert.Equal(t, state.FetchingShardData, f.primary("logs").Info.LastStatus, "answers are awaited")
	f.awaited = false
	f.reroute()
	assert.Equal(t, state.Initializing, f.primary("logs").State)
	assert.Equal(t, c.AllocationID, f.primary("logs").AllocationID, "the copy on disk keeps its allocation id")
	f.settle()
	assert.Equal(t, int64(3), f.st.Index("logs").PrimaryTerms[0], "one more for the failure, one for the new primary")
}

func TestAReplicaWaitsForItsNodeUntilTheDelayEnds(t *testing.T) {
	f := newFixture(t, 3, nil)
	f.addIndex("logs", 1, 1, map[string]string{"index.unassigned.node_left.delayed_timeout": "30s"})
	f.settle()
	f.stores[ShardID{Index: "logs", Shard: 0}] = []StoredReplica{{Node: f.primary("logs").Node, MatchingBytes: 1, RetainedSeqNo: -1}}
	gone := f.replica("logs").Node
	f.leave(gone)
	f.reroute()
	lost := f.replica("logs")
	require.Equal(t, state.Unassigned, lost.State)
	assert.True(t, lost.Info.Delayed)
	assert.Equal(t, gone, lost.Info.LastNode)

	e := f.s.Explain(f.st, f.in, lost, false)
	require.NotNil(t, e.Allocate)
	assert.Equal(t, "allocation_delayed", e.Allocate.Decision)
	assert.Contains(t, e.Allocate.Explanation, "If the node does not return within [30s] then Elasticsearch will allocate this shard to another node.")
	assert.Equal(t, 30*time.Second, e.Allocate.ConfiguredDelay)

	f.in.NowNanos += int64(31 * time.Second)
	f.settle()
	assert.Equal(t, state.Started, f.replica("logs").State)
	assert.NotEqual(t, gone, f.replica("logs").Node)
}

func TestAReplicaGoesWhereItsHistoryIsRetained(t *testing.T) {
	f := newFixture(t, 4, nil)
	f.addIndex("logs", 1, 1, nil)
	f.settle()
	primary, old := f.primary("logs"), f.replica("logs")
	var target string
	for _, n := range f.st.Nodes {
		if n.ID != primary.Node && n.ID != old.Node {
			target = n.ID
		}
	}
	f.stores[ShardID{Index: "logs", Shard: 0}] = []StoredReplica{
		{Node: primary.Node, MatchingBytes: 100, RetainedSeqNo: 50},
		{Node: target, MatchingBytes: 1, RetainedSeqNo: 20},
	}
	f.leave(old.Node)
	f.reroute()
	assert.Equal(t, target, f.replica("logs").Node, "operations are cheaper than files, and nobody waits for the node that left")
}

func TestACopyThatFailsTooOftenIsLeftAloneUntilRetried(t *testing.T) {
	f := newFixture(t, 3, nil)
	f.addIndex("logs", 1, 0, map[string]string{"index.allocation.max_retries": "2"})
	f.reroute()
	for range 2 {
		require.Equal(t, state.Initializing, f.primary("logs").State)
		f.st = f.s.FailCopies(f.st, []Failure{{Copy: f.primary("logs"), Message: "no"}}, nil, f.in)
	}
	c := f.primary("logs")
	require.Equal(t, state.Unassigned, c.State)
	assert.Equal(t, 2, c.Info.FailedAllocations)
	assert.Len(t, c.Info.FailedNodes, 2)
	e := f.s.Explain(f.st, f.in, c, false)
	assert.Equal(t, "no", e.Allocate.Decision)
	assert.Contains(t, e.Allocate.Nodes[0].Deciders[0].Explanation,
		"shard has exceeded the maximum number of retries [2] on failed allocation attempts - manually call [POST /_cluster/reroute?retry_failed&metric=none] to retry")

	st, _, err := f.s.Commands(f.st, nil, CommandOptions{RetryFailed: true}, f.in)
	require.NoError(t, err)
	f.st = st
	assert.Equal(t, state.Initializing, f.primary("logs").State)
	assert.Equal(t, state.ManualAllocation, f.primary("logs").Info.Reason)
}

func TestAMovedPrimaryHandsOverAndItsRecoveringReplicaStartsAgain(t *testing.T) {
	f := newFixture(t, 3, map[string]string{"cluster.routing.rebalance.enable": "none"})
	f.addIndex("logs", 1, 0, nil)
	f.settle()
	from := f.primary("logs")
	to, third := "node-0", "node-1"
	if from.Node == to {
		to = "node-2"
	}
	if from.Node == third {
		third = "node-2"
	}
	st, explanations, err := f.s.Commands(f.st, []Command{{Kind: MoveCommand, Index: "logs", Shard: 0, From: from.Node, Node: to}}, CommandOptions{}, f.in)
	require.NoError(t, err)
	require.Len(t, explanations, 1)
	assert.Equal(t, "max_retry", explanations[0].Decisions[0].Decider)
	f.st = SetReplicas(st, []string{"logs"}, 1, f.in)
	require.Equal(t, state.Relocating, f.primary("logs").State)
	f.st, _, err = f.s.Commands(f.st, []Command{{Kind: AllocateReplicaCommand, Index: "logs", Shard: 0, Node: third}}, CommandOptions{}, f.in)
	require.NoError(t, err)
	recovering := f.replica("logs")
	require.Equal(t, state.Initializing, recovering.State)

	target := f.primary("logs").Target()
	f.st = f.s.StartCopies(f.st, []*state.Copy{target}, f.in)
	moved := f.primary("logs")
	assert.Equal(t, state.Started, moved.State)
	assert.Equal(t, to, moved.Node)
	assert.Equal(t, target.AllocationID, moved.AllocationID)
	assert.Equal(t, []string{moved.AllocationID}, f.st.Index("logs").InSync[0], "the source left the in-sync set")
	assert.Equal(t, state.Initializing, f.replica("logs").State)
	assert.NotEqual(t, recovering.AllocationID, f.replica("logs").AllocationID, "the replica recovers from the new place, under a new id")
	assert.Equal(t, int64(1), f.st.Index("logs").PrimaryTerms[0], "a hand-over is no promotion")
}

func TestTheDesiredBalanceIsComputedApartAndThenReconciled(t *testing.T) {
	f := newFixture(t, 3, map[string]string{"cluster.routing.allocation.type": settings.DesiredBalance})
	f.addIndex("logs", 3, 1, nil)
	assert.Same(t, f.st, f.s.Reroute(f.st, f.in), "without a desired balance there is nothing to reconcile with")
	require.True(t, f.s.Wanted())
	c := f.s.Compute()
	assert.True(t, c.Changed)
	assert.Equal(t, 3, c.Iterations, "primaries, replicas, and one that changes nothing")
	assert.False(t, f.s.Wanted())
	f.st = f.s.Reconcile(f.st, f.in)
	assert.Len(t, f.initializing(), 3, "all primaries")
	f.settle()
	for num, s := range f.st.Routing.Index("logs").Shards {
		a, ok := f.s.Desired(f.st.Index("logs"), num)
		require.True(t, ok)
		assert.ElementsMatch(t, a.Nodes, []string{s.Copies[0].Node, s.Copies[1].Node})
	}
	f.s.Reset()
	_, ok := f.s.Desired(f.st.Index("logs"), 0)
	assert.False(t, ok, "a new master starts without a balance")
}

func TestReplicasExpandWithTheNodes(t *testing.T) {
	f := newFixture(t, 3, map[string]string{"cluster.routing.allocation.exclude._name": "node-1"})
	f.addIndex("config", 1, 1, map[string]string{"index.auto_expand_replicas": "0-all"})
	f.addIndex("few", 1, 1, map[string]string{"index.auto_expand_replicas": "2-5"})
	f.settle2(t)
	assert.Equal(t, 1, f.st.Index("config").Replicas, "two nodes may hold copies")
	assert.Equal(t, 2, f.st.Index("few").Replicas, "the minimum holds even without nodes for it")
}

// settle2 settles a cluster in which some copies have no place.
func (f *fixture) settle2(t *testing.T) {
	t.Helper()
	for range 10 {
		f.reroute()
		f.st = f.s.StartCopies(f.st, f.initializing(), f.in)
	}
}

func TestStaleIDsLeaveTheInSyncSetButNeverTheLast(t *testing.T) {
	f := newFixture(t, 2, nil)
	f.addIndex("logs", 1, 1, nil)
	f.settle()
	gone := f.replica("logs")
	f.leave(gone.Node)
	require.Len(t, f.st.Index("logs").InSync[0], 2, "a copy that is away may come back in sync")
	f.st = f.s.FailCopies(f.st, nil, []Stale{{"logs", 0, gone.AllocationID}}, f.in)
	assert.Equal(t, []string{f.primary("logs").AllocationID}, f.st.Index("logs").InSync[0])
	f.st = f.s.FailCopies(f.st, nil, []Stale{{"logs", 0, f.primary("logs").AllocationID}}, f.in)
	assert.Len(t, f.st.Index("logs").InSync[0], 1)
}

func TestReplicasAreRemovedUnassignedOnesFirst(t *testing.T) {
	f := newFixture(t, 2, nil)
	f.addIndex("logs", 1, 3, nil)
	f.settle2(t)
	f.st = SetReplicas(f.st, []string{"logs"}, 1, f.in)
	require.Len(t, f.st.Routing.Index("logs").Shards[0].Copies, 2)
	assert.Equal(t, state.Started, f.replica("logs").State)
	f.st = SetReplicas(f.st, []string{"logs"}, 0, f.in)
	assert.Nil(t, f.replica("logs"))
	f.st = RemoveIndex(f.st, "logs")
	assert.Nil(t, f.st.Routing.Index("logs"))
	assert.Nil(t, f.st.Index("logs"))
}

// TestPublishedStatesStayAsTheyAre plays random operations and checks that none
// changes a state that was handed out, and that the routing stays sound.
func TestPublishedStatesStayAsTheyAre(t *testing.T) {
	text := func(st *state.State) string {
		b, err := json.Marshal([]any{st.Routing, st.Indices})
		require.NoError(t, err)
		return string(b)
	}
	rapid.Check(t, func(rt *rapid.T) {
		kind := rapid.SampledFrom([]string{settings.Balanced, settings.DesiredBalance}).Draw(rt, "type")
		f := newFixture(t, rapid.IntRange(2, 5).Draw(rt, "nodes"), map[string]string{"cluster.routing.allocation.type": kind})
		for i := range rapid.IntRange(1, 3).Draw(rt, "indices") {
			f.addIndex(fmt.Sprintf("i%d", i), rapid.IntRange(1, 3).Draw(rt, "shards"), rapid.IntRange(0, 2).Draw(rt, "replicas"), nil)
		}
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			before := f.st
			was := text(before)
			f.randomStep(rt)
			require.Equal(rt, was, text(before), "a published state is immutable")
			requireSound(rt, f.st)
		}
	})
}

func (f *fixture) randomStep(rt *rapid.T) {
	assigned := []*state.Copy{}
	f.st.Routing.Each(func(c *state.Copy) {
		if c.Assigned() {
			assigned = append(assigned, c)
		}
		if c.State == state.Relocating {
			assigned = append(assigned, c.Target())
		}
	})
	switch step := rapid.SampledFrom([]string{"reroute", "start", "start", "fail", "leave", "compute", "move"}).Draw(rt, "step"); step {
	case "start":
		if copies := f.initializing(); len(copies) > 0 {
			f.st = f.s.StartCopies(f.st, rapid.SliceOfDistinct(rapid.SampledFrom(copies), func(c *state.Copy) string { return c.AllocationID }).Draw(rt, "copies"), f.in)
		}
	case "fail":
		if len(assigned) > 0 {
			c := rapid.SampledFrom(assigned).Draw(rt, "copy")
			f.st = f.s.FailCopies(f.st, []Failure{{Copy: c, Message: "drawn", MarkStale: rapid.Bool().Draw(rt, "stale")}}, nil, f.in)
		}
	case "leave":
		if len(f.st.Nodes) > 1 {
			f.leave(rapid.SampledFrom(f.st.Nodes).Draw(rt, "node").ID)
		}
	case "compute":
		f.s.Compute()
		f.st = f.s.Reconcile(f.st, f.in)
	case "move":
		if len(assigned) > 0 {
			c, n := rapid.SampledFrom(assigned).Draw(rt, "copy"), rapid.SampledFrom(f.st.Nodes).Draw(rt, "to")
			f.st, _, _ = f.s.Commands(f.st, []Command{{Kind: MoveCommand, Index: c.Index, Shard: c.Shard, From: c.Node, Node: n.ID}}, CommandOptions{}, f.in)
		}
	default:
		f.reroute()
	}
}

// requireSound checks what holds of every routing table.
func requireSound(t require.TestingT, st *state.State) {
	for i, table := range st.Routing.Indices {
		meta := st.Indices[i]
		for num, s := range table.Shards {
			require.Len(t, s.Copies, meta.Replicas+1)
			primaries := 0
			on := map[string]bool{}
			for _, c := range s.Copies {
				if c.Primary {
					primaries++
				}
				for _, id := range []string{c.Node, c.Other} {
					if id != "" {
						require.False(t, on[id], "two copies of %s/%d on %s", c.Index, num, id)
						require.NotNil(t, st.Node(id), "copies are on members only")
						on[id] = true
					}
				}
				require.Equal(t, c.State == state.Unassigned, c.Node == "")
				require.Equal(t, c.State == state.Relocating, c.Other != "")
				if c.State == state.Unassigned || c.State == state.Initializing && c.Primary {
					require.NotNil(t, c.Info)
				}
			}
			require.Equal(t, 1, primaries)
			if p := s.Primary(); p.Active() {
				require.Contains(t, meta.InSync[num], p.AllocationID, "an active primary is in sync")
			} else {
				for _, c := range s.Copies {
					require.False(t, !c.Primary && c.Assigned(), "no replica without an active primary")
				}
			}
		}
	}
}
