package controller

import (
	"fmt"
	"time"
)

// RecoveryProgress is a recovery with its pace: how long it will take still, and
// why it is slow when it is.
type RecoveryProgress struct {
	ShardRecovery
	PercentDone    float64 `json:"percent"`
	BytesPerSecond float64 `json:"bytes_per_second"`
	// OpsPerSecond are replayed in stage translog.
	OpsPerSecond float64 `json:"operations_per_second"`
	// Remaining is the estimated time to the end of what the stage does, copying or
	// replaying; -1 unknown.
	Remaining time.Duration `json:"remaining_ns"`
	// Slow names the likely cause when the recovery makes little progress; "" when it
	// doesn't.
	Slow string `json:"slow,omitempty"`
}

// Limits from which on a recovery counts as slow.
const (
	slowStage = 30 * time.Second // without progress in a stage
	// throttledShare of the time spent copying: above it the limit on bytes per second
	// is what holds a recovery back.
	throttledShare = 0.5
)

// recoveryWatch measures the pace of recoveries from look to look.
type recoveryWatch struct {
	seen map[recoveryKey]recoverySample
}

// recoverySample is what a recovery had done at a moment.
type recoverySample struct {
	at, since   time.Duration // since: when something last moved
	stage       string
	bytes, ops  int64
	bytesPerSec float64
	opsPerSec   float64
	sourceHeld  time.Duration
	targetHeld  time.Duration
}

// update judges the recoveries seen at a moment of the monotonic clock.
func (w *recoveryWatch) update(at time.Duration, recoveries []ShardRecovery) []RecoveryProgress {
	seen := make(map[recoveryKey]recoverySample, len(recoveries))
	out := make([]RecoveryProgress, 0, len(recoveries))
	for _, r := range recoveries {
		key := recoveryKey{r.Index, r.Shard, r.From(), r.Target}
		before, known := w.seen[key]
		s := recoverySample{at: at, since: at, stage: r.Stage, bytes: r.BytesRecovered, ops: r.OpsRecovered, sourceHeld: r.SourceThrottle, targetHeld: r.TargetThrottle}
		if !known && r.Elapsed > 0 {
			s.bytesPerSec = float64(r.BytesRecovered) / r.Elapsed.Seconds()
			if r.BytesRecovered == 0 {
				s.since = at - r.Elapsed
			}
		}
		if known {
			s.follow(before)
		}
		seen[key] = s
		out = append(out, RecoveryProgress{
			ShardRecovery: r, PercentDone: r.Percent(), BytesPerSecond: s.bytesPerSec, OpsPerSecond: s.opsPerSec,
			Remaining: s.remaining(r), Slow: s.slow(r, before, known),
		})
	}
	w.seen = seen
	return out
}

// follow completes a sample by what the one before says about pace.
func (s *recoverySample) follow(before recoverySample) {
	passed := s.at - before.at
	if passed <= 0 {
		s.bytesPerSec, s.opsPerSec, s.since = before.bytesPerSec, before.opsPerSec, before.since
		return
	}
	s.opsPerSec = float64(s.ops-before.ops) / passed.Seconds()
	s.bytesPerSec = float64(s.bytes-before.bytes) / passed.Seconds()
	if s.stage == before.stage && s.bytes == before.bytes && s.ops == before.ops {
		s.since = before.since
	}
}

// remaining estimates the time that copying or replaying will still take.
func (s *recoverySample) remaining(r ShardRecovery) time.Duration {
	left, perSec := r.BytesTotal-r.BytesReused-r.BytesRecovered, s.bytesPerSec
	switch {
	case r.Stage == "init", r.Stage == "translog" && r.OpsTotal < 0:
		return unknown
	case r.Stage == "finalize", r.Stage == "done":
		return 0
	case r.Stage == "translog":
		left, perSec = r.OpsTotal-r.OpsRecovered, s.opsPerSec
	}
	switch {
	case left <= 0:
		return 0
	case perSec <= 0:
		return unknown
	}
	return time.Duration(float64(left) / perSec * float64(time.Second)).Round(time.Second)
}

// slow names the likely cause of slowness.
func (s *recoverySample) slow(r ShardRecovery, before recoverySample, known bool) string {
	still := s.at - s.since
	if r.Stage == "index" && known && s.at > before.at {
		passed := float64(s.at - before.at)
		if float64(s.sourceHeld-before.sourceHeld)/passed > throttledShare {
			return "the source keeps to its limit on bytes per second (indices.recovery.max_bytes_per_sec)"
		}
		if float64(s.targetHeld-before.targetHeld)/passed > throttledShare {
			return "the target keeps to its limit on bytes per second (indices.recovery.max_bytes_per_sec)"
		}
	}
	if still < slowStage {
		return ""
	}
	switch r.Stage {
	case "init":
		return fmt.Sprintf("waiting for the source for %v: it is busy with other recoveries, or the link to it is down", still)
	case "index":
		return fmt.Sprintf("no byte copied for %v: the link between the nodes or one of the disks is stuck", still)
	case "translog":
		return fmt.Sprintf("no operation replayed for %v: the target can't keep up with the writes, or the link is stuck", still)
	case "finalize":
		return fmt.Sprintf("waiting for %v to be marked in sync: writes in flight or a slow cluster-state update", still)
	}
	return fmt.Sprintf("no progress for %v", still)
}
