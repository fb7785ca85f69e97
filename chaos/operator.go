package chaos

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// Operator gives an administrator's commands. A command that is accepted goes on by
// itself; Ranges tells how far it is.
type Operator interface {
	// Split splits the shard that covers a key at that key.
	Split(ctx context.Context, key string) error
	// Move moves a copy of the shard that covers a key from a node to another.
	Move(ctx context.Context, key, from, to string) error
	// Drain takes all copies off a node, or lets it have copies again.
	Drain(ctx context.Context, node string, on bool) error
	// Ranges are the shards in the order of their keys, Draining the nodes that are meant
	// to hold none.
	Ranges(ctx context.Context) (ranges []Range, draining []string, err error)
}

// Range is a shard and the nodes that hold its copies.
type Range struct {
	Start  string
	Copies []string
}

// covering is the range that a key lies in.
func covering(ranges []Range, key string) Range {
	var in Range
	for _, r := range ranges {
		if r.Start <= key {
			in = r
		}
	}
	return in
}

// step is what an operator does to key ranges.
type step struct {
	what string
	do   func(context.Context, Operator) error
	undo func(context.Context, Operator) error // nil: it stays
	// holds is what the step keeps in force until it is undone.
	holds string
	// seen is whether it was done, by the ranges.
	seen func(ranges []Range, draining []string) bool
}

func (s *step) String() string { return s.what }

func (s *step) operator(t Target) (Operator, error) {
	if t.Operator != nil {
		return t.Operator, nil
	}
	return nil, lacks("key ranges")
}

func (s *step) Needs(t Target) error {
	_, err := s.operator(t)
	return err
}

func (s *step) Holds() Hold { return Hold{On: s.holds} }

func (s *step) Inject(ctx context.Context, t Target) error {
	o, err := s.operator(t)
	if err != nil {
		return err
	}
	return s.do(ctx, o)
}

func (s *step) Heal(ctx context.Context, t Target) error {
	if s.undo == nil {
		return nil
	}
	o, err := s.operator(t)
	if err != nil {
		return err
	}
	return s.undo(ctx, o)
}

func (s *step) look(ctx context.Context, t Target, want bool) Evidence {
	o, err := s.operator(t)
	if err != nil {
		return evidence(s, err, false, "")
	}
	ranges, draining, err := o.Ranges(ctx)
	var starts []string
	for _, r := range ranges {
		starts = append(starts, fmt.Sprintf("%q on %s", r.Start, strings.Join(r.Copies, " ")))
	}
	saw := fmt.Sprintf("%d shards, from %s", len(ranges), strings.Join(starts, ", "))
	if len(draining) > 0 {
		saw += "; draining " + strings.Join(draining, ", ")
	}
	return evidence(s, err, s.seen(ranges, draining) == want, "%s", saw)
}

func (s *step) Bites(ctx context.Context, t Target) Evidence { return s.look(ctx, t, true) }
func (s *step) Gone(ctx context.Context, t Target) Evidence {
	return s.look(ctx, t, s.undo == nil)
}

// Split has an operator split a shard.
type Split struct {
	forGood `yaml:"-" json:"-"`

	Key string `yaml:"key" json:"key" jsonschema:"required,description=where the new shard begins"`
}

func split() Kind {
	return Kind{
		Name: "split", About: "a shard is split at a key, as an operator would have it",
		Systems: []string{KeyValue},
		New:     func() Fault { return &Split{} },
		Draw:    func(d *Dice) Fault { return &Split{Key: fmt.Sprintf("k%04d", d.Rand.IntN(10_000))} },
	}
}

// Kind implements [Fault].
func (*Split) Kind() string { return "split" }

// Check implements [Fault].
func (f *Split) Check(Topology) []source.Problem { return checkKey(f.Key) }

func checkKey(key string) []source.Problem {
	if key == "" {
		return []source.Problem{source.Problemf("key", "no key is named; expected key: such as k5000")}
	}
	return nil
}

// Resolve implements [Fault].
func (f *Split) Resolve(View) (Resolved, error) {
	return Resolved{Fault: f, Primitives: []Primitive{&step{
		what: fmt.Sprintf("split at %q", f.Key),
		do:   func(ctx context.Context, o Operator) error { return o.Split(ctx, f.Key) },
		seen: func(ranges []Range, _ []string) bool { return covering(ranges, f.Key).Start == f.Key },
	}}}, nil
}

// Move has an operator move a copy of a shard.
type Move struct {
	forGood `yaml:"-" json:"-"`

	Key  string   `yaml:"key" json:"key" jsonschema:"required,description=a key of the shard"`
	From Selector `yaml:"from" json:"from" jsonschema:"required,description=the node that gives its copy away"`
	To   Selector `yaml:"to" json:"to" jsonschema:"required,description=the node that gets one"`
}

func move() Kind {
	return Kind{
		Name: "move", About: "a copy of a shard moves to another node, as an operator would have it",
		Systems: []string{KeyValue},
		New:     func() Fault { return &Move{} },
		Draw: func(d *Dice) Fault {
			f := &Move{Key: fmt.Sprintf("k%04d", d.Rand.IntN(10_000)), From: d.Node(), To: d.Node()}
			if f.From == f.To {
				return nil
			}
			return f
		},
	}
}

// Kind implements [Fault].
func (*Move) Kind() string { return "move" }

// Check implements [Fault].
func (f *Move) Check(t Topology) []source.Problem {
	ps := checkKey(f.Key)
	for _, end := range []struct {
		name string
		s    Selector
	}{{"from", f.From}, {"to", f.To}} {
		if msg := end.s.check(t, false, false); msg != "" {
			ps = append(ps, source.Problemf(end.name, "%s", msg))
		}
	}
	if f.From == f.To && f.To != "" {
		ps = append(ps, source.Problemf("to", "the copy would stay on %s; expected another node", f.To))
	}
	return ps
}

// Resolve implements [Fault].
func (f *Move) Resolve(v View) (Resolved, error) {
	from, err := f.From.resolve(v)
	if err != nil {
		return Resolved{}, err
	}
	to, err := f.To.resolve(v)
	if err != nil {
		return Resolved{}, err
	}
	if len(from) != 1 || len(to) != 1 {
		return Resolved{}, fmt.Errorf("a copy moves from one node to another one, not from %v to %v", from, to)
	}
	concrete := &Move{Key: f.Key, From: Selector(from[0]), To: Selector(to[0])}
	return Resolved{Fault: concrete, Primitives: []Primitive{&step{
		what: fmt.Sprintf("move the copy of %q from %s to %s", f.Key, from[0], to[0]),
		do: func(ctx context.Context, o Operator) error {
			if from[0] == to[0] { // which of two roles nobody knows before
				return fmt.Errorf("the copy would stay on %s", to[0])
			}
			return o.Move(ctx, f.Key, from[0], to[0])
		},
		seen: func(ranges []Range, _ []string) bool { return slices.Contains(covering(ranges, f.Key).Copies, to[0]) },
	}}}, nil
}

// Drain has an operator take all copies off a node. In Elasticsearch that is a filter: the
// node's name joins those that are excluded from allocation.
type Drain struct {
	Node Selector       `yaml:"node" json:"node" jsonschema:"required,description=a node or a selector"`
	For  units.Duration `yaml:"for,omitempty" json:"for,omitempty" jsonschema:"description=until it may hold copies again; absent: for good"`
}

func drain() Kind {
	return Kind{
		Name: "drain", About: "all copies are taken off a node, as an operator would have it",
		Systems: both(),
		New:     func() Fault { return &Drain{} },
		Draw:    func(d *Dice) Fault { return &Drain{Node: d.Node(), For: d.Lasting()} },
	}
}

// Kind implements [Fault].
func (*Drain) Kind() string { return "drain" }

// Lasts implements [Fault].
func (f *Drain) Lasts() time.Duration { return f.For.D() }

// Permanent implements [Permanent].
func (f *Drain) Permanent() bool { return f.For == 0 }

// Check implements [Fault].
func (f *Drain) Check(t Topology) []source.Problem {
	if msg := f.Node.check(t, false, false); msg != "" {
		return []source.Problem{source.Problemf("node", "%s", msg)}
	}
	return nil
}

// Resolve implements [Fault].
func (f *Drain) Resolve(v View) (Resolved, error) {
	names, err := f.Node.resolve(v)
	if err != nil {
		return Resolved{}, err
	}
	if len(names) != 1 {
		return Resolved{}, fmt.Errorf("one node is drained at a time, not %v", names)
	}
	node := names[0]
	concrete := &Drain{Node: Selector(node), For: f.For}
	if v.Topology().System == Elasticsearch {
		return Resolved{Fault: concrete, Victims: names, Primitives: []Primitive{excludeNode{node}}}, nil
	}
	s := &step{
		what: "drain " + node,
		do:   func(ctx context.Context, o Operator) error { return o.Drain(ctx, node, true) },
		seen: func(_ []Range, draining []string) bool { return slices.Contains(draining, node) },
	}
	if f.For > 0 {
		s.holds = "drain " + node
		s.undo = func(ctx context.Context, o Operator) error { return o.Drain(ctx, node, false) }
	}
	return Resolved{Fault: concrete, Primitives: []Primitive{s}}, nil
}
