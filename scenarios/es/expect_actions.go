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

// ControllerActions bounds how often the controller acted on the cluster, or how
// often a shadow policy would have.
type ControllerActions struct {
	Bound  units.Bound    `yaml:"controller-actions" jsonschema:"required"`
	Policy string         `yaml:"policy,omitempty" jsonschema:"description=default: the acting one"`
	From   units.Duration `yaml:"from,omitempty" jsonschema:"description=count from this time on"`
}

// Kind implements [scenarios.Expectation].
func (*ControllerActions) Kind() string { return "controller-actions" }

// Complete implements [scenarios.Completer].
func (e *ControllerActions) Complete(s *scenarios.Scenario) {
	if e.Policy == "" && s.Controller != nil {
		e.Policy = s.Controller.Policy
	}
}

// Check implements [scenarios.Expectation].
func (e *ControllerActions) Check(s *scenarios.Scenario) []source.Problem {
	if s.Controller == nil {
		return []source.Problem{source.Problemf("controller-actions", "the scenario has no controller")}
	}
	asked := append([]string{s.Controller.Policy}, s.Controller.Shadow...)
	if !slices.Contains(asked, e.Policy) {
		return []source.Problem{source.Problemf("policy", "%s", source.Unknown("policy of this scenario", e.Policy, asked))}
	}
	return nil
}

// Judge implements [scenarios.Expectation].
func (e *ControllerActions) Judge(h *observed.History) []scenarios.Outcome {
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
		return []scenarios.Outcome{scenarios.Undecided(name, "the policy was never asked")}
	}
	v := float64(acted)
	o := scenarios.Outcome{Name: name, Verdict: scenarios.Fail, Observed: scenarios.Number(v), Limit: scenarios.Number(e.Bound.Value), Margin: scenarios.Number(e.Bound.Margin(v)),
		Reason: fmt.Sprintf("asked %d times from %s on, it acted or would have acted %d times; expected %s", asked, time.Duration(e.From), acted, e.Bound)}
	if e.Bound.Holds(v) {
		o.Verdict = scenarios.Pass
	}
	return []scenarios.Outcome{o}
}
