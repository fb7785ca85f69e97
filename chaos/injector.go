package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/clock"
)

// Record is what became of one fault of the plan.
type Record struct {
	Kind string `json:"kind"`
	// Params are the fault's parameters with the names that its selectors meant.
	Params     Fault    `json:"params"`
	Victims    []string `json:"victims"`
	Primitives []string `json:"primitives"`
	// Due is the plan's time. At and HealedAt are when it was done, all since t=0;
	// HealedAt is -1 while the fault is in force.
	Due time.Duration `json:"-"`
	At  time.Duration `json:"-"`
	// InForce is when the last primitive had been applied: on containers some tenths of a
	// second after At, simulated at once.
	InForce  time.Duration `json:"-"`
	HealedAt time.Duration `json:"-"`
	// Bites and Gone hold one probe for each primitive.
	Bites []Evidence `json:"bites"`
	Gone  []Evidence `json:"gone,omitempty"`
	// Injected is false when the fault could not be injected; Error says why.
	Injected bool   `json:"injected"`
	Error    string `json:"error,omitempty"`
}

// Shown reports whether every probe after injection saw the fault in force.
func (r *Record) Shown() bool {
	return r.Injected && len(r.Bites) > 0 && !slices.ContainsFunc(r.Bites, func(e Evidence) bool { return !e.Shown })
}

// Injector applies faults to a target and proves them.
type Injector struct {
	Clock  clock.Clock
	Target Target
	View   View
	// Zero is the clock's monotonic time at t=0.
	Zero time.Duration
	// ProbeLimit bounds the probing of one fault; healing goes on without the rest.
	ProbeLimit time.Duration

	holds  holds
	layers settingLayers
}

// Active is a fault in force.
type Active struct {
	Record   *Record
	injector *Injector
	applied  []Primitive
	probes   clock.Group
}

// ErrUnsupported says that a target lacks what a fault needs.
var ErrUnsupported = errors.New("unsupported fault")

// Supports returns an error wrapping [ErrUnsupported] when the target can't inject
// the fault. Selectors that only a running cluster can answer are taken as any node.
func Supports(f Fault, t Target, topology Topology) error {
	r, err := f.Resolve(anyView{topology})
	if err != nil {
		return err
	}
	for _, p := range r.Primitives {
		if err := p.Needs(t); err != nil {
			return fmt.Errorf("%w: %s: %s: %v", ErrUnsupported, f.Kind(), p, err)
		}
	}
	return nil
}

// Preview resolves a fault as far as that is possible without a cluster.
func Preview(f Fault, topology Topology) (Resolved, error) { return f.Resolve(anyView{topology}) }

// anyView stands for a cluster that does not run yet: its master and every primary
// are the first node.
type anyView struct{ t Topology }

func (v anyView) Topology() Topology         { return v.t }
func (v anyView) Master() string             { return v.t.Nodes[0] }
func (v anyView) Primary(string, int) string { return v.t.Nodes[0] }
func (v anyView) Replica(string, int) string { return v.t.Nodes[0] }

// Strike injects a fault and starts to probe it. A fault that can't be injected
// leaves nothing behind: what was applied is undone, and the record says why.
func (in *Injector) Strike(ctx context.Context, f Fault) *Active {
	rec := &Record{Kind: f.Kind(), Params: f, At: in.now(), HealedAt: -1}
	a := &Active{Record: rec, injector: in, probes: in.Clock.NewGroup()}
	resolved, err := f.Resolve(in.View)
	if err != nil {
		rec.Error = err.Error()
		return a
	}
	rec.Params, rec.Victims = resolved.Fault, resolved.Victims
	for _, p := range resolved.Primitives {
		rec.Primitives = append(rec.Primitives, p.String())
	}
	for _, p := range resolved.Primitives {
		if s, ok := p.(sharing); ok {
			s.share(in)
		}
		if err := p.Inject(ctx, in.Target); err != nil {
			rec.Error = fmt.Sprintf("%s: %v", p, err)
			// Also when the run is being aborted: what was applied goes.
			survivor, cancel := in.Clock.WithTimeout(in.Clock.WithoutCancel(ctx), in.ProbeLimit)
			undo := a.undo(survivor)
			cancel()
			if undo != nil {
				rec.Error += "; undoing it: " + undo.Error()
			}
			return a
		}
		in.holds.take(p)
		a.applied = append(a.applied, p)
	}
	rec.Injected, rec.InForce = true, in.now()
	rec.Bites = make([]Evidence, len(a.applied))
	a.probe(ctx, rec.Bites, Primitive.Bites)
	return a
}

// probe looks at every primitive at once, in processes of their own.
func (a *Active) probe(ctx context.Context, into []Evidence, look func(Primitive, context.Context, Target) Evidence) {
	for i, p := range a.applied {
		into[i] = Evidence{What: p.String(), Saw: "not probed in time"}
		a.probes.Go(ctx, "probe", func(ctx context.Context) {
			limited, cancel := a.injector.Clock.WithTimeout(ctx, a.injector.ProbeLimit)
			defer cancel()
			into[i] = look(p, limited, a.injector.Target)
		})
	}
}

// Healing is whether Heal has anything to undo.
func (a *Active) Healing() bool { return len(a.applied) > 0 }

// Heal undoes the fault and probes that it is gone. It waits for the probes that
// still run. Called again it heals what could not be healed before, or does nothing.
func (a *Active) Heal(ctx context.Context) error {
	if err := a.probes.Wait(ctx); err != nil || !a.Healing() {
		return err
	}
	healed, shared := slices.Clone(a.applied), make([]bool, len(a.applied))
	for i, p := range healed {
		shared[i] = a.injector.holds.shared(p)
	}
	if err := a.undo(ctx); err != nil {
		a.Record.Error = err.Error()
		return err
	}
	a.Record.HealedAt = a.injector.now()
	if a.Record.Injected {
		a.Record.Error = ""
	}
	gone := make([]Evidence, len(healed))
	a.applied = healed
	a.probe(ctx, gone, Primitive.Gone)
	err := a.probes.Wait(ctx)
	a.applied = nil
	for i, p := range healed {
		if shared[i] {
			gone[i] = Evidence{What: p.String(), Shown: true, Saw: "left as it was for another fault that still holds it"}
		}
	}
	a.Record.Gone = gone
	return err
}

// Settle waits for the probes of a fault that stays.
func (a *Active) Settle(ctx context.Context) error { return a.probes.Wait(ctx) }

// undo heals in reverse order and goes on after an error: what can be healed is. What
// could not be healed stays applied.
func (a *Active) undo(ctx context.Context) error {
	var errs []error
	var left []Primitive
	for _, p := range slices.Backward(a.applied) {
		if !a.injector.holds.shared(p) {
			if err := p.Heal(ctx, a.injector.Target); err != nil {
				errs = append(errs, fmt.Errorf("healing %s: %w", p, err))
				left = append(left, p)
				continue
			}
		}
		a.injector.holds.drop(p)
	}
	slices.Reverse(left)
	a.applied = left
	return errors.Join(errs...)
}

func (in *Injector) now() time.Duration { return in.Clock.Monotonic() - in.Zero }
