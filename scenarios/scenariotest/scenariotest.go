package scenariotest

import (
	"context"
	"testing"

	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
)

// Option varies a run.
type Option func(*options)

type options struct {
	set     []string
	run     scenarios.Options
	backend string
	// controller is in the place of the scenario's; nil: that one.
	controller OwnController
	policies   []policy.Registration
}

// choose applies options to the defaults.
func choose(opts []Option) options {
	o := options{backend: "sim", run: scenarios.Options{Scale: scenarios.AsDescribed}}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// load reads the scenario, which may name the test's own policies.
func (o options) load(nameOrPath string) (*scenarios.Loaded, error) {
	voc := catalog.Vocabulary()
	for _, r := range o.policies {
		voc.Policies = append(voc.Policies, r.Name)
	}
	return scenarios.Load(nameOrPath, o.set, voc)
}

// start runs a scenario.
func (o options) start(ctx context.Context, s *scenarios.Loaded, progress func(string, ...any)) (*scenarios.Result, error) {
	backend, err := catalog.Backend(o.backend)
	if err != nil {
		return nil, err
	}
	runner := &scenarios.Runner{Backend: backend, NewSupervisor: catalog.SupervisorWith(o.policies...), Explain: catalog.Explain, Progress: progress}
	if o.controller != nil {
		employ(o.controller, s, runner)
	}
	return runner.Run(ctx, s, o.run)
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
