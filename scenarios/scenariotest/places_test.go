package scenariotest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/scenarios/scenariotest"
)

// copiesAtFirst are the copies of an index as they were seen before t=0, by shard.
func copiesAtFirst(res *scenarios.Result, index string) map[int][]observed.Copy {
	out := map[int][]observed.Copy{}
	for _, o := range res.History.Observations {
		copies, is := o.Sight.(observed.Copies)
		if !is || o.At > 0 {
			continue
		}
		for _, c := range copies {
			if c.Index == index {
				out[c.Shard] = append(out[c.Shard], c)
			}
		}
	}
	return out
}

func TestAClusterBeginsWithEachCopyWhereTheFileSays(t *testing.T) {
	res := scenariotest.Run(t, "red-from-the-start")
	first := copiesAtFirst(res, "logs")
	require.Len(t, first, 3)
	assert.Equal(t, "n2", first[0][0].Node)
	assert.True(t, first[0][0].Primary)
	assert.EqualValues(t, 150<<20, first[0][0].Bytes)
	assert.Equal(t, "n1", first[0][1].Node)
	assert.Equal(t, "n3", first[1][0].Node)
	for _, c := range append(first[2], first[1][1]) {
		assert.Equal(t, "UNASSIGNED", c.State)
		assert.Equal(t, "NODE_LEFT", c.Reason)
	}
	// The red shard comes back from the disk of the node that was down: nothing is copied.
	var opened observed.Recovery
	for _, o := range res.History.Observations {
		if r, is := o.Sight.(observed.Recovery); is && r.Index == "logs" && r.Shard == 2 && r.Primary && r.Stop > 0 {
			opened = r
		}
	}
	assert.Equal(t, "n4", opened.To)
	assert.Equal(t, "local", opened.Kind)
	assert.Zero(t, opened.Bytes)
}

func TestAnIndexMayBeClosedFromTheStart(t *testing.T) {
	for name, set := range map[string]string{"where the file says": "cluster.indices[1].closed=true", "loaded": `cluster.indices[1]={name: metrics, shards: 2, size: 10mb, closed: true}`} {
		t.Run(name, func(t *testing.T) {
			res := run(t, "red-from-the-start", set, "steady=none", "faults=[{at: 1s, close-index: {index: metrics}}, {at: 20s, open-index: {index: metrics}}]",
				"cluster.settings={}", "expect=[{recovered: green, within: 30s, of: open-index, index: metrics}]")
			assert.Equal(t, scenarios.Pass, res.Verdict, res.Outcomes)
			closing := res.History.Faults[0]
			assert.Equal(t, "the index metrics: close", closing.Bites[0].Saw)
			for _, o := range res.History.Observations { // it was closed already: nothing happened to its copies
				copies, _ := o.Sight.(observed.Copies)
				for _, c := range copies {
					assert.False(t, c.Index == "metrics" && c.Reason == "INDEX_CLOSED" && o.At > time.Second && o.At < 20*time.Second, "at %s", o.At)
				}
			}
		})
	}
}

// atRest is a cluster of three in which a replica can't be anywhere.
const atRest = "testdata/operators/yellow-at-rest.yaml"

func TestTheSteadyStateIsWhatTheFileDescribes(t *testing.T) {
	res := scenariotest.Run(t, atRest)
	assert.Positive(t, res.History.Steady)
	assert.Equal(t, scenarios.Pass, res.Verdict)
	var after scenarios.Outcome
	for _, o := range res.Outcomes {
		if o.Name == "yellow after node-loss" {
			after = o
		}
	}
	assert.Contains(t, after.Reason, "; the fault found it yellow, with 3 unassigned, 0 initializing and 0 relocating copies")

	res = run(t, atRest, "expect=[{steady-state: green, at: start}, {steady-state: green, at: end}]")
	require.Len(t, res.Outcomes, 2)
	assert.Equal(t, scenarios.Fail, res.Outcomes[0].Verdict, "green keeps its meaning")
	assert.Contains(t, res.Outcomes[0].Reason, "the run began with status yellow")
	assert.Equal(t, scenarios.Fail, res.Outcomes[1].Verdict)
}

func TestARunThatWaitsForNothingBeginsWhenTheDataIsThere(t *testing.T) {
	res := run(t, atRest, "steady=none", "expect=[{unassigned-at-most: 3}]")
	assert.Equal(t, scenarios.Pass, res.Verdict)
	assert.Zero(t, res.History.Steady)
}

func TestAStartThatNeverBecomesSteadySaysWhyDeciderByDecider(t *testing.T) {
	for _, steady := range []string{`{status: green}`, `{status: yellow, unassigned: 1}`} {
		s, err := scenarios.Load(atRest, []string{"steady=" + steady, "expect=[{unassigned-at-most: 3}]"}, catalog.Vocabulary())
		require.NoError(t, err)
		backend, err := catalog.Backend("sim")
		require.NoError(t, err)
		runner := &scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor, Explain: catalog.Explain}
		res, err := runner.Run(t.Context(), s, scenarios.Options{})
		if err == nil {
			err = res.Aborted
		}
		assert.ErrorContains(t, err, "decider filter (n2, n3: node does not match index setting [index.routing.allocation.require]")
		assert.ErrorContains(t, err, "n1: has room, but holds a copy of this shard")
		assert.NotContains(t, err.Error(), "does not fit")
	}
}

func TestAMissingCopyIsWaitedForOnlyAsLongAsItsNodeMayReturn(t *testing.T) {
	const file = "red-from-the-start"
	at := func(since string) time.Duration {
		res := run(t, file, "cluster.settings={index.unassigned.node_left.delayed_timeout: 90s}", "steady=none", "faults=[]", "expect=[{unassigned-at-most: 9}]",
			"cluster.indices[0].copies[1].replicas[0]={since: "+since+"}", "cluster.indices[0].copies[2].primary=n1")
		for _, o := range res.History.Observations {
			copies, _ := o.Sight.(observed.Copies)
			for _, c := range copies {
				if c.Index == "logs" && c.Shard == 1 && !c.Primary && c.State == "INITIALIZING" {
					return o.At
				}
			}
		}
		t.Fatal("the replica was never made")
		return 0
	}
	assert.InDelta(t, 70, at("20s").Seconds(), 1)
	assert.InDelta(t, 0, at("100s").Seconds(), 1)
}
