package failover

import (
	"time"

	"github.com/shardquake/shardquake/kvcluster/wire"
)

// Conditions are what the bound of a failover rests on.
type Conditions struct {
	// Delay is the longest that a message takes, Sync the longest that a sync takes.
	Delay, Sync time.Duration
	// Election, Interval and InSyncTimeout are those of meta.Config and replica.Config.
	Election, Interval, InSyncTimeout time.Duration
	// CatchUp is how long the promoted copy may take to get what it lacks.
	CatchUp time.Duration
}

// Usual are the conditions of a network and disks that are well, with the defaults of
// the other packages.
func Usual() Conditions {
	return Conditions{Delay: 50 * time.Millisecond, Sync: 100 * time.Millisecond, Election: time.Second,
		Interval: 500 * time.Millisecond, InSyncTimeout: 2 * time.Second, CatchUp: time.Second}
}

// Slack is how much later than a heartbeat's interval it may come without being missed.
func Slack(s *wire.Settings) time.Duration { return s.Heartbeat / 4 }

// CheckEvery is how often a Manager looks at what is due.
func CheckEvery(s *wire.Settings) time.Duration {
	return min(max(s.Heartbeat/8, 50*time.Millisecond), 500*time.Millisecond)
}

// Silence is how long a node is silent before it is given up.
func Silence(s *wire.Settings) time.Duration {
	return time.Duration(s.FailureThreshold)*s.Heartbeat + Slack(s)
}

// Bound is the longest that a shard is without an acting primary after a failure, if
// the metadata group and the shard have majorities that are well all that time. It is
// the sum of
//
//	detection   the silence until a node is given up; for a primary that is heard of but
//	            can't reach its copies, as long after InSyncTimeout, when that shows; should
//	            the metadata group's leader have failed too, at least three rounds of
//	            election, which go on at the same time as all members hear heartbeats; and
//	            the time between checks
//	decision    two commands through the group, each a message to and fro and two syncs,
//	            the first of which may run into a repetition after RepeatAfter
//	news        a message to the new primary, which may be repeated too
//	promotion   fencing, adoption and activation: three messages to and fro with a sync
//	            each, each repeated once after Interval, and the time to catch up
func Bound(s *wire.Settings, c Conditions) time.Duration {
	round := 2*c.Delay + c.Sync
	detection := max(Silence(s)+c.InSyncTimeout+c.Interval, 3*2*c.Election) + CheckEvery(s)
	decision := 2*(round+c.Sync) + RepeatAfter
	news := c.Delay + RepeatAfter
	promotion := 3*(round+c.Interval) + c.CatchUp
	return detection + decision + news + promotion
}
