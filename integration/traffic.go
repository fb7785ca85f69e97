package integration

import (
	"slices"
	"sync"
	"time"

	"github.com/shardquake/shardquake/scenarios/observed"
)

// latencyWindow is how many of the last write requests the percentiles are taken from.
const latencyWindow = 2000

// traffic counts operations of the background load.
type traffic struct {
	mu        sync.Mutex
	counts    observed.Traffic
	latencies []time.Duration // a ring
	next      int
}

// outcome is what became of one bulk request, in operations.
type outcome struct {
	acked, failed, unknown int64
}

func (t *traffic) wrote(o outcome, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Acked += o.acked
	t.counts.Failed += o.failed
	t.counts.Unknown += o.unknown
	if o.acked == 0 {
		return
	}
	if len(t.latencies) < latencyWindow {
		t.latencies = append(t.latencies, took)
		return
	}
	t.latencies[t.next] = took
	t.next = (t.next + 1) % latencyWindow
}

func (t *traffic) read(ok, failed int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Reads += ok
	t.counts.ReadsFailed += failed
}

func (t *traffic) snapshot() observed.Traffic {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.counts
	if len(t.latencies) > 0 {
		sorted := slices.Sorted(slices.Values(t.latencies))
		out.P50 = sorted[len(sorted)/2]
		out.P99 = sorted[len(sorted)*99/100]
	}
	return out
}
