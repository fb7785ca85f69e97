package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
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

// Masked reports whether each probe that did not see the fault in force was made while other
// faults were, beside which it may not show.
func (r *Record) Masked() bool {
	return r.Injected && !slices.ContainsFunc(r.Bites, func(e Evidence) bool { return !e.Shown && len(e.Meanwhile) == 0 })
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
	// Allow is asked before a fault strikes the endpoints that its selectors mean now; nil
	// allows every one.
	Allow func(f Fault, victims []string) error

	holds  holds
	layers settingLayers
	jumps  clockJumps

	mu     sync.Mutex // guards active and what probes and healing note; held for moments only
	active []inForce  // in the order in which they struck
}

// inForce is a fault in force and what it holds.
type inForce struct {
	fault *Active
	holds []string
}

// Active is a fault in force.
type Active struct {
	Record   *Record
	injector *Injector
	applied  []*applied
	probes   clock.Group
	ending   clock.Event // while it is being undone
	// shared are the primitives healed whose things other faults hold, each with the one
	// that holds its thing in its own way now; nil: it stayed as it was.
	shared map[*applied]*applied
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

// Lives is of any node: of a plan that is previewed nobody knows who will.
func (v anyView) Lives(string) bool               { return true }
func (v anyView) Copies(string) int               { return 0 }
func (v anyView) DiskUsed(string) (float64, bool) { return 0, false }

// survivors is a view in which nodes whose processes faults have taken away don't live,
// also before the cluster has noticed.
type survivors struct {
	View
	in *Injector
}

func (s survivors) Lives(node string) bool {
	return s.View.Lives(node) && !s.in.holds.held(loseProcess{node: node}.Holds())
}

// Strike injects a fault and starts to probe it. A fault that can't be injected
// leaves nothing behind: what was applied is undone, and the record says why.
func (in *Injector) Strike(ctx context.Context, f Fault) *Active {
	rec := &Record{Kind: f.Kind(), Params: f, At: in.now(), HealedAt: -1}
	a := &Active{Record: rec, injector: in, probes: in.Clock.NewGroup()}
	resolved, err := f.Resolve(survivors{in.View, in})
	if err != nil {
		rec.Error = err.Error()
		return a
	}
	rec.Params, rec.Victims = resolved.Fault, resolved.Victims
	for _, p := range resolved.Primitives {
		rec.Primitives = append(rec.Primitives, p.String())
	}
	if in.Allow != nil {
		if err := in.Allow(f, resolved.Victims); err != nil {
			rec.Error = err.Error()
			return a
		}
	}
	for _, p := range resolved.Primitives {
		if s, ok := p.(sharing); ok {
			s.share(in)
		}
		err := in.holds.lost(p)
		if err == nil {
			err = p.Inject(ctx, in.Target)
		}
		if err != nil {
			rec.Error = fmt.Sprintf("%s: %v", p, err)
			if ctx.Err() != nil && !in.holds.gone(p) { // called off: how far it came isn't known
				half := &applied{p, false}
				in.holds.take(half)
				a.applied = append(a.applied, half)
			}
			// Also when the run is being aborted: what was applied goes.
			survivor, cancel := in.Clock.WithTimeout(in.Clock.WithoutCancel(ctx), in.ProbeLimit)
			var undo error
			a.applied, undo = a.undo(survivor, a.applied)
			cancel()
			if undo != nil {
				rec.Error += "; undoing it: " + undo.Error()
			}
			return a
		}
		held := &applied{p, ForGood(resolved.Fault)}
		in.holds.take(held)
		a.applied = append(a.applied, held)
	}
	rec.Injected, rec.InForce = true, in.now()
	in.began(a)
	rec.Bites = make([]Evidence, len(a.applied))
	a.probe(ctx, a.applied, rec.Bites, (*applied).Bites)
	return a
}

// probe looks at primitives at once, in processes of their own.
func (a *Active) probe(ctx context.Context, at []*applied, into []Evidence, look func(*applied, context.Context, Target) Evidence) {
	for i, p := range at {
		into[i] = Evidence{What: p.String(), Saw: "not probed in time"}
		a.probes.Go(ctx, "probe", func(ctx context.Context) {
			limited, cancel := a.injector.Clock.WithTimeout(ctx, a.injector.ProbeLimit)
			defer cancel()
			seen := look(p, limited, a.injector.Target)
			if !seen.Shown {
				seen.Meanwhile = a.injector.heldBeside(a)
			}
			a.injector.mu.Lock()
			into[i] = seen
			a.injector.mu.Unlock()
		})
	}
}

// Healing is whether Heal has anything to undo.
func (a *Active) Healing() bool {
	a.injector.mu.Lock()
	defer a.injector.mu.Unlock()
	return len(a.applied) > 0
}

// Heal undoes the fault and probes that it is gone. It waits for the probes that
// still run. Called again it heals what could not be healed before, or does nothing.
func (a *Active) Heal(ctx context.Context) error {
	if err := a.probes.Wait(ctx); err != nil {
		return err
	}
	healed, err := a.end(ctx)
	if err != nil || healed == nil {
		return err
	}
	gone := make([]Evidence, len(healed))
	a.probe(ctx, healed, gone, a.gone)
	err = a.probes.Wait(ctx)
	a.injector.mu.Lock()
	defer a.injector.mu.Unlock()
	a.Record.Gone = gone
	return err
}

// Undo undoes the fault at once, whatever is being probed, and looks at nothing.
func (a *Active) Undo(ctx context.Context) error {
	_, err := a.end(ctx)
	return err
}

// end undoes what was applied, notes it, and says what that was; nil where there was nothing
// to undo. Who comes meanwhile waits until it has been, and tries what could not be undone.
func (a *Active) end(ctx context.Context) (healed []*applied, err error) {
	for {
		at, other := a.claim()
		if other == nil {
			if len(at) == 0 {
				return nil, nil
			}
			return at, a.endClaimed(ctx, at)
		}
		if err := other.Wait(ctx); err != nil {
			return nil, err
		}
	}
}

// claim takes it on to undo what is applied, or says on whom there is to wait.
func (a *Active) claim() (at []*applied, other clock.Event) {
	a.injector.mu.Lock()
	defer a.injector.mu.Unlock()
	if a.ending != nil || len(a.applied) == 0 {
		return nil, a.ending
	}
	a.ending = a.injector.Clock.NewEvent()
	return slices.Clone(a.applied), nil
}

func (a *Active) endClaimed(ctx context.Context, at []*applied) error {
	left, err := a.undo(ctx, at)
	a.injector.mu.Lock()
	ending := a.ending
	a.applied, a.ending = left, nil
	switch {
	case err != nil:
		a.Record.Error = err.Error()
	default:
		a.Record.HealedAt = a.injector.now()
		if a.Record.Injected {
			a.Record.Error = ""
		}
	}
	a.injector.mu.Unlock()
	if err == nil {
		a.injector.ended(a)
	}
	ending.Set()
	return err
}

// Now is a copy of the record as it is now.
func (a *Active) Now() *Record {
	a.injector.mu.Lock()
	defer a.injector.mu.Unlock()
	r := *a.Record
	r.Bites, r.Gone = slices.Clone(r.Bites), slices.Clone(r.Gone)
	return &r
}

// gone looks what healing a primitive left: nothing, or what another fault holds.
func (a *Active) gone(p *applied, ctx context.Context, t Target) Evidence {
	below, shared := a.shared[p]
	switch {
	case !shared:
		return p.Gone(ctx, t)
	case below == nil:
		return Evidence{What: p.String(), Shown: true, Saw: "left as it was for another fault that still holds it"}
	}
	e := below.Bites(ctx, t)
	return Evidence{What: p.String(), Shown: e.Shown, Saw: "in its place is again: " + below.String() + ": " + e.Saw}
}

// Settle waits for the probes of a fault that stays.
func (a *Active) Settle(ctx context.Context) error { return a.probes.Wait(ctx) }

// undo heals in reverse order and goes on after an error: what can be healed is. What
// could not be healed is left.
func (a *Active) undo(ctx context.Context, at []*applied) (left []*applied, err error) {
	var errs []error
	a.shared = make(map[*applied]*applied)
	for _, p := range slices.Backward(at) {
		if err := a.let(ctx, p); err != nil {
			errs = append(errs, err)
			left = append(left, p)
		}
	}
	slices.Reverse(left)
	return left, errors.Join(errs...)
}

// let ends what one primitive does, as far as no other fault holds it as well. Those that hold
// the same let go of it one after the other: at once, each would leave it to the others.
func (a *Active) let(ctx context.Context, p *applied) error {
	turn := a.injector.holds.turn(a.injector.Clock, p)
	if err := turn.Lock(ctx); err != nil {
		return fmt.Errorf("healing %s: %w", p, err)
	}
	defer turn.Unlock()
	if err := a.letAlone(ctx, p); err != nil {
		return err
	}
	a.injector.holds.drop(p)
	return nil
}

func (a *Active) letAlone(ctx context.Context, p *applied) error {
	stays, beneath := a.injector.holds.left(p)
	if stays {
		a.shared[p] = nil
		return nil
	}
	if err := p.Heal(ctx, a.injector.Target); err != nil {
		return fmt.Errorf("healing %s: %w", p, err)
	}
	if beneath == nil {
		return nil
	}
	a.shared[p] = beneath
	if err := beneath.Inject(ctx, a.injector.Target); err != nil {
		return fmt.Errorf("after healing %s, again %s: %w", p, beneath, err)
	}
	return nil
}

// began takes a fault among those in force, ended out of them.
func (in *Injector) began(a *Active) {
	now := inForce{fault: a}
	for _, p := range a.applied {
		if p.Holds().On != "" {
			now.holds = append(now.holds, p.String())
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.active = append(in.active, now)
}

func (in *Injector) ended(a *Active) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.active = slices.DeleteFunc(in.active, func(x inForce) bool { return x.fault == a })
}

// heldBeside is what all faults but one hold in force.
func (in *Injector) heldBeside(a *Active) []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	var out []string
	for _, x := range in.active {
		if x.fault != a {
			out = append(out, x.holds...)
		}
	}
	return out
}

func (in *Injector) now() time.Duration { return in.Clock.Monotonic() - in.Zero }
