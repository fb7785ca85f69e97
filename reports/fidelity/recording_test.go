package fidelity_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/reports/fidelity"
)

// tracesDir holds the recorded timelines in full; they are too large to be kept here.
const tracesDir = "../../../shared/traces"

// recordings are the files of recorded timelines; the test is skipped where there are none.
func recordings(t *testing.T) []*fidelity.Recording {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(tracesDir, "P*.json.gz"))
	require.NoError(t, err)
	if len(paths) == 0 {
		_, err := os.Stat(tracesDir)
		t.Skipf("SKIPPED: no recorded timelines in %s (%v); the compact copy in testdata is not checked against them", tracesDir, err)
	}
	var out []*fidelity.Recording
	for _, p := range paths {
		r, err := fidelity.ReadRecording(p)
		require.NoError(t, err)
		out = append(out, r)
	}
	return out
}

// The recorder's own metrics, by the names of this package.
var metricNames = map[string]string{
	"node_removed_s": fidelity.NodeRemoved, "node_joined_s": fidelity.NodeJoined, "not_green_s": fidelity.NotGreen, "red_s": fidelity.Red,
	"primaries_active_s": fidelity.PrimariesActive, "green_s": fidelity.Green, "first_initializing_s": fidelity.FirstInitializing,
	"first_relocating_s": fidelity.FirstRelocating, "balanced_s": fidelity.Balanced, "master_lost_s": fidelity.MasterLost,
	"new_master_s": fidelity.NewMaster, "block_seen_s": fidelity.BlockSeen, "block_gone_s": fidelity.BlockGone,
	"relocations": fidelity.Relocations, "recoveries_files": fidelity.FileRecoveries, "recoveries_ops": fidelity.OpsRecoveries,
	"recoveries_local": fidelity.LocalRecoveries, "bytes_recovered": fidelity.BytesCopied, "ops_replayed": fidelity.OpsReplayed,
	"first_recovery_start_s": fidelity.FirstRecoveryStart, "last_recovery_stop_s": fidelity.LastRecoveryStop,
}

// The rules by which quantities are taken from observations give the figures that the
// recorder noted: so they mean the same for simulated runs.
func TestQuantitiesOfARecordingAreTheRecordersOwn(t *testing.T) {
	checked := 0
	for _, rec := range recordings(t) {
		runs, err := fidelity.RunsOf(rec.Reps, fidelity.FromMark)
		require.NoError(t, err)
		for i, rep := range rec.Reps {
			for _, phase := range runs[i].Phases {
				metrics := rep.Metrics[phase.Name]
				require.NotEmptyf(t, metrics, "%s %s %s", rec.ID, rep.Variant, phase.Name)
				for key, name := range metricNames {
					want, recorded := metrics[key]
					got, ok := phase.Value(name)
					assert.Equalf(t, recorded, ok, "%s %s rep %d %s: %s", rec.ID, rep.Variant, i, phase.Name, name)
					if recorded && ok {
						assert.InDeltaf(t, want, got, 0.15, "%s %s rep %d %s: %s", rec.ID, rep.Variant, i, phase.Name, name)
						checked++
					}
				}
			}
		}
	}
	assert.Greater(t, checked, 800)
}
