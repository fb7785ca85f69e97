package rehearse_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/kv/rehearse"
)

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
