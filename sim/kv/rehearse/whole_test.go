package rehearse_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/storage/damage"
	"github.com/shardquake/shardquake/sim/kv/rehearse"
)

// TestWholeClustersUnderRandomFaultsFindNoViolation is the proof by rehearsal for nodes
// with all their parts.
func TestWholeClustersUnderRandomFaultsFindNoViolation(t *testing.T) {
	plan := planned()
	seeds := len(plan)
	var total rehearse.WholeResult
	total.Damage = map[damage.Kind]int{}
	beyond := 0
	undecided, outages, events := 0, 0, uint64(0)
	var worst time.Duration
	for _, seed := range plan {
		r, err := rehearse.Whole(rehearse.WholeOptions{Seed: seed})
		require.NoError(t, err, "seed %d", seed)
		require.False(t, r.Bad(), "seed %d: %v %v", seed, r.Problems, r.Report.Violations)
		if r.Report.Verdict == check.Undecided {
			undecided++
		}
		for _, d := range r.Outages {
			outages++
			worst = max(worst, time.Duration(d*100/r.Bound))
		}
		total.Acknowledged += r.Acknowledged
		total.UnknownWrites += r.UnknownWrites
		total.Activations += r.Activations
		total.Changes += r.Changes
		total.Crashes += r.Crashes
		total.Cuts += r.Cuts
		total.Wipes += r.Wipes
		for kind, n := range r.Damage {
			total.Damage[kind] += n
		}
		if r.Beyond {
			beyond++
		}
		total.RolledBack += r.RolledBack
		total.Mended += r.Mended
		total.Lost += r.Lost
		total.Leaders += r.Leaders
		total.Revisions += r.Revisions
		total.Events += r.Events
		events = max(events, r.Events)
		total.Report.Ops += r.Report.Ops
		total.Report.Overlaps += r.Report.Overlaps
	}
	t.Logf("%d seeds, %d beyond: %+v; %d outages, the longest %d %% of the bound; at most %d events", seeds, beyond, total, outages, worst, events)
	assert.Less(t, undecided, seeds/10, "too few operations came through")
	if seeds < enoughPlans {
		return
	}
	assert.Greater(t, total.Activations, seeds*10)
	assert.Greater(t, outages, seeds/3)
	assert.Greater(t, total.Wipes, seeds/25) // about a ninth of the plans have one
	assert.Greater(t, total.Leaders, seeds*2)
}

func TestAWholeRehearsalRepeatsExactly(t *testing.T) {
	a, err := rehearse.Whole(rehearse.WholeOptions{Seed: 7})
	require.NoError(t, err)
	b, err := rehearse.Whole(rehearse.WholeOptions{Seed: 7})
	require.NoError(t, err)
	assert.Equal(t, a, b)
	other, err := rehearse.Whole(rehearse.WholeOptions{Seed: 8})
	require.NoError(t, err)
	assert.NotEqual(t, a.TraceHash, other.TraceHash)
}
