package es

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// host is the run as the session sees it, a *scenarios.Run.
type host interface {
	Scenario() *scenarios.Scenario
	History() *observed.History
	Clock() clock.Clock
	Zero() time.Duration
	Progress(format string, args ...any)
	SleepUntil(ctx context.Context, at time.Duration) error
	Sample(ctx context.Context, group clock.Group)
	FaultInForce() bool
	Log(line string)
	Decided(observed.Decision)
	NewSupervisor(scenarios.SupervisorConfig) (scenarios.Supervisor, error)
	Explain(context.Context, scenarios.SupervisorConfig) ([]observed.Ailment, error)
}

// session is an Elasticsearch cluster's side of a run.
type session struct {
	r           host
	cluster     Cluster
	controllers *controllers
	answers     *answers
	tracers     *tracers // nil before the load has started
}

// Begin implements [scenarios.System].
func (System) Begin(r *scenarios.Run) (scenarios.Session, error) {
	c, ok := r.Cluster().(Cluster)
	if !ok {
		return nil, fmt.Errorf("%w: the backend has no Elasticsearch clusters", scenarios.ErrUnavailable)
	}
	e := &session{r: r, cluster: c, answers: &answers{cluster: c}}
	e.controllers = newControllers(r.Scenario(), e)
	return e, nil
}

// Offer implements [scenarios.System].
func (System) Offer(s *scenarios.Scenario, t chaos.Target) chaos.Target {
	t.API = operator{}
	return newControllers(s, nil).over(t, &answers{})
}

// Explain implements [scenarios.Explained], as a client of the cluster.
func (e *session) Explain(ctx context.Context) ([]observed.Ailment, error) {
	cfg := scenarios.SupervisorConfig{
		Name: scenarios.ViewerClient, Clock: e.cluster.Clock(scenarios.ViewerClient), Transport: e.cluster.Transport(scenarios.ViewerClient),
	}
	for _, n := range e.cluster.Nodes() {
		cfg.Endpoints = append(cfg.Endpoints, scenarios.Endpoint{Name: n, URL: e.cluster.URL(scenarios.ViewerClient, n)})
	}
	return e.r.Explain(ctx, cfg)
}

// Target implements [scenarios.Session].
func (e *session) Target() chaos.Target {
	t := e.cluster.Target()
	t.API = operator{e.cluster}
	return e.controllers.over(t, e.answers)
}

// Prepare implements [scenarios.Session].
func (e *session) Prepare(ctx context.Context) error {
	indices := IndexSpecs(e.r.Scenario())
	if n := len(indices); n > 0 {
		e.r.Progress("loading data, indices: %d", n)
	}
	if err := e.cluster.LoadData(ctx, indices); err != nil {
		return e.placed(fmt.Errorf("loading data: %w", err))
	}
	if err := e.giveAliases(ctx); err != nil {
		return err
	}
	return e.closeIndices(ctx)
}

// closeIndices closes those that are loaded and are to be closed when the run begins.
func (e *session) closeIndices(ctx context.Context) error {
	for _, ix := range loadedIndices(e.r.Scenario()) {
		if !ix.Closed {
			continue
		}
		if err := (operator{e.cluster}).Call(ctx, http.MethodPost, "/"+ix.Name+"/_close", nil, nil); err != nil {
			return fmt.Errorf("closing index %s: %w", ix.Name, err)
		}
	}
	return nil
}

// giveAliases gives indices the other names that they have from the start.
func (e *session) giveAliases(ctx context.Context) error {
	var actions []any
	for _, ix := range e.r.Scenario().Cluster.Indices {
		for _, name := range ix.Aliases {
			actions = append(actions, map[string]any{"add": map[string]any{"index": ix.Name, "alias": name, "is_write_index": true}})
		}
	}
	if len(actions) == 0 {
		return nil
	}
	return operator{e.cluster}.Call(ctx, http.MethodPost, "/_aliases", map[string]any{"actions": actions}, nil)
}

// Refused is what Elasticsearch says of an index that it does not create.
type Refused struct {
	Index string
	Err   error
}

func (r *Refused) Error() string { return "creating index " + r.Index + ": " + r.Err.Error() }

// Unwrap returns Elasticsearch's own words.
func (r *Refused) Unwrap() error { return r.Err }

// Problem says the same of a scenario's file before any cluster was asked.
func (r *Refused) Problem(s *scenarios.Scenario) source.Problem {
	return source.Problemf(pathOf(s, r.Index), "%v", r)
}

// Unready is an index that Elasticsearch made, whose copies had not all become active.
type Unready struct {
	Index  string
	Within time.Duration
}

func (u *Unready) Error() string {
	return fmt.Sprintf("creating index %s: its copies were not all active within %s", u.Index, u.Within)
}

// pathOf is where the file names an index; "" if it doesn't.
func pathOf(s *scenarios.Scenario, index string) string {
	for i, ix := range s.Cluster.Indices {
		if ix.Name == index {
			return fmt.Sprintf("$.cluster.indices[%d].name", i)
		}
	}
	return ""
}

// placed says where in the file the index is that was refused, or has no place.
func (e *session) placed(err error) error {
	var unready *Unready
	if errors.As(err, &unready) {
		if path := pathOf(e.r.Scenario(), unready.Index); path != "" {
			return &scenarios.Misplaced{Path: path, Err: unready, Explained: true}
		}
		return fmt.Errorf("%w: %w", scenarios.ErrScenario, err)
	}
	var refused *Refused
	if !errors.As(err, &refused) {
		return err
	}
	if path := pathOf(e.r.Scenario(), refused.Index); path != "" {
		return &scenarios.Misplaced{Path: path, Err: refused}
	}
	return fmt.Errorf("%w: %w", scenarios.ErrScenario, err)
}

// Release implements [scenarios.Session].
func (e *session) Release(ctx context.Context) error { return e.cluster.Release(ctx) }

// Start implements [scenarios.Session].
func (e *session) Start(ctx context.Context, group clock.Group) error {
	err := e.startLoad(ctx, group)
	if err == nil && e.r.Scenario().Controller != nil {
		err = e.controllers.start(ctx, group)
	}
	return err
}

func (e *session) startLoad(ctx context.Context, group clock.Group) error {
	e.tracers = newTracers(e.r, e.cluster)
	if err := e.cluster.Background(ctx, loadsAt(e.r.Scenario(), 0)); err != nil {
		return fmt.Errorf("starting the load: %w", err)
	}
	if e.r.Scenario().Client.Sniff > 0 {
		group.Go(ctx, "client.sniff", e.tracers.client.Sniff)
	}
	e.startLateLoad(ctx, group)
	if e.wantsSettings() {
		e.sights().before, _ = e.lookAtSettings(ctx) // without them it can't be decided
	}
	for i, w := range e.r.Scenario().Workload {
		if *w.Tracers > 0 {
			group.Go(ctx, fmt.Sprintf("tracer %d", i), func(ctx context.Context) {
				if e.r.SleepUntil(ctx, w.From.D()) == nil {
					e.tracers.write(ctx, group, w)
				}
			})
		}
	}
	e.r.Sample(ctx, group)
	return nil
}

// startLateLoad adds the streams that begin after t=0 when their time has come, and changes
// those that follow the hour.
func (e *session) startLateLoad(ctx context.Context, group clock.Group) {
	var times []time.Duration
	for _, w := range e.r.Scenario().Workload {
		if w.From > 0 {
			times = append(times, w.From.D())
		}
		if len(w.ByHour) > 1 {
			for at := time.Hour; at < e.r.Scenario().Duration.D(); at += time.Hour {
				times = append(times, at)
			}
		}
	}
	slices.Sort(times)
	if len(times) == 0 {
		return
	}
	group.Go(ctx, "load", func(ctx context.Context) {
		for _, at := range slices.Compact(times) {
			if e.r.SleepUntil(ctx, at) != nil {
				return
			}
			if err := e.cluster.Background(ctx, loadsAt(e.r.Scenario(), at)); err != nil {
				e.r.Log("a load did not begin: " + err.Error())
			}
		}
	})
}

// Stop implements [scenarios.Session].
func (e *session) Stop(ctx context.Context) error { return e.cluster.Background(ctx, nil) }

// Traffic implements [scenarios.Session].
func (e *session) Traffic() observed.Traffic { return e.cluster.Traffic() }

// Verify implements [scenarios.Session].
func (e *session) Verify(ctx context.Context) error {
	e.lookAtCopies(ctx)
	if e.wantsSettings() {
		e.sights().after, _ = e.lookAtSettings(ctx) // without them it can't be decided
	}
	return e.tracers.verify(ctx)
}

// Summary implements [scenarios.Session].
func (e *session) Summary() observed.TracerSummary {
	if e.tracers == nil {
		return observed.TracerSummary{}
	}
	return e.tracers.summary()
}
