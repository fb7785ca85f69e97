package meta

import (
	"errors"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// ErrSettings is returned for settings that make no sense.
var ErrSettings = errors.New("bad settings")

// Defaults are the settings of a new cluster.
func Defaults() wire.Settings {
	return WithDefaults(wire.Settings{ReadLevel: wire.Quorum, WriteLevel: wire.Quorum})
}

// WithDefaults puts the default in every field that is 0, but for the levels: 0 is the
// level One.
func WithDefaults(s wire.Settings) wire.Settings {
	count := func(v *uint64, d uint64) {
		if *v == 0 {
			*v = d
		}
	}
	span := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	count(&s.Replicas, 3)
	count(&s.Voters, 3)
	span(&s.Heartbeat, 5*time.Second)
	count(&s.FailureThreshold, 3)
	count(&s.RecoveryThreshold, 3)
	span(&s.ReplaceAfter, time.Minute)
	count(&s.SplitBytes, 64<<20)
	count(&s.SplitQPS, 2000)
	count(&s.MergeBytes, s.SplitBytes/4)
	count(&s.MergeQPS, s.SplitQPS/4)
	count(&s.MovePercent, 20)
	count(&s.MaxMoves, 4)
	span(&s.BalanceEvery, time.Minute)
	return s
}

// ValidateSettings returns ErrSettings with the particulars for settings that can't be
// meant.
func ValidateSettings(s *wire.Settings) error {
	bad := func(format string, args ...any) error { return fmt.Errorf(format+": %w", append(args, ErrSettings)...) }
	switch {
	case s.Replicas < 1 || s.Replicas > 9:
		return bad("%d replicas, must be 1 to 9", s.Replicas)
	case s.Voters < 1 || s.Voters > 9:
		return bad("%d voters, must be 1 to 9", s.Voters)
	case s.Heartbeat < 10*time.Millisecond || s.Heartbeat > 10*time.Minute:
		return bad("a heartbeat every %v, must be 10ms to 10m", s.Heartbeat)
	case s.FailureThreshold < 1 || s.FailureThreshold > 100 || s.RecoveryThreshold < 1 || s.RecoveryThreshold > 100:
		return bad("thresholds of %d and %d heartbeats, must be 1 to 100", s.FailureThreshold, s.RecoveryThreshold)
	case s.ReplaceAfter < 0 || s.BalanceEvery < time.Second:
		return bad("replace after %v, balance every %v", s.ReplaceAfter, s.BalanceEvery)
	case s.SplitBytes > 1<<60 || s.SplitQPS > 1<<60 || s.MovePercent > 1<<20 || s.MaxMoves > 1<<10:
		return bad("a threshold is too large")
	case s.MergeBytes*2 > s.SplitBytes || s.MergeQPS*2 > s.SplitQPS:
		return fmt.Errorf("%w: %w", shardmap.ErrThresholds, ErrSettings)
	}
	return nil
}

// Thresholds are those of the settings, for shardmap.Plan.
func Thresholds(s *wire.Settings) shardmap.Thresholds {
	return shardmap.Thresholds{SplitBytes: int64(s.SplitBytes), SplitQPS: int64(s.SplitQPS), MergeBytes: int64(s.MergeBytes),
		MergeQPS: int64(s.MergeQPS), MovePercent: int64(s.MovePercent), MaxMoves: int(s.MaxMoves)}
}
