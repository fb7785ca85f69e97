package scenarios

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Gate holds the plan of a run up, or lets it on.
type Gate interface {
	// Await returns when the plan has come to a time: so long after t=0, plus all the time
	// that it has stood.
	Await(ctx context.Context, r *Run, at time.Duration) error
}

// awaitPlan waits for a time of the plan.
func (r *Run) awaitPlan(ctx context.Context, at time.Duration) error {
	if r.runner.Gate != nil {
		return r.runner.Gate.Await(ctx, r, at)
	}
	return r.SleepUntil(ctx, at)
}

// Since is the time since t=0.
func (r *Run) Since() time.Duration { return r.now() }

// Glimpse is what has been seen until now, as if the run ended here. It is for those who
// watch; what it holds does not change any more.
func (r *Run) Glimpse() *observed.History {
	traffic := r.session.Traffic()
	r.mu.Lock()
	defer r.mu.Unlock()
	h := *r.history
	if h.Closed == 0 { // else nobody has observed anything since
		h.Closed = r.now()
		if h.End == 0 { // else the plan is over, and the steady state is waited for
			h.End = h.Closed
		}
	}
	h.Observations = h.Observations[:len(h.Observations):len(h.Observations)]
	h.Decisions = slices.Clone(h.Decisions)
	h.Traffic = append(slices.Clip(slices.Clone(h.Traffic)), observed.TrafficSample{At: h.Closed, Traffic: traffic})
	h.Faults = make([]*chaos.Record, len(r.actives))
	for i, a := range r.actives {
		h.Faults[i] = a.Now()
	}
	return &h
}

// JudgeNow judges what must hold on what has been seen until now.
func (s *Scenario) JudgeNow(h *observed.History) []Outcome {
	var out []Outcome
	for _, e := range s.Expect {
		out = append(out, e.judged(h)...)
	}
	return out
}

// flight is a fault that is striking.
type flight struct {
	cancel context.CancelFunc
	landed clock.Event
	active *chaos.Active // once it has landed
}

// takeOff is the context in which a fault strikes, which a halt ends, and what it must call
// when it has. A run without a gate knows no halt.
func (r *Run) takeOff(ctx context.Context) (striking context.Context, landed func(a *chaos.Active)) {
	if r.runner.Gate == nil {
		return ctx, func(*chaos.Active) {}
	}
	f := &flight{landed: r.clock.NewEvent()}
	striking, f.cancel = r.clock.WithCancel(ctx) // its probes go on in it: it ends with ctx
	r.mu.Lock()
	r.flights = append(r.flights, f)
	r.mu.Unlock()
	return striking, func(a *chaos.Active) {
		r.mu.Lock()
		r.flights = slices.DeleteFunc(r.flights, func(x *flight) bool { return x == f })
		f.active = a
		r.mu.Unlock()
		f.landed.Set()
	}
}

// Undo undoes every fault in force, each without waiting for another, and lets none strike
// any more: one that is just striking is called off, and undone as far as it came. It looks
// at nothing: the run's end does.
func (r *Run) Undo(ctx context.Context) error {
	r.mu.Lock()
	r.halted = true
	actives, flights := slices.Clone(r.actives), slices.Clone(r.flights)
	r.mu.Unlock()
	group := r.clock.NewGroup()
	errs := make([]error, len(actives)+len(flights))
	for i, f := range flights {
		f.cancel()
		group.Go(ctx, "undo", func(ctx context.Context) {
			if errs[len(actives)+i] = f.landed.Wait(ctx); errs[len(actives)+i] == nil {
				errs[len(actives)+i] = f.active.Undo(ctx)
			}
		})
	}
	for i, a := range slices.Backward(actives) {
		group.Go(ctx, "undo", func(ctx context.Context) { errs[i] = a.Undo(ctx) })
	}
	return errors.Join(group.Wait(ctx), errors.Join(errs...))
}

func (r *Run) isHalted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.halted
}

// settleHalted waits for the steady state after a halt, as long as after a whole run.
func (r *Run) settleHalted(ctx context.Context) {
	if !r.isHalted() || !r.hasBegun() {
		return
	}
	r.progress("halted, and undone; waiting for the steady state")
	r.history.End = r.now()
	if r.waitSteady(ctx, r.scenario.Settle.D(), nil) == nil {
		r.history.Settled = r.now()
	}
}
