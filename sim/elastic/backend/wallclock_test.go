package backend_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
)

func TestTheClocksOfSimulatedNodesBeginWhereTheFileSays(t *testing.T) {
	now := func(name, text string, b scenarios.Backend) time.Time {
		set := []string{}
		if text != "" {
			set = append(set, "wall-clock="+text)
		}
		s, err := scenarios.Load(name, set, catalog.Vocabulary())
		require.NoError(t, err)
		cluster, err := b.Start(t.Context(), s.ClusterSpec(), scenarios.StartOptions{Seed: 1, Progress: func(string, ...any) {}})
		require.NoError(t, err)
		defer cluster.Close(context.Background()) //nolint:errcheck // it is simulated
		return cluster.Clock(scenarios.ViewerClient).Now().UTC()
	}
	sim, err := catalog.Backend("sim")
	require.NoError(t, err)
	fixed, said := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC)
	for _, name := range []string{"one-node-lost", "kv-node-lost"} {
		usual := now(name, "", sim)
		assert.WithinDuration(t, fixed, usual, 3*time.Minute, name)
		assert.Equal(t, said.Sub(fixed), now(name, "2026-01-31T08:00:00Z", sim).Sub(usual), name)
	}
	served := time.Date(2030, 5, 6, 7, 8, 9, 0, time.UTC) // as sim-serve --wall-clock has it
	assert.WithinDuration(t, served, now("one-node-lost", "2026-01-31T08:00:00Z", catalog.SimulatorAt(served)), 3*time.Minute)
}
