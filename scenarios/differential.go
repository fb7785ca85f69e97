package scenarios

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Differential is an expectation of what another run would have come to: the scenario with
// something taken away. It is judged by both runs, whose outcomes the same expectations give;
// Judge, which sees one, says why that is not enough.
type Differential interface {
	Expectation
	// Other is the scenario of the other run.
	Other(*Scenario) *Scenario
	// Compare decides on what both runs came to.
	Compare(this, other *Result) []Outcome
}

// differentials are the entries that another run has to be made for.
func differentials(s *Scenario) []Expect {
	return slices.DeleteFunc(slices.Clone(s.Expect), func(e Expect) bool { _, is := e.Expectation.(Differential); return !is })
}

// compare makes the other run of each expectation that needs one, and puts its outcomes in the
// place of those that the first run alone gave. Runs of real clusters, which have no trace hash,
// differ by themselves: there it stays undecided.
func (r *Runner) compare(ctx context.Context, loaded *Loaded, opt Options, res *Result) error {
	if res.TraceHash == 0 || r.Attendant != nil {
		return nil
	}
	for _, e := range differentials(res.Scenario) {
		d, _ := e.Expectation.(Differential)
		drawn, err := loaded.Drawn(res.Seed) // what the seed drew is the same in both
		if err != nil {
			return err
		}
		other := *drawn
		changed := *drawn.Scenario
		if opt.Plan != nil {
			changed.Faults = opt.Plan.Entries
		}
		other.Scenario = d.Other(&changed)
		alone := opt
		alone.Plan, alone.Seed = nil, res.Seed
		quiet := &Runner{Backend: r.Backend, NewSupervisor: r.NewSupervisor, Explain: r.Explain}
		got, err := quiet.once(ctx, &other, alone)
		var outcomes []Outcome
		switch {
		case errors.Is(err, ErrScenario) || errors.Is(err, ErrUnavailable):
			outcomes = []Outcome{Undecided(e.Kind(), "the run to compare with could not be made: %v", err)}
		case err != nil:
			return fmt.Errorf("the run that %s compares with: %w", e.Kind(), err)
		case got.Aborted != nil:
			outcomes = []Outcome{Undecided(e.Kind(), "the run to compare with ended early: %v", got.Aborted)}
		default:
			outcomes = d.Compare(res, got)
		}
		res.replace(e, outcomes)
	}
	res.Verdict = Worst(res.Outcomes)
	return nil
}

// replace puts outcomes in the place of those that an expectation has.
func (res *Result) replace(e Expect, by []Outcome) {
	for i := range by {
		by[i].Tolerance, by[i].Line = e.Tolerance, e.Line
	}
	names := map[string]bool{}
	for _, o := range e.Judge(res.History) {
		names[o.Name] = true
	}
	is := func(o Outcome) bool { return o.Line == e.Line && names[o.Name] }
	at := max(0, slices.IndexFunc(res.Outcomes, is))
	rest := slices.DeleteFunc(slices.Clone(res.Outcomes), is)
	res.Outcomes = slices.Insert(rest, min(at, len(rest)), by...)
}

// WithoutController is a scenario without its controller, without the faults that need it, and
// with the expectations that make sense without it. Expectations that need another run are not
// among them.
func WithoutController(s *Scenario) *Scenario {
	bare := *s
	bare.Controller, bare.Faults, bare.Expect = nil, nil, nil
	for _, e := range s.Faults {
		if alone := (chaos.Plan{Entries: []chaos.Entry{{At: e.At, Fault: e.Fault}}}); len(alone.Check(chaos.WithMade(bare.Topology(), s.Faults), 0)) == 0 {
			bare.Faults = append(bare.Faults, e)
		}
	}
	for _, e := range s.Expect {
		if _, is := e.Expectation.(Differential); !is && len(e.Check(&bare)) == 0 {
			bare.Expect = append(bare.Expect, e)
		}
	}
	return &bare
}

// Alone is the outcome that a differential expectation has of one run.
func Alone(name string, _ *observed.History) []Outcome {
	return []Outcome{Undecided(name, "one run does not tell; it is judged where a second one, which differs in nothing else, can be made: simulated")}
}
