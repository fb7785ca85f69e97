package load

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/queueing"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// The thread pools that execute operations which came through the API.
const (
	WritePool = iota
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
	Ops     int           // that it does; 0 is one
	Run     func(held time.Duration)
	Refused func(*api.Error) // nil: never refused, the queue makes room
}

// poolKind is the kind of operation of the background load that has the pool's threads.
func poolKind(pool int) int {
	if pool == WritePool {
		return Indexing
	}
	return Searching
}

// poolOf is the pool that executes a kind of operation of the background load.
var poolOf = [Kinds]int{Indexing: WritePool, Searching: SearchPool}

// poolSize is how many threads a pool has, and how many tasks may wait for one.
type poolSize struct{ threads, queue int }

// sizesOfPools are the pools as Elasticsearch makes them (ThreadPool): write has the node's
// processors, search and get half as many again and one.
func sizesOfPools(cpus int, yml settings.Settings) (out [poolKinds]poolSize) {
	more := cpus*3/2 + 1
	for which, p := range [poolKinds]struct {
		threads, queue *settings.Setting[int]
		size           int
	}{
		{settings.WriteThreads, settings.WriteQueue, cpus},
		{settings.SearchThreads, settings.SearchQueue, more},
		{settings.GetThreads, settings.GetQueue, more},
	} {
		s := poolSize{p.threads.Get(yml), p.queue.Get(yml)}
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

// Process is where a pool's threads run.
type Process interface {
	// After does f in the process d from now.
	After(d time.Duration, name string, f func()) sim.Timer
}

// Pools are the thread pools of a process on a machine.
type Pools struct {
	p     Process
	f     *Fluid
	node  int
	sizes *[poolKinds]poolSize
	pools [poolKinds]pool
}

// NewPools are those of a process that starts on the i-th machine.
func (f *Fluid) NewPools(i int, p Process) *Pools {
	return &Pools{p: p, f: f, node: i, sizes: &f.Queues[i].sizes}
}

// Waiting is how many operations wait for a thread, and how many were refused since the
// process started.
func (p *Pools) Waiting() (waiting, refused int64) {
	sv := p.f.Queue(p.node)
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
func (p *Pools) Execute(which int, t Task) {
	q, sv := &p.pools[which], p.f.Queue(p.node)
	threads, limit := p.sizes[which].threads, p.sizes[which].queue
	kind, g := poolKind(which), &sv.Figures
	if which != GetPool && t.Refused != nil && g.refused[kind] > 0 {
		// The queue is full of background load: an operation has the chance that any has.
		if r := p.stream("elastic.pool"); float64(r.Float64()*(g.refused[kind]+g.Rate[kind])) < g.refused[kind] {
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

func (q *pool) begin(p *Pools, which int, t Task) {
	q.busy++
	q.largest = max(q.largest, q.busy)
	wait := p.contention(poolKind(which))
	if which != WritePool {
		wait += p.fetched()
	}
	service := p.service(t.Cost, max(1, t.Ops))
	p.p.After(service+wait, t.Name, func() {
		q.busy--
		q.completed++
		p.queue().API.add(p.f.engine.Now(), service, max(1, t.Ops))
		if len(q.queue) > 0 && q.busy < p.sizes[which].threads {
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
func (p *Pools) service(cost time.Duration, ops int) time.Duration {
	if ops > mostDrawn || cost == 0 {
		return cost
	}
	r, sum := p.stream("elastic.service"), 0.0
	for range ops {
		sum -= queueing.Log(1 - r.Float64())
	}
	return time.Duration(float64(cost) * (sum / float64(ops)))
}

// contention is how long an operation waits because of the background load: drawn from
// the distribution of waits, or as long as the queue is.
func (p *Pools) contention(kind int) time.Duration {
	g := &p.f.Queue(p.node).Figures
	switch {
	case g.over:
		return Seconds(g.waiting[kind] + g.held[kind])
	case g.queue.Waits > 0:
		return Seconds(g.queue.WaitOf(1 - p.stream("elastic.pool").Float64()))
	}
	return 0
}

// Coordinate is a node's work on a client's operations beyond what shards do.
func (p *Pools) Coordinate(operations int) {
	p.queue().API.add(p.f.engine.Now(), time.Duration(operations)*p.f.cal.CoordinateOp, 0)
}

// queue is the node's queue as it was when last looked at.
func (p *Pools) queue() *Queue { return &p.f.Queues[p.node] }

func (p *Pools) stream(purpose string) *rand.Rand { return p.f.engine.Stream(purpose, p.queue().Name) }

// Seconds is a time in whole nanoseconds.
func Seconds(s float64) time.Duration { return time.Duration(float64(s * 1e9)) }

// reject refuses a task as EsAbortPolicy does.
func (q *pool) reject(p *Pools, which int, t Task) {
	q.rejected++
	threads, limit := p.sizes[which].threads, p.sizes[which].queue
	t.Refused(&api.Error{
		Status: 429, Type: "es_rejected_execution_exception",
		Reason: fmt.Sprintf("rejected execution of %s on TaskExecutionTimeTrackingEsThreadPoolExecutor[name = %s/%s, queue capacity = %d, "+
			"[Running, pool size = %d, active threads = %d, queued tasks = %d, completed tasks = %d]]",
			t.Name, p.queue().Name, poolNames[which], limit, threads, threads, limit, q.completed),
	})
}

// Stats are the pools with the background load in them.
func (p *Pools) Stats() []api.PoolStats {
	sv := p.f.Queue(p.node)
	out := make([]api.PoolStats, 0, poolKinds)
	for which := range poolKinds {
		q := &p.pools[which]
		threads := p.sizes[which].threads
		s := api.PoolStats{
			Name: poolNames[which], Queue: len(q.queue), Active: q.busy, Largest: q.largest, Rejected: q.rejected, Completed: q.completed,
		}
		if which != GetPool {
			k, g := poolKind(which), &sv.Figures
			inside := float64(g.Rate[k] * (g.held[k] + service(p.f.cal, k)))
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

// fetched is how much longer an operation takes that reads: what is not in memory has to
// come from the disk.
func (p *Pools) fetched() time.Duration {
	d := p.queue().Disk.Delay()
	if d == 0 {
		return 0
	}
	return time.Duration(float64(d) * p.queue().missed())
}
