package fidelity_test

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
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
		return &scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor}, err
	})
	require.NoError(t, err)
	return out
}

// once keeps the comparisons: two tests look at them.
var replays struct {
	sync.Mutex
	tables map[string]*fidelity.Table
	sim    map[string][]fidelity.Run
}

func replay(t *testing.T, scenario string, real []fidelity.Run) *fidelity.Table {
	t.Helper()
	replays.Lock()
	defer replays.Unlock()
	if replays.tables == nil {
		replays.tables, replays.sim = make(map[string]*fidelity.Table), make(map[string][]fidelity.Run)
	}
	if table := replays.tables[scenario]; table != nil {
		return table
	}
	sim := simulate(t, scenario)
	table, err := fidelity.Compare(scenario, sim, real)
	require.NoError(t, err)
	table.RealFrom = "recorded, Elasticsearch 8.19.0"
	replays.tables[scenario], replays.sim[scenario] = table, sim
	return table
}

func TestTheSimulatorRepeatsTheRecordedTimelines(t *testing.T) {
	runs := recordedRuns(t)
	for _, tl := range recorded.Timelines() {
		t.Run(tl.Scenario, func(t *testing.T) {
			table := replay(t, tl.Scenario, runs[tl.Scenario])
			var text bytes.Buffer
			require.NoError(t, table.Text(&text))
			t.Log("\n" + text.String())
			for _, r := range table.Rows {
				if r.Failed() {
					t.Logf("FAILED %s: %s", r.Phase, r.Quantity)
				}
			}
		})
	}
}
