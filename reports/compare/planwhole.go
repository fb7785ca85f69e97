package compare

import (
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/planning"
)

// What a plan as a whole comes to.
const (
	breaksOn     = "day on which it is not met any more"
	fleetNodes   = "nodes of the cheapest fleet"
	fleetPrice   = "price of the cheapest fleet"
	fewestAsThey = "fewest nodes as they are"
)

// wholesOf keeps what all runs of a plan together come to: for each objective that growth may
// break the day on which it does, for each tier the fleet that suffices.
func wholesOf(r *planning.Result, o Origin) []Record {
	var out []Record
	if g := r.Growth; g != nil {
		for i := range g.Breaks {
			out = append(out, recordOfBreak(r, g, &g.Breaks[i], o))
		}
	}
	if r.Size != nil {
		for i := range r.Size.Tiers {
			out = append(out, recordOfTier(r, &r.Size.Tiers[i], o))
		}
	}
	return out
}

func recordOfBreak(r *planning.Result, g *planning.Growth, b *planning.Break, o Origin) Record {
	rec := wholeOf(r, "growth, "+b.Objective+" after "+b.After, o)
	rec.EndS, rec.Aborted = float64(g.Until)*daySeconds, b.Reason
	rec.expect(breaksOn, higher, 0.5)
	if b.Day != nil {
		rec.Verdict = scenarios.Fail
		rec.figure(breaksOn, float64(*b.Day))
	}
	return rec
}

func recordOfTier(r *planning.Result, t *planning.Sized, o Origin) Record {
	rec := wholeOf(r, "size of "+t.Tier, o)
	if t.Verdict == planning.Undecided {
		rec.Aborted = t.Reason
	}
	rec.expect(fleetNodes, lower, 0.5)
	rec.expect(fleetPrice, lower, 0.005)
	rec.expect(fewestAsThey, lower, 0.5)
	switch f := t.Winner; {
	case f == nil:
		rec.Verdict = scenarios.Fail
	default:
		rec.figure(fleetNodes, float64(f.Nodes))
		if f.Price != nil {
			rec.figure(fleetPrice, *f.Price)
		}
	}
	if t.Fewest != nil {
		rec.figure(fewestAsThey, float64(*t.Fewest))
	}
	return rec
}

func wholeOf(r *planning.Result, what string, o Origin) Record {
	rec := Record{
		Schema: HistorySchema, Branch: o.Branch, Machine: o.Machine, Scenario: r.Scenario + ", " + what, ScenarioHash: o.hash(), System: r.System, Backend: simulated,
		Scale: string(scenarios.AsDescribed), Version: r.Version, Verdict: scenarios.Pass, Expectations: []Expectation{}, Figures: []reports.Figure{}, Exact: true,
	}
	if n := len(r.Sides); n > 1 {
		rec.Label = r.Sides[n-1].Label
	}
	return rec
}

func (r *Record) expect(name, better string, least float64) {
	r.Expectations = append(r.Expectations, Expectation{Name: name, Verdict: r.Verdict, Better: better, Tolerance: &units.Tolerance{Absolute: least}})
}

func (r *Record) figure(name string, v float64) {
	r.Figures = append(r.Figures, reports.Figure{Name: name, Value: v})
}
