package rehearse_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/sim/kv/rehearse"
)

// TestTransactionsUnderRandomFaultsAreSerializable is the proof by rehearsal for
// transactions: money only moves, lists are as if one transaction had run after the other,
// while shards split and merge and clients die between prepare and commit.
func TestTransactionsUnderRandomFaultsAreSerializable(t *testing.T) {
	plan := planned()
	seeds := len(plan)
	var total rehearse.Result
	undecided, batches := 0, 0
	for _, seed := range plan {
		r, err := rehearse.Shard(rehearse.Options{Seed: seed, Transactions: true, Keys: 4, Duration: 10 * time.Second})
		require.NoError(t, err, "seed %d", seed)
		require.False(t, r.Bad(), "seed %d: %v %v %v %v", seed, r.Problems, r.Lists.Anomalies, r.Bank.Why, r.Report.Violations)
		if r.Lists.Verdict == check.Undecided || r.Bank.Verdict == check.Undecided {
			undecided++
		}
		if r.Report.Verdict == check.Pass {
			batches++
		}
		total.Lists.Txns += r.Lists.Txns
		total.Lists.Overlaps += r.Lists.Overlaps
		total.Lists.Failovers += r.Lists.Failovers
		total.Bank.Audits += r.Bank.Audits
		total.Bank.Transfers += r.Bank.Transfers
		total.Report.Ops += r.Report.Ops
		total.Report.Overlaps += r.Report.Overlaps
		total.Committed += r.Committed
		total.Doubtful += r.Doubtful
		total.Conflicts += r.Conflicts
		total.Deaths += r.Deaths
		total.Splits += r.Splits
		total.Merges += r.Merges
		total.Events += r.Events
	}
	t.Logf("%d seeds, %d undecided, %d batches: %+v", seeds, undecided, batches, total)
	assert.Less(t, undecided, seeds/5, "too few transactions came through")
	assert.Greater(t, batches, seeds/2, "too few batches came through")
	assert.Greater(t, total.Conflicts, seeds)
	assert.Greater(t, total.Deaths, seeds)
	assert.Greater(t, total.Splits, seeds)
}
