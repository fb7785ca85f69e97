package own

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/chaos"
)

// Order is a command of a plan, as a dry run shows it.
type Order struct {
	Fault string
	Words []string
	Undo  bool
}

// String is the command as a person would type it.
func (o Order) String() string {
	words := make([]string, len(o.Words))
	for i, w := range o.Words {
		if words[i] = w; strings.ContainsAny(w, " '\"$|&;{}()<>*") {
			words[i] = quoted(w)
		}
	}
	return strings.Join(words, " ")
}

// Line is the command with what it is for.
func (o Order) Line() string {
	mark := "do"
	if o.Undo {
		mark = "undo"
	}
	return fmt.Sprintf("%-4s  %-10s  %s", mark, o.Fault, o)
}

// Rehearsal is what a plan comes to.
type Rehearsal struct {
	Orders []Order
	// Bound are the actions that only this machine undoes, should the run be gone.
	Bound []string
}

// Rehearse goes through faults without doing anything: it collects the commands, refuses what
// the file has no way to do, and what would outlast a node's own timer.
func (c *Config) Rehearse(ctx context.Context, faults []chaos.Entry, t chaos.Topology, duration time.Duration) (*Rehearsal, error) {
	var r Rehearsal
	for _, e := range faults {
		resolved, err := chaos.Preview(e.Fault, t)
		if err != nil {
			return nil, fmt.Errorf("fault %s: %w", e.Fault.Kind(), err)
		}
		dry := c.dry(&r, e.Fault.Kind())
		target := dry.Target()
		target.Settings = drySettings{&r, e.Fault.Kind()}
		before := len(r.Orders)
		for _, p := range resolved.Primitives {
			if err := p.Needs(target); err != nil {
				return nil, fmt.Errorf("fault %s: %s: %w; on a cluster of one's own nodes are lost, isolated, filled, and settings set", e.Fault.Kind(), p, err)
			}
			if err := p.Inject(ctx, target); err != nil {
				return nil, fmt.Errorf("fault %s: %w", e.Fault.Kind(), err)
			}
		}
		if len(r.Orders) == before {
			return nil, fmt.Errorf("fault %s comes to nothing: %w", e.Fault.Kind(), errNoLinks)
		}
		for _, p := range slices.Backward(resolved.Primitives) {
			if err := p.Heal(ctx, target); err != nil {
				return nil, fmt.Errorf("fault %s: undoing: %w", e.Fault.Kind(), err)
			}
		}
		lasts := e.Fault.Lasts()
		if lasts == 0 {
			lasts = duration
		}
		for _, v := range resolved.Victims {
			if n := c.Nodes[v]; n != nil && n.SSH != nil && n.SSH.Timer > 0 && lasts >= n.SSH.Timer.D() {
				return nil, fmt.Errorf("fault %s of %s lasts %s, and the timer on its machine undoes it after %s (timer: in the cluster file)", e.Fault.Kind(), v, lasts, n.SSH.Timer)
			}
		}
	}
	slices.Sort(r.Bound)
	r.Bound = slices.Compact(r.Bound)
	return &r, nil
}

// dry is a fleet that collects commands; its nodes do as they are told.
func (c *Config) dry(r *Rehearsal, fault string) *Fleet {
	eyes := &closedEyes{}
	inForce := map[[2]string]bool{}
	f := newFleet(c, eyes, nil)
	f.run = func(_ context.Context, call Call) (string, error) {
		a, on := f.actions[call.Node][call.Kind], [2]string{call.Node, call.Kind}
		switch call.Phase {
		case Probe:
			if !inForce[on] {
				return "", errNotInForce
			}
			return a.Shows, nil
		case Do:
			inForce[on], eyes.state = true, chaos.Exited
			if !a.SelfHealing {
				r.Bound = append(r.Bound, call.Kind+" of "+call.Node)
			}
		default:
			inForce[on], eyes.state = false, chaos.Running
		}
		r.Orders = append(r.Orders, Order{fault, call.Words, call.Phase == Undo})
		return "", nil
	}
	return f
}

var errNotInForce = errors.New("not in force")

// drySettings collect what would be set.
type drySettings struct {
	r     *Rehearsal
	fault string
}

// Read implements [chaos.Settings].
func (drySettings) Read(context.Context, chaos.Scope, []string) (map[string]string, error) {
	return map[string]string{}, nil
}

// Write implements [chaos.Settings].
func (d drySettings) Write(_ context.Context, of chaos.Scope, values map[string]string) error {
	at := "the cluster"
	if of.Index != "" {
		at = "index " + of.Index
	}
	d.r.Bound = append(d.r.Bound, "settings of "+at)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		d.r.Orders = append(d.r.Orders, Order{d.fault, []string{"PUT settings of", at + ":", key, "=", values[key]}, values[key] == ""})
	}
	return nil
}

// closedEyes see nodes as they were told to be.
type closedEyes struct{ state chaos.ProcessState }

func (e *closedEyes) Answers(context.Context, string) chaos.ProcessState { return e.state }

func (*closedEyes) Usage(context.Context, string) (chaos.DiskUsage, error) {
	return chaos.DiskUsage{Total: 100 << 30}, nil
}

// Target is what faults can do to the fleet.
func (f *Fleet) Target() chaos.Target {
	t := chaos.Target{Processes: f, DiskSpeeds: chaos.FixedSpeeds("nobody slows the disks of a cluster of one's own")}
	for _, actions := range f.actions {
		if actions[Fill] != nil {
			t.Disks = f
		}
		if actions[Isolate] != nil {
			t.Links = Isolation{f}
		}
	}
	return t
}
