package scenariotest

import (
	"context"
	"testing"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/own"
)

// Option varies a run.
type Option func(*options)

type options struct {
	set     []string
	run     scenarios.Options
	backend string
	parts   own.Parts
}

// choose applies options to the defaults.
func choose(opts []Option) options {
	o := options{backend: "sim", run: scenarios.Options{Scale: scenarios.AsDescribed}}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// load reads the scenario, which may name the test's own parts.
func (o options) load(nameOrPath string) (*scenarios.Loaded, error) {
	return o.parts.Load(nameOrPath, o.set)
}

// start runs a scenario.
func (o options) start(ctx context.Context, s *scenarios.Loaded, progress func(string, ...any)) (*scenarios.Result, error) {
	return o.parts.Start(ctx, s, own.Run{Backend: o.backend, Options: o.run, Progress: progress})
}

// Set replaces a value of the file: "cluster.nodes.count=5".
func Set(assignment string) Option {
	return func(o *options) { o.set = append(o.set, assignment) }
}

// Seed replaces the scenario's seed.
func Seed(seed uint64) Option { return func(o *options) { o.run.Seed = seed } }

// Backend runs on another backend than the simulator: "real".
func Backend(name string) Option {
	return func(o *options) {
		o.backend = name
		if name == "real" {
			o.run.Scale = scenarios.AsReal
		}
	}
}

// Run runs a scenario, a file or a name of the library, as a test: each expectation
// is a subtest, which fails when it failed or could not be decided. The result is
// for what a test wants to look at besides.
func Run(t *testing.T, nameOrPath string, opts ...Option) *scenarios.Result {
	t.Helper()
	o := choose(opts)
	s, err := o.load(nameOrPath)
	if err != nil {
		t.Fatal(err)
	}
	res, err := o.start(t.Context(), s, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	if res.Aborted != nil {
		t.Fatal(res.Aborted)
	}
	for _, f := range res.History.Faults {
		if !f.Shown() {
			t.Errorf("the fault %s was not shown to be in force: %s %v", f.Kind, f.Error, f.Bites)
		}
	}
	for _, out := range res.Outcomes {
		t.Run(out.Name, func(t *testing.T) {
			if out.Verdict != scenarios.Pass {
				t.Errorf("%s: %s", out.Verdict, out.Reason)
			}
		})
	}
	if t.Failed() {
		tellFailure(t, nameOrPath, &o, res)
	}
	return res
}
