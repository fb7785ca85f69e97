package elastic

import (
	"fmt"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/queueing"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// The thread pools that execute operations which came through the API.
const (
	writePool = iota
	SearchPool
	GetPool
	poolKinds
)

// poolNames are their names in node statistics.
var poolNames = [poolKinds]string{"write", "search", "get"}

// pool is a fixed thread pool with a queue (EsExecutors.newFixed). Operations that came
// through the API are here one by one; those of the background load are the node's
// server, which makes them wait for a processor.
type pool struct {
	busy, largest       int
	queue               []Task
	completed, rejected int64
}

// Task is work for a thread.
type Task struct {
	Name    string
	Cost    time.Duration // of a processor
	ops     int           // that it does; 0 is one
	Run     func(held time.Duration)
	Refused func(*Error) // nil: never refused, the queue makes room
}

// poolKind is the kind of operation of the background load that has the pool's threads.
func poolKind(pool int) int {
	if pool == writePool {
		return Indexing
	}
	return Searching
}

// poolOf is the pool that executes a kind of operation of the background load.
var poolOf = [Kinds]int{Indexing: writePool, Searching: SearchPool}

// poolSize is how many threads a pool has, and how many tasks may wait for one.
type poolSize struct{ threads, queue int }

// sizesOfPools are the pools as Elasticsearch makes them (ThreadPool): write has the node's
// processors, search and get half as many again and one.
func sizesOfPools(cfg *NodeConfig) (out [poolKinds]poolSize) {
	more := cfg.CPUs*3/2 + 1
	for which, p := range [poolKinds]struct {
		threads, queue *settings.Setting[int]
		size           int
	}{
		{settings.WriteThreads, settings.WriteQueue, cfg.CPUs},
		{settings.SearchThreads, settings.SearchQueue, more},
		{settings.GetThreads, settings.GetQueue, more},
	} {
		s := poolSize{p.threads.Get(cfg.Settings), p.queue.Get(cfg.Settings)}
		if s.threads == 0 {
			s.threads = p.size
		}
		if s.queue < 0 {
			s.queue = 1 << 30 // -1: no limit
		}
		out[which] = s
	}
	return out
}

// Waiting is how many operations wait for a thread, and how many were refused since the
// process started.
func (p *Process) Waiting(sv *Queue) (waiting, refused int64) {
	for which := range p.pools {
		waiting += int64(len(p.pools[which].queue))
		refused += p.pools[which].rejected
	}
	for k := range Kinds {
		waiting += int64(sv.Figures.queued[k] + 0.5)
		refused += int64(sv.tally.refused[k])
	}
	return waiting, refused
}

// Execute has a thread of a pool do a task. held, which run gets, is how long that took
// beyond its cost on average. When the queue is full the task is refused.
func (p *Process) Execute(which int, t Task) {
	q, sv := &p.pools[which], p.Cluster.Fluid.Server(p.Node)
	threads, limit := p.Node.poolSizes[which].threads, p.Node.poolSizes[which].queue
	kind, g := poolKind(which), &sv.Figures
	if which != GetPool && t.Refused != nil && g.refused[kind] > 0 {
		// The queue is full of background load: an operation has the chance that any has.
		if r := p.Cluster.e.Stream("elastic.pool", p.Node.Name()); float64(r.Float64()*(g.refused[kind]+g.Rate[kind])) < g.refused[kind] {
			q.reject(p, which, t)
			return
		}
	}
	if q.busy >= threads {
		if t.Refused != nil && len(q.queue)+int(g.queued[kind]) >= limit {
			q.reject(p, which, t)
			return
		}
		q.queue = append(q.queue, t)
		return
	}
	q.begin(p, which, t)
}

func (q *pool) begin(p *Process, which int, t Task) {
	q.busy++
	q.largest = max(q.largest, q.busy)
	wait := p.contention(poolKind(which))
	if which != writePool {
		wait += p.fetched()
	}
	service := p.service(t.Cost, max(1, t.ops))
	p.After(service+wait, t.Name, func() {
		q.busy--
		q.completed++
		p.Cluster.Fluid.Servers[p.Node.ordinal].API.add(p.Cluster.e.Now(), service, max(1, t.ops))
		if len(q.queue) > 0 && q.busy < p.Node.poolSizes[which].threads {
			next := q.queue[0]
			q.queue = q.queue[1:]
			q.begin(p, which, next)
		}
		t.Run(wait + service - t.Cost)
	})
}

// mostDrawn is how many operations of a task have a time of their own; the sum over more is
// as good as their mean.
const mostDrawn = 32

// service is the processor time of a task's operations, each drawn from the exponential
// distribution that the load model has (see package queueing), whose means add up to cost.
func (p *Process) service(cost time.Duration, ops int) time.Duration {
	if ops > mostDrawn || cost == 0 {
		return cost
	}
	r, sum := p.Cluster.e.Stream("elastic.service", p.Node.Name()), 0.0
	for range ops {
		sum -= queueing.Log(1 - r.Float64())
	}
	return time.Duration(float64(cost) * (sum / float64(ops)))
}

// contention is how long an operation waits because of the background load: drawn from
// the distribution of waits, or as long as the queue is.
func (p *Process) contention(kind int) time.Duration {
	g := &p.Cluster.Fluid.Server(p.Node).Figures
	switch {
	case g.over:
		return seconds(g.waiting[kind] + g.held[kind])
	case g.queue.Waits > 0:
		return seconds(g.queue.WaitOf(1 - p.Cluster.e.Stream("elastic.pool", p.Node.Name()).Float64()))
	}
	return 0
}

// Coordinate is a node's work on a client's operations beyond what shards do.
func (p *Process) Coordinate(operations int) {
	p.Cluster.Fluid.Servers[p.Node.ordinal].API.add(p.Cluster.e.Now(), time.Duration(operations)*p.Cluster.Calibration.CoordinateOp, 0)
}

// seconds is a time in whole nanoseconds.
func seconds(s float64) time.Duration { return time.Duration(float64(s * 1e9)) }

// reject refuses a task as EsAbortPolicy does.
func (q *pool) reject(p *Process, which int, t Task) {
	q.rejected++
	threads, limit := p.Node.poolSizes[which].threads, p.Node.poolSizes[which].queue
	t.Refused(&Error{
		Status: 429, Type: "es_rejected_execution_exception",
		Reason: fmt.Sprintf("rejected execution of %s on TaskExecutionTimeTrackingEsThreadPoolExecutor[name = %s/%s, queue capacity = %d, "+
			"[Running, pool size = %d, active threads = %d, queued tasks = %d, completed tasks = %d]]",
			t.Name, p.Node.Name(), poolNames[which], limit, threads, threads, limit, q.completed),
	})
}

// poolStats are the pools with the background load in them.
func (p *Process) poolStats(sv *Queue) []PoolStats {
	out := make([]PoolStats, 0, poolKinds)
	for which := range poolKinds {
		q := &p.pools[which]
		threads := p.Node.poolSizes[which].threads
		s := PoolStats{
			Name: poolNames[which], Queue: len(q.queue), Active: q.busy, Largest: q.largest, Rejected: q.rejected, Completed: q.completed,
		}
		if which != GetPool {
			k, g := poolKind(which), &sv.Figures
			inside := float64(g.Rate[k] * (g.held[k] + service(&p.Cluster.Calibration, k)))
			s.Active = min(threads, s.Active+int(inside+0.5))
			s.Queue += int(g.queued[k] + 0.5)
			s.Completed += int64(sv.tally.done[k])
			s.Rejected += int64(sv.tally.refused[k])
			if sv.tally.done[k] > 0 {
				s.Largest = threads // with many at once all have been needed at some time
			}
		}
		s.Threads = s.Largest
		out = append(out, s)
	}
	return out
}

// apiWork is the processor time of operations that came through the API, in windows of
// apiWindow.
type apiWork struct {
	window    sim.Time
	now, last time.Duration
	ops, was  int // operations on shards
	total     time.Duration
}

const apiWindow = 5 * time.Second

func (a *apiWork) add(now sim.Time, cost time.Duration, ops int) {
	a.turn(now)
	a.now += cost
	a.ops += ops
	a.total += cost
}

// turn begins the window that now is in.
func (a *apiWork) turn(now sim.Time) {
	w := now / sim.Time(apiWindow)
	if w == a.window {
		return
	}
	a.last, a.was = 0, 0
	if w == a.window+1 {
		a.last, a.was = a.now, a.ops
	}
	a.window, a.now, a.ops = w, 0, 0
}

// recent is how many processors they kept busy in the last whole window.
func (a *apiWork) recent(now sim.Time) float64 {
	a.turn(now)
	return a.last.Seconds() / apiWindow.Seconds()
}

// Rate is how many operations on shards there were per second in the last whole window.
func (a *apiWork) Rate() float64 { return float64(a.was) / apiWindow.Seconds() }

// synced calls then when what a process has written is on its node's disk for good: at once
// unless the disk is slow, for the time of a healthy one is part of an operation's cost.
func (p *Process) synced(then func()) {
	if d := p.Node.disk.Delay(); d > 0 {
		p.After(d, "disk.sync", then)
		return
	}
	then()
}

// fetched is how much longer an operation takes that reads: what is not in memory has to
// come from the disk.
func (p *Process) fetched() time.Duration {
	d := p.Node.disk.Delay()
	if d == 0 {
		return 0
	}
	return time.Duration(float64(d) * p.Node.missed())
}
