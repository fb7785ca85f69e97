package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestEventsRunInOrderOfTimeAndThenOfAsking(t *testing.T) {
	e := NewEngine(Config{})
	var ran []uint32
	k := e.Register("k", func(arg uint32) { ran = append(ran, arg) })
	e.Post(2*time.Second, k, 1)
	e.Post(time.Second, k, 2)
	e.Post(2*time.Second, k, 3)
	e.Post(-time.Second, k, 4)
	e.After(time.Second, "call", func() { e.Post(0, k, 5) })
	e.Post(time.Second, k, 6)
	require.NoError(t, e.Run(Time(time.Minute)))
	assert.Equal(t, []uint32{4, 2, 6, 5, 1, 3}, ran)
	assert.Equal(t, Time(time.Minute), e.Now())
	assert.Equal(t, uint64(7), e.Events())
}

func TestRunIncludesTheEventsAtItsEnd(t *testing.T) {
	e := NewEngine(Config{})
	ran := 0
	k := e.Register("k", func(uint32) { ran++ })
	e.Post(time.Second, k, 0)
	e.Post(time.Second+1, k, 0)
	require.NoError(t, e.Run(Time(time.Second)))
	assert.Equal(t, 1, ran)
	assert.Equal(t, Time(time.Second+1), e.NextAt())
	require.NoError(t, e.Run(Never))
	assert.Equal(t, 2, ran)
	assert.Equal(t, Time(time.Second+1), e.Now(), "running for ever leaves the clock at the last event")
}

func TestRunUntilStopsAtTheConditionOrSaysThatItNeverHeld(t *testing.T) {
	e := NewEngine(Config{})
	n := 0
	var tick Kind
	tick = e.Register("tick", func(uint32) { n++; e.Post(time.Second, tick, 0) })
	e.Post(time.Second, tick, 0)
	require.NoError(t, e.RunUntil(func() bool { return n == 3 }, Time(time.Minute)))
	assert.Equal(t, Time(3*time.Second), e.Now())
	require.ErrorIs(t, e.RunUntil(func() bool { return n == 100 }, Time(10500*time.Millisecond)), ErrNotDone)
	assert.Equal(t, Time(10500*time.Millisecond), e.Now())
	assert.Equal(t, 10, n)
}

func TestAnInterruptEndsTheRunBetweenEvents(t *testing.T) {
	e := NewEngine(Config{})
	n := 0
	var tick Kind
	tick = e.Register("tick", func(uint32) {
		if n++; n == 5 {
			e.Interrupt()
		}
		e.Post(time.Second, tick, 0)
	})
	e.Post(0, tick, 0)
	require.ErrorIs(t, e.Run(Never), ErrInterrupted)
	assert.Equal(t, 5, n)
	require.NoError(t, e.Run(e.Now().Add(time.Second)), "it holds for one run only")
	assert.Equal(t, 6, n)
}

func TestVirtualTimeThatStandsStillIsAnError(t *testing.T) {
	e := NewEngine(Config{EventsPerInstant: 1000})
	var again Kind
	again = e.Register("again", func(uint32) { e.Post(0, again, 0) })
	e.Post(time.Second, again, 0)
	require.ErrorIs(t, e.Run(Never), ErrLivelock)
	require.ErrorIs(t, e.Run(Never), ErrLivelock, "a failed engine stays failed")
}

func TestAPanicInAHandlerEndsTheRunAndNamesTheEvent(t *testing.T) {
	e := NewEngine(Config{})
	k := e.Register("boom", func(uint32) { panic("oh") })
	e.Post(time.Second, k, 0)
	var p *PanicError
	require.ErrorAs(t, e.Run(Never), &p)
	assert.Equal(t, "event boom", p.Where)
	assert.Equal(t, "oh", p.Value)
	assert.Contains(t, p.Stack, "engine_test.go")
}

func TestRunningTheEngineFromInsideIsRefused(t *testing.T) {
	e := NewEngine(Config{})
	var inner error
	e.After(0, "inner", func() { inner = e.Run(Never) })
	require.NoError(t, e.Run(Never))
	assert.ErrorIs(t, inner, ErrRunning)
}

func TestATimerStopsOnceAndNotAfterItFired(t *testing.T) {
	e := NewEngine(Config{})
	fired := 0
	stopped := e.After(time.Second, "a", func() { fired++ })
	e.After(time.Second, "b", func() { fired++ })
	assert.True(t, stopped.Stop())
	assert.False(t, stopped.Stop())
	require.NoError(t, e.Run(Never))
	assert.Equal(t, 1, fired)
	late := e.After(time.Second, "c", func() { fired++ })
	require.NoError(t, e.Run(Never))
	assert.False(t, late.Stop())
	assert.False(t, Timer{}.Stop())
	assert.Equal(t, 2, fired)
}

func TestAnOldHandleDoesNotCancelTheNextEventInItsSlot(t *testing.T) {
	e := NewEngine(Config{})
	ran := 0
	k := e.Register("k", func(uint32) { ran++ })
	old := e.Schedule(time.Second, k, 0)
	require.NoError(t, e.Run(Never))
	next := e.Schedule(time.Second, k, 0)
	require.Equal(t, old.slot, next.slot)
	assert.False(t, e.Cancel(old))
	assert.False(t, e.Cancel(Handle{}))
	require.NoError(t, e.Run(Never))
	assert.Equal(t, 2, ran)
}

// TestSchedulingAndCancellingAgreesWithAList compares the engine with a list that
// is sorted.
func TestSchedulingAndCancellingAgreesWithAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type entry struct {
			at  Time
			arg uint32
			h   Handle
		}
		e := NewEngine(Config{Watchdog: -1})
		var want []entry
		var ran []uint32
		k := e.Register("k", func(arg uint32) { ran = append(ran, arg) })
		next := uint32(0)
		t.Repeat(map[string]func(*rapid.T){
			"schedule": func(t *rapid.T) {
				for range rapid.IntRange(1, 40).Draw(t, "n") {
					d := time.Duration(rapid.Int64Range(0, 20).Draw(t, "d")) * time.Millisecond
					next++
					want = append(want, entry{e.Now().Add(d), next, e.Schedule(d, k, next)})
				}
			},
			"cancel": func(t *rapid.T) {
				for range rapid.IntRange(1, 40).Draw(t, "n") {
					if len(want) == 0 {
						return
					}
					i := rapid.IntRange(0, len(want)-1).Draw(t, "i")
					require.True(t, e.Cancel(want[i].h))
					require.False(t, e.Cancel(want[i].h))
					want = slices.Delete(want, i, i+1)
				}
			},
			"sweep": func(*rapid.T) { e.sweep(); require.Zero(t, e.slots.dead) },
			"run": func(t *rapid.T) {
				until := e.Now().Add(time.Duration(rapid.Int64Range(0, 10).Draw(t, "d")) * time.Millisecond)
				ran = ran[:0]
				require.NoError(t, e.Run(until))
				slices.SortStableFunc(want, func(a, b entry) int { return int(a.at - b.at) })
				var due []uint32
				for len(want) > 0 && want[0].at <= until {
					require.False(t, e.Cancel(want[0].h), "it has run")
					due = append(due, want[0].arg)
					want = want[1:]
				}
				require.Equal(t, fmt.Sprint(due), fmt.Sprint(ran))
			},
			"": func(t *rapid.T) { require.Equal(t, len(want), e.Pending()) },
		})
	})
}

func TestDeadEventsAreSweptWhenTheyOutnumberTheLiving(t *testing.T) {
	e := NewEngine(Config{})
	k := e.Register("k", func(uint32) {})
	for range 100_000 {
		e.Cancel(e.Schedule(time.Hour, k, 0))
	}
	assert.LessOrEqual(t, e.queue.len(), minSweep+1)
	assert.LessOrEqual(t, len(e.slots.at), minSweep+2)
	assert.Zero(t, e.Pending())
}

func TestEventsDoNotAllocate(t *testing.T) {
	e := NewEngine(Config{Watchdog: -1})
	r := e.Stream("test", "delays")
	var tick, timer Kind
	timer = e.Register("timer", func(uint32) {})
	tick = e.Register("tick", func(arg uint32) {
		h := e.Schedule(time.Duration(1+r.Int64N(1e6)), timer, arg)
		if arg%2 == 0 {
			e.Cancel(h)
		}
		e.Post(time.Duration(1+r.Int64N(1e6)), tick, arg)
	})
	for i := range uint32(5000) {
		e.Post(time.Duration(1+r.Int64N(1e6)), tick, i)
	}
	warm := Time(50 * time.Millisecond)
	require.NoError(t, e.Run(warm))
	start, until := e.Events(), warm
	perRun := testing.AllocsPerRun(20, func() {
		until = until.Add(time.Millisecond)
		if err := e.Run(until); err != nil {
			panic(err)
		}
	})
	events := float64(e.Events()-start) / 21
	require.Greater(t, events, 10_000.0)
	assert.Less(t, perRun/events, 0.001, "allocations per event (a run itself has a few)")
}

func TestVirtualTimeSaturates(t *testing.T) {
	assert.Equal(t, Never, (Never - 1).Add(time.Hour))
	assert.Equal(t, Time(0), Time(5).Add(-time.Hour))
	assert.Equal(t, "never", Never.String())
	assert.Equal(t, "1.5s", Time(1500*time.Millisecond).String())
	assert.Equal(t, time.Second, Time(3*time.Second).Sub(Time(2*time.Second)))
}
