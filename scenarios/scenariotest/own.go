package scenariotest

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/internal/foreign"
	"github.com/shardquake/shardquake/kvcluster/clock"
	"github.com/shardquake/shardquake/scenarios"
)

// Endpoint is a node's HTTP address as a controller sees it.
type Endpoint = scenarios.Endpoint

// OwnController is a whole controller of Elasticsearch clusters: it asks the endpoints over
// the transport, which reaches them and nothing else, and returns when ctx ends.
//
// Against the simulator it runs in virtual time: it must wait, and begin what runs beside
// it, by the clock alone (no goroutines, channels or time.Sleep), and pass ctx to every
// request. Then a run of it is as deterministic as any.
type OwnController func(ctx context.Context, clk clock.Clock, transport http.RoundTripper, endpoints []Endpoint) error

// Controller puts a controller in the place of the scenario's. What it changes through the
// API is in the history as decisions.
func Controller(run OwnController) Option { return func(o *options) { o.controller = run } }

// Policy makes a policy of one's own known: a scenario names it as policy: of its controller.
func Policy(r policy.Registration) Option {
	return func(o *options) { o.policies = append(o.policies, r) }
}

// employ makes a controller that of a scenario.
func employ(run OwnController, s *scenarios.Loaded, runner *scenarios.Runner) {
	s.Amend(func(s *scenarios.Scenario) {
		own := scenarios.ControlSection{Policy: "none", Count: 1}
		if s.Controller != nil {
			own.Endpoints = s.Controller.Endpoints
		}
		s.Controller = &own
	})
	runner.NewSupervisor = func(cfg scenarios.SupervisorConfig) (scenarios.Supervisor, error) {
		return &supervised{run: run, cfg: cfg}, nil
	}
}

// supervised is somebody's controller in a run. It is the transport that the controller
// gets, to see what it changes.
type supervised struct {
	run OwnController
	cfg scenarios.SupervisorConfig
	seq int
}

// Run implements [scenarios.Supervisor].
func (s *supervised) Run(ctx context.Context) error {
	return s.run(ctx, s.cfg.Clock, s, s.cfg.Endpoints)
}

// RoundTrip implements [http.RoundTripper].
func (s *supervised) RoundTrip(r *http.Request) (*http.Response, error) {
	at, uri, said := s.cfg.Clock.Monotonic(), r.URL.RequestURI(), ""
	if foreign.Changes(r.Method, uri) && r.GetBody != nil {
		if body, err := r.GetBody(); err == nil {
			text, err := io.ReadAll(body)
			if err != nil {
				return nil, err
			}
			said = string(text)
		}
	}
	res, err := s.cfg.Transport.RoundTrip(r)
	if !foreign.Changes(r.Method, uri) {
		return res, err
	}
	s.seq++
	d := scenarios.Decision{Seq: s.seq, At: at, Actor: "own-controller", Decided: r.Method + " " + uri, Reason: "the controller asked for it: " + said}
	if err != nil {
		d.Done = "no answer: " + err.Error()
	} else {
		d.Done, d.Acted = fmt.Sprintf("answered %d", res.StatusCode), res.StatusCode < 300
	}
	s.cfg.OnDecision(d)
	return res, err
}
