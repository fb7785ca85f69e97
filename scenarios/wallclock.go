package scenarios

import (
	"fmt"
	"time"

	"github.com/shardquake/shardquake/internal/source"
)

// The years in which a cluster's clocks may begin: such as milliseconds and nanoseconds since
// 1970 can say, with room for the longest run.
const firstYear, lastYear = 1970, 2200

// ParseWallClock reads what clocks show when a cluster starts.
func ParseWallClock(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a point in time; expected one such as 2026-01-31T08:00:00Z", text)
	}
	if t = t.UTC(); t.Year() < firstYear || t.Year() > lastYear {
		return time.Time{}, fmt.Errorf("%q is in the year %d; expected one from %d to %d", text, t.Year(), firstYear, lastYear)
	}
	return t, nil
}

// Began is what the nodes' clocks show when the cluster starts; the zero time: nobody says.
func (s *Scenario) Began() time.Time {
	if s.WallClock == "" {
		return time.Time{}
	}
	t, _ := ParseWallClock(s.WallClock) // checked with the file
	return t
}

func (s *Scenario) checkWallClock() []source.Problem {
	if s.WallClock == "" {
		return nil
	}
	if _, err := ParseWallClock(s.WallClock); err != nil {
		return []source.Problem{source.Problemf("$.wall-clock", "%s", err)}
	}
	return nil
}

// OfThisMachine refuses a cluster whose clocks begin at another time, for backends whose nodes
// have the clock of the machine.
func (c *ClusterSpec) OfThisMachine() error {
	if c.Began.IsZero() {
		return nil
	}
	return fmt.Errorf("%w: wall-clock: real nodes have this machine's clock; expected --backend sim", ErrUnavailable)
}
