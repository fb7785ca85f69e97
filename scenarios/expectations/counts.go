package expectations

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// LostAckedWrites expects that no more of the acknowledged tracer documents are
// missing at the end.
type LostAckedWrites struct {
	Limit int `yaml:"lost-acked-writes" jsonschema:"required,minimum=0"`
	// AtLeast is how many acknowledged writes must have been checked for the answer to
	// mean something.
	AtLeast int `yaml:"of-at-least,omitempty" jsonschema:"description=fewer checked writes leave the verdict unknown; default 20"`
}

// Kind implements [scenarios.Expectation].
func (*LostAckedWrites) Kind() string { return "lost-acked-writes" }

// Complete implements [scenarios.Completer].
func (e *LostAckedWrites) Complete(*scenarios.Scenario) { e.AtLeast = cmp.Or(e.AtLeast, 20) }

// Check implements [scenarios.Expectation].
func (e *LostAckedWrites) Check(s *scenarios.Scenario) []source.Problem {
	if e.Limit < 0 {
		return []source.Problem{source.Problemf("lost-acked-writes", "a number of writes can't be negative")}
	}
	if !slices.ContainsFunc(s.Workload, func(w scenarios.LoadSection) bool { return *w.Tracers > 0 }) {
		return []source.Problem{source.Problemf("", "no workload writes tracers, so no acknowledged write could be checked; expected workload: with writes:")}
	}
	return nil
}

// Judge implements [scenarios.Expectation].
func (e *LostAckedWrites) Judge(h *observed.History) []scenarios.Outcome {
	const name = "acknowledged writes lost"
	t := h.Tracers
	saw := fmt.Sprintf("%d of %d acknowledged writes looked for, %d of them acknowledged during a fault; %d had no answer", t.Checked, t.Acked, t.AckedInFault, t.Unknown)
	o := scenarios.Outcome{Name: name, Verdict: scenarios.Pass, Limit: scenarios.Number(float64(e.Limit)), Reason: saw}
	switch {
	case t.Lost > e.Limit:
		o.Verdict = scenarios.Fail
		o.Reason = fmt.Sprintf("lost %v…; %s", t.LostIDs, saw)
	case t.Checked < t.Acked:
		o.Verdict = scenarios.Unknown
		o.Reason = "not every acknowledged write could be looked for: " + saw
	case t.Checked < e.AtLeast:
		o.Verdict = scenarios.Unknown
		o.Reason = fmt.Sprintf("too few writes to mean anything (at least %d): %s", e.AtLeast, saw)
	case t.AckedInFault == 0 && slices.ContainsFunc(h.Faults, injectedAndShown):
		o.Verdict, o.Idle = scenarios.Unknown, true
		o.Reason = "no write was acknowledged while a fault was in force: " + saw
	}
	if t.Checked > 0 {
		o.Observed, o.Margin = scenarios.Number(float64(t.Lost)), scenarios.Number(float64(e.Limit-t.Lost))
	}
	return []scenarios.Outcome{o}
}
