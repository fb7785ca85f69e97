package es

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/expectations"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Decided expects a controller to do something: within a limit after each fault of a
// kind, or at all, or not at all.
type Decided struct {
	Action string         `yaml:"decided" jsonschema:"required,description=an action of the controller such as retry-failed or take-over"`
	Within units.Duration `yaml:"within,omitempty" jsonschema:"description=after the fault; without a fault: after t=0"`
	Of     string         `yaml:"of,omitempty" jsonschema:"description=a kind of fault; absent: counted from t=0"`
	// Healed counts from the end of the fault instead of its beginning.
	Healed bool `yaml:"healed,omitempty" jsonschema:"description=count from the fault's end"`
	// Times bounds how often it is done, instead of when.
	Times *units.Bound `yaml:"times,omitempty" jsonschema:"description=how often in the whole run such as '= 0'; instead of within"`
	By    string       `yaml:"by,omitempty" jsonschema:"description=which controller; absent: any"`
}

// Kind implements [scenarios.Expectation].
func (*Decided) Kind() string { return "decided" }

// Check implements [scenarios.Expectation].
func (e *Decided) Check(s *scenarios.Scenario) []source.Problem {
	var ps []source.Problem
	if s.Controller == nil {
		ps = append(ps, source.Problemf("decided", "the scenario has no controller"))
	}
	if e.Action == "" {
		ps = append(ps, source.Problemf("decided", "no action is named; expected one such as retry-failed"))
	}
	if (e.Times == nil) == (e.Within == 0) {
		ps = append(ps, source.Problemf("within", "expected either within: with a time or times: with a number such as '>= 1'"))
	}
	if e.Times != nil && (e.Of != "" || e.Healed) {
		ps = append(ps, source.Problemf("times", "times: counts over the whole run; it goes with neither of: nor healed:"))
	}
	if e.Of != "" {
		ps = append(ps, expectations.CheckFaultRef(s, e.Of, e.Within)...)
	} else if e.Healed {
		ps = append(ps, source.Problemf("healed", "there is no end of a fault to count from without of:"))
	}
	if e.By != "" && s.Controller != nil && !slices.Contains(s.ControllerNames(), e.By) {
		ps = append(ps, source.Problemf("by", "%s", source.Unknown("controller", e.By, s.ControllerNames())))
	}
	return ps
}

// Judge implements [scenarios.Expectation].
func (e *Decided) Judge(h *observed.History) []scenarios.Outcome {
	name := e.Action
	if e.By != "" {
		name += " by " + e.By
	}
	times := e.times(h)
	if e.Times != nil {
		return []scenarios.Outcome{e.count(h, name, len(times))}
	}
	if e.Of == "" {
		return []scenarios.Outcome{e.first(h, name, times, 0)}
	}
	var out []scenarios.Outcome
	for i, f := range h.Faults {
		if f.Kind != e.Of {
			continue
		}
		since, label := f.At, name+" after "+expectations.FaultName(h, i)
		if e.Healed {
			since, label = f.HealedAt, label+" healed"
		}
		switch {
		case !f.Shown():
			out = append(out, scenarios.Undecided(label, "no probe showed that the fault was in force"))
		case since < 0:
			out = append(out, scenarios.Undecided(label, "the fault never healed"))
		default:
			out = append(out, e.first(h, label, times, since))
		}
	}
	if len(out) == 0 {
		out = append(out, scenarios.Idled(name, "no such fault struck"))
	}
	return out
}

// times are when the action was taken.
func (e *Decided) times(h *observed.History) []time.Duration {
	var out []time.Duration
	for _, d := range h.Decisions {
		if d.Shadow || !d.Acted || (e.By != "" && d.Controller != e.By) {
			continue
		}
		if slices.Contains(strings.Split(d.Decided, ", "), e.Action) {
			out = append(out, d.At)
		}
	}
	return out
}

func (e *Decided) count(h *observed.History, name string, n int) scenarios.Outcome {
	if len(h.Decisions) == 0 {
		return scenarios.Undecided(name, "the controller recorded nothing")
	}
	v := float64(n)
	o := scenarios.Outcome{Name: name, Verdict: scenarios.Fail, Observed: scenarios.Number(v), Limit: scenarios.Number(e.Times.Value), Margin: scenarios.Number(e.Times.Margin(v)),
		Reason: fmt.Sprintf("done %d times; expected %s", n, e.Times)}
	if e.Times.Holds(v) {
		o.Verdict = scenarios.Pass
	}
	return o
}

// first judges the first time from a moment on.
func (e *Decided) first(h *observed.History, name string, times []time.Duration, since time.Duration) scenarios.Outcome {
	for _, at := range times {
		if at >= since {
			return scenarios.WithinLimit(name, at-since, e.Within.D(), at, fmt.Sprintf("done %s after that", (at-since).Round(time.Millisecond)))
		}
	}
	return scenarios.NeverWithin(name, e.Within.D(), since, observed.FaultTimes{Until: h.Closed}, "it had not been done")
}
