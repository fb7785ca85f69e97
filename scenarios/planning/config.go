package planning

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/chaos"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
)

// The bounds of a plan.
const (
	strikesAt   = 10 * time.Second // when the loss strikes: the load has begun by then
	shortest    = 30 * time.Minute // for how long a loss is watched at least, unless all is well sooner
	DefaultRuns = 3
	mostRuns    = 1000
	mostCells   = 200_000
	// restAfterWork is for how long nothing must go on before work on a cluster counts as done.
	restAfterWork = time.Minute
)

// Config says what to plan.
type Config struct {
	// File is a scenario file or a name of the library; of its faults and expectations
	// nothing is used.
	File string
	// Set are replacements of values of the file, "path=value"; Changes are more of them, for
	// the side that is compared with the cluster as it is.
	Set, Changes []string
	Vocabulary   scenarios.Vocabulary
	// Runner makes what runs one scenario; it is called once for every run.
	Runner func() *scenarios.Runner
	// Seeds is how many seeds every loss is run with, from 1 on; 0: [DefaultRuns].
	Seeds int
	// Earlier is the file of an earlier import of the same cluster: what it has grown by since
	// then is how it grows; "": there is none.
	Earlier string
	// Machines is a file of candidate machine types: the smallest fleet of them is looked for;
	// "": it is not.
	Machines string
	// Losses are the kinds of losses that are tried; nil: all but pairs.
	Losses []string
	// Pairs adds every pair of nodes.
	Pairs bool
	// Workers is how many runs go on at once; 0: one for each processor.
	Workers int
	// Cache is a folder that keeps what runs came to, so that none is made twice; "": nothing
	// is kept.
	Cache string
	// Report takes what a run left, under a name for a folder: the worst run of the worst loss,
	// or with Reports that of every loss; nil: nobody wants it.
	Report  func(name string, res *scenarios.Result) error
	Reports bool
	// Progress tells how many of the runs that are known to be needed are done, and what they
	// are for; nil: nobody is told. It is called by one goroutine at a time.
	Progress func(what string, done, of int)
}

// check refuses a configuration that makes no sense.
func (c *Config) check() error {
	if c.Seeds == 0 {
		c.Seeds = DefaultRuns
	}
	if c.Seeds < 1 || c.Seeds > mostRuns {
		return fmt.Errorf("%d seeds: expected 1 to %d", c.Seeds, mostRuns)
	}
	if c.Workers < 0 {
		return fmt.Errorf("%d workers: expected 1 or more", c.Workers)
	}
	return nil
}

// side is the cluster as it is, or changed.
type side struct {
	label      string
	changes    []string
	made       []change
	loaded     *scenarios.Loaded
	losses     []Loss
	objectives []objective
	downtime   units.Duration // of a node that is restarted
	assumed    []Assumption
	notes      []string
	tags       tags
	steps      []chaos.Entry // of a change that is made while the cluster runs
	strikes    time.Duration // when losses strike
	mayRefuse  bool          // a cluster that can't be brought to what it should be is an answer
	runs       [][]*run      // by loss and seed; nil: not run
}

// run is what one run of a loss came to.
type run struct {
	Outcomes [][]scenarios.Outcome `json:"outcomes"` // of the objectives for the loss, in order
	Seen     sight                 `json:"seen"`
}

// sides reads the file, and once more with the changes.
func (c *Config) sides() ([]*side, error) {
	asItIs, err := c.side("as it is", nil)
	if err != nil {
		return nil, err
	}
	out := []*side{asItIs}
	if len(c.Changes) > 0 {
		changes, err := readChanges(asItIs.loaded.Scenario, c.Changes)
		if err != nil {
			return nil, err
		}
		changed, err := c.side("changed", changes)
		if err != nil {
			return nil, fmt.Errorf("with the change: %w", err)
		}
		out = append(out, changed)
	}
	return out, nil
}

func (c *Config) side(label string, changes []change) (*side, error) {
	set := append([]string(nil), c.Set...)
	for _, x := range changes {
		if x.set != "" {
			set = append(set, x.set)
		}
	}
	loaded, err := scenarios.Load(c.File, set, c.Vocabulary)
	if err != nil {
		return nil, err
	}
	s := &side{label: label, loaded: loaded, made: changes, strikes: strikesAt}
	for _, x := range changes {
		s.changes = append(s.changes, x.text)
		if x.amend == nil {
			continue
		}
		var failed error
		loaded.Amend(func(sc *scenarios.Scenario) {
			if err := x.amend(sc); err != nil {
				failed = err
			}
		})
		if failed != nil {
			return nil, failed
		}
	}
	if err := s.prepare(c); err != nil {
		return nil, err
	}
	s.losses = slices.DeleteFunc(s.losses, func(l Loss) bool {
		return slices.ContainsFunc(changes, func(x change) bool {
			return slices.ContainsFunc(l.Nodes, func(n string) bool { return (l.Kind == Node || l.Kind == Drain) && slices.Contains(x.leaves, n) })
		})
	})
	if cells := len(s.losses) * c.Seeds; cells > mostCells {
		return nil, fmt.Errorf("%s: %d losses with %d seeds are %d runs; expected at most %d: fewer seeds, or no pairs", c.File, len(s.losses), c.Seeds, cells, mostCells)
	}
	return s, nil
}

// scenario is what runs one loss: the cluster and the load of a file, the loss alone, and
// what is expected after it.
func (s *side) scenario(of *scenarios.Loaded, l Loss) *scenarios.Loaded {
	out := *of
	sc := *of.Scenario
	sc.Faults, sc.Expect = s.faults(&sc, l), nil
	longest := sc.Duration.D()
	if l.rolling() || l.Kind == Change {
		longest = 0
	}
	for i := range s.objectives {
		o := &s.objectives[i]
		if (l.rolling() || l.Kind == Change) && !o.after(l) {
			continue
		}
		longest = max(longest, o.limit.D())
		if !o.after(l) {
			continue
		}
		e := o.of(l)
		e.Line = i + 1 // by which its outcomes are known
		sc.Expect = append(sc.Expect, e)
	}
	duration, _ := l.watch(longest, s.downtime)
	sc.Duration = units.Duration(duration + s.strikes - strikesAt)
	sc.Settle = units.Duration(max(sc.Settle.D(), shortest-longest, time.Minute))
	out.Scenario = &sc
	for _, e := range sc.Expect {
		if c, ok := e.Expectation.(scenarios.Completer); ok {
			c.Complete(&sc)
		}
	}
	return &out
}

// outcomes are those of an objective in a run of a loss.
func (s *side) outcomes(r *run, l Loss, objective int) []scenarios.Outcome {
	at := 0
	for i := range s.objectives[:objective] {
		if s.objectives[i].after(l) {
			at++
		}
	}
	if !s.objectives[objective].after(l) || at >= len(r.Outcomes) {
		return nil
	}
	return r.Outcomes[at]
}

// faults are what strikes a cluster by a loss: as soon as the side is at rest.
func (s *side) faults(sc *scenarios.Scenario, l Loss) []chaos.Entry {
	if l.Kind == Change {
		return s.steps
	}
	out := l.entries(sc, s.downtime)
	for i := range out {
		if out[i].Trigger == nil {
			out[i].At += units.Duration(s.strikes - strikesAt)
		}
	}
	return out
}

// options are how one loss is run: work on the cluster ends when it is done.
func (s *side) options(l Loss, seed uint64) scenarios.Options {
	out := scenarios.Options{Seed: seed, Scale: scenarios.AsDescribed}
	if l.Kind == Change {
		out.Rest = restAfterWork
	}
	if l.rolling() {
		out.Rest = max(restAfterWork, s.longest(l)) // what could come within a limit would have come
		_, out.Stuck = l.watch(s.longest(l), s.downtime)
	}
	return out
}

// longest is the longest limit of the objectives for a loss.
func (s *side) longest(l Loss) (d time.Duration) {
	for i := range s.objectives {
		if s.objectives[i].after(l) {
			d = max(d, s.objectives[i].limit.D())
		}
	}
	return d
}

// make runs one loss with one seed.
func (s *side) make(ctx context.Context, c *Config, l Loss, seed uint64) (*run, error) {
	res, err := s.runOf(ctx, c, l, seed)
	switch {
	case s.mayRefuse && errors.Is(err, scenarios.ErrScenario):
		return s.refused(l, err.Error()), nil
	case err != nil:
		return nil, err
	case s.mayRefuse && res.Aborted != nil:
		return s.refused(l, res.Aborted.Error()), nil
	}
	out := &run{}
	if out.Seen, err = look(res, l); err != nil {
		return nil, err
	}
	for i, o := range s.objectives {
		if o.after(l) {
			out.Outcomes = append(out.Outcomes, outcomesOf(res, i+1, o))
		}
	}
	return out, nil
}

// runOf is all that one run of a loss leaves.
func (s *side) runOf(ctx context.Context, c *Config, l Loss, seed uint64) (*scenarios.Result, error) {
	drawn, err := s.loaded.Drawn(seed) // what varies by seed, varies here as well
	if err != nil {
		return nil, err
	}
	res, err := c.Runner().Run(ctx, s.scenario(drawn, l), s.options(l, seed))
	if err != nil {
		return nil, fmt.Errorf("%s, seed %d: %w", l, seed, err)
	}
	if res.Aborted != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("%s, seed %d: %w", l, seed, res.Aborted)
	}
	return res, nil
}

// outcomesOf are the outcomes of one objective in a run; a loss that did not strike leaves
// every one of them open.
func outcomesOf(res *scenarios.Result, line int, o objective) []scenarios.Outcome {
	if res.Aborted != nil {
		return []scenarios.Outcome{scenarios.Undecided(o.name, "the run ended early: %v", res.Aborted)}
	}
	var out []scenarios.Outcome
	for _, got := range res.Outcomes {
		switch got.Line {
		case line:
			got.Line = o.expect.Line
			out = append(out, got)
		case 0: // of the run itself
			if got.Verdict != scenarios.Pass {
				out = append(out, got)
			}
		}
	}
	return out
}
