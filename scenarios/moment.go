package scenarios

import (
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// MomentOf reads when an expectation about a figure looks: a time of the run, or one of
// the words, for which the time is 0.
func MomentOf(when string, s *Scenario) (time.Duration, []source.Problem) {
	switch when {
	case "", "end", "always":
		return 0, nil
	}
	d, err := units.ParseDuration(when)
	switch {
	case err != nil:
		return 0, []source.Problem{source.Problemf("at", "%q is not a moment: expected end, always or a time such as 5m", when)}
	case d > s.Duration || d < 0:
		return 0, []source.Problem{source.Problemf("at", "%s is not within the run's %s", d, s.Duration)}
	}
	return d.D(), nil
}

// ScaledMoment is that moment in a run whose times are scaled.
func ScaledMoment(at time.Duration, when string, by units.Fraction) (time.Duration, string) {
	switch when {
	case "", "end", "always":
		return at, when
	}
	d := units.Duration(by.Of(int64(at)))
	return d.D(), d.String()
}
