package expectations

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Stretch is the time that an expectation about clients looks at: after a fault, or from t=0
// to the end of the load.
type Stretch struct {
	Of     string         `yaml:"of,omitempty" jsonschema:"description=a kind of fault: of the writes that began after it; absent: of the whole run"`
	Within units.Duration `yaml:"within,omitempty" jsonschema:"description=so long after the fault; absent: to the next fault or the end of the load"`
}

// check returns what is wrong with it; paths are below at.
func (w Stretch) check(s *scenarios.Scenario, at string) []source.Problem {
	var ps []source.Problem
	switch {
	case w.Within < 0:
		ps = append(ps, source.Problemf(at+".within", "a time can't be negative"))
	case w.Within > 0 && w.Of == "":
		ps = append(ps, source.Problemf(at+".within", "within what? expected of: with a kind of fault"))
	case w.Of != "":
		for _, p := range CheckFaultRef(s, w.Of, units.Duration(time.Second)) {
			ps = append(ps, source.Problem{Path: at + "." + p.Path, Message: p.Message})
		}
	}
	return append(ps, checkFollowed(s)...)
}

// checkFollowed refuses what could not be decided because no write is followed.
func checkFollowed(s *scenarios.Scenario) []source.Problem {
	if slices.ContainsFunc(s.Workload, func(w scenarios.LoadSection) bool { return w.Tracers != nil && *w.Tracers > 0 }) {
		return nil
	}
	return []source.Problem{source.Problemf("", "no workload writes tracers, so nothing is known of clients; expected workload: with writes:")}
}

// stretch is a time to be judged, with its name.
type stretch struct {
	name     string
	from, to time.Duration
	unshown  string // why nothing can be said
}

// over are the stretches of a run.
func (w Stretch) over(h *observed.History, name string) []stretch {
	if w.Of == "" {
		return []stretch{{name: name, to: h.End}}
	}
	var out []stretch
	for i, f := range h.Faults {
		if f.Kind != w.Of {
			continue
		}
		s := stretch{name: name + " after " + FaultName(h, i), from: f.At}
		switch {
		case !f.Injected:
			s.unshown = "the fault was not injected: " + f.Error
		case !f.Shown():
			s.unshown = "no probe showed that the fault was in force"
		}
		s.to = min(h.End, h.FaultTimes(i, f.At).Until)
		if w.Within > 0 {
			s.to = min(f.At+w.Within.D(), h.End)
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		out = append(out, stretch{name: name + " after " + w.Of, unshown: "no such fault struck"})
	}
	return out
}

// judged judges each stretch by what it comes to.
func (w Stretch) judged(h *observed.History, name string, judge func(stretch) scenarios.Outcome) []scenarios.Outcome {
	var out []scenarios.Outcome
	for _, s := range w.over(h, name) {
		if s.unshown != "" {
			out = append(out, scenarios.Undecided(s.name, "%s", s.unshown))
			continue
		}
		o := judge(s)
		o.Name, o.At = s.name, scenarios.Seconds(s.from)
		out = append(out, o)
	}
	return out
}

// ClientErrors bounds the share of the followed writes that were not acknowledged.
type ClientErrors struct {
	Errors struct {
		Share   units.ShareBound `yaml:"share" jsonschema:"required,description=of the followed writes that were not acknowledged"`
		Stretch `yaml:",inline"`
	} `yaml:"client-errors" jsonschema:"required"`
}

// Kind implements [scenarios.Expectation].
func (*ClientErrors) Kind() string { return "client-errors" }

// Check implements [scenarios.Expectation].
func (e *ClientErrors) Check(s *scenarios.Scenario) []source.Problem {
	ps := e.Errors.check(s, "client-errors")
	if e.Errors.Share.IsZero() {
		ps = append(ps, source.Problemf("client-errors", "the expectation has no bound; expected share:, such as share: \"< 1 %%\""))
	}
	return ps
}

// Judge implements [scenarios.Expectation].
func (e *ClientErrors) Judge(h *observed.History) []scenarios.Outcome {
	return e.Errors.judged(h, "client errors", func(s stretch) scenarios.Outcome {
		f := h.FeltWithin(s.from, s.to)
		if f.Attempted == 0 {
			return scenarios.Undecided("", "no write was followed from %s to %s", s.from.Round(time.Millisecond), s.to.Round(time.Millisecond))
		}
		percent := math.Round(1e6*f.Share()) / 1e4
		o := bounded(percent, "%", e.Errors.Share.Bound)
		o.Reason = fmt.Sprintf("of %d writes %d failed (%d of them refused by the cluster) and %d had no answer%s; expected %s",
			f.Attempted, f.Failed, f.Refused, f.Unknown, causesText(h, s), e.Errors.Share)
		return o
	})
}

// Timely implements [scenarios.Timely]: on a machine that is busy otherwise writes have no answer
// in time.
func (*ClientErrors) Timely() {}

// causesText names the causes in a stretch.
func causesText(h *observed.History, s stretch) string {
	within := observed.History{Tracers: observed.TracerSummary{Operations: slices.DeleteFunc(slices.Clone(h.Tracers.Operations), func(op observed.TracerOp) bool { return op.At < s.from || op.At >= s.to })}}
	var told []string
	for _, c := range within.FeltCauses() {
		told = append(told, fmt.Sprintf("%s %d", c.Text(), c.Writes))
	}
	if len(told) == 0 {
		return ""
	}
	return " (" + strings.Join(told, ", ") + ")"
}

// bounded judges a figure by a bound.
func bounded(v float64, unit string, b units.Bound) scenarios.Outcome {
	o := scenarios.Outcome{Verdict: scenarios.Fail, Unit: unit, Observed: scenarios.Number(v), Limit: scenarios.Number(b.Value), Margin: scenarios.Number(math.Round(1e6*b.Margin(v)) / 1e6)}
	if b.Holds(v) {
		o.Verdict = scenarios.Pass
	}
	return o
}

// ClientLatency bounds a percentile of the time that acknowledged writes took.
type ClientLatency struct {
	Latency struct {
		Percentile string         `yaml:"percentile,omitempty" jsonschema:"enum=p50,enum=p90,enum=p99,enum=max,description=default p99"`
		Max        units.Duration `yaml:"max" jsonschema:"required,description=it is no longer than this"`
		Stretch    `yaml:",inline"`
	} `yaml:"client-latency" jsonschema:"required"`
}

// percentiles are those that can be asked for; fewest is how many writes one needs to mean
// something.
var percentiles = [...]struct {
	name   string
	p      float64
	fewest int
}{{"p50", 0.5, 2}, {"p90", 0.9, 10}, {"p99", 0.99, 100}, {"max", 1, 1}}

// Kind implements [scenarios.Expectation].
func (*ClientLatency) Kind() string { return "client-latency" }

// Complete implements [scenarios.Completer].
func (e *ClientLatency) Complete(*scenarios.Scenario) {
	if e.Latency.Percentile == "" {
		e.Latency.Percentile = "p99"
	}
}

// Check implements [scenarios.Expectation].
func (e *ClientLatency) Check(s *scenarios.Scenario) []source.Problem {
	ps := e.Latency.check(s, "client-latency")
	var names []string
	for _, p := range percentiles {
		names = append(names, p.name)
	}
	if !slices.Contains(names, e.Latency.Percentile) {
		ps = append(ps, source.Problemf("client-latency.percentile", "%s", source.Unknown("percentile", e.Latency.Percentile, names)))
	}
	if e.Latency.Max <= 0 {
		ps = append(ps, source.Problemf("client-latency", "the expectation has no limit; expected max: with a time such as 100ms"))
	}
	return ps
}

// Judge implements [scenarios.Expectation].
func (e *ClientLatency) Judge(h *observed.History) []scenarios.Outcome {
	which := percentiles[0]
	for _, p := range percentiles {
		if p.name == e.Latency.Percentile {
			which = p
		}
	}
	return e.Latency.judged(h, which.name+" of acknowledged writes", func(s stretch) scenarios.Outcome {
		var took []time.Duration
		for _, op := range h.Tracers.Operations {
			if op.At >= s.from && op.At < s.to && op.Result == observed.FateAcked {
				took = append(took, op.Latency)
			}
		}
		if len(took) < which.fewest {
			return scenarios.Undecided("", "%d acknowledged writes are too few for a %s; expected %d", len(took), which.name, which.fewest)
		}
		slices.Sort(took)
		v := took[max(0, int(math.Ceil(float64(which.p*float64(len(took)))))-1)]
		return scenarios.WithinLimit("", v, e.Latency.Max.D(), s.from, fmt.Sprintf("%s of %d writes acknowledged", v.Round(time.Microsecond), len(took)))
	})
}

// NoWritesLongerThan bounds the time in which no write was acknowledged, though some were
// tried.
type NoWritesLongerThan struct {
	Limit   units.Duration `yaml:"no-writes-longer-than" jsonschema:"required"`
	Stretch `yaml:",inline"`
}

// Kind implements [scenarios.Expectation].
func (*NoWritesLongerThan) Kind() string { return "no-writes-longer-than" }

// Check implements [scenarios.Expectation].
func (e *NoWritesLongerThan) Check(s *scenarios.Scenario) []source.Problem {
	ps := e.check(s, "")
	for i := range ps {
		ps[i].Path = strings.TrimPrefix(ps[i].Path, ".")
	}
	if e.Limit <= 0 {
		ps = append(ps, source.Problemf("no-writes-longer-than", "there is no limit; expected a time such as 10s"))
	}
	return ps
}

// Judge implements [scenarios.Expectation].
func (e *NoWritesLongerThan) Judge(h *observed.History) []scenarios.Outcome {
	return e.judged(h, "time without an acknowledged write", func(s stretch) scenarios.Outcome {
		gap, tried := h.LongestGap(s.from, s.to)
		if !tried {
			return scenarios.Undecided("", "no write was tried")
		}
		return scenarios.WithinLimit("", gap.Length(), e.Limit.D(), gap.From, fmt.Sprintf("the longest was from %s to %s", gap.From.Round(time.Millisecond), gap.To.Round(time.Millisecond)))
	})
}
