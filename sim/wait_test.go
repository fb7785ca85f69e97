package sim

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/internal/clock"
)

func TestAGroupWaitsForAllOfItsProcesses(t *testing.T) {
	e := NewEngine(Config{})
	var clk clock.Clock = e.Clock("n1")
	clk.Go(bg, "parent", func(ctx context.Context) {
		g := clk.NewGroup()
		assert.NoError(t, g.Wait(ctx), "an empty group is done")
		for i := range 3 {
			g.Go(ctx, "child", func(ctx context.Context) {
				assert.NoError(t, clk.Sleep(ctx, time.Duration(i)*time.Second))
			})
		}
		short, cancel := clk.WithTimeout(ctx, time.Second)
		defer cancel()
		assert.ErrorIs(t, g.Wait(short), context.DeadlineExceeded)
		assert.NoError(t, g.Wait(ctx))
		assert.Equal(t, 2*time.Second, clk.Monotonic())
	})
	run(t, e)
}

func TestAMutexIsHandedOnInTheOrderOfAsking(t *testing.T) {
	e := NewEngine(Config{})
	var clk clock.Clock = e.Clock("n1")
	m := clk.NewMutex()
	var got []string
	for _, name := range []string{"a", "b", "c", "d"} {
		clk.Go(bg, name, func(ctx context.Context) {
			if name == "b" { // gives up before its turn
				short, cancel := clk.WithTimeout(ctx, time.Second)
				defer cancel()
				assert.ErrorIs(t, m.Lock(short), context.DeadlineExceeded)
				return
			}
			assert.NoError(t, m.Lock(ctx))
			defer m.Unlock()
			got = append(got, name+clk.Monotonic().String())
			assert.NoError(t, clk.Sleep(ctx, 2*time.Second))
		})
	}
	run(t, e)
	assert.Equal(t, []string{"a0s", "c2s", "d4s"}, got)
	assert.Panics(t, m.Unlock)
}

func TestAMutexSurvivesAWaiterThatDiesWithItInItsHand(t *testing.T) {
	e := NewEngine(Config{})
	clk := e.Clock("n1")
	m := clk.NewMutex()
	var last bool
	clk.Go(bg, "holder", func(ctx context.Context) {
		assert.NoError(t, m.Lock(ctx))
		assert.NoError(t, clk.Sleep(ctx, time.Second))
		m.Unlock()
	})
	victim := clk.Start(bg, "victim", func(ctx context.Context) { assert.ErrorIs(t, m.Lock(ctx), ErrStopped) })
	clk.Go(bg, "last", func(ctx context.Context) {
		assert.NoError(t, m.Lock(ctx))
		last = true
		m.Unlock()
	})
	// At one second the holder's event runs first, then this one, and only then would
	// the victim's wake-up.
	e.After(500*time.Millisecond, "arm", func() { e.After(500*time.Millisecond, "stop", victim.Stop) })
	run(t, e)
	assert.True(t, last)
}

func TestTheFirstReasonToEndAWaitCountsAndTheSecondDisturbsNothing(t *testing.T) {
	e := NewEngine(Config{})
	clk := e.Clock("n1")
	happened := clk.NewEvent()
	ctx, cancel := clk.WithCancel(bg)
	clk.Go(bg, "waiter", func(own context.Context) {
		assert.NoError(t, happened.Wait(ctx))
		assert.NoError(t, clk.Sleep(own, time.Second))
		assert.Equal(t, 2*time.Second, clk.Monotonic())
	})
	e.After(time.Second, "both", func() { happened.Set(); cancel() })
	run(t, e)
	assert.Equal(t, Time(2*time.Second), e.Now())
}

func TestACancelledTimeoutLeavesNoTimerBehind(t *testing.T) {
	e := NewEngine(Config{})
	ctx, cancel := e.WithTimeout(bg, time.Hour)
	assert.Equal(t, 1, e.Pending())
	cancel()
	assert.Zero(t, e.Pending())
	assert.ErrorIs(t, ctx.Err(), context.Canceled)
}

func TestEndingAContextTellsThoseBelowInTheOrderInWhichTheyCame(t *testing.T) {
	e := NewEngine(Config{})
	root, cancel := e.WithCancel(bg)
	var told []int
	for i := range 5 {
		stop := root.(interface{ AfterFunc(func()) func() bool }).AfterFunc(func() { told = append(told, i) })
		if i == 2 {
			assert.True(t, stop())
			assert.False(t, stop())
		}
	}
	cancel()
	cancel()
	assert.Equal(t, []int{0, 1, 3, 4}, told)
	below, _ := e.WithTimeout(root, time.Hour)
	assert.ErrorIs(t, below.Err(), context.Canceled)
	assert.Zero(t, e.Pending(), "an ended context starts no timer")
	<-below.Done()
}

func TestContextsOfTheStandardLibraryEndWithOursWithoutGoroutines(t *testing.T) {
	e := NewEngine(Config{})
	ours, cancel := e.WithCancel(bg)
	theirs, stop := context.WithCancel(WithValue(ours, "key", "value"))
	defer stop()
	assert.Equal(t, "value", theirs.Value("key"))
	cancel()
	assert.ErrorIs(t, theirs.Err(), context.Canceled, "it ended at once")
}

func TestAContextThatCanEndOutsideVirtualTimeIsRefused(t *testing.T) {
	e := NewEngine(Config{})
	theirs, stop := context.WithCancel(bg)
	defer stop()
	assert.PanicsWithValue(t, "sim: this context can end outside virtual time; derive it by WithTimeout or WithCancel of the clock",
		func() { e.WithTimeout(theirs, time.Second) })
	ours, _ := e.WithCancel(bg)
	mixed, stopMixed := context.WithCancel(ours)
	defer stopMixed()
	assert.Panics(t, func() { e.WithCancel(mixed) })
	assert.NotPanics(t, func() { e.WithCancel(context.WithValue(ours, foreignKey{}, 1)) })
}

// foreignKey is a key of code that knows nothing of virtual time.
type foreignKey struct{}

func TestProcessesStartedUnderAContextEndWithIt(t *testing.T) {
	e := NewEngine(Config{})
	clk := e.Clock("n1")
	outer := e.Go("outer", func(ctx context.Context) {
		clk.Go(ctx, "inner", func(ctx context.Context) {
			assert.ErrorIs(t, clk.Sleep(ctx, time.Hour), context.Canceled)
		})
		assert.ErrorIs(t, e.Sleep(ctx, time.Hour), ErrStopped)
	})
	e.After(time.Second, "stop", outer.Stop)
	run(t, e)
	assert.Equal(t, Time(time.Second), e.Now())
}

func TestAnAfterFuncDoesNotRunOnceItsContextHasEnded(t *testing.T) {
	e := NewEngine(Config{})
	clk := e.Clock("n1")
	ctx, cancel := clk.WithCancel(bg)
	ran := 0
	clk.AfterFunc(ctx, time.Second, "runs", func(context.Context) { ran++ })
	stopped := clk.AfterFunc(ctx, time.Second, "stopped", func(context.Context) { ran += 10 })
	assert.True(t, stopped.Stop())
	clk.AfterFunc(ctx, 3*time.Second, "too late", func(context.Context) { ran += 100 })
	e.After(2*time.Second, "cancel", cancel)
	run(t, e)
	assert.Equal(t, 1, ran)
}

func TestAJumpMovesTheWallClockOnly(t *testing.T) {
	e := NewEngine(Config{Start: time.Date(2030, 5, 1, 12, 0, 0, 0, time.UTC)})
	clk, other := e.Clock("n1"), e.Clock("n2")
	clk.Go(bg, "sleeper", func(ctx context.Context) {
		clk.Jump(time.Hour)
		assert.NoError(t, clk.Sleep(ctx, time.Second))
	})
	run(t, e)
	assert.Equal(t, time.Date(2030, 5, 1, 13, 0, 1, 0, time.UTC), clk.Now())
	assert.Equal(t, time.Date(2030, 5, 1, 12, 0, 1, 0, time.UTC), other.Now())
	assert.Equal(t, time.Second, clk.Monotonic())
}

func TestADetachedContextOutlivesTheOneItComesFrom(t *testing.T) {
	e := NewEngine(Config{Seed: 1})
	c := e.Clock("n1")
	slept := Time(0)
	c.Go(context.Background(), "undo", func(ctx context.Context) {
		short, cancel := c.WithTimeout(ctx, time.Second)
		cancel()
		assert.ErrorIs(t, c.Sleep(short, time.Second), context.Canceled)
		long, done := c.WithTimeout(c.WithoutCancel(short), time.Minute)
		defer done()
		assert.NoError(t, c.Sleep(long, 2*time.Second))
		slept = e.Now()
	})
	assert.NoError(t, e.Run(Time(time.Minute)))
	assert.Equal(t, Time(2*time.Second), slept)
}
