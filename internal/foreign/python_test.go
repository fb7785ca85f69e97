package foreign_test

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/foreign"
	"github.com/shardquake/shardquake/scenarios"
)

// "Does my controller help or hurt?", asked of a second controller on five scenarios: it does
// what ours does where copies are lost or crooked, and hurts where it acts too soon or where
// the load is what counts.
func TestAPythonScriptIsComparedWithOursOnFiveScenarios(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here: the controller of this test needs it")
	}
	script, err := filepath.Abs("testdata/controller.py")
	require.NoError(t, err)
	cfg := foreign.Config{Command: python + " " + script + " {url}", Step: 5 * time.Second}
	for name, want := range map[string]scenarios.Verdict{
		"rebalance-12-4-2": scenarios.Pass, "one-node-lost": scenarios.Pass, "zone-lost": scenarios.Pass,
		"node-flaps": scenarios.Fail, "hot-shard-moved": scenarios.Fail,
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := played(t, name, catalog.Supervisor), played(t, name, func(c scenarios.SupervisorConfig) (scenarios.Supervisor, error) { return foreign.New(cfg, c) })
			assert.Equal(t, scenarios.Pass, ours.Verdict, "ours: %v", ours.Outcomes)
			assert.Equal(t, want, theirs.Verdict, "theirs: %v", theirs.Outcomes)
			for _, d := range theirs.History.Decisions {
				assert.Contains(t, d.Done, "answered ", "every change of the script is a decision: %s", d.Decided)
			}
		})
	}
}

// played runs a scenario of the library with a controller.
func played(t *testing.T, name string, supervisor func(scenarios.SupervisorConfig) (scenarios.Supervisor, error)) *scenarios.Result {
	t.Helper()
	s, err := scenarios.Load(name, nil, catalog.Vocabulary())
	require.NoError(t, err)
	backend, err := catalog.Backend("sim")
	require.NoError(t, err)
	res, err := (&scenarios.Runner{Backend: backend, NewSupervisor: supervisor}).Run(t.Context(), s, scenarios.Options{Scale: scenarios.AsDescribed})
	require.NoError(t, err)
	return res
}
