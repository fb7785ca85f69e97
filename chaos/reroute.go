package chaos

import (
	"context"
	"fmt"
	"net/http"

	"github.com/shardquake/shardquake/internal/source"
)

// Reroute has an operator move, cancel or allocate a copy by hand, or have failed
// allocations tried again.
type Reroute struct {
	forGood `yaml:"-" json:"-"`

	Move        *RerouteCopy `yaml:"move,omitempty" json:"move,omitempty" jsonschema:"description=move a copy from a node to another"`
	Cancel      *RerouteCopy `yaml:"cancel,omitempty" json:"cancel,omitempty" jsonschema:"description=cancel the recovery of a copy on a node"`
	Allocate    *RerouteCopy `yaml:"allocate,omitempty" json:"allocate,omitempty" jsonschema:"description=put an unassigned replica on a node"`
	RetryFailed bool         `yaml:"retry-failed,omitempty" json:"retry-failed,omitempty" jsonschema:"description=try allocations again that failed too often"`
}

// RerouteCopy names a copy of a shard and where it is, or goes.
type RerouteCopy struct {
	Index string   `yaml:"index" json:"index" jsonschema:"required,description=whose shard"`
	Shard int      `yaml:"shard,omitempty" json:"shard" jsonschema:"minimum=0,description=which shard; default 0"`
	From  Selector `yaml:"from,omitempty" json:"from,omitempty" jsonschema:"description=of a move: the node that gives its copy away"`
	To    Selector `yaml:"to,omitempty" json:"to,omitempty" jsonschema:"description=the node that gets the copy"`
	Node  Selector `yaml:"node,omitempty" json:"node,omitempty" jsonschema:"description=of a cancelled recovery: the node of the copy"`
	// Primary lets a primary be cancelled.
	Primary bool `yaml:"primary,omitempty" json:"primary,omitempty" jsonschema:"description=of a cancelled recovery: also that of a primary"`
}

func reroute() Kind {
	return Kind{
		Name: "reroute", About: "a copy is moved, cancelled or allocated by hand, or failed allocations are tried again",
		Systems: []string{Elasticsearch},
		New:     func() Fault { return &Reroute{} },
		Draw:    func(*Dice) Fault { return &Reroute{RetryFailed: true} },
	}
}

// Kind implements [Fault].
func (*Reroute) Kind() string { return "reroute" }

// rerouteOrder is the one order of a reroute and the nodes that it needs.
type rerouteOrder struct {
	name string
	copy *RerouteCopy
	ends map[string]*Selector
}

// orders are those that the file has.
func (f *Reroute) orders() (out []rerouteOrder) {
	if c := f.Move; c != nil {
		out = append(out, rerouteOrder{"move", c, map[string]*Selector{"from": &c.From, "to": &c.To}})
	}
	if c := f.Cancel; c != nil {
		out = append(out, rerouteOrder{"cancel", c, map[string]*Selector{"node": &c.Node}})
	}
	if c := f.Allocate; c != nil {
		out = append(out, rerouteOrder{"allocate", c, map[string]*Selector{"to": &c.To}})
	}
	return out
}

// Check implements [Fault].
func (f *Reroute) Check(t Topology) []source.Problem {
	orders := f.orders()
	if len(orders) > 1 || (len(orders) == 0) == !f.RetryFailed {
		return []source.Problem{source.Problemf("", "expected one of move:, cancel:, allocate: and retry-failed: true")}
	}
	var ps []source.Problem
	for _, o := range orders {
		for _, p := range checkIndex(t, o.copy.Index, o.copy.Shard) {
			ps = append(ps, source.Problem{Path: o.name + "." + p.Path, Message: p.Message})
		}
		for _, end := range []struct {
			name string
			is   Selector
		}{{"from", o.copy.From}, {"to", o.copy.To}, {"node", o.copy.Node}} {
			switch {
			case o.ends[end.name] == nil && end.is != "":
				ps = append(ps, source.Problemf(o.name+"."+end.name, "%s has no %s:", o.name, end.name))
			case o.ends[end.name] == nil:
			default:
				if msg := end.is.check(t, false, false); msg != "" {
					ps = append(ps, source.Problemf(o.name+"."+end.name, "%s", msg))
				}
			}
		}
		if o.copy.Primary && o.name != "cancel" {
			ps = append(ps, source.Problemf(o.name+".primary", "primary: goes with cancel:"))
		}
	}
	return ps
}

// one resolves a selector that means one node.
func (s Selector) one(v View) (string, error) {
	names, err := s.resolve(v)
	if err == nil && len(names) != 1 {
		err = fmt.Errorf("%s means %d nodes; expected one", s, len(names))
	}
	if err != nil {
		return "", err
	}
	return names[0], nil
}

// Resolve implements [Fault].
func (f *Reroute) Resolve(v View) (Resolved, error) {
	if f.RetryFailed {
		p := &request{
			what: "try failed allocations again", method: http.MethodPost, path: "/_cluster/reroute?retry_failed=true&metric=none",
			seen: func(context.Context, API) (bool, string, error) { return true, "acknowledged", nil },
		}
		return Resolved{Fault: f, Primitives: []Primitive{p}}, nil
	}
	concrete := &Reroute{}
	order := f.orders()[0]
	c := *order.copy
	for _, end := range []*Selector{&c.From, &c.To, &c.Node} {
		if *end == "" {
			continue
		}
		node, err := end.one(v)
		if err != nil {
			return Resolved{}, err
		}
		*end = Selector(node)
	}
	args := map[string]any{"index": c.Index, "shard": c.Shard}
	p := &request{method: http.MethodPost, path: "/_cluster/reroute?metric=none"}
	command := order.name
	var victims []string
	switch order.name {
	case "move":
		concrete.Move = &c
		args["from_node"], args["to_node"] = c.From, c.To
		p.what = fmt.Sprintf("move %s[%d] from %s to %s", c.Index, c.Shard, c.From, c.To)
		p.seen, victims = copyOn(c.Index, c.Shard, string(c.To)), []string{string(c.From), string(c.To)}
	case "allocate":
		concrete.Allocate, command = &c, "allocate_replica"
		args["node"] = c.To
		p.what = fmt.Sprintf("allocate a replica of %s[%d] to %s", c.Index, c.Shard, c.To)
		p.seen, victims = copyOn(c.Index, c.Shard, string(c.To)), []string{string(c.To)}
	default:
		concrete.Cancel = &c
		args["node"], args["allow_primary"] = c.Node, c.Primary
		p.what, victims = fmt.Sprintf("cancel the recovery of %s[%d] on %s", c.Index, c.Shard, c.Node), []string{string(c.Node)}
		// The copy may have been allocated again by the look.
		p.seen = func(context.Context, API) (bool, string, error) { return true, "acknowledged", nil }
	}
	p.body = map[string]any{"commands": []any{map[string]any{command: args}}}
	return Resolved{Fault: concrete, Victims: victims, Primitives: []Primitive{p}}, nil
}
