package expectations

import (
	"fmt"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// MasterWithin expects that the cluster is never without a master for longer at a stretch.
type MasterWithin struct {
	Limit units.Duration `yaml:"master-within" jsonschema:"required,description=longest time without a master"`
}

// Kind implements [scenarios.Expectation].
func (*MasterWithin) Kind() string { return "master-within" }

// Check implements [scenarios.Expectation].
func (e *MasterWithin) Check(*scenarios.Scenario) []source.Problem {
	if e.Limit <= 0 {
		return []source.Problem{source.Problemf("master-within", "the expectation has no limit; expected a time such as 10s")}
	}
	return nil
}

// Judge implements [scenarios.Expectation].
func (e *MasterWithin) Judge(h *observed.History) []scenarios.Outcome {
	const name = "without a master at a stretch"
	worst, at, seen := longest(h, func(health observed.Health) bool { return !health.Master })
	if !seen {
		return []scenarios.Outcome{scenarios.Undecided(name, "the cluster's health was never observed")}
	}
	return []scenarios.Outcome{scenarios.WithinLimit(name, worst, e.Limit.D(), at, fmt.Sprintf("for %s from %s on", worst.Round(time.Millisecond), at.Round(time.Millisecond)))}
}

// longest is the longest stretch from t=0 on in which something was so of the cluster's health,
// and when it began; seen: the health was observed at all.
func longest(h *observed.History, is func(observed.Health) bool) (worst, at time.Duration, seen bool) {
	from := time.Duration(-1)
	end := func(to time.Duration) {
		if d := to - from; from >= 0 && d > worst {
			worst, at = d, from
		}
		from = -1
	}
	for _, o := range h.Observations {
		health, ok := o.Sight.(observed.Health)
		if !ok {
			continue
		}
		seen = true
		switch so := is(health); {
		case so && from < 0:
			from = max(o.At, 0)
		case !so:
			end(max(o.At, 0))
		}
	}
	end(h.Closed)
	return worst, at, seen
}
