package expectations

import (
	"fmt"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// UnassignedAtMost bounds how many copies are without a node; for longer than a time only
// that many are allowed.
type UnassignedAtMost struct {
	Limit int            `yaml:"unassigned-at-most" jsonschema:"required,minimum=0"`
	Index string         `yaml:"index,omitempty" jsonschema:"description=only its copies count; absent: those of all indices"`
	For   units.Duration `yaml:"for-longer-than,omitempty" jsonschema:"description=more are allowed for so long at a stretch; default 0s"`
}

// Kind implements [scenarios.Expectation].
func (*UnassignedAtMost) Kind() string { return "unassigned-at-most" }

// Check implements [scenarios.Expectation].
func (e *UnassignedAtMost) Check(s *scenarios.Scenario) []source.Problem {
	ps := checkOfIndex(s, e.Index)
	if e.Limit < 0 {
		ps = append(ps, source.Problemf("unassigned-at-most", "a number of copies can't be negative"))
	}
	if e.For < 0 {
		ps = append(ps, source.Problemf("for-longer-than", "a time can't be negative"))
	}
	return ps
}

// Judge implements [scenarios.Expectation]: by the longest stretch from t=0 on with more than that.
func (e *UnassignedAtMost) Judge(h *observed.History) []scenarios.Outcome {
	name := fmt.Sprintf("more than %d copies%s unassigned", e.Limit, ofIndex(e.Index))
	h = h.OfIndex(e.Index)
	most := 0
	for _, o := range h.Observations {
		if health, ok := o.Sight.(observed.Health); ok && o.At > 0 {
			most = max(most, health.Unassigned)
		}
	}
	worst, at, seen := longest(h, func(health observed.Health) bool { return health.Unassigned > e.Limit })
	if !seen {
		return []scenarios.Outcome{scenarios.Undecided(name, "the cluster's health was never observed")}
	}
	return []scenarios.Outcome{scenarios.WithinLimit(name, worst, e.For.D(), at, fmt.Sprintf("at most %d were unassigned; more than %d for %s at a stretch", most, e.Limit, worst.Round(time.Millisecond)))}
}
