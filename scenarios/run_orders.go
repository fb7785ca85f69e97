package scenarios

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// ErrRunOver says that a run takes no orders any more: its report is written.
var ErrRunOver = errors.New("the run is over, and its report has been made: no fault strikes or heals by order any more")

// ErrNoFault says that a run has no fault of a number.
var ErrNoFault = errors.New("there is no such fault")

// PlanEntry is a fault of a run, from the file or by order, and what has become of it.
type PlanEntry struct {
	ID int `json:"id"`
	// State is waiting, in force, healed, failed or withdrawn.
	State   string         `json:"state"`
	Planned chaos.Entry    `json:"planned"`
	Struck  units.Duration `json:"struck_at,omitempty"`
	Healed  units.Duration `json:"healed_at,omitempty"`
	// NotSimulated are settings that the fault sets and the backend does not go by.
	NotSimulated []string `json:"not_simulated,omitempty"`
	*chaos.Record
}

// setter is a cluster that knows which settings it doesn't go by.
type setter interface {
	NotSimulated(values map[string]string) []string
}

// attended lets the attendant at the cluster.
func (r *Run) attended(ctx context.Context) {
	a := r.runner.Attendant
	if a == nil {
		return
	}
	r.clock.Go(ctx, "attendant", func(ctx context.Context) {
		if err := a.Attend(ctx, r); err != nil {
			r.progress("%v", err)
		}
	})
}

// stay keeps the cluster for the attendant.
func (r *Run) stay(ctx context.Context) error {
	if r.runner.Attendant == nil || ctx.Err() != nil {
		return nil
	}
	r.runner.Attendant.Ended(r.result(append(r.notes, r.cluster.Notes()...), nil))
	for ctx.Err() == nil {
		_ = r.clock.Sleep(ctx, time.Hour) // ends with ctx
	}
	return nil
}

// Now is the time since t=0, and whether the run has ended.
func (r *Run) Now() (t units.Duration, ended bool) {
	return durationOf(r.now().Round(time.Millisecond)), r.orders == nil
}

// Plan is every fault of the run, in order of the file, then of the orders.
func (r *Run) Plan() []PlanEntry {
	out := make([]PlanEntry, len(r.plan))
	for i := range r.plan {
		out[i] = r.entry(i)
	}
	return out
}

func (r *Run) entry(i int) PlanEntry {
	p := r.plan[i]
	e := PlanEntry{ID: i + 1, State: "waiting", Planned: p.entry}
	if sets, ok := p.entry.Fault.(chaos.Setter); ok {
		if c, ok := r.cluster.(setter); ok {
			values, _, _ := sets.Sets()
			e.NotSimulated = c.NotSimulated(values)
		}
	}
	if p.active != nil {
		rec := *p.active.Record
		e.Record, e.Struck = &rec, durationOf(rec.At)
	}
	switch {
	case p.withdrawn:
		e.State = "withdrawn"
	case p.active == nil:
	case !e.Injected:
		e.State = "failed"
	case e.HealedAt >= 0:
		e.State, e.Healed = "healed", durationOf(e.HealedAt)
	default:
		e.State = "in force"
	}
	return e
}

// ErrNothingPlanned says that no fault of the plan is still to strike or to heal by its time.
var ErrNothingPlanned = errors.New("no fault has yet to strike or to heal at a time that is known")

// NextPlanned is when the next fault strikes, or heals after its own time; false: none does at
// a time that is known.
func (r *Run) NextPlanned() (at time.Duration, ok bool) {
	earliest := func(t time.Duration) {
		if t > r.now() && (!ok || t < at) {
			at, ok = t, true
		}
	}
	for i, p := range r.plan {
		switch e := r.entry(i); {
		case e.State == "waiting" && p.entry.Trigger == nil:
			earliest(p.entry.At.D())
		case e.State == "in force" && p.entry.Until == "" && p.entry.Fault.Lasts() > 0:
			earliest(e.Struck.D() + p.entry.Fault.Lasts())
		}
	}
	return at, ok
}

// StepOn waits until just after the next fault has struck or healed.
func (r *Run) StepOn(ctx context.Context) error {
	at, ok := r.NextPlanned()
	if !ok {
		return ErrNothingPlanned
	}
	return r.SleepUntil(ctx, at+time.Millisecond)
}

// lookRound is longer than it takes until every node has been looked at again.
const lookRound = time.Second

// AwaitHealth waits until the cluster's health is the one wanted; false: it was not within the
// time. Green counts once the master knows of every node that doesn't answer: of copies on a
// node that was lost just now it still says that they are well.
func (r *Run) AwaitHealth(ctx context.Context, want string, within time.Duration) (bool, error) {
	limited, cancel := r.clock.WithTimeout(ctx, within)
	defer cancel()
	err := r.awaitHealth(limited, want)
	if err != nil && ctx.Err() == nil {
		return false, nil
	}
	return err == nil, err
}

func (r *Run) awaitHealth(ctx context.Context, want string) error {
	if want != "green" {
		return r.awaitState(ctx, chaos.State(want))
	}
	if err := r.clock.Sleep(ctx, lookRound); err != nil {
		return err
	}
	well := func() bool { return r.state.Seen && r.state.Health.Status == want && r.state.Noticed() }
	r.mu.Lock()
	now := well()
	r.mu.Unlock()
	if now {
		return nil
	}
	return r.await(ctx, func(observed.Observation) bool { return well() })
}

// Inject has a fault strike now, by order, and waits until it has been probed.
func (r *Run) Inject(ctx context.Context, e chaos.Entry) (PlanEntry, error) {
	if r.orders == nil {
		return PlanEntry{}, ErrRunOver
	}
	e.At = durationOf(r.now())
	for _, p := range (chaos.Plan{Entries: []chaos.Entry{e}}).Check(r.scenario.Topology(), 0) {
		return PlanEntry{}, fmt.Errorf("%s: %s", p.Path, p.Message)
	}
	if err := chaos.Supports(e.Fault, r.session.Target(), r.scenario.Topology()); err != nil {
		return PlanEntry{}, err
	}
	p := &planned{entry: e, struck: r.clock.NewEvent(), healed: r.clock.NewEvent()}
	r.plan = append(r.plan, p)
	id := len(r.plan) - 1
	return r.entryAfter(ctx, id, func(ctx context.Context) error {
		r.strike(ctx, r.orders, p, e.At.D())
		return p.active.Settle(ctx)
	})
}

// Suggestion is a fault that could be ordered.
type Suggestion struct {
	About string
	Fault chaos.Fault
}

// Suggested are faults that could be ordered: one of each kind that this cluster's backend can
// inject, with parameters that fit it where the kind can draw them.
func (r *Run) Suggested() []Suggestion {
	t := r.scenario.Topology()
	d := &chaos.Dice{Rand: rand.New(rand.NewPCG(r.scenario.Seed, 0)), Topology: t, Shortest: 30 * time.Second, Longest: 2 * time.Minute}
	var out []Suggestion
	for _, k := range chaos.Kinds() {
		if !k.For(r.scenario.System) {
			continue
		}
		f := k.New()
		if k.Draw != nil {
			f = k.Draw(d)
		}
		if f != nil && chaos.Supports(f, r.session.Target(), t) == nil {
			out = append(out, Suggestion{k.About, f})
		}
	}
	return out
}

// HealOrder heals a fault by its number, or withdraws one that has yet to strike.
func (r *Run) HealOrder(ctx context.Context, id int) (PlanEntry, error) {
	switch {
	case id < 1 || id > len(r.plan):
		return PlanEntry{}, fmt.Errorf("%w: %d; the plan has numbers 1 to %d", ErrNoFault, id, len(r.plan))
	case r.orders == nil:
		return PlanEntry{}, ErrRunOver
	}
	p := r.plan[id-1]
	if p.active == nil {
		p.withdrawn = true
		return r.entry(id - 1), nil
	}
	if !p.active.Record.Injected {
		return PlanEntry{}, fmt.Errorf("fault %d is not in force: %s", id, p.active.Record.Error)
	}
	return r.entryAfter(ctx, id-1, func(ctx context.Context) error { return r.heal(ctx, p) })
}

// entryAfter is an entry after something was done, as a process that the run waits for.
func (r *Run) entryAfter(ctx context.Context, i int, do func(ctx context.Context) error) (PlanEntry, error) {
	done := r.clock.NewEvent()
	var err error
	r.orders.Go(r.work, "order", func(ctx context.Context) {
		err = do(ctx)
		done.Set()
	})
	if waitErr := done.Wait(ctx); waitErr != nil {
		return PlanEntry{}, waitErr
	}
	return r.entry(i), err
}
