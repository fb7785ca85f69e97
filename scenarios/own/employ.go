package own

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/shardquake/shardquake/internal/foreign"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// employ makes a controller that of a scenario.
func employ(run Controller, s *scenarios.Loaded, runner *scenarios.Runner) {
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
	run Controller
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
	d := observed.Decision{Seq: s.seq, At: at, Actor: "own-controller", Decided: r.Method + " " + uri, Reason: "the controller asked for it: " + said}
	if err != nil {
		d.Done = "no answer: " + err.Error()
	} else {
		d.Done, d.Acted = fmt.Sprintf("answered %d", res.StatusCode), res.StatusCode < 300
	}
	s.cfg.OnDecision(d)
	return res, err
}
