package load

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic/queueing"
)

// writeLatency is how long clients wait for writes, computed again after a change.
type writeLatency struct {
	version  uint64
	p50, p99 time.Duration
}

// Clients are the percentiles of the time that clients wait for writes of the background
// load: the network there and back, the coordinating node, the primary's node by its
// distribution, and the other copies' by the mean over the cluster.
func (f *Fluid) Clients() (p50, p99 time.Duration) {
	if l := f.latency; l.version == f.Version && !f.Steering {
		return l.p50, l.p99
	}
	f.latency = writeLatency{version: f.Version}
	var lead, copied, copies, hops float64
	cal := f.cal
	for i := range f.Queues {
		sv := f.Queue(i)
		primary := PerSecond(sv.demand.lead)
		lead += primary
		hops += float64(primary * sv.Latency.Seconds() * 2)
		if other := PerSecond(sv.demand.Ops[Indexing]) - primary; other > 0 {
			copied += float64(other * sv.Mean(Indexing))
			copies += other
		}
	}
	if lead == 0 {
		return 0, 0
	}
	fixed := cal.CoordinateOp.Seconds() + float64(hops/lead*4)
	if copies > 0 {
		fixed += copied/copies + float64(hops/lead*2)
	}
	f.latency.p50 = Seconds(fixed + f.primaries(0.5, lead))
	f.latency.p99 = Seconds(fixed + f.primaries(0.99, lead))
	return f.latency.p50, f.latency.p99
}

// primaries is a percentile of the time that primaries take, of lead writes per second
// in the whole cluster, in seconds.
func (f *Fluid) primaries(p, lead float64) float64 {
	var low, high float64
	for i := range f.Queues {
		if sv := &f.Queues[i]; sv.demand.lead > 0 {
			high = max(high, sv.Percentile([Kinds]float64{Indexing: 1}, 0.999))
		}
	}
	for range 40 {
		mid := (low + high) / 2
		beyond := 0.0
		for i := range f.Queues {
			if sv := &f.Queues[i]; sv.demand.lead > 0 {
				beyond += float64(PerSecond(sv.demand.lead) / lead * sv.beyond(mid))
			}
		}
		if beyond > 1-p {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

// beyond is the probability that a write takes the node longer than t seconds.
func (sv *Queue) beyond(t float64) float64 {
	g, service := &sv.Figures, service(sv.f.cal, Indexing)
	if t -= sv.Disk.Delay().Seconds(); t < 0 {
		return 1
	}
	if !g.over {
		return g.queue.Tail(service, t)
	}
	if t -= g.waiting[Indexing]; t < 0 {
		return 1
	}
	return queueing.Exp(t / (g.held[Indexing] + service))
}
