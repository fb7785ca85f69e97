package planning

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es"
)

// The kinds of losses beside the attributes.
const (
	Nothing = "nothing"
	Node    = "node"
	Master  = "master"
	Pair    = "pair"
	Restart = "restart" // every node in turn, stopped and started again
	Upgrade = "upgrade" // the same, each comes back with a newer version
	Drain   = "drain"   // all copies are taken off a node
)

// Loss is something that the cluster is without: for good, or node after node for a while.
type Loss struct {
	// Kind is nothing, node, master, pair, restart, upgrade, drain, or the name of an attribute.
	Kind string `json:"kind"`
	// Name is the node's, the value's of the attribute, or that of both nodes.
	Name  string   `json:"name,omitempty"`
	Nodes []string `json:"nodes,omitempty"` // the master is known only when it goes
}

// String is the loss for people: "zone b".
func (l Loss) String() string {
	if l.Name == "" {
		return l.Kind
	}
	return l.Kind + " " + l.Name
}

// words is the loss in a sentence.
func (l Loss) words() string {
	switch l.Kind {
	case Master:
		return "the master"
	case Pair:
		return "nodes " + l.Name
	case Restart:
		return "every node in turn"
	case Change:
		return "the change, " + l.Name
	case Upgrade:
		return "every node in turn to a newer version"
	}
	return l.String()
}

// rolling is whether the loss goes from node to node.
func (l Loss) rolling() bool { return l.Kind == Restart || l.Kind == Upgrade }

// entries are the loss as faults; none where nothing is lost.
func (l Loss) entries(s *scenarios.Scenario, downtime units.Duration) []chaos.Entry {
	lost := &chaos.NodeLoss{}
	switch {
	case l.Kind == Nothing:
		return nil
	case l.rolling():
		return l.procedure(s, downtime)
	case l.Kind == Drain:
		return []chaos.Entry{{At: units.Duration(strikesAt), Fault: &chaos.Drain{Node: chaos.Selector(l.Name)}}}
	case l.Kind == Master:
		lost.Node = "master"
	default:
		for _, n := range l.Nodes {
			lost.Nodes = append(lost.Nodes, chaos.Selector(n))
		}
	}
	return []chaos.Entry{{At: units.Duration(strikesAt), Fault: lost}}
}

// wanted says which kinds of losses are tried; pairs only where somebody asks for them.
type wanted struct {
	attributes []string
	pairs      bool
	only       []string // kinds; nil: all
}

func (w *wanted) has(kind string) bool { return len(w.only) == 0 || slices.Contains(w.only, kind) }

// lossesOf are all losses of a cluster, and what of them makes no sense, in words.
func lossesOf(s *scenarios.Scenario, want wanted) (out []Loss, notes []string) {
	out = append(out, Loss{Kind: Nothing})
	var there []scenarios.NodeSpec
	for _, n := range s.NodeSpecs() {
		if !n.Late {
			there = append(there, n)
			if want.has(Node) {
				out = append(out, Loss{Kind: Node, Name: n.Name, Nodes: []string{n.Name}})
			}
		}
	}
	if want.has(Master) {
		out = append(out, Loss{Kind: Master})
	}
	zones, notes := zonesOf(there, want)
	out = append(out, zones...)
	out = append(out, worksOf(s, there, want)...)
	if !want.pairs {
		return out, notes
	}
	for i, a := range there {
		for _, b := range there[i+1:] {
			out = append(out, Loss{Kind: Pair, Name: a.Name + " and " + b.Name, Nodes: []string{a.Name, b.Name}})
		}
	}
	return out, notes
}

// zonesOf are the losses of all nodes with one value of an attribute.
func zonesOf(there []scenarios.NodeSpec, want wanted) (out []Loss, notes []string) {
	for _, a := range want.attributes {
		if !want.has(a) {
			continue
		}
		values, holders := valuesOf(there, a)
		if len(values) < 2 {
			notes = append(notes, fmt.Sprintf("no loss of a %s is tried: all nodes have the same", a))
			continue
		}
		for i, v := range values {
			out = append(out, Loss{Kind: a, Name: v, Nodes: holders[i]})
		}
	}
	return out, notes
}

// valuesOf are the values of an attribute in order, with the nodes that have each.
func valuesOf(nodes []scenarios.NodeSpec, attribute string) (values []string, holders [][]string) {
	for _, n := range nodes {
		if v, has := n.Attributes[attribute]; has && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	for _, v := range values {
		var hold []string
		for _, n := range nodes {
			if n.Attributes[attribute] == v {
				hold = append(hold, n.Name)
			}
		}
		holders = append(holders, hold)
	}
	return values, holders
}

// awareness are the attributes by which the cluster keeps copies apart. A key-value cluster
// does so by zone, where it has zones.
func awareness(s *scenarios.Scenario) []string {
	var out []string
	if s.System == chaos.KeyValue {
		return attributesOf(s)
	}
	for _, a := range strings.Split(es.EffectiveSettings(s)["cluster.routing.allocation.awareness.attributes"], ",") {
		if a = strings.TrimSpace(a); a != "" {
			out = append(out, a)
		}
	}
	return out
}

// attributesOf are all attributes that any node has, in order.
func attributesOf(s *scenarios.Scenario) []string {
	var out []string
	for _, n := range s.NodeSpecs() {
		for a := range n.Attributes {
			out = append(out, a)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
