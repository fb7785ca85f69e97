package chaos

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// ClockJump sets the wall clock of an instance of the controller, or of a node, forward or
// back, as an operator or a time service does. Durations, which are measured on the monotonic
// clock, don't change.
type ClockJump struct {
	Controller string         `yaml:"controller,omitempty" json:"controller,omitempty" jsonschema:"description=controller (the default) or controller-2 …"`
	Node       Selector       `yaml:"node,omitempty" json:"node,omitempty" jsonschema:"description=a node or a selector instead of the controller (system kv)"`
	Forward    units.Duration `yaml:"forward,omitempty" json:"forward,omitempty" jsonschema:"description=by how much it is set forward"`
	Back       units.Duration `yaml:"back,omitempty" json:"back,omitempty" jsonschema:"description=by how much it is set back"`
	For        units.Duration `yaml:"for,omitempty" json:"for,omitempty" jsonschema:"description=how long until it is set right; absent: for good"`
}

func clockJump() Kind {
	return Kind{
		Name: "clock-jump", About: "the wall clock of the controller or of a node is set forward or back",
		Systems: both(),
		New:     func() Fault { return &ClockJump{} },
		Draw: func(d *Dice) Fault {
			f := &ClockJump{For: d.Lasting()}
			switch {
			case d.Topology.System == KeyValue:
				f.Node = d.Node()
			case len(d.Topology.Controllers) == 0:
				return nil
			default:
				f.Controller = Pick(d, d.Topology.Controllers...)
			}
			by := units.Duration(Pick(d, time.Second, time.Minute, time.Hour))
			if d.Rand.IntN(2) == 0 {
				f.Forward = by
			} else {
				f.Back = by
			}
			return f
		},
	}
}

// Kind implements [Fault].
func (*ClockJump) Kind() string { return "clock-jump" }

// Lasts implements [Fault].
func (f *ClockJump) Lasts() time.Duration { return f.For.D() }

// Permanent implements [Permanent].
func (f *ClockJump) Permanent() bool { return f.For == 0 }

// Check implements [Fault].
func (f *ClockJump) Check(t Topology) []source.Problem {
	var ps []source.Problem
	switch {
	case f.Node == "":
		if t.System == KeyValue {
			return []source.Problem{source.Problemf("", "there is no controller whose clock could jump; expected node:")}
		}
		ps = checkController(f.Controller, t)
	case t.System == Elasticsearch:
		return []source.Problem{source.Problemf("node", "clocks of nodes jump in system kv only; here it is that of a controller:")}
	case f.Controller != "":
		ps = append(ps, source.Problemf("node", "a clock is that of a controller: or of a node:, not of both"))
	default:
		if msg := f.Node.check(t, false, false); msg != "" {
			ps = append(ps, source.Problemf("node", "%s", msg))
		}
	}
	if (f.Forward > 0) == (f.Back > 0) || f.Forward < 0 || f.Back < 0 {
		ps = append(ps, source.Problemf("", "a clock jumps either forward: or back:, by a time such as 1h"))
	}
	return ps
}

// Resolve implements [Fault].
func (f *ClockJump) Resolve(v View) (Resolved, error) {
	concrete, of := *f, []string{controllerOr(f.Controller)}
	if f.Node == "" {
		concrete.Controller = of[0]
	} else {
		var err error
		if of, err = f.Node.resolve(v); err != nil {
			return Resolved{}, err
		}
		if len(of) == 1 {
			concrete.Node = Selector(of[0])
		}
	}
	r := Resolved{Fault: &concrete, Victims: of}
	for _, name := range of {
		r.Primitives = append(r.Primitives, &jumpClock{of: name, by: f.Forward.D() - f.Back.D()})
	}
	return r, nil
}

// jumpClock moves a wall clock.
type jumpClock struct {
	of    string
	by    time.Duration
	jumps *clockJumps
}

func (j *jumpClock) String() string {
	if j.by < 0 {
		return fmt.Sprintf("set the clock of %s back by %s", j.of, units.FormatDuration(-j.by))
	}
	return fmt.Sprintf("set the clock of %s forward by %s", j.of, units.FormatDuration(j.by))
}

// share implements [sharing].
func (j *jumpClock) share(in *Injector) { j.jumps = &in.jumps }

func (j *jumpClock) clocks(t Target) (Clocks, error) {
	if t.Clocks != nil {
		return t.Clocks, nil
	}
	return nil, lacks("clocks")
}

func (j *jumpClock) Needs(t Target) error {
	_, err := j.clocks(t)
	return err
}

// Holds implements [Primitive]: jumps add up, in whatever order they are taken back.
func (j *jumpClock) Holds() Hold { return Hold{} }

func (j *jumpClock) Inject(ctx context.Context, t Target) error { return j.move(ctx, t, j.by) }

func (j *jumpClock) Heal(ctx context.Context, t Target) error { return j.move(ctx, t, -j.by) }

// move sets the clock.
func (j *jumpClock) move(ctx context.Context, t Target, by time.Duration) error {
	c, err := j.clocks(t)
	if err != nil {
		return err
	}
	before, err := c.Offset(ctx, j.of)
	if err != nil {
		return err
	}
	if err := c.Jump(ctx, j.of, by); err != nil {
		return err
	}
	j.jumps.add(j.of, before, by)
	return nil
}

// look compares the clock with what all jumps that are in force make of it.
func (j *jumpClock) look(ctx context.Context, t Target) Evidence {
	c, err := j.clocks(t)
	if err != nil {
		return evidence(j, err, false, "")
	}
	is, err := c.Offset(ctx, j.of)
	return evidence(j, err, is == j.jumps.off(j.of), "the clock of %s is %s off", j.of, is)
}

func (j *jumpClock) Bites(ctx context.Context, t Target) Evidence { return j.look(ctx, t) }
func (j *jumpClock) Gone(ctx context.Context, t Target) Evidence  { return j.look(ctx, t) }

// clockJumps add up how far faults have set each clock.
type clockJumps struct {
	mu sync.Mutex // held for moments only
	by map[string]time.Duration
}

// add notes a jump of a clock that was off before by a time.
func (c *clockJumps) add(of string, before, by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = make(map[string]time.Duration)
	}
	if _, known := c.by[of]; !known {
		c.by[of] = before
	}
	c.by[of] += by
}

// off is how far a clock must be off now.
func (c *clockJumps) off(of string) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by[of]
}
