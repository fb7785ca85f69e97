package es

import (
	"fmt"
	"strings"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// ControllerMakesWorse expects that whatever else is expected, and holds without the
// controller, holds with it, too: the run is made once more without.
type ControllerMakesWorse struct {
	What string `yaml:"controller-makes-worse" jsonschema:"required,enum=nothing"`
}

const nothingWorse = "the controller makes nothing worse"

var _ scenarios.Differential = (*ControllerMakesWorse)(nil)

// Kind implements [scenarios.Expectation].
func (*ControllerMakesWorse) Kind() string { return "controller-makes-worse" }

// Check implements [scenarios.Expectation].
func (e *ControllerMakesWorse) Check(s *scenarios.Scenario) []source.Problem {
	switch {
	case e.What != "nothing":
		return []source.Problem{source.Problemf("controller-makes-worse", "%s", source.Unknown("answer", e.What, []string{"nothing"}))}
	case s.Controller == nil:
		return []source.Problem{source.Problemf("controller-makes-worse", "there is no controller that could make anything worse; expected controller:")}
	}
	return nil
}

// Judge implements [scenarios.Expectation].
func (e *ControllerMakesWorse) Judge(h *observed.History) []scenarios.Outcome {
	return scenarios.Alone(nothingWorse, h)
}

// Other implements [scenarios.Differential].
func (e *ControllerMakesWorse) Other(s *scenarios.Scenario) *scenarios.Scenario {
	return scenarios.WithoutController(s)
}

// Compare implements [scenarios.Differential]. A verdict that turns from pass to fail is worse.
// So is a figure, also within its limit, whose expectation has a tolerance in the file: by more
// than that.
func (e *ControllerMakesWorse) Compare(with, without *scenarios.Result) []scenarios.Outcome {
	var worse []string
	compared := 0
	for _, bare := range without.Outcomes {
		for _, o := range with.Outcomes {
			if o.Line != bare.Line || o.Name != bare.Name || o.Line == 0 {
				continue
			}
			if o.Verdict == scenarios.Unknown || bare.Verdict == scenarios.Unknown {
				break
			}
			compared++
			if why := worseThan(o, bare); why != "" {
				worse = append(worse, why)
			}
			break
		}
	}
	if compared == 0 {
		return []scenarios.Outcome{scenarios.Idled(nothingWorse, "nothing else is expected that could be judged with the controller and without")}
	}
	n := float64(len(worse))
	out := scenarios.Outcome{
		Name: nothingWorse, Verdict: scenarios.Pass, Observed: scenarios.Number(n), Limit: scenarios.Number(0), Margin: scenarios.Number(-n),
		Reason: fmt.Sprintf("none of %d outcomes is worse than in the same run without the controller", compared),
	}
	if len(worse) > 0 {
		out.Verdict, out.Reason = scenarios.Fail, strings.Join(worse, "; ")
	}
	return []scenarios.Outcome{out}
}

// worseThan says by what an outcome is worse than that of the run without the controller; ""
// where it isn't.
func worseThan(with, without scenarios.Outcome) string {
	if with.Verdict == scenarios.Fail && without.Verdict == scenarios.Pass {
		return fmt.Sprintf("%q holds without the controller (%s) and does not with it (%s)", with.Name, without.Reason, with.Reason)
	}
	if with.Tolerance == nil || with.Margin == nil || without.Margin == nil || without.Observed == nil || with.Observed == nil {
		return ""
	}
	if by := *without.Margin - *with.Margin; by > with.Tolerance.Of(*without.Observed) {
		unit := with.Unit
		return fmt.Sprintf("%q is worse with the controller: %.4g%s, and %.4g%s without it", with.Name, *with.Observed, unit, *without.Observed, unit)
	}
	return ""
}
