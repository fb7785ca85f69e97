package kvproc_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/integration/kvproc"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/kv"
	"github.com/shardquake/shardquake/scenarios/scenariotest"
)

// A scenario file, run on processes: the same format and expectations as on the simulator.
func TestAScenarioHoldsOnProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes, which takes a while: not with -short")
	}
	command, err := kvproc.Built()
	require.NoError(t, err)
	t.Setenv("SHARDQUAKE_COMMAND", command)
	folders := t.TempDir()
	t.Setenv("TMPDIR", folders)
	result := scenariotest.Run(t, "testdata/primary-lost.yaml", scenariotest.Backend("real"))
	require.NotNil(t, result)
	require.NotEmpty(t, result.History.Faults)
	for _, fault := range result.History.Faults {
		assert.True(t, fault.Shown(), "the fault was shown to bite and to be gone: %+v", fault)
	}
	left, err := filepath.Glob(filepath.Join(folders, "shardquake-kv-*"))
	require.NoError(t, err)
	assert.Empty(t, left, "nothing is left behind")
}

func TestAProgramThatIsNotTheCommandSaysWhatItNeeds(t *testing.T) {
	t.Setenv("SHARDQUAKE_COMMAND", "")
	spec := scenarios.ClusterSpec{Nodes: []scenarios.NodeSpec{{Name: "n1"}}, Own: &kv.Spec{Shards: 1}}
	opt := scenarios.StartOptions{Progress: t.Logf}
	_, err := (&kvproc.Backend{}).Start(t.Context(), spec, opt)
	require.ErrorIs(t, err, scenarios.ErrUnavailable)
	assert.ErrorContains(t, err, "SHARDQUAKE_COMMAND")
	_, err = (&kvproc.Backend{}).Start(t.Context(), scenarios.ClusterSpec{Name: "es"}, opt)
	require.ErrorIs(t, err, scenarios.ErrUnavailable)
}
