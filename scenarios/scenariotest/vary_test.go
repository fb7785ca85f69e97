package scenariotest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
)

func varied(t *testing.T, seed uint64) (*scenarios.Result, string) {
	t.Helper()
	s, err := scenarios.Load("testdata/varied.yaml", nil, catalog.Vocabulary())
	require.NoError(t, err)
	return simulated(t, s, scenarios.Options{Seed: seed})
}

// simulated runs a scenario, and returns the folder of its report too.
func simulated(t *testing.T, s *scenarios.Loaded, opt scenarios.Options) (*scenarios.Result, string) {
	t.Helper()
	backend, err := catalog.Backend("sim")
	require.NoError(t, err)
	res, err := (&scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor}).Run(t.Context(), s, opt)
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "run")
	_, err = reports.Write(dir, res)
	require.NoError(t, err)
	return res, dir
}

func file(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return string(text)
}

func TestSeedsOfAScenarioThatVariesDiffer(t *testing.T) {
	strikes, hashes := map[string]bool{}, map[uint64]bool{}
	for seed := uint64(1); seed <= 4; seed++ {
		res, _ := varied(t, seed)
		require.Len(t, res.Draws, 6)
		assert.Equal(t, "faults[0].at", res.Draws[0].Path)
		lost := slices.IndexFunc(res.Plan.Entries, func(e chaos.Entry) bool { return e.Fault.Kind() == "node-loss" })
		require.GreaterOrEqual(t, lost, 0)
		assert.Equal(t, res.Draws[0].Value, res.Plan.Entries[lost].At.String(), "the fault struck when it was drawn to")
		strikes[res.Draws[0].Value], hashes[res.TraceHash] = true, true
	}
	assert.Len(t, strikes, 4)
	assert.Len(t, hashes, 4)
}

func TestWhatWasDrawnStandsInTheReportAndIsRepeatedByAReplay(t *testing.T) {
	res, dir := varied(t, 7)
	var rep struct{ Varied []scenarios.Draw }
	require.NoError(t, json.Unmarshal([]byte(file(t, dir, reports.FileReport)), &rep))
	assert.Equal(t, res.Draws, rep.Varied)
	told := "drawn by this seed: faults[0].at " + res.Draws[0].Value + ", cluster.indices[0].size " + res.Draws[1].Value
	assert.Contains(t, file(t, dir, reports.FileSummary), told)
	assert.Contains(t, file(t, dir, reports.FileHTML), told)

	again, other := varied(t, 7)
	assert.Equal(t, res.TraceHash, again.TraceHash)
	assert.Equal(t, file(t, dir, reports.FileTrace), file(t, other, reports.FileTrace))

	plan, text, err := reports.ReadPlan(dir)
	require.NoError(t, err)
	require.Equal(t, res.Draws, plan.Varied)
	s, err := scenarios.Parse(plan.File, text, catalog.Vocabulary())
	require.NoError(t, err)

	s, err = s.With(plan.Varied)
	require.NoError(t, err)
	replayed, replay := simulated(t, s, scenarios.Options{Seed: plan.Seed, Scale: plan.Scale, Plan: &plan.Plan})
	assert.Equal(t, res.TraceHash, replayed.TraceHash)
	assert.Equal(t, file(t, dir, reports.FileTrace), file(t, replay, reports.FileTrace))

	// The values are the plan's, not the seed's.
	plan.Varied[2].Value = "21/s"
	s, err = scenarios.Parse(plan.File, text, catalog.Vocabulary())
	require.NoError(t, err)
	s, err = s.With(plan.Varied)
	require.NoError(t, err)
	changed, _ := simulated(t, s, scenarios.Options{Seed: plan.Seed, Scale: plan.Scale, Plan: &plan.Plan})
	assert.EqualValues(t, 21, changed.Scenario.Workload[0].Writes)
	assert.NotEqual(t, res.TraceHash, changed.TraceHash)
}
