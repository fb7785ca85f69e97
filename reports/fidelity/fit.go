package fidelity

import (
	"fmt"
	"math"
	"slices"

	"github.com/shardquake/shardquake/reports/score"
)

// most bounds what one quantity adds to an error, in targets: one that is far off for a
// reason of its own must not pull the constants after it.
const most = 4

// Problem is what constants of a machine are fitted to.
type Problem struct {
	// Knobs are the names of what can be turned; each is a factor on some constants.
	Knobs []string
	// Steps are the factors tried from where a knob stands, in the order of preference
	// among equals; 1 is always tried first.
	Steps []float64
	// Rounds bounds how often every knob is turned.
	Rounds int
	// Scenarios are the runs to predict, by name; a fit has one set of factors for all.
	Scenarios []string
	Real      map[string][]Run
	// Simulate runs a scenario with the knobs at factors.
	Simulate func(scenario string, factors []float64) ([]Run, error)
}

// Fitted is the outcome of a fit.
type Fitted struct {
	Factors []float64
	// Before and After are the mean error of each scenario, in targets, with all knobs
	// at 1 and as fitted.
	Before, After map[string]float64
	// LeftOut is each scenario's error with factors fitted to the others only.
	LeftOut map[string]float64
}

// fitter remembers what has been simulated.
type fitter struct {
	*Problem
	known map[string]float64
}

// Fit turns the knobs, one after the other, to where the simulated times differ least
// from the real ones over all scenarios; then again without each scenario, to say how
// well constants fitted to the others predict it.
func Fit(p Problem) (*Fitted, error) {
	f := &fitter{&p, make(map[string]float64)}
	neutral := make([]float64, len(p.Knobs))
	for i := range neutral {
		neutral[i] = 1
	}
	best, err := f.descend(neutral, "")
	if err != nil {
		return nil, err
	}
	out := &Fitted{Factors: best, Before: make(map[string]float64), After: make(map[string]float64), LeftOut: make(map[string]float64)}
	for _, s := range p.Scenarios {
		if out.Before[s], err = f.errorOf(s, neutral); err != nil {
			return nil, err
		}
		if out.After[s], err = f.errorOf(s, best); err != nil {
			return nil, err
		}
		others, err := f.descend(neutral, s)
		if err != nil {
			return nil, err
		}
		if out.LeftOut[s], err = f.errorOf(s, others); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// descend turns one knob at a time until none helps; the scenario without is not looked at.
func (f *fitter) descend(from []float64, without string) ([]float64, error) {
	at := slices.Clone(from)
	best, err := f.total(at, without)
	if err != nil {
		return nil, err
	}
	for range f.Rounds {
		moved := false
		for k := range at {
			stand := at[k]
			for _, step := range f.Steps {
				trial := slices.Clone(at)
				trial[k] = score.Round(stand * step)
				e, err := f.total(trial, without)
				if err != nil {
					return nil, err
				}
				if e < best {
					at, best, moved = trial, e, true
				}
			}
		}
		if !moved {
			break
		}
	}
	return at, nil
}

func (f *fitter) total(factors []float64, without string) (float64, error) {
	sum := 0.0
	for _, s := range f.Scenarios {
		if s == without {
			continue
		}
		e, err := f.errorOf(s, factors)
		if err != nil {
			return 0, err
		}
		sum += e
	}
	return sum, nil
}

func (f *fitter) errorOf(scenario string, factors []float64) (float64, error) {
	key := fmt.Sprint(scenario, factors)
	if e, ok := f.known[key]; ok {
		return e, nil
	}
	sim, err := f.Simulate(scenario, factors)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", scenario, err)
	}
	table, err := Compare(scenario, sim, f.Real[scenario])
	if err != nil {
		return 0, fmt.Errorf("%s: %w", scenario, err)
	}
	e := table.TimeError()
	f.known[key] = e
	return e, nil
}

// TimeError is how far the medians of times are off, on average, in targets: 1 is an
// average at the edge of the target.
func (t *Table) TimeError() float64 {
	sum, n := 0.0, 0
	for _, r := range t.Rows {
		if r.Unit != Seconds || r.Sim.never() || r.Real.never() {
			continue
		}
		sum += min(math.Abs(r.Error)/r.Limit, most)
		n++
	}
	if n == 0 {
		return 0
	}
	return score.Round(sum / float64(n))
}
