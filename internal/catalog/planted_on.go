//go:build plantedmap

package catalog

import (
	"context"
	"time"

	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/scenarios"
)

// planted delays the controller by a time that hangs on the order in which Go walks
// maps: the defect that the determinism check must find.
func planted(cfg scenarios.SupervisorConfig, s scenarios.Supervisor) scenarios.Supervisor {
	delay := time.Duration(1)
	for range 8 {
		m := make(map[int]bool)
		for i := range 256 {
			m[i] = true
		}
		for first := range m {
			delay = delay*7 + time.Duration(first)
			break
		}
	}
	return late{s, cfg.Clock, delay % time.Second}
}

type late struct {
	scenarios.Supervisor
	clock clock.Clock
	delay time.Duration
}

func (l late) Run(ctx context.Context) error {
	if err := l.clock.Sleep(ctx, l.delay); err != nil {
		return err
	}
	return l.Supervisor.Run(ctx)
}
