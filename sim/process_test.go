package sim

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// run runs the engine until nothing is left to do, and closes it.
func run(t *testing.T, e *Engine) {
	t.Helper()
	require.NoError(t, e.Run(Never))
	require.NoError(t, e.Close())
}

var bg = context.Background()

func TestProcessesTakeTurnsByTheirSleeps(t *testing.T) {
	e := NewEngine(Config{})
	clk := e.Clock("n1")
	var said []string
	for _, p := range []struct {
		name string
		nap  time.Duration
	}{{"a", 2 * time.Second}, {"b", 3 * time.Second}, {"c", 2 * time.Second}} {
		clk.Go(bg, p.name, func(ctx context.Context) {
			for range 2 {
				assert.NoError(t, clk.Sleep(ctx, p.nap))
				said = append(said, p.name+clk.Monotonic().String())
			}
		})
	}
	run(t, e)
	assert.Equal(t, []string{"a2s", "c2s", "b3s", "a4s", "c4s", "b6s"}, said)
}

func TestAWakeUpComesAfterWhatWasCausedBefore(t *testing.T) {
	e := NewEngine(Config{})
	var said []string
	say := func(s string) func() { return func() { said = append(said, s) } }
	happened := e.NewEvent()
	for _, name := range []string{"first", "second"} {
		e.Go(name, func(ctx context.Context) {
			assert.NoError(t, happened.Wait(ctx))
			say(name)()
		})
	}
	e.After(time.Second, "x", func() {
		e.After(0, "before", say("before"))
		happened.Set()
		e.After(0, "after", say("after"))
		say("set")()
	})
	run(t, e)
	assert.Equal(t, []string{"set", "before", "first", "second", "after"}, said)
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	e := NewEngine(Config{})
	clk := e.Clock("n1")
	never := clk.NewEvent()
	clk.Go(bg, "waiter", func(ctx context.Context) {
		short, cancel := clk.WithTimeout(ctx, time.Second)
		defer cancel()
		deadline, ok := short.Deadline()
		assert.True(t, ok)
		assert.Equal(t, clk.Now().Add(time.Second), deadline)
		assert.ErrorIs(t, never.Wait(short), context.DeadlineExceeded)
		assert.Equal(t, time.Second, clk.Monotonic())
		assert.ErrorIs(t, clk.Sleep(short, time.Hour), context.DeadlineExceeded)
		assert.Equal(t, time.Second, clk.Monotonic())

		able, cancel := clk.WithCancel(ctx)
		clk.AfterFunc(ctx, time.Second, "cancel", func(context.Context) { cancel() })
		assert.ErrorIs(t, clk.Sleep(able, time.Hour), context.Canceled)
		assert.Equal(t, 2*time.Second, clk.Monotonic())
		assert.NoError(t, clk.Sleep(ctx, time.Second))
		assert.ErrorIs(t, e.NewEvent().WaitFor(ctx, time.Second), context.DeadlineExceeded)
		assert.Equal(t, 4*time.Second, clk.Monotonic())
	})
	run(t, e)
	assert.Equal(t, Time(4*time.Second), e.Now(), "the sleeps that were cut short leave no events behind")
}

func TestParkUsesUpOneWake(t *testing.T) {
	e := NewEngine(Config{})
	clk := e.Clock("n1")
	var at []time.Duration
	p := clk.Start(bg, "parker", func(ctx context.Context) {
		me, ok := Current(ctx)
		assert.True(t, ok)
		for range 3 {
			assert.NoError(t, me.Park(ctx))
			at = append(at, clk.Monotonic())
			assert.NoError(t, clk.Sleep(ctx, 2*time.Second))
		}
		limited, cancel := clk.WithTimeout(ctx, time.Second)
		defer cancel()
		assert.ErrorIs(t, me.Park(limited), context.DeadlineExceeded)
	})
	for _, d := range []time.Duration{1, 2, 7} { // at 2s it sleeps
		e.After(d*time.Second, "wake", p.Wake)
	}
	run(t, e)
	assert.Equal(t, []time.Duration{time.Second, 3 * time.Second, 7 * time.Second}, at)
	assert.True(t, p.Done())
	_, ok := Current(bg)
	assert.False(t, ok)
}

func TestWaitingOutsideAProcessIsRefused(t *testing.T) {
	e := NewEngine(Config{})
	assert.ErrorIs(t, e.Clock("n1").Sleep(bg, time.Second), ErrOutside)
	assert.ErrorIs(t, e.NewEvent().Wait(bg), ErrOutside)
}

func TestAPanicInAProcessIsReportedWithItsNameAndStack(t *testing.T) {
	e := NewEngine(Config{})
	cause := errors.New("broken")
	other := false
	clk := e.Clock("n1")
	clk.Go(bg, "careless", func(ctx context.Context) {
		assert.NoError(t, clk.Sleep(ctx, time.Second))
		panic(cause)
	})
	e.After(2*time.Second, "later", func() { other = true })
	err := e.Run(Never)
	var p *PanicError
	require.ErrorAs(t, err, &p)
	require.ErrorIs(t, err, cause)
	assert.Equal(t, "process careless", p.Where)
	assert.Contains(t, p.Stack, "process_test.go")
	assert.False(t, other, "nothing runs after it")
	require.ErrorIs(t, e.Close(), cause)
}

func TestTheWatchdogNamesAProcessThatBlocksOutsideTheClock(t *testing.T) {
	e := NewEngine(Config{Watchdog: 20 * time.Millisecond})
	forever := make(chan struct{})
	defer close(forever)
	e.Go("blocker", func(context.Context) { <-forever })
	var b *BlockedError
	require.ErrorAs(t, e.Run(Never), &b)
	assert.Equal(t, "blocker", b.Process)
	assert.Contains(t, b.Stacks, "TestTheWatchdogNames")
	_, err := e.Step()
	require.ErrorAs(t, err, &b, "the engine is lost")
}

func TestAProcessThatEndsItsGoroutineEndsTheRun(t *testing.T) {
	e := NewEngine(Config{})
	e.Go("asserter", func(context.Context) {
		inner := &testing.T{}
		inner.FailNow()
	})
	require.ErrorContains(t, e.Run(Never), "Goexit")
}

func TestKillingAClockStopsItsProcessesAndRunsTheirDeferredCalls(t *testing.T) {
	e := NewEngine(Config{})
	clk := e.Clock("n1")
	var said []string
	for _, name := range []string{"a", "b"} {
		clk.Go(bg, name, func(ctx context.Context) {
			defer func() {
				assert.ErrorIs(t, clk.Sleep(bg, time.Second), ErrStopped)
				assert.ErrorIs(t, ctx.Err(), context.Canceled)
				assert.ErrorIs(t, clk.NewEvent().Wait(bg), ErrStopped)
				clk.Go(bg, "late", func(context.Context) { said = append(said, "late") })
				assert.False(t, clk.AfterFunc(bg, 0, "late", func(context.Context) { said = append(said, "late") }).Stop())
				dead, cancel := clk.WithTimeout(bg, time.Second)
				defer cancel()
				assert.ErrorIs(t, dead.Err(), context.Canceled)
				said = append(said, name+" stopped at "+clk.Monotonic().String())
			}()
			err := clk.Sleep(ctx, time.Hour)
			assert.ErrorIs(t, err, ErrStopped)
		})
	}
	clk.AfterFunc(bg, 2*time.Second, "never", func(context.Context) { said = append(said, "never") })
	e.After(time.Second, "kill", func() {
		clk.Go(bg, "unborn", func(context.Context) { said = append(said, "unborn") })
		clk.Kill()
		said = append(said, "killed")
	})
	run(t, e)
	assert.Equal(t, []string{"a stopped at 1s", "b stopped at 1s", "killed"}, said)
	assert.True(t, clk.Killed())
	next := e.Clock("n1")
	assert.NotSame(t, clk, next, "the next life has a clock of its own")
	assert.Zero(t, next.Monotonic())
	assert.Same(t, next, e.Clock("n1"))
}

func TestAProcessThatKillsItselfLearnsOfItAtItsNextWait(t *testing.T) {
	e := NewEngine(Config{})
	clk := e.Clock("n1")
	var err error
	clk.Go(bg, "suicidal", func(ctx context.Context) {
		clk.Kill()
		err = clk.Sleep(ctx, time.Second)
	})
	run(t, e)
	assert.ErrorIs(t, err, ErrStopped)
	assert.Zero(t, e.Now())
}

func TestAStoppedProcessThatIgnoresErrorsIsUnwound(t *testing.T) {
	e := NewEngine(Config{})
	clk := e.Clock("n1")
	deferred := false
	p := clk.Start(bg, "stubborn", func(ctx context.Context) {
		defer func() { deferred = true }()
		for {
			_ = clk.Sleep(ctx, time.Second)
		}
	})
	e.After(time.Minute, "stop", p.Stop)
	run(t, e)
	assert.True(t, p.Done())
	assert.True(t, deferred)
}

func TestCloseStopsWhatStillWaits(t *testing.T) {
	e := NewEngine(Config{})
	p := e.Go("waiter", func(ctx context.Context) { assert.ErrorIs(t, e.NewEvent().Wait(ctx), ErrStopped) })
	second := e.Go("second", func(ctx context.Context) { assert.ErrorIs(t, p.Wait(ctx), ErrStopped) })
	require.NoError(t, e.Run(Never))
	require.NoError(t, e.Close())
	assert.True(t, p.Done())
	assert.True(t, second.Done())
}

func TestSlotsOfEndedProcessesAreUsedAgain(t *testing.T) {
	e := NewEngine(Config{})
	clk := e.Clock("n1")
	clk.Go(bg, "parent", func(ctx context.Context) {
		for range 1000 {
			g := clk.NewGroup()
			g.Go(ctx, "child", func(ctx context.Context) { assert.NoError(t, clk.Sleep(ctx, time.Second)) })
			p := clk.Start(ctx, "stopped", func(ctx context.Context) { _ = clk.Sleep(ctx, time.Hour) })
			assert.NoError(t, g.Wait(ctx))
			p.Wake()
			p.Stop()
		}
	})
	run(t, e)
	assert.LessOrEqual(t, len(e.procs), 4)
	assert.Equal(t, Time(1000*time.Second), e.Now())
}
