package expectations

import (
	"cmp"
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

// SteadyState expects the cluster to be green with nothing moving, or in the steady state
// that the file describes: before t=0, or again within a limit after faults and load have
// ended.
type SteadyState struct {
	Status string         `yaml:"steady-state" jsonschema:"required,enum=green,enum=described"`
	When   string         `yaml:"at,omitempty" jsonschema:"enum=start,enum=end,description=default end"`
	Within units.Duration `yaml:"within,omitempty" jsonschema:"description=default: the scenario's settle or steady-within"`
	limit  time.Duration
	rest   *scenarios.RestSection // that the file describes
}

// Kind implements [scenarios.Expectation].
func (*SteadyState) Kind() string { return "steady-state" }

// longest is how long the run waits for it.
func (e *SteadyState) longest(s *scenarios.Scenario) time.Duration {
	if e.When == "start" {
		return s.Steady.D()
	}
	return s.Settle.D()
}

// Complete implements [scenarios.Completer].
func (e *SteadyState) Complete(s *scenarios.Scenario) {
	e.limit = cmp.Or(e.Within.D(), e.longest(s))
	e.rest = s.Rest
}

// Check implements [scenarios.Expectation].
func (e *SteadyState) Check(s *scenarios.Scenario) []source.Problem {
	var ps []source.Problem
	switch e.Status {
	case "green":
	case scenarios.DescribedState:
		if s.Rest == nil || s.Rest.None {
			ps = append(ps, source.Problemf("steady-state", "the file describes no steady state; expected steady: with a mapping such as {status: yellow, unassigned: 3}"))
		}
	default:
		ps = append(ps, source.Problemf("steady-state", "%s", source.Unknown("steady state", e.Status, []string{"green", scenarios.DescribedState})))
	}
	longest := e.longest(s)
	if e.When != "" && e.When != "end" && e.When != "start" {
		ps = append(ps, source.Problemf("at", "%s", source.Unknown("moment", e.When, []string{"start", "end"})))
	}
	if e.Within.D() > longest {
		ps = append(ps, source.Problemf("within", "the run waits %s for this; expected no more, or a longer settle: or steady-within:", units.Duration(longest)))
	}
	return ps
}

// Judge implements [scenarios.Expectation].
func (e *SteadyState) Judge(h *observed.History) []scenarios.Outcome {
	var wanted *scenarios.RestSection // green
	if e.Status == scenarios.DescribedState {
		wanted = e.rest
	}
	if e.When == "start" {
		return []scenarios.Outcome{e.judgeStart(h, wanted)}
	}
	name, settled := "steady state at the end", h.Settled
	if wanted != nil {
		name, settled = "described state at the end", h.Described
	}
	if settled < 0 {
		return []scenarios.Outcome{because(h, scenarios.NeverWithin(name, e.limit, h.End, observed.FaultTimes{Until: h.Closed}, "the cluster was not "+wanted.Again()))}
	}
	took := settled - h.End
	return []scenarios.Outcome{scenarios.WithinLimit(name, took, e.limit, settled, fmt.Sprintf("%s %s after the end", wanted.Text(), took.Round(time.Millisecond)))}
}

// SettlesIn implements [scenarios.Settling].
func (e *SteadyState) SettlesIn() string {
	if e.When == "start" {
		return ""
	}
	return e.Status
}

// judgeStart decides on the state in which the run began.
func (e *SteadyState) judgeStart(h *observed.History, wanted *scenarios.RestSection) scenarios.Outcome {
	name := "steady state at the start"
	if wanted == nil && e.rest != nil {
		first := h.HealthAt(0)
		if first == nil {
			return scenarios.Undecided(name, "the cluster's health was not observed before t=0")
		}
		if l := (observed.Live{Health: *first, Seen: true}); !l.Steady() {
			return scenarios.Outcome{Name: name, Verdict: scenarios.Fail, Unit: "s", Limit: scenarios.Seconds(e.limit), Reason: "the run began with " + first.Text()}
		}
	}
	return scenarios.WithinLimit(name, h.Steady, e.limit, 0, fmt.Sprintf("%s %s after the start", wanted.Text(), h.Steady.Round(time.Millisecond)))
}

// Recovered expects the cluster to be green, or at least not red, within a limit
// after a fault has struck.
type Recovered struct {
	Status string         `yaml:"recovered" jsonschema:"required,enum=green,enum=yellow"`
	Within units.Duration `yaml:"within" jsonschema:"required"`
	Of     string         `yaml:"of,omitempty" jsonschema:"description=a kind of fault; absent: every fault"`
	Index  string         `yaml:"index,omitempty" jsonschema:"description=only its copies count; absent: those of all indices"`
	// Healed counts from the end of the fault instead of its beginning.
	Healed bool `yaml:"healed,omitempty" jsonschema:"description=count from the fault's end"`
	// InTurn says that the next fault waits for this one to be over, as in a rolling restart:
	// that it strikes is no reason for doubt.
	InTurn bool `yaml:"in-turn,omitempty" jsonschema:"description=the next fault waits until the cluster is well again: that it strikes before the limit is no reason for doubt"`
}

// Kind implements [scenarios.Expectation].
func (*Recovered) Kind() string { return "recovered" }

// Check implements [scenarios.Expectation].
func (e *Recovered) Check(s *scenarios.Scenario) []source.Problem {
	ps := append(CheckFaultRef(s, e.Of, e.Within), checkOfIndex(s, e.Index)...)
	if e.Status != "green" && e.Status != "yellow" {
		ps = append(ps, source.Problemf("recovered", "%s", source.Unknown("status", e.Status, []string{"green", "yellow"})))
	}
	if e.Healed && !slices.ContainsFunc(s.Faults, func(f chaos.Entry) bool { return f.Passes() }) {
		ps = append(ps, source.Problemf("healed", "no fault of this scenario ends before the run does"))
	}
	return ps
}

// Judge implements [scenarios.Expectation].
func (e *Recovered) Judge(h *observed.History) []scenarios.Outcome {
	h = h.OfIndex(e.Index)
	var out []scenarios.Outcome
	for i, f := range h.Faults {
		if e.Of != "" && f.Kind != e.Of {
			continue
		}
		name := strings.TrimSpace(strings.TrimPrefix(ofIndex(e.Index), " of") + " " + fmt.Sprintf("%s after %s", e.Status, FaultName(h, i)))
		if !f.Injected {
			out = append(out, scenarios.Idled(name, "the fault was not injected: %s", f.Error))
			continue
		}
		if !f.Shown() {
			out = append(out, scenarios.Undecided(name, "no probe showed that the fault was in force"))
			continue
		}
		since := f.At
		if e.Healed {
			name += " healed"
			since = f.HealedAt
			if since < 0 {
				out = append(out, neverHealed(name, f))
				continue
			}
		}
		out = append(out, from(h, f.At, because(h, e.judge(name, h.FaultTimes(i, since), since))))
	}
	if len(out) == 0 {
		out = append(out, scenarios.Idled(e.Status+" after "+e.Of, "no such fault struck"))
	}
	return out
}

// from adds in what state the fault found the cluster, where it was not green.
func from(h *observed.History, at time.Duration, o scenarios.Outcome) scenarios.Outcome {
	if before := h.HealthAt(at); before != nil && before.Master && before.Status != "green" {
		o.Reason += fmt.Sprintf("; the fault found it %s, with %d unassigned, %d initializing and %d relocating copies", before.Status, before.Unassigned, before.Initializing, before.Relocating)
	}
	return o
}

// neverHealed is the outcome of what is counted from a healing that did not come.
func neverHealed(name string, f *chaos.Record) scenarios.Outcome {
	o := scenarios.Undecided(name, "the fault never healed")
	o.Idle = chaos.ForGood(f.Params) // it was not meant to
	return o
}

// judge decides on the time after one fault.
func (e *Recovered) judge(name string, t observed.FaultTimes, since time.Duration) scenarios.Outcome {
	limit := e.Within.D()
	done, impact := t.Green, "not green"
	if e.Status == "yellow" {
		done, impact = t.Yellow, "red"
	}
	if e.InTurn && done < 0 && t.Next != "" { // it struck at the moment that it waited for
		done = t.Until
	}
	switch {
	case done < 0:
		return scenarios.NeverWithin(name, limit, since, t, "the cluster was still "+impact)
	case t.Blind:
		return scenarios.Undecided(name, "the cluster's health was not observed all the time")
	case t.Noticed:
		return scenarios.WithinLimit(name, done-since, limit, done, fmt.Sprintf("%s %s after the fault", e.Status, (done-since).Round(time.Millisecond)))
	case t.Until-since < limit && !(e.InTurn && t.Next != ""):
		// Whatever the fault would have done may have come after that.
		return scenarios.Idled(name, "the cluster was %s until %s, %s after the fault, before the limit of %s", e.Status, t.Ended(), (t.Until - since).Round(time.Millisecond), limit)
	}
	return scenarios.WithinLimit(name, 0, limit, since, fmt.Sprintf("the cluster stayed %s all along", e.Status))
}

// Detected expects a fault to show in the membership of the cluster within a limit.
type Detected struct {
	Of     string         `yaml:"detected" jsonschema:"required,description=a kind of fault"`
	Within units.Duration `yaml:"within" jsonschema:"required"`
}

// Kind implements [scenarios.Expectation].
func (*Detected) Kind() string { return "detected" }

// Check implements [scenarios.Expectation].
func (e *Detected) Check(s *scenarios.Scenario) []source.Problem {
	ps := CheckFaultRef(s, e.Of, e.Within)
	for i := range ps {
		if ps[i].Path == "of" {
			ps[i].Path = "detected"
		}
	}
	if e.Of == "" {
		ps = append(ps, source.Problemf("detected", "%s", source.Unknown("fault", "", chaos.KindNames())))
	}
	return ps
}

// Judge implements [scenarios.Expectation].
func (e *Detected) Judge(h *observed.History) []scenarios.Outcome {
	var out []scenarios.Outcome
	for i, f := range h.Faults {
		if f.Kind != e.Of {
			continue
		}
		name := FaultName(h, i) + " detected"
		switch t := h.FaultTimes(i, f.At); {
		case !f.Injected:
			out = append(out, scenarios.Idled(name, "the fault was not injected: %s", f.Error))
		case !f.Shown():
			out = append(out, scenarios.Undecided(name, "no probe showed that the fault was in force"))
		case t.Detected < 0 && f.HealedAt >= 0 && f.HealedAt-f.At < e.Within.D():
			out = append(out, scenarios.Idled(name, "the fault was over after %s, before the limit of %s, and nobody had noticed it", (f.HealedAt-f.At).Round(time.Millisecond), e.Within))
		case t.Detected < 0:
			out = append(out, scenarios.NeverWithin(name, e.Within.D(), f.At, t, "the cluster's membership had not changed"))
		default:
			took := t.Detected - f.At
			out = append(out, scenarios.WithinLimit(name, took, e.Within.D(), t.Detected, fmt.Sprintf("the membership changed %s after the fault", took.Round(time.Millisecond))))
		}
	}
	if len(out) == 0 {
		out = append(out, scenarios.Idled(e.Of+" detected", "no such fault struck"))
	}
	return out
}

// NoRedLongerThan expects that no stretch of red lasts longer.
type NoRedLongerThan struct {
	Limit units.Duration `yaml:"no-red-longer-than" jsonschema:"required"`
	Index string         `yaml:"index,omitempty" jsonschema:"description=only its copies count; absent: those of all indices"`
	// Mastered leaves out the time without a master, which is red because nobody knows better.
	Mastered bool `yaml:"with-master,omitempty" jsonschema:"description=count only while a master is known"`
}

// Kind implements [scenarios.Expectation].
func (*NoRedLongerThan) Kind() string { return "no-red-longer-than" }

// Check implements [scenarios.Expectation].
func (e *NoRedLongerThan) Check(s *scenarios.Scenario) []source.Problem {
	ps := checkOfIndex(s, e.Index)
	if e.Limit < 0 {
		ps = append(ps, source.Problemf("no-red-longer-than", "a limit can't be negative"))
	}
	return ps
}

// Judge implements [scenarios.Expectation].
func (e *NoRedLongerThan) Judge(h *observed.History) []scenarios.Outcome {
	worst, at := time.Duration(0), time.Duration(0)
	seen, name := false, "red at a stretch"+ofIndex(e.Index)
	for _, s := range h.OfIndex(e.Index).Spans(e.Mastered) {
		seen = seen || s.Status != "unknown"
		if s.Status == "red" && s.To-s.From > worst {
			worst, at = s.To-s.From, s.From
		}
	}
	if !seen {
		return []scenarios.Outcome{scenarios.Undecided(name, "the cluster's health was never observed")}
	}
	reason := "never red"
	if worst > 0 {
		reason = fmt.Sprintf("red for %s from %s on", worst.Round(time.Millisecond), at.Round(time.Millisecond))
	}
	return []scenarios.Outcome{scenarios.WithinLimit(name, worst, e.Limit.D(), at, reason)}
}

// CheckFaultRef validates a reference to a kind of fault and a limit.
func CheckFaultRef(s *scenarios.Scenario, kind string, limit units.Duration) []source.Problem {
	var ps []source.Problem
	if limit <= 0 {
		ps = append(ps, source.Problemf("within", "the expectation has no limit; expected within: with a time such as 2m"))
	}
	if kind != "" && chaos.New(kind) == nil {
		return append(ps, source.Problemf("of", "%s", source.Unknown("fault", kind, chaos.KindNames())))
	}
	if !slices.ContainsFunc(s.Faults, func(f chaos.Entry) bool { return kind == "" || f.Fault.Kind() == kind }) {
		ps = append(ps, source.Problemf("of", "this scenario has no fault of that kind, so the expectation could never be decided"))
	}
	return ps
}

// FaultName names a fault for people; several of a kind are numbered.
func FaultName(h *observed.History, i int) string {
	nth, of := 0, 0
	for j, f := range h.Faults {
		if f.Kind == h.Faults[i].Kind {
			of++
			if j <= i {
				nth++
			}
		}
	}
	if of == 1 {
		return h.Faults[i].Kind
	}
	return fmt.Sprintf("%s #%d", h.Faults[i].Kind, nth)
}

func injectedAndShown(f *chaos.Record) bool { return f.Shown() }

// because adds why the cluster was not green at the end to an outcome that it explains.
func because(h *observed.History, o scenarios.Outcome) scenarios.Outcome {
	if o.Verdict != scenarios.Pass && o.Observed == nil {
		o.Reason += observed.Why(h.Ailments)
	}
	return o
}
