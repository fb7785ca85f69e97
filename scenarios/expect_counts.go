package scenarios

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// LostAckedWrites expects that no more of the acknowledged tracer documents are
// missing at the end.
type LostAckedWrites struct {
	Limit int `yaml:"lost-acked-writes" jsonschema:"required,minimum=0"`
	// AtLeast is how many acknowledged writes must have been checked for the answer to
	// mean something.
	AtLeast int `yaml:"of-at-least,omitempty" jsonschema:"description=fewer checked writes leave the verdict unknown; default 20"`
}

// Kind implements [Expectation].
func (*LostAckedWrites) Kind() string { return "lost-acked-writes" }

// Check implements [Expectation].
func (e *LostAckedWrites) Check(s *Scenario) []source.Problem {
	if e.Limit < 0 {
		return []source.Problem{source.Problemf("lost-acked-writes", "a number of writes can't be negative")}
	}
	if e.AtLeast == 0 {
		e.AtLeast = 20
	}
	if !slices.ContainsFunc(s.Workload, func(w LoadSection) bool { return *w.Tracers > 0 }) {
		return []source.Problem{source.Problemf("", "no workload writes tracers, so no acknowledged write could be checked; expected workload: with writes:")}
	}
	return nil
}

// Judge implements [Expectation].
func (e *LostAckedWrites) Judge(h *History) []Outcome {
	const name = "acknowledged writes lost"
	t := h.Tracers
	saw := fmt.Sprintf("%d of %d acknowledged writes looked for, %d of them acknowledged during a fault; %d had no answer", t.Checked, t.Acked, t.AckedInFault, t.Unknown)
	o := Outcome{Name: name, Verdict: Pass, Limit: number(float64(e.Limit)), Reason: saw}
	switch {
	case t.Lost > e.Limit:
		o.Verdict = Fail
		o.Reason = fmt.Sprintf("lost %v…; %s", t.LostIDs, saw)
	case t.Checked < t.Acked:
		o.Verdict = Unknown
		o.Reason = "not every acknowledged write could be looked for: " + saw
	case t.Checked < e.AtLeast:
		o.Verdict = Unknown
		o.Reason = fmt.Sprintf("too few writes to mean anything (at least %d): %s", e.AtLeast, saw)
	case t.AckedInFault == 0 && slices.ContainsFunc(h.Faults, injectedAndShown):
		o.Verdict = Unknown
		o.Reason = "no write was acknowledged while a fault was in force: " + saw
	}
	if t.Checked > 0 {
		o.Observed, o.Margin = number(float64(t.Lost)), number(float64(e.Limit-t.Lost))
	}
	return []Outcome{o}
}

// MovesAtMost bounds the relocations that begin after t=0.
type MovesAtMost struct {
	Limit int `yaml:"moves-at-most" jsonschema:"required,minimum=0"`
}

// Kind implements [Expectation].
func (*MovesAtMost) Kind() string { return "moves-at-most" }

// Check implements [Expectation].
func (e *MovesAtMost) Check(*Scenario) []source.Problem {
	if e.Limit < 0 {
		return []source.Problem{source.Problemf("moves-at-most", "a number of moves can't be negative")}
	}
	return nil
}

// Judge implements [Expectation].
func (e *MovesAtMost) Judge(h *History) []Outcome {
	const name = "relocations"
	if !slices.ContainsFunc(h.Observations, func(o Observation) bool { _, ok := o.Sight.(Copies); return ok }) {
		return []Outcome{unknown(name, "the routing table was never observed")}
	}
	n := len(h.Moves())
	o := Outcome{Name: name, Verdict: Pass, Observed: number(float64(n)), Limit: number(float64(e.Limit)), Margin: number(float64(e.Limit - n)),
		Reason: fmt.Sprintf("%d relocations began", n)}
	if n > e.Limit {
		o.Verdict = Fail
	}
	return []Outcome{o}
}

// ControllerActions bounds how often the controller acted on the cluster, or how
// often a shadow policy would have.
type ControllerActions struct {
	Bound  units.Bound    `yaml:"controller-actions" jsonschema:"required"`
	Policy string         `yaml:"policy,omitempty" jsonschema:"description=default: the acting one"`
	From   units.Duration `yaml:"from,omitempty" jsonschema:"description=count from this time on"`
}

// Kind implements [Expectation].
func (*ControllerActions) Kind() string { return "controller-actions" }

// Check implements [Expectation].
func (e *ControllerActions) Check(s *Scenario) []source.Problem {
	if s.Controller == nil {
		return []source.Problem{source.Problemf("controller-actions", "the scenario has no controller")}
	}
	asked := append([]string{s.Controller.Policy}, s.Controller.Shadow...)
	if e.Policy == "" {
		e.Policy = s.Controller.Policy
	}
	if !slices.Contains(asked, e.Policy) {
		return []source.Problem{source.Problemf("policy", "%s", source.Unknown("policy of this scenario", e.Policy, asked))}
	}
	return nil
}

// Judge implements [Expectation].
func (e *ControllerActions) Judge(h *History) []Outcome {
	name := "actions of policy " + e.Policy
	asked, acted := 0, 0
	for _, d := range h.Decisions {
		if d.Policy != e.Policy || d.At < e.From.D() {
			continue
		}
		asked++
		if d.Acted {
			acted++
		}
	}
	if asked == 0 {
		return []Outcome{unknown(name, "the policy was never asked")}
	}
	v := float64(acted)
	o := Outcome{Name: name, Verdict: Fail, Observed: number(v), Limit: number(e.Bound.Value), Margin: number(e.Bound.Margin(v)),
		Reason: fmt.Sprintf("asked %d times from %s on, it acted or would have acted %d times; expected %s", asked, time.Duration(e.From), acted, e.Bound)}
	if e.Bound.Holds(v) {
		o.Verdict = Pass
	}
	return []Outcome{o}
}
