package scenarios

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/shardquake/shardquake/chaos"
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
		h.End = h.Closed
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

// Undo undoes every fault in force, each without waiting for another, and lets none strike
// any more. It looks at nothing: the run's end does.
func (r *Run) Undo(ctx context.Context) error {
	r.mu.Lock()
	r.halted = true
	actives := slices.Clone(r.actives)
	r.mu.Unlock()
	group := r.clock.NewGroup()
	errs := make([]error, len(actives))
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
