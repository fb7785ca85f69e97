package scenariotest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios/observed"
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

func TestOfTwoOverlappingSlowDisksTheSecondStaysInForceUntilItsEnd(t *testing.T) {
	res := scenariotest.Run(t, "testdata/overlapping-slow-disks.yaml", scenariotest.Set("cluster.kv.write-level=all"))
	require.Len(t, res.History.Faults, 2)
	first, second := res.History.Faults[0], res.History.Faults[1]
	assert.Equal(t, 40*time.Second, first.HealedAt)
	require.Len(t, first.Gone, 1)
	assert.Equal(t, "left as it was for another fault that still holds it", first.Gone[0].Saw)
	require.Len(t, second.Gone, 1)
	assert.True(t, second.Gone[0].Shown, second.Gone[0].Saw)
	// A write at level all waits for the disk of n2: as long as either of the two is in force, and no longer.
	slow := func(from, to time.Duration) (n int) {
		for _, s := range res.History.Tracers.Operations {
			if s.At > from && s.At < to && s.Latency >= 400*time.Millisecond {
				n++
			}
		}
		return n
	}
	assert.Zero(t, slow(0, 10*time.Second))
	assert.Positive(t, slow(11*time.Second, 19*time.Second))
	assert.Positive(t, slow(40*time.Second, 49*time.Second), "the first one healed at 40 s")
	assert.Zero(t, slow(51*time.Second, time.Minute))
}

func TestWritesAndRecoveriesWaitForASlowDisk(t *testing.T) {
	res := scenariotest.Run(t, "testdata/slow-disk.yaml")
	for _, op := range res.History.Tracers.Operations {
		if during := op.At > 11*time.Second && op.At < 29*time.Second; during || op.At < 9*time.Second || op.At > 32*time.Second {
			assert.Equal(t, during, op.Latency >= 400*time.Millisecond, "a write at %s took %s", op.At, op.Latency)
		}
	}
	var took []time.Duration
	for _, o := range res.History.Observations {
		if r, is := o.Sight.(observed.Recovery); is && r.Start > 50*time.Second && r.Stop > 0 {
			took = append(took, r.Stop-r.Start)
		}
	}
	require.Len(t, took, 1)
	assert.InDelta(t, 40, took[0].Seconds(), 4, "200 MB at 5 MB a second")
}

func TestACopyWhosePrimaryIsHandedOffMeanwhileBeginsAgainFromTheNewOne(t *testing.T) {
	res := scenariotest.Run(t, "testdata/handed-off-while-copying.yaml")
	from := map[string]bool{}
	for _, o := range res.History.Observations {
		if r, is := o.Sight.(observed.Recovery); is && r.To == "slow" && r.From != "" {
			from[r.From] = true
		}
	}
	assert.Equal(t, map[string]bool{"n1": true, "n2": true}, from)
}
