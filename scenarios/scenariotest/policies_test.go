package scenariotest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
)

// compared runs every scenario of the library that balances with two policies and
// several seeds.
func compared(t *testing.T, seeds uint64, policies ...string) *reports.Policies {
	backend, err := catalog.Backend("sim")
	require.NoError(t, err)
	runner := &scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor, Explain: catalog.Explain}
	var all []*reports.Report
	for _, name := range scenarios.Library() {
		s, err := scenarios.Load(name, nil, catalog.Vocabulary())
		require.NoError(t, err)
		if !s.Balances() {
			continue
		}
		for _, p := range policies {
			for seed := uint64(1); seed <= seeds; seed++ {
				res, err := runner.Run(t.Context(), s.WithPolicy(p), scenarios.Options{Seed: seed, Scale: scenarios.AsDescribed})
				require.NoError(t, err, name)
				require.NoError(t, res.Aborted, name)
				rep, err := reports.Build(res)
				require.NoError(t, err, name)
				all = append(all, rep)
			}
		}
	}
	return reports.ComparePolicies(all)
}

func TestVarianceMovesLessThanThresholdAndBalancesAtLeastAsWell(t *testing.T) {
	t.Parallel()
	c := compared(t, 2, "threshold", "variance")
	threshold, variance := c.Total("threshold"), c.Total("variance")
	require.NotNil(t, threshold)
	require.NotNil(t, variance)
	assert.Less(t, variance.Thrash, threshold.Thrash)
	assert.LessOrEqual(t, variance.FinalCV, threshold.FinalCV)
	assert.LessOrEqual(t, variance.AverageCV, threshold.AverageCV)

	require.Greater(t, len(c.Rows), 10, "the library has scenarios enough to judge")
	// Where both end as even, variance gets there with fewer moves; where it moves more, it
	// ends more even.
	var moves [2]float64
	for i := 0; i < len(c.Rows); i += 2 {
		was, is := c.Rows[i], c.Rows[i+1]
		if was.FinalCV-is.FinalCV < 1e-3 {
			moves[0] += was.Moves
			moves[1] += is.Moves
		}
		require.Equal(t, was.Scenario, is.Scenario)
		assert.LessOrEqual(t, is.FinalCV, was.FinalCV, is.Scenario)
		assert.LessOrEqual(t, is.Thrash, was.Thrash, is.Scenario)
	}
	assert.Less(t, moves[1], moves[0])
	for _, r := range c.Rows {
		assert.GreaterOrEqual(t, r.Moves, r.IdealMoves, "%s with %s beats the lower bound, so it is none", r.Scenario, r.Policy)
		assert.GreaterOrEqual(t, r.Bytes, r.IdealBytes, "%s with %s", r.Scenario, r.Policy)
	}
}
