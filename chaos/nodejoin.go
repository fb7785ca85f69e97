package chaos

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/internal/source"
)

// NodeJoin starts a node that the cluster was not started with. It is no harm, but
// what follows from it (shards move to the newcomer) is looked at like a fault.
type NodeJoin struct {
	forGood `yaml:"-" json:"-"`

	Node string `yaml:"node" json:"node" jsonschema:"required,description=one of the late nodes"`
}

func nodeJoin() Kind {
	return Kind{
		Name: "node-join", About: "a node that was not there at the start joins",
		Systems: both(),
		New:     func() Fault { return &NodeJoin{} },
		Draw: func(d *Dice) Fault {
			if len(d.Topology.Late) == 0 {
				return nil
			}
			return &NodeJoin{Node: Pick(d, d.Topology.Late...)}
		},
	}
}

// Kind implements [Fault].
func (*NodeJoin) Kind() string { return "node-join" }

// Check implements [Fault].
func (f *NodeJoin) Check(t Topology) []source.Problem {
	switch {
	case slices.Contains(t.Late, f.Node):
		return nil
	case len(t.Late) == 0:
		return []source.Problem{source.Problemf("node", "every node is there from the start; expected cluster.nodes.late: with the number of nodes that join later")}
	}
	return []source.Problem{source.Problemf("node", "%q does not join later; expected one of %s", f.Node, strings.Join(t.Late, ", "))}
}

// Resolve implements [Fault].
func (f *NodeJoin) Resolve(View) (Resolved, error) {
	return Resolved{Fault: f, Victims: []string{f.Node}, Primitives: []Primitive{startProcess{f.Node}}}, nil
}

// startProcess starts the process of a node for the first time.
type startProcess struct{ node string }

func (s startProcess) String() string { return "start " + s.node }

func (s startProcess) Needs(t Target) error {
	if t.Processes == nil {
		return lacks("processes")
	}
	return nil
}

// Holds implements [Primitive]: who has joined stays.
func (s startProcess) Holds() Hold { return Hold{} }

func (s startProcess) Inject(ctx context.Context, t Target) error {
	st, err := t.Processes.State(ctx, s.node)
	if err != nil {
		return err
	}
	if st != Exited {
		return fmt.Errorf("the process of %s is %s already", s.node, st)
	}
	return t.Processes.Start(ctx, s.node)
}

func (s startProcess) Heal(ctx context.Context, t Target) error {
	return t.Processes.Kill(ctx, s.node)
}

func (s startProcess) Bites(ctx context.Context, t Target) Evidence {
	st, err := t.Processes.State(ctx, s.node)
	return evidence(s, err, st == Running, "the process of %s: %s", s.node, st)
}

func (s startProcess) Gone(ctx context.Context, t Target) Evidence {
	st, err := t.Processes.State(ctx, s.node)
	return evidence(s, err, st == Exited, "the process of %s: %s", s.node, st)
}
