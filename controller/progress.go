package controller

import (
	"context"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/controller/policy"
)

// recoveryKey tells recoveries apart over time.
type recoveryKey struct {
	index  string
	shard  int
	source string
	target string
}

// monitorRebalanceProgress writes the progress of all recoveries into the log until
// none is left or the limit is reached, and completes the record of the decision
// that caused them.
func (s *ShardController) monitorRebalanceProgress(ctx context.Context, d Decision, before policy.Observation) {
	start := s.clock.Monotonic()
	seen := map[recoveryKey]bool{}
	for {
		if s.clock.Sleep(ctx, s.progressInterval) != nil {
			return
		}
		idle, err := s.reportProgress(ctx, seen)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.log.errorf(ctx, "Error getting recovery status: %v", err)
		case idle:
			s.log.infof(ctx, "Rebalancing completed - no active recoveries")
			s.conclude(ctx, d, before, len(seen), false)
			return
		}
		if s.clock.Monotonic()-start >= s.progressLimit {
			s.log.warnf(ctx, "Rebalancing monitor timed out after %d minutes", int(s.progressLimit/time.Minute))
			s.conclude(ctx, d, before, len(seen), true)
			return
		}
	}
}

// reportProgress writes a line per recovery. idle means that nothing is being moved
// and nothing is about to be.
func (s *ShardController) reportProgress(ctx context.Context, seen map[recoveryKey]bool) (idle bool, err error) {
	recoveries, err := s.client.GetRecoveryStatus(ctx)
	if err != nil {
		return false, err
	}
	if len(recoveries) == 0 {
		// Between two recoveries there may be none for a moment.
		health, err := s.client.GetClusterHealth(ctx)
		if err != nil {
			return false, err
		}
		return health.RelocatingShards == 0 && health.InitializingShards == 0, nil
	}
	for _, r := range recoveries {
		seen[recoveryKey{r.Index, r.Shard, r.From(), r.Target}] = true
		s.log.infof(ctx, "[REBALANCE] %s[%d]: %.1f%% (stage: %s, %s -> %s)", r.Index, r.Shard, r.Percent(), r.Stage, r.From(), r.Target)
	}
	s.log.infof(ctx, "[REBALANCE] Total active recoveries: %d", len(recoveries))
	return false, nil
}

// conclude records what came of a decision.
func (s *ShardController) conclude(ctx context.Context, d Decision, before policy.Observation, recoveries int, timedOut bool) {
	e := &Effect{Recoveries: recoveries, TimedOut: timedOut, Before: policy.SpreadOf(before).Numbers(), Now: policy.Numbers{}}
	shards, err := s.observer.allocation.get(ctx, 0)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		e.Note = "the distribution afterwards is not known: " + err.Error()
	} else {
		now := distribution(shards)
		now.DataNodes = max(before.DataNodes, len(now.Nodes))
		e.Now = policy.SpreadOf(now).Numbers()
		e.Moved = moved(before.Copies, now.Copies)
		was, _ := e.Before.Get("cv")
		is, _ := e.Now.Get("cv")
		e.Note = fmt.Sprintf("%d copies moved, coefficient of variation %.3f before and %.3f now", e.Moved, was, is)
	}
	s.verify(ctx, &d, e, before)
	if ctx.Err() != nil {
		return
	}
	e.After = s.clock.Monotonic() - d.Monotonic
	d.Effect = e
	s.journal.record(d)
}

// moved counts the copies that are now where no copy of their shard was before.
func moved(before, now []policy.Copy) int {
	type place struct {
		index string
		shard int
		node  string
	}
	were := make(map[place]bool, len(before))
	for _, c := range before {
		were[place{c.Index, c.Shard, c.Node}] = true
	}
	n := 0
	for _, c := range now {
		if !were[place{c.Index, c.Shard, c.Node}] {
			n++
		}
	}
	return n
}
