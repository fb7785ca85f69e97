package scenarios

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// NodeLoadBound expects a figure of the nodes' load to stay within a bound: of the busiest
// node, or of one that is named; at a time, at the end of the load, or all along.
type NodeLoadBound struct {
	Quantity string      `yaml:"node-load" jsonschema:"required,enum=cpu,enum=disk,enum=net,enum=qps,enum=mean,enum=p50,enum=p90,enum=p99,enum=queue,enum=rejected"`
	Max      units.Bound `yaml:"max" jsonschema:"required,description=bound on the highest of the nodes; percent for cpu and disk and net; milliseconds for times"`
	Node     string      `yaml:"node,omitempty" jsonschema:"description=this node alone"`
	When     string      `yaml:"at,omitempty" jsonschema:"description=end (of the load; the default) or always or a time such as 5m"`
	at       time.Duration
	quantity LoadQuantity
}

// Kind implements [Expectation].
func (*NodeLoadBound) Kind() string { return "node-load" }

// Check implements [Expectation].
func (e *NodeLoadBound) Check(s *Scenario) []source.Problem {
	var ps []source.Problem
	var names []string
	for _, q := range loadQuantities {
		names = append(names, q.Name)
		if q.Name == e.Quantity {
			e.quantity = q
		}
	}
	if e.quantity.of == nil {
		ps = append(ps, source.Problemf("node-load", "%s", source.Unknown("quantity", e.Quantity, names)))
	}
	if e.Max.IsZero() {
		ps = append(ps, source.Problemf("", "the expectation has no bound; expected max:, such as max: \"< 80\""))
	}
	if e.Node != "" && !slices.Contains(s.NodeNames(), e.Node) {
		ps = append(ps, source.Problemf("node", "%s", source.Unknown("node", e.Node, s.NodeNames())))
	}
	var wrong []source.Problem
	e.at, wrong = momentOf(e.When, s)
	return append(ps, wrong...)
}

// Judge implements [Expectation].
func (e *NodeLoadBound) Judge(h *History) []Outcome {
	who := "of the busiest node"
	if e.Node != "" {
		who = "of " + e.Node
	}
	name := fmt.Sprintf("%s %s", e.Quantity, who)
	frames := h.NodeLoads()
	switch {
	case len(frames) == 0:
		return []Outcome{unknown(name, "the nodes' load was not observed")}
	case e.When == "always":
		return []Outcome{e.worst(name+", always", h, frames)}
	}
	at := h.End
	if e.When != "" && e.When != "end" {
		at = e.at
		name += " at " + e.When
	} else {
		name += " at the end"
	}
	if at > h.Closed {
		return []Outcome{unknown(name, "the run was over at %s", h.Closed.Round(time.Millisecond))}
	}
	f, ok := LoadFrameAt(frames, at)
	if !ok {
		return []Outcome{unknown(name, "nothing was observed by then")}
	}
	return []Outcome{e.judgeFrame(name, h, f, at)}
}

// worst judges the frame, from t=0 to the end of the load, that is nearest to breaking the bound.
func (e *NodeLoadBound) worst(name string, h *History, frames []LoadFrame) Outcome {
	var worst *Outcome
	for i, f := range frames {
		if f.At > h.End || i+1 < len(frames) && frames[i+1].At <= 0 {
			continue
		}
		o := e.judgeFrame(name, h, f, max(f.At, 0))
		if o.Margin != nil && (worst == nil || *o.Margin < *worst.Margin || (o.Verdict == Fail && worst.Verdict == Pass)) {
			worst = &o
		}
	}
	if worst == nil {
		return unknown(name, "no node told its %s", e.Quantity)
	}
	return *worst
}

// judgeFrame judges one moment.
func (e *NodeLoadBound) judgeFrame(name string, h *History, f LoadFrame, at time.Duration) Outcome {
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
		return unknown(name, "no node told its %s at %s (Elasticsearch tells a mean and no percentiles; a node without operations has no times)",
			e.Quantity, at.Round(time.Millisecond))
	}
	o := Outcome{Name: name, Verdict: Fail, Unit: e.quantity.Unit, Observed: number(highest), Limit: number(e.Max.Value), Margin: number(e.Max.Margin(highest)), At: seconds(at)}
	if e.Max.Holds(highest) {
		o.Verdict = Pass
	}
	o.Reason = fmt.Sprintf("%.6g%s on %s at %s; expected %s", highest, e.quantity.Unit, node, at.Round(time.Millisecond), e.Max)
	if silent > 0 {
		o.Reason += fmt.Sprintf("; %d nodes told none", silent)
	}
	return o
}

// scaled implements [momentous].
func (e *NodeLoadBound) scaled(by units.Fraction) Expectation {
	out := *e
	out.at, out.When = scaledMoment(e.at, e.When, by)
	return &out
}
