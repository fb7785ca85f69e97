package rehearse_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/storage/damage"
	"github.com/shardquake/shardquake/sim/kv/rehearse"
)

// TestRandomFaultsFindNoViolation is the proof by rehearsal: histories stay
// linearizable, copies converge, each epoch has one acting primary.
func TestRandomFaultsFindNoViolation(t *testing.T) {
	plan := planned()
	seeds := len(plan)
	var total rehearse.Result
	total.Damage = map[damage.Kind]int{}
	undecided := 0
	for _, seed := range plan {
		r, err := rehearse.Shard(rehearse.Options{Seed: seed})
		require.NoError(t, err, "seed %d", seed)
		require.False(t, r.Bad(), "seed %d: %v %v %v", seed, r.Problems, r.Report.Violations, r.Swaps.Violations)
		if r.Report.Verdict == check.Undecided || r.Swaps.Verdict == check.Undecided {
			undecided++
		}
		total.Acknowledged += r.Acknowledged
		total.UnknownWrites += r.UnknownWrites
		total.Failovers += r.Failovers
		total.Moves += r.Moves
		total.Crashes += r.Crashes
		total.Cuts += r.Cuts
		total.Snapshots += r.Snapshots
		total.Splits += r.Splits
		total.Merges += r.Merges
		total.Lost += r.Lost
		total.Mended += r.Mended
		for kind, n := range r.Damage {
			total.Damage[kind] += n
		}
		total.Report.Ops += r.Report.Ops
		total.Report.Overlaps += r.Report.Overlaps
		total.Swaps.Ops += r.Swaps.Ops
		total.Events += r.Events
	}
	t.Logf("%d seeds: %+v", seeds, total)
	assert.Less(t, undecided, seeds/10, "too few operations came through")
	if seeds < enoughPlans {
		return
	}
	assert.Greater(t, total.Failovers, seeds*5)
	assert.Greater(t, total.UnknownWrites, seeds/2)
	assert.Greater(t, total.Snapshots, seeds/2)
	assert.Greater(t, total.Splits, seeds)
	assert.Greater(t, total.Merges, seeds/4)
	assert.Greater(t, total.Lost, seeds/10, "disks that weren't what they had been")
}

func TestARehearsalRepeatsExactly(t *testing.T) {
	a, err := rehearse.Shard(rehearse.Options{Seed: 7})
	require.NoError(t, err)
	b, err := rehearse.Shard(rehearse.Options{Seed: 7})
	require.NoError(t, err)
	assert.Equal(t, a, b)
	other, err := rehearse.Shard(rehearse.Options{Seed: 8})
	require.NoError(t, err)
	assert.NotEqual(t, a.TraceHash, other.TraceHash)
}
