package es

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// NodeLoadBound expects a figure of the nodes' load to stay within a bound: of the busiest
// node, or of one that is named; at a time, at the end of the load, or all along.
type NodeLoadBound struct {
	Quantity string      `yaml:"node-load" jsonschema:"required,enum=cpu,enum=disk,enum=net,enum=qps,enum=mean,enum=p50,enum=p90,enum=p99,enum=queue,enum=rejected"`
	Max      units.Bound `yaml:"max" jsonschema:"required,description=bound on the highest of the nodes; percent for cpu and disk and net; milliseconds for times"`
	Node     string      `yaml:"node,omitempty" jsonschema:"description=this node alone"`
	When     string      `yaml:"at,omitempty" jsonschema:"description=end (of the load; the default) or always or a time such as 5m"`
	at       time.Duration
	quantity observed.LoadQuantity
}

// Kind implements [scenarios.Expectation].
func (*NodeLoadBound) Kind() string { return "node-load" }

// Complete implements [scenarios.Completer].
func (e *NodeLoadBound) Complete(s *scenarios.Scenario) {
	e.at, _ = scenarios.MomentOf(e.When, s) // what is wrong with it Check says
	for _, q := range observed.LoadQuantities() {
		if q.Name == e.Quantity {
			e.quantity = q
		}
	}
}

// Check implements [scenarios.Expectation].
func (e *NodeLoadBound) Check(s *scenarios.Scenario) []source.Problem {
	var ps []source.Problem
	var names []string
	for _, q := range observed.LoadQuantities() {
		names = append(names, q.Name)
	}
	if !slices.Contains(names, e.Quantity) {
		ps = append(ps, source.Problemf("node-load", "%s", source.Unknown("quantity", e.Quantity, names)))
	}
	if e.Max.IsZero() {
		ps = append(ps, source.Problemf("", "the expectation has no bound; expected max:, such as max: \"< 80\""))
	}
	if e.Node != "" && !slices.Contains(s.NodeNames(), e.Node) {
		ps = append(ps, source.Problemf("node", "%s", source.Unknown("node", e.Node, s.NodeNames())))
	}
	_, wrong := scenarios.MomentOf(e.When, s)
	return append(ps, wrong...)
}

// Judge implements [scenarios.Expectation].
func (e *NodeLoadBound) Judge(h *observed.History) []scenarios.Outcome {
	who := "of the busiest node"
	if e.Node != "" {
		who = "of " + e.Node
	}
	name := fmt.Sprintf("%s %s", e.Quantity, who)
	frames := h.NodeLoads()
	switch {
	case len(frames) == 0:
		return []scenarios.Outcome{scenarios.Undecided(name, "the nodes' load was not observed")}
	case e.When == "always":
		return []scenarios.Outcome{e.worst(name+", always", h, frames)}
	}
	at := h.End
	if e.When != "" && e.When != "end" {
		at = e.at
		name += " at " + e.When
	} else {
		name += " at the end"
	}
	if at > h.Closed {
		return []scenarios.Outcome{scenarios.Undecided(name, "the run was over at %s", h.Closed.Round(time.Millisecond))}
	}
	f, ok := observed.LoadFrameAt(frames, at)
	if !ok {
		return []scenarios.Outcome{scenarios.Undecided(name, "nothing was observed by then")}
	}
	return []scenarios.Outcome{e.judgeFrame(name, h, f, at)}
}

// worst judges the frame, from t=0 to the end of the load, that is nearest to breaking the bound.
func (e *NodeLoadBound) worst(name string, h *observed.History, frames []observed.LoadFrame) scenarios.Outcome {
	var worst *scenarios.Outcome
	for i, f := range frames {
		if f.At > h.End || i+1 < len(frames) && frames[i+1].At <= 0 {
			continue
		}
		o := e.judgeFrame(name, h, f, max(f.At, 0))
		if o.Margin != nil && (worst == nil || *o.Margin < *worst.Margin || (o.Verdict == scenarios.Fail && worst.Verdict == scenarios.Pass)) {
			worst = &o
		}
	}
	if worst == nil {
		return scenarios.Undecided(name, "no node told its %s", e.Quantity)
	}
	return *worst
}

// judgeFrame judges one moment.
func (e *NodeLoadBound) judgeFrame(name string, h *observed.History, f observed.LoadFrame, at time.Duration) scenarios.Outcome {
	highest, node, silent := 0.0, "", 0
	for i, l := range f.Loads {
		if e.Node != "" && h.Nodes[i] != e.Node || l == nil && e.Node == "" {
			continue
		}
		v, ok := e.quantity.Of(l)
		if !ok {
			silent++
			continue
		}
		if node == "" || v > highest {
			highest, node = v, h.Nodes[i]
		}
	}
	if node == "" {
		return scenarios.Undecided(name, "no node told its %s at %s (Elasticsearch tells a mean and no percentiles; a node without operations has no times)",
			e.Quantity, at.Round(time.Millisecond))
	}
	o := scenarios.Outcome{Name: name, Verdict: scenarios.Fail, Unit: e.quantity.Unit, Observed: scenarios.Number(highest), Limit: scenarios.Number(e.Max.Value), Margin: scenarios.Number(e.Max.Margin(highest)), At: scenarios.Seconds(at)}
	if e.Max.Holds(highest) {
		o.Verdict = scenarios.Pass
	}
	o.Reason = fmt.Sprintf("%.6g%s on %s at %s; expected %s", highest, e.quantity.Unit, node, at.Round(time.Millisecond), e.Max)
	if silent > 0 {
		o.Reason += fmt.Sprintf("; %d nodes told none", silent)
	}
	return o
}

// Scaled implements [scenarios.Momentous].
func (e *NodeLoadBound) Scaled(by units.Fraction) scenarios.Expectation {
	out := *e
	out.at, out.When = scenarios.ScaledMoment(e.at, e.When, by)
	return &out
}
