package own

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/shardquake/shardquake/internal/foreign"
	"github.com/shardquake/shardquake/scenarios"
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
		audit, err := foreign.NewAudit("controller", cfg)
		if err != nil {
			return nil, err
		}
		return &supervised{run: run, cfg: cfg, audit: audit}, nil
	}
}

// supervised is somebody's controller in a run. It is the transport that the controller
// gets, to see what it changes.
type supervised struct {
	run   Controller
	cfg   scenarios.SupervisorConfig
	audit *foreign.Audit
	home  context.Context // in which effects are looked at: a request's own may end before
}

// Run implements [scenarios.Supervisor].
func (s *supervised) Run(ctx context.Context) error {
	s.home = ctx
	return s.run(ctx, s.cfg.Clock, s, s.cfg.Endpoints)
}

// RoundTrip implements [http.RoundTripper].
func (s *supervised) RoundTrip(r *http.Request) (res *http.Response, err error) {
	uri := r.URL.RequestURI()
	if !foreign.Changes(r.Method, uri) {
		return s.cfg.Transport.RoundTrip(r)
	}
	var said []byte
	if r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		if said, err = io.ReadAll(body); err != nil {
			return nil, err
		}
	}
	s.audit.Change(s.home, r.Method+" "+uri, said, func() (int, []byte, error) {
		if res, err = s.cfg.Transport.RoundTrip(r); err != nil {
			return 0, nil, err
		}
		answer, broken := io.ReadAll(res.Body)
		if err = errors.Join(broken, res.Body.Close()); err != nil {
			res = nil // half an answer is none
			return 0, nil, err
		}
		res.Body = io.NopCloser(bytes.NewReader(answer))
		return res.StatusCode, answer, nil
	})
	return res, err
}
