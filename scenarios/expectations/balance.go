package expectations

import (
	"fmt"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/reports/score"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Balanced expects a quantity to be spread evenly over the members of the cluster:
// at a time, at the end, or all along ("always").
type Balanced struct {
	Quantity    string      `yaml:"balance" jsonschema:"required,enum=shards,enum=bytes,enum=cpu,enum=disk"`
	CV          units.Bound `yaml:"cv,omitempty" jsonschema:"description=bound on standard deviation over mean"`
	Variance    units.Bound `yaml:"variance,omitempty"`
	Stddev      units.Bound `yaml:"stddev,omitempty"`
	MaxOverMean units.Bound `yaml:"max-over-mean,omitempty"`
	When        string      `yaml:"at,omitempty" jsonschema:"description=end (the default) or always or a time such as 5m"`
	// Within is how soon after a fault, or t=0, the bound holds, for as long as that is watched.
	Within units.Duration `yaml:"within,omitempty" jsonschema:"description=so soon after t=0 or after a fault (of:) the bound holds and does so until the next fault; instead of at:"`
	Of     string         `yaml:"of,omitempty" jsonschema:"description=with within: a kind of fault"`
	Index  string         `yaml:"index,omitempty" jsonschema:"description=only its copies count; absent: those of all indices"`
	at     time.Duration
}

// Kind implements [scenarios.Expectation].
func (*Balanced) Kind() string { return "balance" }

// measured is a figure that the file bounds.
type measured struct {
	score.Kind
	bound units.Bound
}

// bounds are the file's, by the names of the figures; those that it leaves out are zero.
func (e *Balanced) bounds() map[string]units.Bound {
	return map[string]units.Bound{"cv": e.CV, "variance": e.Variance, "stddev": e.Stddev, "max-over-mean": e.MaxOverMean}
}

func (e *Balanced) measures() []measured {
	var out []measured
	bounds := e.bounds()
	for _, k := range score.Kinds() {
		if b := bounds[k.Name]; !b.IsZero() {
			out = append(out, measured{k, b})
		}
	}
	return out
}

// Complete implements [scenarios.Completer].
func (e *Balanced) Complete(s *scenarios.Scenario) {
	e.at, _ = scenarios.MomentOf(e.When, s) // what is wrong with it Check says
}

// Check implements [scenarios.Expectation].
func (e *Balanced) Check(s *scenarios.Scenario) []source.Problem {
	var ps []source.Problem
	known := false
	for _, q := range observed.Quantities {
		known = known || q == e.Quantity
	}
	if !known {
		ps = append(ps, source.Problemf("balance", "%s", source.Unknown("quantity", e.Quantity, observed.Quantities[:])))
	}
	if len(e.measures()) == 0 {
		ps = append(ps, source.Problemf("", "the expectation has no bound; expected cv:, variance:, stddev: or max-over-mean:, such as cv: \"< 0.1\""))
	}
	ps = append(ps, checkOfIndex(s, e.Index)...)
	switch {
	case e.Index != "" && e.Quantity != observed.QuantityShards && e.Quantity != observed.QuantityBytes:
		ps = append(ps, source.Problemf("index", "%s is not observed of single indices; expected shards or bytes", e.Quantity))
	case e.Within != 0 && e.When != "":
		ps = append(ps, source.Problemf("at", "within: says when; expected one of both"))
	case e.Within < 0 || e.Within == 0 && e.Of != "":
		ps = append(ps, source.Problemf("within", "the expectation has no limit; expected within: with a time such as 2m"))
	case e.Within > 0 && e.Of != "":
		ps = append(ps, CheckFaultRef(s, e.Of, e.Within)...)
	}
	_, wrong := scenarios.MomentOf(e.When, s)
	return append(ps, wrong...)
}

// Scaled implements [scenarios.Momentous].
func (e *Balanced) Scaled(by units.Fraction) scenarios.Expectation {
	out := *e
	out.at, out.When = scenarios.ScaledMoment(e.at, e.When, by)
	return &out
}

// Judge implements [scenarios.Expectation].
func (e *Balanced) Judge(h *observed.History) []scenarios.Outcome {
	frames := h.OfIndex(e.Index).Spread(e.Quantity)
	var out []scenarios.Outcome
	for _, m := range e.measures() {
		name := fmt.Sprintf("%s of %s%s over nodes", m.Name, e.Quantity, ofIndex(e.Index))
		switch {
		case len(frames) > 0 && e.Within > 0:
			out = append(out, e.soon(name, m, frames, h)...)
		case len(frames) == 0:
			out = append(out, scenarios.Undecided(name, "%s per node was not observed", e.Quantity))
		case e.When == "always":
			out = append(out, e.worst(name+", always", m, frames))
		default:
			at := h.Closed
			if e.When != "" && e.When != "end" {
				at = e.at
				name += " at " + e.When
			} else {
				name += " at the end"
			}
			f, ok := observed.FrameAt(frames, at)
			if at > h.Closed {
				out = append(out, scenarios.Undecided(name, "the run was over at %s", h.Closed.Round(time.Millisecond)))
				continue
			}
			if !ok {
				out = append(out, scenarios.Undecided(name, "nothing was observed by then"))
				continue
			}
			out = append(out, e.judgeFrame(name, m, f, at))
		}
	}
	return out
}

// soon judges when the bound holds for good: after t=0, or after each fault of a kind.
func (e *Balanced) soon(name string, m measured, frames []observed.Frame, h *observed.History) []scenarios.Outcome {
	if e.Of == "" {
		return []scenarios.Outcome{e.holds(name+" within "+e.Within.String(), m, frames, 0, h.Closed)}
	}
	var out []scenarios.Outcome
	for i, f := range h.Faults {
		if f.Kind != e.Of {
			continue
		}
		about := name + " after " + FaultName(h, i)
		if !f.Shown() {
			out = append(out, scenarios.Undecided(about, "no probe showed that the fault was in force"))
			continue
		}
		out = append(out, e.holds(about, m, frames, f.At, h.FaultTimes(i, f.At).Until))
	}
	if len(out) == 0 {
		out = append(out, scenarios.Idled(name+" after "+e.Of, "no such fault struck"))
	}
	return out
}

// holds judges how long after a moment the bound holds until another.
func (e *Balanced) holds(name string, m measured, frames []observed.Frame, since, until time.Duration) scenarios.Outcome {
	held := time.Duration(-1) // since when it does
	if f, ok := observed.FrameAt(frames, since); ok && e.judgeFrame(name, m, f, since).Verdict == scenarios.Pass {
		held = since
	}
	for _, f := range frames {
		if f.At <= since || f.At >= until {
			continue
		}
		switch good := e.judgeFrame(name, m, f, f.At).Verdict == scenarios.Pass; {
		case good && held < 0:
			held = f.At
		case !good:
			held = -1
		}
	}
	if held < 0 {
		return scenarios.NeverWithin(name, e.Within.D(), since, observed.FaultTimes{Until: until}, "the bound did not hold")
	}
	return scenarios.WithinLimit(name, held-since, e.Within.D(), held, fmt.Sprintf("%s holds from %s after that on", m.bound, (held-since).Round(time.Millisecond)))
}

// worst judges the frame, from t=0 on, that is nearest to breaking the bound.
func (e *Balanced) worst(name string, m measured, frames []observed.Frame) scenarios.Outcome {
	var worst *scenarios.Outcome
	for _, f := range observed.FromStart(frames) {
		o := e.judgeFrame(name, m, f, f.At)
		if o.Margin != nil && (worst == nil || *o.Margin < *worst.Margin || (o.Verdict == scenarios.Fail && worst.Verdict == scenarios.Pass)) {
			worst = &o
		}
	}
	if worst == nil {
		return scenarios.Undecided(name, "there were never two members with something to spread")
	}
	return *worst
}

// judgeFrame measures one moment. One member, or members that hold nothing, are even
// by themselves and show nothing.
func (e *Balanced) judgeFrame(name string, m measured, f observed.Frame, at time.Duration) scenarios.Outcome {
	values := f.MemberValues()
	b := score.BalanceOf(values)
	stored := e.Quantity == observed.QuantityShards || e.Quantity == observed.QuantityBytes
	switch {
	case len(values) < 2:
		return scenarios.Undecided(name, "the cluster had %d members at %s", len(values), at.Round(time.Millisecond))
	case stored && b.Mean == 0:
		return scenarios.Undecided(name, "the members held no %s at %s", e.Quantity, at.Round(time.Millisecond))
	}
	v := m.Of(b)
	o := scenarios.Outcome{Name: name, Verdict: scenarios.Fail, Observed: scenarios.Number(v), Limit: scenarios.Number(m.bound.Value), Margin: scenarios.Number(score.Round(m.bound.Margin(v))), At: scenarios.Seconds(at)}
	if m.bound.Holds(v) {
		o.Verdict = scenarios.Pass
	}
	o.Reason = fmt.Sprintf("%.4g, expected %s; the nodes held %s", v, m.bound, valuesText(values))
	return o
}

func valuesText(values []float64) string {
	const most = 12
	text := ""
	for i, v := range values {
		if i == most {
			return text + fmt.Sprintf(" and %d more", len(values)-most)
		}
		if i > 0 {
			text += "/"
		}
		text += fmt.Sprintf("%.6g", v)
	}
	return text
}
