package gameday

import (
	"context"
	"sync"

	"github.com/shardquake/shardquake/scenarios"
)

// Looks make the looks of probes beside the course, so that one that hangs holds up neither the
// other guardrails nor a halt.
type Looks struct {
	// Look makes one, in time.
	Look func(ctx context.Context, p scenarios.GamedayProbe) error

	mu   sync.Mutex
	last map[string]error
	busy map[string]bool
}

// Probe says what a probe's last look saw, and begins the next unless one is under way. Until
// the first has come back, which it does in the probe's time, all is taken to be well. The look
// is of the machine's time, not of the run's context, which may be the simulator's.
func (l *Looks) Probe(_ context.Context, p scenarios.GamedayProbe) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		l.last, l.busy = map[string]error{}, map[string]bool{}
	}
	if !l.busy[p.Name] {
		l.busy[p.Name] = true
		go func() {
			err := l.Look(context.Background(), p)
			l.mu.Lock()
			defer l.mu.Unlock()
			l.last[p.Name], l.busy[p.Name] = err, false
		}()
	}
	return l.last[p.Name]
}
