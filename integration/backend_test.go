package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardquake/shardquake/integration/guard"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/scenarios/es/client"
	"github.com/shardquake/shardquake/scenarios/observed"
)

func TestPlacementPutsTheCopiesWhereTheyAreDescribed(t *testing.T) {
	rows, err := assign(18, 1, []int{12, 4, 2})
	require.NoError(t, err)
	held := make([]int, 3)
	for _, row := range rows {
		held[row[0]]++
	}
	assert.Equal(t, []int{12, 4, 2}, held)
}

func TestPlacementFindsAWayWheneverThereIsOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := rapid.IntRange(1, 6).Draw(t, "nodes")
		copies := rapid.IntRange(1, nodes).Draw(t, "copies")
		shards := rapid.IntRange(1, 20).Draw(t, "shards")
		// A way that exists: every shard on nodes drawn at random.
		counts := make([]int, nodes)
		for range shards {
			for _, n := range rapid.Permutation(sequence(nodes)).Draw(t, "nodes of a shard")[:copies] {
				counts[n]++
			}
		}
		rows, err := assign(shards, copies, counts)
		if err != nil {
			t.Fatalf("%v: %v", counts, err)
		}
		held := make([]int, nodes)
		for _, row := range rows {
			seen := map[int]bool{}
			for _, n := range row {
				if seen[n] {
					t.Fatalf("two copies of a shard on node %d", n)
				}
				seen[n] = true
				held[n]++
			}
		}
		if fmt.Sprint(held) != fmt.Sprint(counts) {
			t.Fatalf("held %v, wanted %v", held, counts)
		}
	})
}

func sequence(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestImpossiblePlacementIsRefused(t *testing.T) {
	_, err := assign(2, 2, []int{4, 0})
	assert.ErrorContains(t, err, "shard 0")
}

const stateOfThree = `{
  "version": 25, "master_node": "B",
  "nodes": {"A": {"name": "n1"}, "B": {"name": "n2"}, "C": {"name": "n3"}},
  "metadata": {"cluster_coordination": {"term": 4}},
  "routing_table": {"indices": {"logs": {"shards": {
    "0": [
      {"state": "RELOCATING", "primary": true, "node": "A", "relocating_node": "C", "shard": 0, "index": "logs",
       "allocation_id": {"id": "a0", "relocation_id": "a0t"}},
      {"state": "STARTED", "primary": false, "node": "B", "shard": 0, "index": "logs", "allocation_id": {"id": "b0"}}],
    "1": [
      {"state": "UNASSIGNED", "primary": false, "shard": 1, "index": "logs", "recovery_source": {"type": "PEER"},
       "unassigned_info": {"reason": "NODE_LEFT", "delayed": true, "allocation_status": "no_attempt"}},
      {"state": "STARTED", "primary": true, "node": "B", "shard": 1, "index": "logs", "allocation_id": {"id": "b1"}}]
  }}}}}`

func picturesOf(t *testing.T, text string) *picture {
	t.Helper()
	var answer stateAnswer
	require.NoError(t, json.Unmarshal([]byte(text), &answer))
	return answer.read()
}

func TestClusterStateIsReadIntoAnObservation(t *testing.T) {
	p := picturesOf(t, stateOfThree)
	assert.Equal(t, observed.Health{
		Status: "yellow", Master: true, Nodes: 3, Active: 3, Primaries: 2, Relocating: 1, Unassigned: 1, Delayed: 1, Term: 4, Version: 25,
	}, p.health)
	assert.Equal(t, "n2", p.master)
	assert.Equal(t, []string{"n1", "n2", "n3"}, p.members)
	assert.Equal(t, []observed.Copy{
		{Index: "logs", Shard: 0, Primary: true, State: "RELOCATING", Node: "n1", To: "n3", ID: "a0", Bytes: -1},
		{Index: "logs", Shard: 0, State: "STARTED", Node: "n2", ID: "b0", Bytes: -1},
	}, p.shards[shardID{"logs", 0}])
	assert.Equal(t, map[string]string{"a0": "a0t"}, p.relocations)
	assert.Equal(t, "NODE_LEFT", p.shards[shardID{"logs", 1}][1].Reason)
}

func TestMissingPrimaryIsRedUnlessItIsNew(t *testing.T) {
	shard := func(source, status string, failed int) string {
		return fmt.Sprintf(`{"master_node":"A","nodes":{"A":{"name":"n1"}},"routing_table":{"indices":{"i":{"shards":{"0":[
			{"state":"UNASSIGNED","primary":true,"shard":0,"index":"i","recovery_source":{"type":%q},
			 "unassigned_info":{"reason":"X","allocation_status":%q,"failed_attempts":%d}}]}}}}}`, source, status, failed)
	}
	for _, c := range []struct {
		state, want string
	}{
		{shard("EXISTING_STORE", "no_valid_shard_copy", 0), "red"},
		{shard("EMPTY_STORE", "no_attempt", 0), "yellow"},
		{shard("EMPTY_STORE", "deciders_no", 0), "red"},
		{shard("EMPTY_STORE", "no_attempt", 1), "red"},
		{`{"master_node":null,"nodes":{"A":{"name":"n1"}}}`, "red"},
	} {
		assert.Equal(t, c.want, picturesOf(t, c.state).health.Status, c.state)
	}
}

func TestNewerPictureIsOfALaterTermOrVersion(t *testing.T) {
	old := &picture{term: 2, version: 30}
	assert.True(t, (&picture{term: 3, version: 1}).newer(old))
	assert.True(t, (&picture{term: 2, version: 31}).newer(old))
	assert.False(t, (&picture{term: 2, version: 30}).newer(old))
	assert.False(t, (&picture{term: 1, version: 99}).newer(old))
}

func TestOnlyShardsThatDifferAreTold(t *testing.T) {
	before := picturesOf(t, stateOfThree).shards
	now := picturesOf(t, stateOfThree).shards
	assert.Empty(t, changedShards(before, now))
	now[shardID{"logs", 1}][0].State = "INITIALIZING"
	changed := changedShards(before, now)
	require.Len(t, changed, 2, "all copies of the shard")
	assert.Equal(t, 1, changed[0].Shard)
}

func TestStaticSettingsAreToldFromWrongOnes(t *testing.T) {
	among := map[string]string{"cluster.election.duration": "1s", "cluster.info.update.interval": "10s"}
	const static = `{"error":{"reason":"persistent setting [cluster.election.duration], not dynamically updateable"},"status":400}`
	assert.Equal(t, "cluster.election.duration", refusedAsStatic(static, among))
	assert.Empty(t, refusedAsStatic(`{"error":{"reason":"failed to parse value [x] for setting [cluster.info.update.interval]"}}`, among))
}

func TestBulkAnswersAreCountedByWhatIsKnown(t *testing.T) {
	const answer = `{"items":[{"index":{"status":201}},{"index":{"status":503}},{"index":{"status":200}}]}`
	done := func(cause observed.Cause, body string) outcome {
		return bulkOutcome(3, &client.Result{Cause: cause, Body: []byte(body)})
	}
	assert.Equal(t, outcome{acked: 2, failed: 1}, done("", answer))
	assert.Equal(t, outcome{failed: 3}, done(observed.CauseNoMaster, ""))
	assert.Equal(t, outcome{failed: 3}, done(observed.CauseDeadNode, ""), "nothing was sent")
	assert.Equal(t, outcome{unknown: 3}, done(observed.CauseTimeout, ""), "it may have been applied")
	assert.Equal(t, outcome{unknown: 3}, done("", "{"))
}

func TestZipfSharesFallWithTheRank(t *testing.T) {
	assert.InDeltaSlice(t, []float64{0.25, 0.5, 0.75, 1}, zipf(4, 0), 1e-9)
	skewed := zipf(3, 1)
	assert.InDeltaSlice(t, []float64{6.0 / 11, 9.0 / 11, 1}, skewed, 1e-9)
}

func TestLatenciesArePercentilesOfTheLastWrites(t *testing.T) {
	var tr traffic
	for i := range 100 {
		tr.wrote(outcome{acked: 1}, time.Duration(i)*time.Millisecond)
	}
	tr.wrote(outcome{failed: 5}, time.Hour)
	got := tr.snapshot()
	assert.Equal(t, observed.Traffic{Acked: 100, Failed: 5, P50: 50 * time.Millisecond, P99: 99 * time.Millisecond}, got)
}

func TestPanicOfAProcessCancelsTheRunAndIsItsError(t *testing.T) {
	c := &realCluster{outside: &outside{clock: guard.New(clock.NewReal(1))}}
	var cleanupErr error
	err := c.Run(t.Context(), func(run, cleanup context.Context) error {
		c.clock.Go(run, "faulty", func(context.Context) { panic("out of luck") })
		<-run.Done()
		cleanupErr = cleanup.Err()
		return run.Err()
	})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "panic in faulty: out of luck")
	assert.NoError(t, cleanupErr, "what heals still has a context")

	c = &realCluster{outside: &outside{clock: guard.New(clock.NewReal(1))}}
	err = c.Run(t.Context(), func(context.Context, context.Context) error { panic("main") })
	assert.ErrorContains(t, err, "panic in main: main")
}

func TestInterruptCancelsTheRunButNotItsCleanup(t *testing.T) {
	c := &realCluster{outside: &outside{clock: guard.New(clock.NewReal(1))}}
	ctx, interrupt := context.WithCancel(t.Context())
	stopped := errors.New("stopped")
	err := c.Run(ctx, func(run, cleanup context.Context) error {
		interrupt()
		<-run.Done()
		assert.NoError(t, cleanup.Err())
		return stopped
	})
	assert.ErrorIs(t, err, stopped)
}

func TestSettingsArePartedIntoThoseOfNodesAndOfIndices(t *testing.T) {
	node, index := splitSettings(map[string]string{"cluster.a": "1", "index.b": "2", "indices.c": "3"})
	assert.Equal(t, map[string]string{"cluster.a": "1", "indices.c": "3"}, node)
	assert.Equal(t, map[string]string{"index.b": "2"}, index)
}

func TestRecoveriesAreNamedByHowTheyGotTheirData(t *testing.T) {
	read := func(text string) recoveryAnswer {
		var r recoveryAnswer
		require.NoError(t, json.Unmarshal([]byte(text), &r))
		return r
	}
	files := read(`{"type":"PEER","stage":"INDEX","index":{"size":{"total_in_bytes":10,"reused_in_bytes":2},"files":{"recovered":0}}}`)
	assert.Equal(t, "files", files.kind())
	assert.Equal(t, "replica", files.reason(false))
	assert.Equal(t, "relocation", files.reason(true))
	assert.Equal(t, "ops", read(`{"type":"PEER","stage":"DONE"}`).kind())
	assert.Equal(t, "", read(`{"type":"PEER","stage":"INIT"}`).kind())
	store := read(`{"type":"EXISTING_STORE","stage":"DONE","primary":true}`)
	assert.Equal(t, "local", store.kind())
	assert.Equal(t, "store", store.reason(false))
}
