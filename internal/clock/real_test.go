package clock_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/clock"
)

func TestSleepEndsWithItsContext(t *testing.T) {
	c := clock.NewReal(1)
	ctx, cancel := c.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, c.Sleep(ctx, time.Hour), context.Canceled)
	ctx, cancel = c.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, c.Sleep(ctx, time.Hour), context.DeadlineExceeded)
}

func TestAnEventWakesEveryWaiterOnce(t *testing.T) {
	c := clock.NewReal(1)
	e, g := c.NewEvent(), c.NewGroup()
	var woken atomic.Int32
	for range 5 {
		g.Go(t.Context(), "waiter", func(ctx context.Context) {
			if e.Wait(ctx) == nil {
				woken.Add(1)
			}
		})
	}
	assert.False(t, e.IsSet())
	e.Set()
	e.Set()
	require.NoError(t, g.Wait(t.Context()))
	assert.EqualValues(t, 5, woken.Load())
	assert.True(t, e.IsSet())
}

func TestAMutexIsGivenUpOnWhenTheContextEnds(t *testing.T) {
	c := clock.NewReal(1)
	m := c.NewMutex()
	require.NoError(t, m.Lock(t.Context()))
	ctx, cancel := c.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, m.Lock(ctx), context.DeadlineExceeded)
	m.Unlock()
	assert.NoError(t, m.Lock(t.Context()))
}

func TestAStoppedTimerDoesNotRun(t *testing.T) {
	c := clock.NewReal(1)
	ran := c.NewEvent()
	timer := c.AfterFunc(t.Context(), time.Hour, "never", func(context.Context) { ran.Set() })
	assert.True(t, timer.Stop())
	assert.False(t, timer.Stop())
	c.AfterFunc(t.Context(), time.Nanosecond, "soon", func(context.Context) { ran.Set() })
	assert.NoError(t, ran.Wait(t.Context()))
}

func TestStreamsOfANameAreOneAndRepeatWithTheSeed(t *testing.T) {
	a, b := clock.NewReal(7), clock.NewReal(7)
	assert.Same(t, a.Rand("jitter"), a.Rand("jitter"))
	assert.Equal(t, a.Rand("jitter").Uint64(), b.Rand("jitter").Uint64())
	assert.NotEqual(t, clock.NewReal(7).Rand("jitter").Uint64(), clock.NewReal(8).Rand("jitter").Uint64())
	assert.NotEqual(t, clock.NewReal(7).Rand("jitter").Uint64(), clock.NewReal(7).Rand("other").Uint64())
}

func TestAPanicIsHandedToOnPanicAndLeavesItsGroup(t *testing.T) {
	c := clock.NewReal(1)
	var who atomic.Value
	c.OnPanic = func(process string, value any, stack []byte) {
		assert.NotEmpty(t, stack)
		who.Store(process + ": " + value.(error).Error())
	}
	g := c.NewGroup()
	g.Go(t.Context(), "careless", func(context.Context) { panic(errors.New("oops")) })
	require.NoError(t, g.Wait(t.Context()))
	assert.Eventually(t, func() bool { return who.Load() == "careless: oops" }, time.Minute, time.Millisecond)
}
