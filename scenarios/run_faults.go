package scenarios

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// planned is an entry of the plan and what has become of it.
type planned struct {
	entry          chaos.Entry
	struck, healed clock.Event // healed also when there was nothing to heal
	done           bool        // it has struck, or could not
	withdrawn      bool        // by an order, before it struck
	active         *chaos.Active
	healing        bool // somebody does it
}

// startFaults injects every fault when its time or its trigger has come, and heals those
// that pass. Those with a time strike one after another, in that order.
func (r *Run) startFaults(ctx context.Context, group clock.Group) {
	for _, e := range r.scenario.Faults {
		r.plan = append(r.plan, &planned{entry: e, struck: r.clock.NewEvent(), healed: r.clock.NewEvent()})
	}
	for i, p := range r.plan {
		if p.entry.Trigger != nil {
			group.Go(ctx, "trigger", func(ctx context.Context) {
				if r.triggered(ctx, i) == nil {
					r.strike(ctx, group, p, r.now())
				}
			})
		}
	}
	order := r.inOrder()
	group.Go(ctx, "faults", func(ctx context.Context) {
		for _, p := range order {
			if r.awaitPlan(ctx, p.entry.At.D()) != nil {
				return
			}
			due := p.entry.At.D()
			if r.runner.Gate != nil {
				due = r.now() // the plan may have stood
			}
			r.strike(ctx, group, p, due)
		}
	})
}

// inOrder are the entries that have a time, in its order.
func (r *Run) inOrder() []*planned {
	order := slices.DeleteFunc(slices.Clone(r.plan), func(p *planned) bool { return p.entry.Trigger != nil })
	slices.SortStableFunc(order, func(a, b *planned) int { return cmp.Compare(a.entry.At, b.entry.At) })
	return order
}

// strike injects a fault that is due, and has it healed when its time is over.
func (r *Run) strike(ctx context.Context, group clock.Group, p *planned, due time.Duration) {
	e := p.entry
	if p.withdrawn || r.isHalted() {
		return
	}
	r.progress("t=%s: %s", durationOf(due.Round(time.Millisecond)), e.Fault.Kind())
	f := e.Fault
	if e.Until != "" { // it passes: until then, or until the run's end
		if open, err := chaos.Lasting(f, max(r.scenario.Duration.D()-due, time.Millisecond)); err == nil {
			f = open
		}
	}
	striking, landed := r.takeOff(ctx)
	a := r.injector.Strike(striking, f)
	a.Record.Due = due
	r.mu.Lock()
	r.actives = append(r.actives, a)
	r.history.Faults = append(r.history.Faults, a.Record)
	p.done, p.active = true, a
	r.mu.Unlock()
	landed(a)
	p.struck.Set()
	if !a.Record.Injected {
		r.progress("the fault was not injected: %s", a.Record.Error)
		p.healed.Set()
		return
	}
	r.addInForce(1)
	if !e.Passes() {
		return
	}
	group.Go(ctx, "heal", func(ctx context.Context) {
		var err error
		if e.Until != "" {
			err = r.awaitState(ctx, e.Until+" again")
		} else {
			err = r.SleepUntil(ctx, due+e.Fault.Lasts())
		}
		if err == nil {
			_ = r.heal(ctx, p) // what can't be healed is in the record, and tried again at the end
		}
	})
}

// heal ends a fault, once.
func (r *Run) heal(ctx context.Context, p *planned) error {
	if p.healing {
		return p.healed.Wait(ctx)
	}
	p.healing = true
	a := p.active
	if err := a.Heal(ctx); err != nil {
		p.healing = false
		return err
	}
	if lasted, err := chaos.Lasting(a.Record.Params, a.Record.HealedAt-a.Record.At); err == nil && p.entry.Until != "" {
		a.Record.Params = lasted
	}
	p.healed.Set()
	r.addInForce(-1)
	r.progress("t=%s: %s healed", units.Duration(r.now().Round(time.Millisecond)), p.entry.Fault.Kind())
	return nil
}

// triggered waits for the trigger of an entry.
func (r *Run) triggered(ctx context.Context, i int) error {
	t := r.plan[i].entry.Trigger
	if i > 0 {
		above := r.plan[i-1]
		if err := above.struck.Wait(ctx); err != nil {
			return err
		}
		if t.When != "" && above.entry.Passes() {
			if err := above.healed.Wait(ctx); err != nil {
				return err
			}
		}
	}
	if t.After != nil { // a state or copies are looked for from then on
		if err := r.awaitFault(ctx, *t.After, i); err != nil {
			return err
		}
	}
	switch {
	case t.When != "":
		return r.awaitState(ctx, t.When)
	case t.While != nil:
		return r.awaitCopies(ctx, *t.While)
	}
	return nil
}

// steps counts the faults that have struck, or could not, and have healed, and those of
// either that are left.
func (r *Run) steps() (done, left int) {
	count := func(is bool) {
		if is {
			done++
		} else {
			left++
		}
	}
	for _, p := range r.plan {
		count(p.done)
		if p.entry.Passes() {
			count(p.healed.IsSet())
		}
	}
	return done, left
}

// awaitFault waits for a fault above, and the time after it.
func (r *Run) awaitFault(ctx context.Context, a chaos.After, i int) error {
	above := make([]chaos.Entry, i)
	for j := range above {
		above[j] = r.plan[j].entry
	}
	of := a.Of(above)
	if of < 0 {
		return errors.New("there is no such fault")
	}
	event := r.plan[of].struck
	if a.Healed != "" {
		event = r.plan[of].healed
	}
	if err := event.Wait(ctx); err != nil {
		return err
	}
	return r.clock.Sleep(ctx, a.By.D())
}

// watcher waits for something to be seen.
type watcher struct {
	sees func(observed.Observation) bool
	seen clock.Event
}

// await waits until something is seen in an observation, from the next on.
func (r *Run) await(ctx context.Context, sees func(observed.Observation) bool) error {
	w := &watcher{sees, r.clock.NewEvent()}
	r.mu.Lock()
	r.watchers = append(r.watchers, w)
	r.mu.Unlock()
	return w.seen.Wait(ctx)
}

// tellWatchers wakes those who see in an observation what they wait for. r.mu is held.
func (r *Run) tellWatchers(o observed.Observation) {
	r.watchers = slices.DeleteFunc(r.watchers, func(w *watcher) bool {
		is := w.sees(o)
		if is {
			w.seen.Set()
		}
		return is
	})
}

// awaitState waits for a state of the cluster; "again": until it has been another one and
// is this one, for all that can be seen.
func (r *Run) awaitState(ctx context.Context, s chaos.State) error {
	want, again := s.Again()
	is := func() bool {
		if want == "steady" {
			return r.state.Steady()
		}
		return r.state.Seen && r.state.Health.Status == want
	}
	r.mu.Lock()
	left, now := !again || !is(), is()
	r.mu.Unlock()
	if left && now {
		return nil
	}
	return r.await(ctx, func(observed.Observation) bool {
		now := is()
		left = left || !now
		return left && now && (!again || r.state.Noticed())
	})
}

// awaitCopies waits until something goes on with a copy of an index.
func (r *Run) awaitCopies(ctx context.Context, w chaos.While) error {
	state, index := "RELOCATING", w.Relocates
	if index == "" {
		state, index = "INITIALIZING", w.Recovers
	}
	any := func(copies []observed.Copy) bool {
		return slices.ContainsFunc(copies, func(c observed.Copy) bool {
			return c.Index == index && c.State == state && (c.Primary || !w.Primary)
		})
	}
	r.mu.Lock()
	now := any(r.history.LastCopies())
	r.mu.Unlock()
	if now {
		return nil
	}
	return r.await(ctx, func(o observed.Observation) bool {
		copies, is := o.Sight.(observed.Copies)
		return is && any(copies)
	})
}

// struck is the plan of the faults as they were injected; after an abort followed by
// those that had not struck yet, as the file has them.
func (r *Run) struck() chaos.Plan {
	var p chaos.Plan
	for _, f := range r.history.Faults {
		p.Entries = append(p.Entries, chaos.Entry{At: durationOf(f.At), Fault: f.Params})
	}
	if r.plan == nil { // nothing was begun
		p.Entries = append(p.Entries, r.scenario.Faults...)
	}
	for _, e := range r.plan {
		if !e.done && !e.withdrawn {
			p.Entries = append(p.Entries, e.entry)
		}
	}
	return p
}

// unshown are the faults that did not do what they should, as outcomes that can't be
// decided: whatever held, it held without them.
func (r *Run) unshown() []Outcome {
	var out []Outcome
	for _, f := range r.history.Faults {
		if f.Shown() {
			continue
		}
		why := f.Error
		for _, e := range f.Bites {
			if !e.Shown && why == "" {
				why = e.What + ": " + e.Saw
			}
		}
		out = append(out, Outcome{Name: "fault " + f.Kind, Verdict: Unknown, Idle: !f.Injected || f.Masked(), Reason: "the fault at " + durationOf(f.At.Round(time.Millisecond)).String() + " was not shown to be in force: " + why})
	}
	for _, p := range r.plan {
		if p.done {
			continue
		}
		why := "the run ended first"
		if p.withdrawn {
			why = "it was withdrawn by an order"
		} else if t := p.entry.Trigger; t != nil {
			why = "what it waits for did not come: " + t.String()
		}
		out = append(out, Idled("fault "+p.entry.Fault.Kind(), "the fault never struck: %s", why))
	}
	return out
}
