package fidelity_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/reports/fidelity"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/recorded"
)

// replaySeeds are the simulated runs of each recorded timeline.
const replaySeeds = 5

// recordedRuns reads the compact copy of the recordings.
func recordedRuns(t *testing.T) map[string][]fidelity.Run {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "recorded.jsonl"))
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // reading only
	all, err := fidelity.ReadRuns(f)
	require.NoError(t, err)
	out := make(map[string][]fidelity.Run)
	for _, l := range all {
		out[l.Scenario] = append(out[l.Scenario], l.Run)
	}
	return out
}

// The compact copy is what the tool makes of the recordings at hand.
func TestTheCompactCopyIsThatOfTheRecordings(t *testing.T) {
	runs, err := fidelity.Condense(recordings(t))
	require.NoError(t, err)
	var fresh bytes.Buffer
	require.NoError(t, fidelity.WriteRuns(&fresh, runs))
	kept, err := os.ReadFile(filepath.Join("testdata", "recorded.jsonl"))
	require.NoError(t, err)
	assert.Equal(t, string(kept), fresh.String(), "go run ./reports/fidelity/condense DIR > reports/fidelity/testdata/recorded.jsonl")
}

func TestEveryRecordedTimelineHasAScenarioAndRuns(t *testing.T) {
	runs := recordedRuns(t)
	for _, tl := range recorded.Timelines() {
		name, text, err := recorded.Text(tl.Scenario)
		require.NoError(t, err)
		s, err := scenarios.Parse(name, text, catalog.Vocabulary())
		require.NoError(t, err)
		assert.Equal(t, tl.Scenario, s.Name)
		assert.NotEmpty(t, runs[tl.Scenario])
	}
	assert.Len(t, runs, len(recorded.Timelines()))
}

// simulate runs a timeline's scenario with several seeds.
func simulate(t *testing.T, scenario string) []fidelity.Run {
	t.Helper()
	name, text, err := recorded.Text(scenario)
	require.NoError(t, err)
	loaded, err := scenarios.Parse(name, text, catalog.Vocabulary())
	require.NoError(t, err)
	var seeds []uint64
	for i := range replaySeeds {
		seeds = append(seeds, uint64(i+1))
	}
	out, err := fidelity.Simulate(t.Context(), loaded, seeds, func() (fidelity.Runner, error) {
		backend, err := catalog.Backend("sim")
		return &scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor, Explain: catalog.Explain}, err
	})
	require.NoError(t, err)
	return out
}

// timers are the quantities that a setting determines, not a processor: they must be
// predicted within the target however few repetitions there are.
func timers(scenario, quantity string) bool {
	if quantity == fidelity.DelayToInitializing {
		// index.unassigned.node_left.delayed_timeout. With a silent master it runs from a
		// state that is applied late, by what the processor adds.
		return scenario != "p4-fast-detection-master"
	}
	switch scenario {
	case "p4-fast-detection", "p4-default-detection", "p4-fast-detection-master":
		// Fault detection; with a silent master the publish timeout besides.
		return quantity == fidelity.NodeRemoved || quantity == fidelity.PrimariesActive || quantity == fidelity.FirstInitializing
	case "p8-40mb", "p8-10mb", "p8-link-5mb":
		// Throttled recovery, by node or by connection.
		return quantity == fidelity.Green || quantity == fidelity.Recovering
	}
	return false
}

// cutPhase is whether timers of faults count in it: what follows a healing hangs on the
// search for peers and on processors.
func cutPhase(name string) bool { return name == "kill" || name == "cut" || name == "copy" }

// Every recorded timeline is replayed. What is determined must come out: counts,
// kinds of recoveries, bytes, the order of moves, promotions, times that settings
// determine. Times that hang on processors are printed with their error and the range
// recorded, and most of them must be within the target too.
func TestTheSimulatorRepeatsTheRecordedTimelines(t *testing.T) {
	runs := recordedRuns(t)
	determined, within := 0, 0
	for _, tl := range recorded.Timelines() {
		t.Run(tl.Scenario, func(t *testing.T) {
			table, err := fidelity.Compare(tl.Scenario, simulate(t, tl.Scenario), runs[tl.Scenario])
			require.NoError(t, err)
			table.RealFrom = "recorded, Elasticsearch 8.19.0"
			var text bytes.Buffer
			require.NoError(t, table.Text(&text))
			t.Log("\n" + text.String())
			for _, r := range table.Rows {
				timer := timers(tl.Scenario, r.Quantity) && cutPhase(r.Phase)
				switch {
				case timer:
					assert.Equalf(t, fidelity.Within, r.Verdict, "%s, %s: timer-driven, %+v", r.Phase, r.Quantity, r)
				case r.Unit != fidelity.Seconds:
					assert.Falsef(t, r.Failed(), "%s, %s: determined, simulated %v, recorded %v", r.Phase, r.Quantity, r.Sim.Values, r.Real.Values)
				case r.Determined:
					determined++
					if r.Verdict == fidelity.Within {
						within++
					} else {
						t.Logf("CPU-bound and off: %s, %s: %+.2f s, target ± %.2f s, recorded %.2f…%.2f s", r.Phase, r.Quantity, r.Error, r.Limit, r.Real.Min, r.Real.Max)
					}
				}
			}
			for _, o := range table.Orders {
				assert.Falsef(t, o.Failed(), "%s: order of relocations %v, recorded %v", o.Phase, o.Sim, o.Real)
			}
		})
	}
	require.Positive(t, determined)
	t.Logf("%d of %d CPU-bound times that hardly vary between repetitions are within the target", within, determined)
	assert.GreaterOrEqual(t, float64(within), 0.9*float64(determined))
}

// At flood stage the block is there at the next look at the disks, and it goes at the
// first look after the shards have left, or after the disk was freed.
func TestTheFloodStageBlockComesAndGoesWithTheLooksAtTheDisks(t *testing.T) {
	const looks, slack = 10.0, 0.5 // seconds
	for _, run := range simulate(t, "p7-flood") {
		phases := run.Phases[len(run.Phases)-2:]
		seen, ok := phases[0].Value(fidelity.BlockSeen)
		require.True(t, ok)
		assert.LessOrEqual(t, seen, looks+slack)
		gone, ok := phases[0].Value(fidelity.BlockGone)
		require.True(t, ok)
		assert.InDelta(t, looks, gone-seen, slack)
		moves, _ := phases[1].Value(fidelity.Relocations)
		assert.Zero(t, moves, "shards do not come back at once")
	}
	for _, run := range simulate(t, "p7-flood-pinned") {
		phases := run.Phases[len(run.Phases)-2:]
		_, gone := phases[0].Value(fidelity.BlockGone)
		assert.False(t, gone, "the shards can't leave, so the block stays")
		after, ok := phases[1].Value(fidelity.BlockGone)
		require.True(t, ok)
		assert.LessOrEqual(t, after, looks+slack)
	}
}
