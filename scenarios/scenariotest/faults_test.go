package scenariotest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios/scenariotest"
)

func TestEveryFaultBitesOnTheSimulatorAndIsGoneAfterHealing(t *testing.T) {
	for _, file := range []string{"testdata/every-fault.yaml", "testdata/every-fault-kv.yaml"} {
		res := scenariotest.Run(t, file)
		require.Len(t, res.History.Faults, len(res.Scenario.Faults), file)
		for _, f := range res.History.Faults {
			assert.True(t, f.Shown(), "%s: %s %v", f.Kind, f.Error, f.Bites)
			if chaos.ForGood(f.Params) {
				continue // an operator's steps and newcomers stay
			}
			require.NotEmpty(t, f.Gone, f.Kind)
			for _, g := range f.Gone {
				assert.True(t, g.Shown, "%s: %s", g.What, g.Saw)
			}
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
