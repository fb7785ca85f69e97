package sim

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAProcessRunsOnTheCoroutineOfOneThatHasEnded(t *testing.T) {
	e := NewEngine(Config{})
	play := func() {
		p := e.Go("short", func(ctx context.Context) { _ = e.Sleep(ctx, time.Second) })
		require.NoError(t, e.RunUntil(p.Done, Never))
	}
	play()
	made := testing.AllocsPerRun(100, play)
	// Of a first process nine more are its coroutine's.
	assert.LessOrEqual(t, made, 16.0)
	assert.Len(t, e.idle, 1)
	require.NoError(t, e.Close())
	assert.Empty(t, e.idle)
}

func TestAnEngineThatIsClosedLeavesNoCoroutineBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		e := NewEngine(Config{})
		for i := range 3 * idleMost {
			e.Go("some", func(ctx context.Context) { _ = e.Sleep(ctx, time.Duration(i)*time.Second) })
		}
		require.NoError(t, e.Run(Time(2*idleMost)*Time(time.Second)), "some have ended, and some have not")
		assert.Len(t, e.idle, idleMost, "no more are kept")
		require.NoError(t, e.Close())
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), before+2, "of the last run")
}

func TestAStoppedProcessTakesItsCoroutineWithIt(t *testing.T) {
	e := NewEngine(Config{})
	var last error
	p := e.Go("endless", func(ctx context.Context) { last = e.Sleep(ctx, time.Hour) })
	require.NoError(t, e.Run(Time(time.Second)))
	p.Stop()
	assert.ErrorIs(t, last, ErrStopped)
	assert.Empty(t, e.idle)
	ran := false
	q := e.Go("next", func(context.Context) { ran = true })
	require.NoError(t, e.RunUntil(q.Done, Never))
	assert.True(t, ran)
	require.NoError(t, e.Close())
}
