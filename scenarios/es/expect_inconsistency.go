package es

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Inconsistency expects of the controller's comparison of copies that it names those
// that were silently corrupted, or none, and never one that wasn't.
type Inconsistency struct {
	What   string         `yaml:"inconsistency" jsonschema:"required,enum=found,enum=none,description=found: every silent corruption is named; none: no copy is"`
	Within units.Duration `yaml:"within,omitempty" jsonschema:"description=of found: after the corruption"`
	// Copies bounds how many copies were compared in all, so that a comparison that saw
	// nothing proves nothing.
	Copies *units.Bound `yaml:"copies,omitempty" jsonschema:"description=how many copies were compared in all such as '>= 4'; default >= 2"`
}

// The actor whose records are looked at, and the number of copies in them.
const (
	comparer       = "consistency-checker"
	comparedCopies = "copies"
)

// Kind implements [scenarios.Expectation].
func (*Inconsistency) Kind() string { return "inconsistency" }

// Check implements [scenarios.Expectation].
func (e *Inconsistency) Check(s *scenarios.Scenario) []source.Problem {
	var ps []source.Problem
	if s.Controller == nil || s.Controller.Consistency == 0 {
		ps = append(ps, source.Problemf("inconsistency", "nobody compares copies; expected controller.consistency: with a time"))
	}
	silent := slices.ContainsFunc(s.Faults, func(f chaos.Entry) bool { return isSilent(f.Fault) })
	switch e.What {
	case "found":
		if e.Within <= 0 {
			ps = append(ps, source.Problemf("within", "expected within: with a time"))
		}
		if !silent {
			ps = append(ps, source.Problemf("inconsistency", "no fault is a corruption with mode: silent; there is nothing to find"))
		}
	case "none":
		if e.Within != 0 {
			ps = append(ps, source.Problemf("within", "within: goes with inconsistency: found"))
		}
	default:
		ps = append(ps, source.Problemf("inconsistency", "%s", source.Unknown("answer", e.What, []string{"found", "none"})))
	}
	return ps
}

func isSilent(f chaos.Fault) bool {
	c, ok := f.(*chaos.Corruption)
	return ok && c.Mode == string(chaos.SilentDamage)
}

// struckCopy is a copy that a silent corruption struck.
type struckCopy struct {
	name  string
	at    time.Duration
	shown bool
}

// Judge implements [scenarios.Expectation].
func (e *Inconsistency) Judge(h *observed.History) []scenarios.Outcome {
	var struck []struckCopy
	for _, f := range h.Faults {
		if isSilent(f.Params) && f.Injected {
			c := f.Params.(*chaos.Corruption)
			struck = append(struck, struckCopy{fmt.Sprintf("%s[%d] on %s", c.Index, c.Shard, c.Node), f.At, f.Shown()})
		}
	}
	out := []scenarios.Outcome{e.coverage(h), e.wronglyNamed(h, struck)}
	if e.What == "none" {
		return out
	}
	if len(struck) == 0 {
		out = append(out, scenarios.Idled("inconsistency found", "no silent corruption struck"))
	}
	for _, s := range struck {
		out = append(out, e.found(h, s))
	}
	return out
}

// coverage judges how much was compared.
func (e *Inconsistency) coverage(h *observed.History) scenarios.Outcome {
	const name = "copies compared"
	var copies float64
	for _, d := range h.Decisions {
		for _, n := range d.Observed {
			if d.Actor == comparer && n.Name == comparedCopies {
				copies += n.Value
			}
		}
	}
	bound := e.Copies
	if bound == nil {
		bound = &units.Bound{Op: ">=", Value: 2}
	}
	o := scenarios.Outcome{Name: name, Verdict: scenarios.Pass, Observed: scenarios.Number(copies), Limit: scenarios.Number(bound.Value), Margin: scenarios.Number(bound.Margin(copies)),
		Reason: fmt.Sprintf("%g copies were compared; expected %s", copies, bound)}
	switch {
	case copies == 0:
		return scenarios.Undecided(name, "no copies were compared")
	case !bound.Holds(copies):
		o.Verdict = scenarios.Fail
	}
	return o
}

// wronglyNamed fails for copies that were named though nothing had struck them by then.
func (e *Inconsistency) wronglyNamed(h *observed.History, struck []struckCopy) scenarios.Outcome {
	const name = "copies named without cause"
	var wrong []string
	for _, d := range h.Decisions {
		if d.Actor != comparer {
			continue
		}
		for _, f := range d.Found {
			if e.What == "none" || !slices.ContainsFunc(struck, func(s struckCopy) bool { return s.name == f && s.at <= d.At }) {
				wrong = append(wrong, f)
			}
		}
	}
	slices.Sort(wrong)
	wrong = slices.Compact(wrong)
	n := float64(len(wrong))
	o := scenarios.Outcome{Name: name, Verdict: scenarios.Pass, Observed: scenarios.Number(n), Limit: scenarios.Number(0), Margin: scenarios.Number(0 - n), Reason: "every copy that was named had been corrupted, or none was named"}
	if len(wrong) > 0 {
		o.Verdict, o.Reason = scenarios.Fail, "named: "+strings.Join(wrong, ", ")
	}
	return o
}

// found judges when a corrupted copy was named.
func (e *Inconsistency) found(h *observed.History, s struckCopy) scenarios.Outcome {
	name := "inconsistency of " + s.name + " found"
	if !s.shown {
		return scenarios.Undecided(name, "no probe showed that the corruption was there")
	}
	for _, d := range h.Decisions {
		if d.Actor == comparer && d.At >= s.at && slices.Contains(d.Found, s.name) {
			return scenarios.WithinLimit(name, d.At-s.at, e.Within.D(), d.At, fmt.Sprintf("named %s after it was corrupted", (d.At-s.at).Round(time.Millisecond)))
		}
	}
	return scenarios.NeverWithin(name, e.Within.D(), s.at, observed.FaultTimes{Until: h.Closed}, "it had not been named")
}
