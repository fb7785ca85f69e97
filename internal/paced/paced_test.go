//determinism:realtime virtual time follows the machine's here, by design

package paced_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/paced"
	"github.com/shardquake/shardquake/sim"
)

// world is a simulation that nothing happens in but what is ordered.
type world struct {
	*paced.Pacer
	engine *sim.Engine
	stop   func()
}

// begin paces an engine in a goroutine of its own until the test is over.
func begin(t *testing.T, speed float64) *world {
	t.Helper()
	w := &world{Pacer: paced.New(speed), engine: sim.NewEngine(sim.Config{Seed: 1})}
	clock := w.engine.Clock("pacer")
	ctx, cancel := clock.WithCancel(context.Background())
	end := make(chan struct{})
	clock.Go(ctx, "pace", func(ctx context.Context) {
		w.Run(ctx, paced.World{Clock: clock, Next: func() time.Duration { return time.Hour }, Look: func() {
			select {
			case <-end:
				cancel()
			default:
			}
		}})
	})
	over := make(chan error, 1)
	go func() { over <- w.engine.Run(sim.Never) }()
	stopped := false
	w.stop = func() {
		if !stopped {
			stopped = true
			close(end)
			require.NoError(t, <-over)
		}
	}
	t.Cleanup(w.stop)
	return w
}

// now is what time it is in the simulation.
func (w *world) now(t *testing.T) (at sim.Time) {
	t.Helper()
	require.NoError(t, w.Do(context.Background(), "look", func(context.Context) { at = w.engine.Now() }))
	return at
}

func TestWhatIsOrderedRunsInTheSimulationAndIsWaitedFor(t *testing.T) {
	w := begin(t, 1e6)
	var before, after sim.Time
	err := w.Do(context.Background(), "sleep", func(ctx context.Context) {
		before = w.engine.Now()
		assert.NoError(t, w.engine.Clock("x").Sleep(ctx, time.Minute))
		after = w.engine.Now()
	})
	require.NoError(t, err)
	assert.Equal(t, time.Minute, after.Sub(before))
}

func TestTimeThatIsPausedStandsButForWhatComesBackToTheClock(t *testing.T) {
	w := begin(t, 1e6)
	w.SetPaused(true)
	w.now(t)
	first := w.now(t) // what was owed until then has passed
	for range 20 {
		w.now(t)
	}
	assert.Less(t, w.now(t).Sub(first), time.Microsecond)
	_, paused := w.Pace()
	assert.True(t, paused)
	w.SetPaused(false)
	require.NoError(t, w.Do(context.Background(), "sleep", func(ctx context.Context) {
		assert.NoError(t, w.engine.Clock("x").Sleep(ctx, time.Hour))
	}))
	assert.Greater(t, w.now(t).Sub(first), time.Hour)
}

func TestInAHurryTimePassesThoughItIsPaused(t *testing.T) {
	w := begin(t, 1)
	w.SetPaused(true)
	first := w.now(t)
	enough := w.Hurry()
	require.NoError(t, w.Do(context.Background(), "sleep", func(ctx context.Context) {
		assert.NoError(t, w.engine.Clock("x").Sleep(ctx, 5*time.Second))
	}))
	enough()
	w.now(t) // what was owed until then has passed
	then := w.now(t)
	assert.Greater(t, then.Sub(first), 5*time.Second)
	assert.Less(t, w.now(t).Sub(then), time.Second, "it stands again")
}

func TestAnOrderWhoseAskerHasGoneIsGivenUp(t *testing.T) {
	w := begin(t, 1)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	err := w.Do(ctx, "for ever", func(ctx context.Context) {
		cancel()
		ended <- w.engine.Clock("x").Sleep(ctx, 1000*time.Hour)
	})
	require.ErrorIs(t, err, context.Canceled)
	assert.Error(t, <-ended, "the process of the order has ended as well")
}

func TestNothingIsOrderedOfWhatIsNotPacedAnyMore(t *testing.T) {
	w := begin(t, 1)
	w.stop()
	assert.ErrorIs(t, w.Do(context.Background(), "late", func(context.Context) {}), paced.ErrOver)
}

func TestTheSpeedCanBeChanged(t *testing.T) {
	w := begin(t, 1)
	w.SetSpeed(1e6)
	speed, paused := w.Pace()
	assert.InDelta(t, 1e6, speed, 0)
	assert.False(t, paused)
	require.NoError(t, w.Do(context.Background(), "sleep", func(ctx context.Context) {
		assert.NoError(t, w.engine.Clock("x").Sleep(ctx, time.Hour), "an hour takes milliseconds")
	}))
}

// Where the machine computes more slowly than time is to pass, the cluster's time falls behind and
// says so; it does not go on in ever longer steps.
func TestAMachineThatCannotKeepPaceLosesTimeAndSaysSo(t *testing.T) {
	w := begin(t, 1)
	var tick func()
	over := false
	tick = func() {
		if over {
			return
		}
		time.Sleep(2 * time.Millisecond) // what a millisecond of this cluster takes to compute
		w.engine.After(time.Millisecond, "work", tick)
	}
	require.NoError(t, w.Do(context.Background(), "begin", func(context.Context) { tick() }))
	require.Eventually(t, func() bool { return w.Keeping().Reached > 0 }, time.Minute, 10*time.Millisecond)
	k := w.Keeping()
	assert.Less(t, k.Reached, 0.6)
	assert.Greater(t, k.Lag, 100*time.Millisecond)
	assert.Less(t, k.Lag, 10*time.Second, "a step stays short")
	assert.Positive(t, k.Lost)
	w.SetPaused(true)
	require.Eventually(t, func() bool { return w.Keeping().Reached == 0 }, time.Minute, 10*time.Millisecond, "nothing is asked for while it is paused")
	require.NoError(t, w.Do(context.Background(), "end", func(context.Context) { over = true }))
}

func TestAMachineThatKeepsPaceReachesTheSpeed(t *testing.T) {
	w := begin(t, 10)
	require.Eventually(t, func() bool { return w.Keeping().Reached > 0 }, time.Minute, 10*time.Millisecond)
	assert.InDelta(t, 10, w.Keeping().Reached, 2)
}
