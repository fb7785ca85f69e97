package explore_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
)

// worse is the outcome of the comparison with the run without the controller.
func worse(t *testing.T, name string, set ...string) scenarios.Outcome {
	t.Helper()
	l, err := scenarios.Load(name, set, catalog.Vocabulary())
	require.NoError(t, err)
	res, err := play(t.Context(), l, 1)
	require.NoError(t, err)
	for _, o := range res.Outcomes {
		if o.Name == "the controller makes nothing worse" {
			return o
		}
	}
	t.Fatalf("nothing was compared: %+v", res.Outcomes)
	return scenarios.Outcome{}
}

func TestAControllerThatMovesWhatNothingMustMoveMakesThatWorse(t *testing.T) {
	o := worse(t, "disk-relieved-early", "expect=[{controller-makes-worse: nothing}, {moves-at-most: 0}]")
	assert.Equal(t, scenarios.Fail, o.Verdict, o.Reason)
	assert.Contains(t, o.Reason, "holds without the controller")
	assert.Positive(t, o.Line)
}

func TestAFigureWithAToleranceIsComparedWithinItsLimit(t *testing.T) {
	within := worse(t, "disk-relieved-early", "expect=[{moves-at-most: 100}, {controller-makes-worse: nothing}]")
	assert.Equal(t, scenarios.Pass, within.Verdict, within.Reason)
	beyond := worse(t, "disk-relieved-early", "expect=[{moves-at-most: 100, tolerance: 1}, {controller-makes-worse: nothing}]")
	assert.Equal(t, scenarios.Fail, beyond.Verdict, beyond.Reason)
	assert.Contains(t, beyond.Reason, "worse with the controller")
}

// Faults of the controller's own are left out of the run without one.
func TestALostNodeIsNoWorseWithTheControllerThanWithout(t *testing.T) {
	o := worse(t, "one-node-lost", "expect=[{recovered: green, within: 1m, of: node-loss}, {lost-acked-writes: 0}, {controller-makes-worse: nothing}]",
		"faults=[{at: 2s, controller-loss: {how: kill, for: 5s}}, {at: 15s, node-loss: {node: n2}}]")
	assert.Equal(t, scenarios.Pass, o.Verdict, o.Reason)
	assert.Contains(t, o.Reason, "none of 2 outcomes")
}

func TestWithNothingToCompareItIsUndecided(t *testing.T) {
	o := worse(t, "one-node-lost", "expect=[{controller-makes-worse: nothing}]", "duration=30s")
	assert.Equal(t, scenarios.Unknown, o.Verdict)
	_, err := scenarios.Load("one-node-lost", []string{"expect=[{controller-makes-worse: everything}]"}, catalog.Vocabulary())
	assert.ErrorContains(t, err, "nothing")
}

func TestPlansAreRunWithoutTheControllerWhereAClaimAsksForIt(t *testing.T) {
	cfg := tight(t)
	var err error
	cfg.Scenario, err = scenarios.Load("rebalance-12-4-2", []string{
		"expect=[{lost-acked-writes: 0}]", "duration=60s", "workload=[{index: logs, writes: 5/s}]",
		"explore={kinds: [node-loss, api-errors], most: 1, claims: [{controller-makes-worse: nothing}]}",
	}, catalog.Vocabulary())
	require.NoError(t, err)
	cfg.Plans, cfg.Seeds, cfg.Tries = 6, 0, 10
	r := search(t, cfg)
	asked := r.Claims[len(r.Claims)-1]
	assert.Equal(t, "{controller-makes-worse: nothing}", asked.Claim)
	assert.Equal(t, 6, asked.Held, "%+v", asked)
}
