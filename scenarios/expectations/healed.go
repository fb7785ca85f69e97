package expectations

import (
	"fmt"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// GreenWhenHealed expects the cluster to be green again, for good, within a limit after the
// last fault: from when it healed, or struck for good.
type GreenWhenHealed struct {
	Limit units.Duration `yaml:"green-when-healed" jsonschema:"required"`
}

// Kind implements [scenarios.Expectation].
func (*GreenWhenHealed) Kind() string { return "green-when-healed" }

// Check implements [scenarios.Expectation].
func (e *GreenWhenHealed) Check(s *scenarios.Scenario) []source.Problem {
	switch {
	case e.Limit <= 0:
		return []source.Problem{source.Problemf("green-when-healed", "the expectation has no limit; expected a time such as 30m")}
	case len(s.Faults) == 0:
		return []source.Problem{source.Problemf("green-when-healed", "this scenario has no fault, so the expectation could never be decided")}
	}
	return nil
}

// Judge implements [scenarios.Expectation].
func (e *GreenWhenHealed) Judge(h *observed.History) []scenarios.Outcome {
	const name = "green after the last fault"
	since := time.Duration(-1)
	for _, f := range h.Faults {
		if f.Injected {
			since = max(since, f.At, f.HealedAt)
		}
	}
	if since < 0 {
		return []scenarios.Outcome{scenarios.Idled(name, "no fault struck")}
	}
	green := since
	for _, s := range h.HealthSpans() {
		if s.Status != "green" && s.To > since {
			green = s.To
		}
		if s.To >= h.Closed && s.Status != "green" {
			return []scenarios.Outcome{because(h, scenarios.NeverWithin(name, e.Limit.D(), since, observed.FaultTimes{Until: h.Closed}, "the cluster was "+s.Status))}
		}
	}
	took := green - since
	return []scenarios.Outcome{scenarios.WithinLimit(name, took, e.Limit.D(), green, fmt.Sprintf("green for good %s after the last fault had healed, or struck for good", took.Round(time.Millisecond)))}
}
