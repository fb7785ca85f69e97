package planning

import (
	"context"
	"fmt"
	"time"

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
	// Pairs adds every pair of nodes.
	Pairs bool
	// Workers is how many runs go on at once; 0: one for each processor.
	Workers int
	// Progress tells how many of all runs are done; nil: nobody is told. It is called by one
	// goroutine at a time.
	Progress func(done, of int)
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
	loaded     *scenarios.Loaded
	losses     []Loss
	objectives []objective
	assumed    []Assumption
	notes      []string
	tags       tags
	runs       [][]*run // by loss and seed; nil: not run
}

// run is what one run of a loss came to.
type run struct {
	outcomes [][]scenarios.Outcome // by objective; nil: not for this loss
	seen     sight
}

// sides reads the file, and once more with the changes.
func (c *Config) sides() ([]*side, error) {
	asItIs, err := c.side("as it is", nil)
	if err != nil {
		return nil, err
	}
	out := []*side{asItIs}
	if len(c.Changes) > 0 {
		changed, err := c.side("changed", c.Changes)
		if err != nil {
			return nil, fmt.Errorf("with the change: %w", err)
		}
		out = append(out, changed)
	}
	return out, nil
}

func (c *Config) side(label string, changes []string) (*side, error) {
	set := append(append([]string(nil), c.Set...), changes...)
	loaded, err := scenarios.Load(c.File, set, c.Vocabulary)
	if err != nil {
		return nil, err
	}
	s := &side{label: label, changes: changes, loaded: loaded}
	if err := s.prepare(c); err != nil {
		return nil, err
	}
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
	sc.Faults, sc.Expect = nil, nil
	if e := l.entry(); e != nil {
		sc.Faults = append(sc.Faults, *e)
	}
	longest := sc.Duration.D()
	for i, o := range s.objectives {
		longest = max(longest, o.limit.D())
		if !o.after(l) {
			continue
		}
		e := o.expect
		e.Line = i + 1 // by which its outcomes are known
		sc.Expect = append(sc.Expect, e)
	}
	sc.Duration = units.Duration(strikesAt + longest)
	sc.Settle = units.Duration(max(sc.Settle.D(), shortest-longest, time.Minute))
	out.Scenario = &sc
	for _, e := range sc.Expect {
		if c, ok := e.Expectation.(scenarios.Completer); ok {
			c.Complete(&sc)
		}
	}
	return &out
}

// make runs one loss with one seed.
func (s *side) make(ctx context.Context, c *Config, l Loss, seed uint64) (*run, error) {
	drawn, err := s.loaded.Drawn(seed) // what varies by seed, varies here as well
	if err != nil {
		return nil, err
	}
	res, err := c.Runner().Run(ctx, s.scenario(drawn, l), scenarios.Options{Seed: seed, Scale: scenarios.AsDescribed})
	if err != nil {
		return nil, fmt.Errorf("%s, seed %d: %w", l, seed, err)
	}
	if res.Aborted != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("%s, seed %d: %w", l, seed, res.Aborted)
	}
	out := &run{outcomes: make([][]scenarios.Outcome, len(s.objectives))}
	if out.seen, err = look(res); err != nil {
		return nil, err
	}
	for i, o := range s.objectives {
		if o.after(l) {
			out.outcomes[i] = outcomesOf(res, i+1, o)
		}
	}
	return out, nil
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
