package scenariotest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/scenarios/scenariotest"
)

// targets counts the moves of a run by where they went.
func targets(res *scenarios.Result) map[string]int {
	out := map[string]int{}
	for _, m := range res.History.Moves() {
		out[m.To]++
	}
	return out
}

func TestShardsMoveToTheNearNodeThatMayHoldThem(t *testing.T) {
	near := scenariotest.Run(t, "moves-stay-near")
	assert.Positive(t, targets(near)["n2"], "the other node of the zone")
	assert.Len(t, targets(near), 1, "and no other: %v", targets(near))
	said := false
	for _, d := range near.History.Decisions {
		if d.Acted && d.Policy == "disk" {
			said = true
			assert.Contains(t, d.Reason, "at distance ", "the reason names it")
			assert.Contains(t, d.Observed, observed.NamedValue{Name: "distance", Value: 0})
		}
	}
	require.True(t, said)

	far := scenariotest.Run(t, "moves-stay-near", scenariotest.Set("controller.distance=rack"))
	assert.Zero(t, targets(far)["n2"], "where nothing is known of zones the emptiest node is the best: %v", targets(far))
	assert.Zero(t, targets(far)["n5"], "but never one of another tier")
}
