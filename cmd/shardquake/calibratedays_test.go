package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/cmd/shardquake/internal/measured"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/reports/fidelity"
	"github.com/shardquake/shardquake/scenarios"
)

// A drill's folder stands for a game day's once what real nodes showed lies in it: here what the
// simulator shows for another seed.
func TestCalibrateTakesInWhatGameDaysMeasured(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	folder := filepath.Join(t.TempDir(), "day")
	root := newRootCommand()
	root.SetOut(&strings.Builder{})
	root.SetArgs([]string{"gameday", "testdata/gameday.yaml", "-q", "--yes", "--speed", "1000", "--set", "faults[0].at=11s", "--out", folder})
	require.NoError(t, root.ExecuteContext(t.Context()))

	_, err := measured.Days([]string{folder})
	require.ErrorContains(t, err, "it measured nothing to fit to: it was a drill, or it was halted")
	_, err = measured.Days([]string{t.TempDir()})
	require.ErrorContains(t, err, "expected the folder of a game day's report")

	again, err := scenarios.Load("testdata/gameday.yaml", []string{"faults[0].at=11s"}, catalog.Vocabulary())
	require.NoError(t, err)
	res, err := runScenario(t.Context(), again, execution{backend: "sim", seed: 7, scale: scenarios.AsDescribed}, func(string, ...any) {})
	require.NoError(t, err)
	require.NoError(t, measured.Keep(filepath.Join(folder, measured.File), again.Name, []fidelity.Run{fidelity.Quantities(res, "game day")}))
	days, err := measured.Days([]string{folder, folder})
	require.NoError(t, err)
	require.Len(t, days, 2)
	assert.Equal(t, "11s", days[0].Scenario.Faults[0].At.String(), "as it was held, with what was set")

	f := &calibrateFlags{names: calibrating()}
	loaded, real := map[string]*scenarios.Loaded{}, map[string][]fidelity.Run{}
	f.takeIn(days, loaded, real)
	p := f.problem(t.Context(), loaded, real, []uint64{1})
	require.Len(t, p.Scenarios, len(calibrating())+2, "both are fitted to")
	for _, name := range p.Scenarios[len(calibrating()):] {
		runs, err := p.Simulate(name, slices.Repeat([]float64{1}, len(p.Knobs)))
		require.NoError(t, err)
		table, err := fidelity.Compare(name, runs, p.Real[name])
		require.NoError(t, err)
		assert.NotEmpty(t, table.Rows, "the error of its prediction counts")
	}
}

// What game days come to is compared, version by version, like every other run.
func TestGameDaysGoIntoTheHistoryThatIsCompared(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	history := filepath.Join(t.TempDir(), "history.jsonl")
	hold := func() {
		root := newRootCommand()
		root.SetOut(&strings.Builder{})
		root.SetArgs([]string{"gameday", "testdata/gameday.yaml", "-q", "--yes", "--speed", "1000", "--history", history, "--branch", "main", "--out", filepath.Join(t.TempDir(), "out")})
		require.NoError(t, root.ExecuteContext(t.Context()))
	}
	hold()
	text, err := os.ReadFile(history)
	require.NoError(t, err)
	var older map[string]any // of another version
	require.NoError(t, json.Unmarshal(text, &older))
	older["version"] = map[string]any{"version": "v0.0.1", "revision": "0123456789abcdef"}
	text, err = json.Marshal(older)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(history, append(text, '\n'), 0o600))
	hold()
	var out strings.Builder
	root := newRootCommand()
	root.SetOut(&out)
	root.SetArgs([]string{"compare", history, "-q"})
	err = root.ExecuteContext(t.Context())
	assert.Equal(t, exit.CodePass, exit.CodeOf(err), "%v", err)
	assert.Contains(t, out.String(), "drill-node-lost")
}
