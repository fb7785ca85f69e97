package rehearse_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/kv/rehearse"
)

// TestWholeClustersOnPebbleFindNoViolation rehearses the engine that ships: what must hold is
// asserted, that a run repeats is not.
func TestWholeClustersOnPebbleFindNoViolation(t *testing.T) {
	plans := planned()
	plans = plans[:max(1, len(plans)/10)]
	counts := rehearse.Counts{}
	for _, seed := range plans {
		o, err := rehearse.Run(rehearse.Plan{Kind: rehearse.OnPebble, Seed: seed, Keep: t.TempDir()})
		require.NoError(t, err, "seed %d", seed)
		require.NotEqual(t, rehearse.Failed, o.Verdict, "seed %d: %v", seed, o.Why)
		counts.Add(o.Counts)
	}
	t.Logf("%d plans: %v", len(plans), counts)
	assert.Positive(t, counts["acknowledged"])
	assert.Positive(t, counts["crashes"])
	assert.Positive(t, counts["damage"])
}

func TestAPlanSaysWhatHappenedAndWhatItFound(t *testing.T) {
	for _, kind := range rehearse.Kinds() {
		o, err := rehearse.Run(rehearse.Plan{Kind: kind, Seed: 3})
		require.NoError(t, err)
		assert.Contains(t, []rehearse.Verdict{rehearse.Passed, rehearse.Undecided, rehearse.Beyond}, o.Verdict, "%s: %v", kind, o.Why)
		assert.Positive(t, o.Counts["events"], kind)
	}
	_, err := rehearse.Run(rehearse.Plan{Kind: "none"})
	assert.ErrorContains(t, err, `"none"`)
	assert.ErrorContains(t, err, "transactions")
}
