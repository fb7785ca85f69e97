package own

import (
	"context"
	"net/http"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/kvcluster/clock"
	"github.com/shardquake/shardquake/scenarios"
)

// Endpoint is a node's HTTP address as a controller sees it.
type Endpoint = scenarios.Endpoint

// Controller is a whole controller of Elasticsearch clusters: it asks the endpoints over
// the transport, which reaches them and nothing else, and returns when ctx ends.
//
// Against the simulator it runs in virtual time: it must wait, and begin what runs beside
// it, by the clock alone (no goroutines, channels or time.Sleep), and pass ctx to every
// request. Then a run of it is as deterministic as any.
type Controller func(ctx context.Context, clk clock.Clock, transport http.RoundTripper, endpoints []Endpoint) error

// Parts are what a program adds.
type Parts struct {
	// Faults are kinds that files may name. They are known to the whole program from the first
	// load on; see [chaos.Register].
	Faults []chaos.Kind
	// Expectations are kinds that files may name.
	Expectations []scenarios.ExpectationKind
	// Policies are those that a scenario's controller may have.
	Policies []policy.Registration
	// Controller is in the place of the scenario's; nil: that one. What it changes through the
	// API is in the history as decisions.
	Controller Controller
}

// Load reads a scenario, a file or a name of the library, which may name the parts. Set holds
// "path=value" replacements.
func (p Parts) Load(nameOrPath string, set []string) (*scenarios.Loaded, error) {
	for _, k := range p.Faults {
		if err := chaos.Register(k); err != nil {
			return nil, err
		}
	}
	return scenarios.Load(nameOrPath, set, p.Vocabulary())
}

// Vocabulary is what scenarios may name beside what they have of themselves, the parts among
// it.
func (p Parts) Vocabulary() scenarios.Vocabulary {
	voc := catalog.Vocabulary()
	voc.More = p.Expectations
	for _, r := range p.Policies {
		voc.Policies = append(voc.Policies, r.Name)
	}
	return voc
}

// Run says how a scenario is run.
type Run struct {
	// Backend is sim or real; "" is sim.
	Backend string
	// Options vary the run; of a real one the scale is the file's real: section.
	Options scenarios.Options
	// Progress tells a person what is going on; nil: silence.
	Progress func(format string, args ...any)
	// OnEvent is told of every event of a simulated run; nil: nobody is.
	OnEvent func(scenarios.Event)
}

// Start runs a scenario.
func (p Parts) Start(ctx context.Context, s *scenarios.Loaded, r Run) (*scenarios.Result, error) {
	if r.Backend == "" {
		r.Backend = "sim"
	}
	if r.Options.Scale == "" {
		r.Options.Scale = scenarios.AsDescribed
		if r.Backend == "real" {
			r.Options.Scale = scenarios.AsReal
		}
	}
	backend, err := catalog.Backend(r.Backend)
	if err != nil {
		return nil, err
	}
	runner := &scenarios.Runner{Backend: backend, NewSupervisor: catalog.SupervisorWith(p.Policies...), Explain: catalog.Explain, Progress: r.Progress, OnEvent: r.OnEvent}
	if p.Controller != nil {
		employ(p.Controller, s, runner)
	}
	return runner.Run(ctx, s, r.Options)
}
