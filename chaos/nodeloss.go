package chaos

import (
	"fmt"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// NodeLoss takes nodes' processes away: killed, stopped or paused. Their disks stay.
type NodeLoss struct {
	Node  Selector       `yaml:"node,omitempty" json:"node,omitempty" jsonschema:"description=a node or a selector such as master or zone=a"`
	Nodes []Selector     `yaml:"nodes,omitempty" json:"nodes,omitempty" jsonschema:"description=several of them at the same moment"`
	How   string         `yaml:"how,omitempty" json:"how,omitempty" jsonschema:"enum=kill,enum=stop,enum=pause,description=kill (the default) or stop or pause"`
	For   units.Duration `yaml:"for,omitempty" json:"for,omitempty" jsonschema:"description=how long; absent: for good"`
	// Newer has it come back upgraded.
	Newer bool `yaml:"newer,omitempty" json:"newer,omitempty" jsonschema:"description=with for: and how: stop or kill; it comes back with a newer version. Simulated only: of what versions change it is which nodes copies may go to"`
}

func nodeLoss() Kind {
	return Kind{
		Name: "node-loss", About: "a node's process is killed, stopped or paused",
		Systems:   both(),
		FromForce: true, Ails: true,
		New: func() Fault { return &NodeLoss{} },
		Draw: func(d *Dice) Fault {
			return &NodeLoss{Node: d.Nodes(), How: Pick(d, howKill, howKill, howStop, howPause), For: d.Lasting()}
		},
	}
}

// Kind implements [Fault].
func (*NodeLoss) Kind() string { return "node-loss" }

// Lasts implements [Fault].
func (f *NodeLoss) Lasts() time.Duration { return f.For.D() }

// Permanent implements [Permanent].
func (f *NodeLoss) Permanent() bool { return f.For == 0 }

func (f *NodeLoss) selectors() []Selector {
	if f.Node != "" {
		return append([]Selector{f.Node}, f.Nodes...)
	}
	return f.Nodes
}

// Aims implements [Aiming].
func (f *NodeLoss) Aims() []Selector { return f.selectors() }

// Check implements [Fault].
func (f *NodeLoss) Check(t Topology) []source.Problem {
	var ps []source.Problem
	if len(f.selectors()) == 0 {
		ps = append(ps, source.Problemf("", "node-loss names no node; expected node: or nodes:"))
	}
	if f.Node != "" {
		if msg := f.Node.check(t, false, false); msg != "" {
			ps = append(ps, source.Problemf("node", "%s", msg))
		}
	}
	for i, s := range f.Nodes {
		if msg := s.check(t, false, false); msg != "" {
			ps = append(ps, source.Problemf(fmt.Sprintf("nodes[%d]", i), "%s", msg))
		}
	}
	if f.Newer && f.How == howPause {
		ps = append(ps, source.Problemf("newer", "a process that is paused goes on as it was; expected how: stop"))
	}
	switch f.How {
	case "", howKill, howStop, howPause:
	default:
		ps = append(ps, source.Problemf("how", "%s", source.Unknown("way to lose a node", f.How, []string{howKill, howStop, howPause})))
	}
	return ps
}

// Resolve implements [Fault].
func (f *NodeLoss) Resolve(v View) (Resolved, error) {
	names, err := resolveAll(f.selectors(), v)
	if err != nil {
		return Resolved{}, err
	}
	how := f.How
	if how == "" {
		how = howKill
	}
	r := Resolved{Fault: &NodeLoss{Nodes: asSelectors(names), How: how, For: f.For, Newer: f.Newer}, Victims: names}
	for _, n := range names {
		r.Primitives = append(r.Primitives, loseProcess{n, how, f.Newer})
	}
	return r, nil
}
