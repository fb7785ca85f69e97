package scenariotest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios/scenariotest"
)

func TestEveryFaultBitesOnTheSimulatorAndIsGoneAfterHealing(t *testing.T) {
	res := scenariotest.Run(t, "testdata/every-fault.yaml")
	require.Len(t, res.History.Faults, 21)
	for _, f := range res.History.Faults {
		assert.True(t, f.Shown(), f.Kind)
		require.NotEmpty(t, f.Gone, f.Kind)
		for _, g := range f.Gone {
			assert.True(t, g.Shown, "%s: %s", g.What, g.Saw)
		}
	}
}

func TestDamageThatNobodyReadsIsShownToStay(t *testing.T) {
	res := scenariotest.Run(t, "testdata/what-stays.yaml")
	require.Len(t, res.History.Faults, 4)
	assert.Empty(t, res.History.Faults[0].Gone, "a snapshot is for good")
	for _, f := range res.History.Faults[1:] {
		require.Len(t, f.Gone, 1, f.Kind)
		assert.False(t, f.Gone[0].Shown)
		assert.Contains(t, f.Gone[0].Saw, "not repaired")
	}
}
