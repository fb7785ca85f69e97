package rehearse_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/kv/rehearse"
)

// TestALogThatWasCutWhileItsTailWasBegunIsFoundOut is a plan in which more was written between
// two syncs than a tail holds: both of its slots were begun anew, the power failed, the log was
// cut, and nothing was left that knew of what had been synced. A primary acted twice in its epoch.
func TestALogThatWasCutWhileItsTailWasBegunIsFoundOut(t *testing.T) {
	t.Parallel()
	o, err := rehearse.Run(rehearse.Plan{Kind: rehearse.Copies, Seed: 50355})
	require.NoError(t, err)
	assert.NotEqual(t, rehearse.Failed, o.Verdict, "%v", o.Why)
	assert.GreaterOrEqual(t, o.Counts["mended"]+o.Counts["lost"], 2, "what was done to two disks is found")
}

// TestPlansThatAskedForTooMuch are plans that failed for what nobody can promise: a disk of a
// shard with two copies was lost, and a node that was put back to a time before it was removed
// was to come back by itself.
func TestPlansThatAskedForTooMuch(t *testing.T) {
	t.Parallel()
	for _, p := range []rehearse.Plan{{Kind: rehearse.WholeCluster, Seed: 40570}, {Kind: rehearse.Damaged, Seed: 40670}} {
		t.Run(fmt.Sprint(p.Kind, "-", p.Seed), func(t *testing.T) {
			o, err := rehearse.Run(p)
			require.NoError(t, err)
			assert.NotEqual(t, rehearse.Failed, o.Verdict, "%v", o.Why)
		})
	}
}
