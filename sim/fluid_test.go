package sim

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAFlowTakesItsBytesDividedByTheNarrowestCapacity(t *testing.T) {
	e := NewEngine(Config{})
	f := e.NewFluid()
	wide, narrow := f.Resource("wide", 1000), f.Resource("narrow", 100)
	var doneAt Time
	w := f.Start(FlowSpec{Name: "w", Bytes: 1000, Through: []*Resource{wide, narrow}}, func() { doneAt = e.Now() })
	require.NoError(t, e.Run(Time(3*time.Second)))
	assert.Equal(t, int64(300), w.Transferred())
	assert.Equal(t, int64(100), w.Rate())
	assert.InDelta(t, 0.1, wide.Utilisation(), 1e-12)
	assert.InDelta(t, 1.0, narrow.Utilisation(), 1e-12)
	require.NoError(t, e.Run(Never))
	assert.Equal(t, Time(10*time.Second), doneAt)
	assert.True(t, w.Done())
	assert.Equal(t, int64(1000), w.Transferred())
	assert.Zero(t, narrow.Flows())
}

func TestFlowsShareFairlyAndTakeOverWhatOthersLeave(t *testing.T) {
	e := NewEngine(Config{})
	f := e.NewFluid()
	link := f.Resource("link", 90)
	var log []string
	start := func(name string, bytes, limit int64) *Flow {
		return f.Start(FlowSpec{Name: name, Bytes: bytes, Cap: limit, Through: []*Resource{link}},
			func() { log = append(log, name+"@"+e.Now().String()) })
	}
	a := start("a", 600, 0)
	start("b", 100, 10)
	start("c", 120, 0)
	assert.Equal(t, int64(40), a.Rate(), "b's cap leaves 80 for two")
	require.NoError(t, e.Run(Time(3*time.Second)))
	assert.Equal(t, int64(80), a.Rate(), "c is done")
	require.NoError(t, e.Run(Never))
	assert.Equal(t, []string{"c@3s", "a@9s", "b@10s"}, log)
}

func TestAPausedFlowKeepsWhatItHasAndAStoppedOneNeverSaysDone(t *testing.T) {
	e := NewEngine(Config{})
	f := e.NewFluid()
	link := f.Resource("link", 100)
	var doneAt Time
	a := f.Start(FlowSpec{Bytes: 1000, Through: []*Resource{link}}, func() { doneAt = e.Now() })
	b := f.Start(FlowSpec{Bytes: -1, Through: []*Resource{link}}, func() { t.Error("an endless flow was done") })
	e.After(2*time.Second, "pause", a.Pause)
	e.After(4*time.Second, "resume", a.Resume)
	e.After(6*time.Second, "stop", b.Stop)
	require.NoError(t, e.Run(Time(5*time.Second)))
	assert.Equal(t, int64(150), a.Transferred())
	assert.Equal(t, int64(50*2+100*2+50), b.Transferred())
	require.NoError(t, e.Run(Never))
	assert.Equal(t, int64(400), b.Transferred())
	assert.Equal(t, Time(14*time.Second), doneAt)
}

func TestCapacitiesAndCapsMayChangeUnderway(t *testing.T) {
	e := NewEngine(Config{})
	f := e.NewFluid()
	link := f.Resource("link", 0)
	var doneAt Time
	a := f.Start(FlowSpec{Bytes: 1000, Cap: 100, Through: []*Resource{link}}, func() { doneAt = e.Now() })
	e.After(time.Second, "narrow", func() { link.SetCapacity(50) }) // 100 so far
	e.After(3*time.Second, "slow", func() { a.SetCap(10) })         // 200
	e.After(13*time.Second, "free", func() { a.SetCap(0) })         // 300
	e.After(15*time.Second, "wide", func() { link.SetCapacity(0) }) // 400, then all at once
	require.NoError(t, e.Run(Never))
	assert.Equal(t, Time(15*time.Second), doneAt)
}

func TestWhatNothingLimitsIsDoneAtOnce(t *testing.T) {
	e := NewEngine(Config{})
	f := e.NewFluid()
	done := 0
	for _, bytes := range []int64{0, 1, math.MaxInt64} {
		f.Start(FlowSpec{Bytes: bytes, Through: []*Resource{f.Resource("free", 0)}}, func() { done++ })
	}
	f.Start(FlowSpec{Bytes: 0, Cap: 1}, func() { done++ })
	require.NoError(t, e.Run(Never))
	assert.Equal(t, 4, done)
	assert.Zero(t, e.Now())
}

func TestAFlowThatWouldTakeForEverIsNeverDone(t *testing.T) {
	e := NewEngine(Config{})
	f := e.NewFluid()
	w := f.Start(FlowSpec{Bytes: math.MaxInt64, Cap: 1}, func() { t.Error("done") })
	require.NoError(t, e.Run(Time(1000*time.Hour)))
	assert.Equal(t, int64(3_600_000), w.Transferred())
}

func TestProgressIsExactOverManyChangesOfRate(t *testing.T) {
	e := NewEngine(Config{})
	f := e.NewFluid()
	w := f.Start(FlowSpec{Bytes: 1_000_000, Cap: 7}, nil)
	for i := range 10_000 { // a third of a second each, at a rate of 7: 2.33… bytes
		e.After(time.Duration(i)*333_333_333, "nudge", func() { w.Pause(); w.Rate(); w.Resume() })
	}
	require.NoError(t, e.Run(Time(10_000*333_333_333)))
	assert.Equal(t, int64(7*333_333_333*10_000/1_000_000_000), w.Transferred())
}

// bruteForce finds the max-min fair rates in floating point, by raising all rates
// in common until something is full, again and again.
func bruteForce(flows []FlowSpec) []float64 {
	rates := make([]float64, len(flows))
	fixed := make([]bool, len(flows))
	for {
		load, open := map[*Resource]float64{}, map[*Resource]float64{}
		for i, w := range flows {
			for _, r := range w.Through {
				load[r] += rates[i]
				if !fixed[i] {
					open[r]++
				}
			}
		}
		step := math.Inf(1)
		for i, w := range flows {
			if fixed[i] {
				continue
			}
			if w.Cap > 0 {
				step = min(step, float64(w.Cap)-rates[i])
			}
			for _, r := range w.Through {
				if r.capacity > 0 {
					step = min(step, (float64(r.capacity)-load[r])/open[r])
				}
			}
		}
		if math.IsInf(step, 1) {
			return rates
		}
		for i := range flows {
			if !fixed[i] {
				rates[i] += step
			}
		}
		for i, w := range flows {
			full := w.Cap > 0 && rates[i] >= float64(w.Cap)-1e-6
			for _, r := range w.Through {
				full = full || (r.capacity > 0 && load[r]+step*open[r] >= float64(r.capacity)-1e-6)
			}
			fixed[i] = fixed[i] || full
		}
	}
}

func TestRatesAreMaxMinFairWhateverChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := NewEngine(Config{Watchdog: -1})
		f := e.NewFluid()
		capacity := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(1e6, 1e9))
		for i := range rapid.IntRange(1, 6).Draw(t, "resources") {
			f.Resource(fmt.Sprint(i), capacity.Draw(t, "capacity"))
		}
		var flows []*Flow
		pick := func(t *rapid.T) int { return rapid.IntRange(0, len(flows)-1).Draw(t, "flow") }
		t.Repeat(map[string]func(*rapid.T){
			"start": func(t *rapid.T) {
				spec := FlowSpec{Bytes: -1, Cap: capacity.Draw(t, "cap")}
				for _, r := range f.resources {
					if rapid.Bool().Draw(t, "through") {
						spec.Through = append(spec.Through, r)
						if rapid.IntRange(0, 5).Draw(t, "twice") == 0 {
							spec.Through = append(spec.Through, r)
						}
					}
				}
				flows = append(flows, f.Start(spec, nil))
			},
			"stop": func(t *rapid.T) {
				if len(flows) > 0 {
					i := pick(t)
					flows[i].Stop()
					flows = append(flows[:i], flows[i+1:]...)
				}
			},
			"pause": func(t *rapid.T) {
				if len(flows) > 0 {
					w := flows[pick(t)]
					w.setPaused(!w.paused)
				}
			},
			"capacity": func(t *rapid.T) {
				r := f.resources[rapid.IntRange(0, len(f.resources)-1).Draw(t, "resource")]
				r.SetCapacity(capacity.Draw(t, "capacity"))
			},
			"": func(t *rapid.T) {
				var specs []FlowSpec
				var moving []*Flow
				for _, w := range flows {
					if w.paused {
						require.Zero(t, w.Rate())
						continue
					}
					specs, moving = append(specs, w.spec), append(moving, w)
				}
				for i, want := range bruteForce(specs) {
					got := moving[i].Rate()
					if !limited(specs[i]) {
						require.Equal(t, Unlimited, got)
						continue
					}
					require.InDelta(t, want, float64(got), 20, "flow %d of %d", i, len(specs))
				}
				for _, r := range f.resources {
					if r.capacity > 0 {
						require.LessOrEqual(t, r.Rate(), r.capacity)
					}
				}
			},
		})
	})
}

func limited(w FlowSpec) bool {
	for _, r := range w.Through {
		if r.capacity > 0 {
			return true
		}
	}
	return w.Cap > 0
}

func TestADiskKnowsWhoUsesIt(t *testing.T) {
	f := NewEngine(Config{}).NewFluid()
	d := f.NewDisk("n1", DiskSpec{Capacity: 1000, Read: 200, Write: 100})
	require.NoError(t, d.Alloc("a", 300))
	require.NoError(t, d.Alloc("b", 100))
	require.ErrorIs(t, d.Alloc("b", 601), ErrDiskFull)
	require.ErrorContains(t, d.Alloc("b", -1), "negative")
	assert.Equal(t, []int64{1000, 400, 600, 300, 100}, []int64{d.Total(), d.Used(), d.Free(), d.UsedBy("a"), d.UsedBy("b")})

	assert.Equal(t, int64(500), d.Fill(90))
	assert.Equal(t, int64(100), d.Free())
	require.ErrorIs(t, d.Alloc("a", 101), ErrDiskFull)
	assert.Equal(t, int64(300), d.ReleaseAll("a"))
	assert.Equal(t, int64(400), d.Free(), "ballast stays as it is")
	assert.Equal(t, int64(0), d.Fill(5), "more is in use already")
	assert.Equal(t, int64(300), d.Fill(40))
	d.DropBallast()
	assert.Equal(t, int64(900), d.Free())
	assert.Equal(t, int64(100), d.Release("b", 1000), "no more than it had")
	assert.Zero(t, d.Used())
	assert.Equal(t, int64(200), d.Read.Capacity())
}
