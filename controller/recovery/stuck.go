package recovery

import (
	"context"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/controller"
)

// progressKey is a recovery, over time.
type progressKey struct {
	index, node string
	shard       int
}

// progressMark is how far a recovery had come, and since when.
type progressMark struct {
	stage      string
	bytes, ops int64
	since      time.Duration
}

// lookForStuck finds recoveries that have made no progress for too long.
func (m *Manager) lookForStuck(ctx context.Context, shards []controller.ShardInfo, found map[key]Diagnosis) {
	busy := false
	for _, s := range shards {
		busy = busy || s.State == controller.StateInitializing
	}
	if !busy {
		m.progress = map[progressKey]progressMark{}
		return
	}
	recoveries, err := m.client.GetRecoveryStatus(ctx)
	if err != nil {
		if ctx.Err() == nil {
			m.desk.Warnf(ctx, "[RECOVERY] Error getting recovery status: %v", err)
		}
		return
	}
	now := m.clock.Monotonic()
	seen := make(map[progressKey]progressMark, len(recoveries))
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range recoveries {
		k := progressKey{r.Index, r.Target, r.Shard}
		mark := progressMark{r.Stage, r.BytesRecovered, r.OpsRecovered, now}
		if was, ok := m.progress[k]; ok && was.stage == mark.stage && was.bytes == mark.bytes && was.ops == mark.ops {
			mark.since = was.since
		}
		seen[k] = mark
		if still := now - mark.since; still >= m.cfg.StuckAfter {
			fk := key{r.Index, r.Shard, r.Primary}
			if f := m.find(fk); f == nil {
				m.begin(fk)
			}
			found[fk] = Diagnosis{Cause: Stuck, Scope: r.Target, Detail: fmt.Sprintf("no progress for %v in stage %s, %s → %s", still.Round(time.Second), r.Stage, r.From(), r.Target)}
		}
	}
	m.progress = seen
}
