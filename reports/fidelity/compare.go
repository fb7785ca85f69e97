package fidelity

import (
	"fmt"
	"math"
	"strings"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/reports/score"
)

// The target of issue and README: medians within 15 %, or 0.3 s where that is larger.
const (
	relativeTarget = 0.15
	secondsTarget  = 0.3
	// bytesTarget is narrower: segments differ from run to run by a few percent, what is
	// copied is otherwise determined.
	bytesTarget = 0.05
	// enoughRuns is from how many real runs on the spread of a time says anything.
	enoughRuns = 3
)

// Verdict is how a prediction compares with the real runs.
type Verdict string

// The verdicts.
const (
	// Within the target.
	Within Verdict = "within"
	// InRange is outside the target, but between the smallest and the largest real value.
	InRange Verdict = "in range"
	// Outside both.
	Outside Verdict = "outside"
)

// Dist is the distribution of a quantity over runs.
type Dist struct {
	// Runs is how many there were, N in how many of them it happened.
	Runs   int       `json:"runs"`
	N      int       `json:"n"`
	Min    float64   `json:"min"`
	Median float64   `json:"median"`
	Max    float64   `json:"max"`
	Values []float64 `json:"values,omitempty"`
}

func distOf(runs int, values []float64) Dist {
	d := score.DistributionOf(values)
	return Dist{Runs: runs, N: d.N, Min: d.Min, Median: d.Median, Max: d.Max, Values: values}
}

// always is whether it happened in every run, never whether in none.
func (d Dist) always() bool { return d.N == d.Runs }
func (d Dist) never() bool  { return d.N == 0 }

// Row compares one quantity of one phase.
type Row struct {
	Phase    string `json:"phase"` // as the real runs name it
	Quantity string `json:"quantity"`
	Unit     Unit   `json:"unit"`
	Sim      Dist   `json:"sim"`
	Real     Dist   `json:"real"`
	// Error is the simulated median less the real one, Relative the same in parts of the
	// real one; 0 where one of them is missing.
	Error    float64 `json:"error"`
	Relative float64 `json:"relative_error"`
	// Limit is the largest error inside the target, in the quantity's unit.
	Limit float64 `json:"limit"`
	// Determined is whether the real runs agree so well that the prediction must.
	Determined bool    `json:"determined"`
	Verdict    Verdict `json:"verdict"`
	// Note says what the numbers don't.
	Note string `json:"note,omitempty"`
}

// Failed is a determined quantity outside the target.
func (r Row) Failed() bool { return r.Determined && r.Verdict != Within }

// Order compares the order of relocations in a phase.
type Order struct {
	Phase string   `json:"phase"`
	Real  []string `json:"real"`
	Sim   []string `json:"sim"`
	// RealAgree is how many real runs have the order of the first, SimAgree how many
	// simulated ones; neighbours may swap, for two recoveries of a node go on at once.
	RealAgree int `json:"real_agree"`
	RealRuns  int `json:"real_runs"`
	SimAgree  int `json:"sim_agree"`
	SimRuns   int `json:"sim_runs"`
	// Determined is whether all real runs agree and there are several.
	Determined bool    `json:"determined"`
	Verdict    Verdict `json:"verdict"`
}

// Failed is a determined order that the simulator did not always follow.
func (o Order) Failed() bool { return o.Determined && o.Verdict != Within }

// Table is a comparison.
type Table struct {
	Scenario string  `json:"scenario"`
	RealFrom string  `json:"real_from"`
	Rows     []Row   `json:"rows"`
	Orders   []Order `json:"orders"`
	// Notes are reservations about the comparison as a whole.
	Notes []string `json:"notes,omitempty"`
}

// Failed reports whether anything determined is outside the target.
func (t *Table) Failed() bool {
	for _, r := range t.Rows {
		if r.Failed() {
			return true
		}
	}
	for _, o := range t.Orders {
		if o.Failed() {
			return true
		}
	}
	return false
}

// Row is the row of a quantity in the n-th phase's name; nil when there is none.
func (t *Table) Row(phase, quantity string) *Row {
	for i := range t.Rows {
		if t.Rows[i].Phase == phase && t.Rows[i].Quantity == quantity {
			return &t.Rows[i]
		}
	}
	return nil
}

// Compare lines up simulated and real runs. Phases are matched from the last one back:
// what a scenario does first to bring about the situation opens phases that a recording
// does not have. Phases without a counterpart are named in the notes, and not compared.
func Compare(scenario string, sim, real []Run) (*Table, error) {
	if len(sim) == 0 || len(real) == 0 {
		return nil, fmt.Errorf("nothing to compare: %d simulated and %d real runs", len(sim), len(real))
	}
	phases := len(real[0].Phases)
	for _, r := range append(append([]Run(nil), sim...), real...) {
		if len(r.Phases) < phases {
			return nil, fmt.Errorf("run %s has %d phases, others %d", r.Label, len(r.Phases), phases)
		}
	}
	t := &Table{Scenario: scenario}
	t.Notes = append(alone("simulated", sim[0], phases), alone("real", real[0], phases)...)
	for i := range phases {
		s, r := phaseOf(sim, phases, i), phaseOf(real, phases, i)
		if note, same := sameKind(s[0].Name, r[0].Name); !same {
			t.Notes = append(t.Notes, note)
			continue
		} else if note != "" {
			t.Notes = append(t.Notes, note)
		}
		t.Rows = append(t.Rows, rowsOf(s, r)...)
		if o, ok := orderOf(s, r); ok {
			t.Orders = append(t.Orders, o)
		}
	}
	return t, nil
}

// alone names the phases of a run before the last n, which the other side does not have.
func alone(side string, r Run, n int) (notes []string) {
	for _, p := range r.Phases[:len(r.Phases)-n] {
		notes = append(notes, fmt.Sprintf("phase %s of the %s runs has no counterpart and is not compared", p.Name, side))
	}
	return notes
}

// sameKind reports whether two phases that were matched are of one kind, as far as their
// names tell: those of a recording may be its own. The note says what should be known.
func sameKind(sim, real string) (note string, same bool) {
	switch a, b := phaseKind(sim), phaseKind(real); {
	case sim == real:
		return "", true
	case a != "" && b != "" && a != b:
		return fmt.Sprintf("phase %s of the simulated runs and phase %s of the real ones are of different kinds and are not compared", sim, real), false
	}
	return fmt.Sprintf("phase %s of the real runs is compared with phase %s of the simulated ones", real, sim), true
}

// phaseKind is the kind of fault that a phase begins or ends with; "" where its name is not
// made of one.
func phaseKind(name string) string {
	name, _, _ = strings.Cut(name, " #")
	kind, healed := strings.CutSuffix(name, " healed")
	switch {
	case chaos.KindOf(kind).New == nil:
		return ""
	case healed:
		return kind + " healed"
	}
	return kind
}

// phaseOf is phase i of the last n of every run.
func phaseOf(runs []Run, n, i int) []Phase {
	out := make([]Phase, len(runs))
	for k, r := range runs {
		out[k] = r.Phases[len(r.Phases)-n+i]
	}
	return out
}

func rowsOf(sim, real []Phase) []Row {
	var names []string
	units := make(map[string]Unit)
	for _, p := range append(append([]Phase(nil), real...), sim...) {
		for _, q := range p.Quantities {
			if _, ok := units[q.Name]; !ok {
				names = append(names, q.Name)
				units[q.Name] = q.Unit
			}
		}
	}
	var rows []Row
	for _, name := range names {
		row := Row{Phase: real[0].Name, Quantity: name, Unit: units[name], Sim: gather(sim, name), Real: gather(real, name)}
		row.judge()
		rows = append(rows, row)
	}
	return rows
}

func gather(phases []Phase, name string) Dist {
	var values []float64
	for _, p := range phases {
		if v, ok := p.Value(name); ok {
			values = append(values, v)
		}
	}
	return distOf(len(phases), values)
}

// judge fills in error, limit and verdict.
func (r *Row) judge() {
	switch {
	case r.Real.never():
		r.Determined = r.Real.Runs >= enoughRuns
		r.Verdict, r.Note = Outside, fmt.Sprintf("simulated in %d of %d runs, never for real", r.Sim.N, r.Sim.Runs)
		return
	case r.Sim.never():
		r.Determined = r.Real.always() && r.Real.Runs > 1
		r.Verdict, r.Note = Outside, fmt.Sprintf("for real in %d of %d runs, never simulated", r.Real.N, r.Real.Runs)
		if !r.Determined {
			r.Verdict = InRange
		}
		return
	case !r.Real.always() || !r.Sim.always():
		r.Note = fmt.Sprintf("happened in %d of %d real and %d of %d simulated runs", r.Real.N, r.Real.Runs, r.Sim.N, r.Sim.Runs)
	}
	r.Error = score.Round(r.Sim.Median - r.Real.Median)
	if r.Real.Median != 0 {
		r.Relative = score.Round(r.Error / r.Real.Median)
	}
	r.Limit = limitOf(r.Unit, r.Real.Median)
	spread := r.Real.Max - r.Real.Min
	switch r.Unit {
	case Count:
		r.Determined = spread == 0 && r.Real.always() && r.Real.Runs > 1
	case Seconds:
		r.Determined = spread <= 2*r.Limit && r.Real.always() && r.Real.Runs >= enoughRuns
	default:
		r.Determined = spread <= 2*r.Limit && r.Real.always() && r.Real.Runs > 1
	}
	switch {
	case r.Unit == Count && r.Determined && (r.Sim.Min != r.Real.Median || r.Sim.Max != r.Real.Median || !r.Sim.always()):
		r.Verdict = Outside
	case math.Abs(r.Error) <= r.Limit:
		r.Verdict = Within
	case r.Sim.Median >= r.Real.Min && r.Sim.Median <= r.Real.Max:
		r.Verdict = InRange
	default:
		r.Verdict = Outside
	}
}

func limitOf(u Unit, median float64) float64 {
	switch u {
	case Seconds:
		return score.Round(max(relativeTarget*median, secondsTarget))
	case Bytes:
		return score.Round(bytesTarget * median)
	case Count:
		return 0
	}
	return score.Round(relativeTarget * median)
}

func orderOf(sim, real []Phase) (Order, bool) {
	o := Order{Phase: real[0].Name, Real: real[0].Moves, Sim: sim[0].Moves, RealRuns: len(real), SimRuns: len(sim)}
	if len(o.Real) == 0 {
		return o, false // that nothing moves is a count
	}
	for _, p := range real {
		if sameOrder(o.Real, p.Moves) {
			o.RealAgree++
		}
	}
	for _, p := range sim {
		if sameOrder(o.Real, p.Moves) {
			o.SimAgree++
		}
	}
	o.Determined = o.RealAgree == o.RealRuns && o.RealRuns > 1
	o.Verdict = Outside
	switch {
	case o.SimAgree == o.SimRuns:
		o.Verdict = Within
	case !o.Determined:
		o.Verdict = InRange
	}
	return o, true
}
