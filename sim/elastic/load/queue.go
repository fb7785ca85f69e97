package load

import (
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/calibration"
	"github.com/shardquake/shardquake/sim/elastic/queueing"
)

// The kinds of operations that a shard copy executes, each in a thread pool of its own.
const (
	Indexing = iota
	Searching
	Kinds
)

// Demand is what the background load asks of a node per second. All of it are whole
// numbers, so that what is taken away again leaves nothing behind.
type Demand struct {
	Ops  [Kinds]int64 // on the node's copies, × 10⁶
	lead int64        // of ops[indexing], those on primaries
	// work is processor time for refreshes and merges, in ns.
	work          int64
	docs          int64 // bytes of documents indexed
	written, read int64 // bytes of the disk
	in, out       int64 // bytes of the network
}

func (d *Demand) add(o *Demand, sign int64) {
	for k := range d.Ops {
		d.Ops[k] += sign * o.Ops[k]
	}
	d.lead += sign * o.lead
	d.work += sign * o.work
	d.docs += sign * o.docs
	d.written += sign * o.written
	d.read += sign * o.read
	d.in += sign * o.in
	d.out += sign * o.out
}

// PerSecond turns a rate × 10⁶ into operations per second.
func PerSecond[T int64 | uint64](rate T) float64 { return float64(rate) / 1e6 }

// Queue is a node as the queue of its operations: its processors serve the threads of
// all pools, first come first served (package queueing), its disk and network card carry
// what the operations read, write and send. Between two changes of the load
// everything is steady, so what has been done by now is a product, computed when somebody
// looks.
type Queue struct {
	Machine
	f       *Fluid
	sizes   [poolKinds]poolSize
	demand  Demand
	since   sim.Time
	stale   bool // figures are of an earlier demand
	listed  bool // in Fluid.touched
	Figures figures
	flows   [flowKinds]*sim.Flow

	tally tally
	API   apiWork
	Loads Averages
}

// figures are how a node does under its present load, in processors and seconds.
type figures struct {
	queue queueing.Queue
	busy  float64 // processors
	// held is how long a thread holds an operation beyond its service, waiting how long it
	// waits for a thread before.
	held, waiting [Kinds]float64
	// Rate is what is done per second, refused what is not, queued what waits for a thread.
	Rate, refused, queued [Kinds]float64
	disk                  float64 // part of the time that the disk is busy
	// over says that the node can't keep up: queues are where they have grown to.
	over bool

	timed       bool // the percentiles have been computed
	percentiles [3]float64
}

// tally is what has been done since the process started, of the disk
// since the machine was made.
type tally struct {
	processor     float64        // seconds of processors
	held          [Kinds]float64 // integral of figures.held over time, s²
	done, refused [Kinds]float64 // operations
	written, read float64        // bytes of the disk
	writes, reads float64        // operations of the disk
	diskBusy      float64        // seconds
	in, out       float64        // bytes of the network
}

// threads is the size of a kind's pool, queueLimit how many operations may wait for one of
// them.
func (sv *Queue) threads(kind int) int    { return sv.sizes[poolOf[kind]].threads }
func (sv *Queue) queueLimit(kind int) int { return sv.sizes[poolOf[kind]].queue }

// service is the mean processor time of an operation of a kind, in seconds.
func service(c *calibration.Constants, kind int) float64 {
	if kind == Searching {
		return c.SearchOp.Seconds()
	}
	return c.IndexOp.Seconds()
}

// coordinated is how many operations per second a node coordinates: clients spread theirs
// over the nodes that answer.
func (sv *Queue) coordinated() float64 {
	if sv.f.live == 0 || !sv.coordinates() {
		return 0
	}
	return PerSecond(sv.f.requests) / float64(sv.f.live)
}

// coordinates reports whether clients can send to the node.
func (sv *Queue) coordinates() bool { return sv.Node != nil && sv.Node.Serving() && !sv.Node.Paused() }

// advance lets the node work up to now.
func (sv *Queue) advance(now sim.Time) {
	d := now.Sub(sv.since)
	if d <= 0 {
		return
	}
	if sv.stale {
		sv.refresh()
	}
	g := &sv.Figures
	sv.Loads.Follow(sv.since, now, float64(g.busy+g.line()))
	sv.since = now
	if g.busy == 0 {
		return
	}
	s, t := d.Seconds(), &sv.tally
	t.processor += float64(g.busy * s)
	for k := range Kinds {
		t.held[k] += float64(g.held[k] * s)
		t.done[k] += float64(g.Rate[k] * s)
		t.refused[k] += float64(g.refused[k] * s)
	}
	part := [Kinds]float64{sv.part(Indexing), sv.part(Searching)}
	t.written += float64(float64(float64(sv.demand.written)*part[Indexing]) * s)
	t.read += float64(float64(float64(sv.demand.read)*part[Searching]) * s)
	t.in += float64(float64(sv.demand.in) * s)
	t.out += float64(float64(sv.demand.out) * s)
	t.writes += float64(g.Rate[Indexing] * s)
	t.reads += float64(float64(g.Rate[Searching]*sv.missed()) * s)
	t.diskBusy += float64(g.disk * s)
}

// line is how many operations wait for a processor or for a thread.
func (g *figures) line() float64 {
	sum := 0.0
	for k := range Kinds {
		sum += float64(g.Rate[k]*g.held[k]) + g.queued[k]
	}
	return sum
}

// part is the part of the operations asked for that are done.
func (sv *Queue) part(kind int) float64 {
	if asked := PerSecond(sv.demand.Ops[kind]); asked > 0 {
		return sv.Figures.Rate[kind] / asked
	}
	return 0
}

// refresh computes the figures of a node that keeps up with its load.
func (sv *Queue) refresh() {
	if sv.f.Steering {
		return // Fluid.steer sets them, at this very moment
	}
	sv.stale = false
	sv.Figures = figures{}
	g, cal := &sv.Figures, sv.f.cal
	rate := [Kinds]float64{PerSecond(sv.demand.Ops[Indexing]), PerSecond(sv.demand.Ops[Searching])}
	classes := [4]queueing.Class{
		{Rate: rate[Indexing], Service: service(cal, Indexing)}, {Rate: rate[Searching], Service: service(cal, Searching)},
		{Rate: sv.coordinated(), Service: cal.CoordinateOp.Seconds()}, sv.background(),
	}
	q, ok := queueing.New(sv.CPUs, classes[:]...)
	g.queue, g.busy, g.Rate = q, q.Load, rate
	if !ok {
		g.over = true // until the overload is steered, in the same moment
		return
	}
	for k := range Kinds {
		if rate[k] == 0 {
			continue
		}
		// Near its capacity a queue without a limit would grow beyond the pool's.
		limit := float64(sv.queueLimit(k)+sv.threads(k)) / rate[k]
		wait := min(q.MeanWait(), limit)
		g.held[k] = min(wait, max(0, float64(sv.threads(k))/rate[k]-service(cal, k)))
		g.waiting[k] = wait - g.held[k]
		g.queued[k] = float64(rate[k] * g.waiting[k])
	}
	g.disk = sv.diskUse()
}

// background is the work of refreshes and merges, in slices as long as a search: their
// threads share the processors with the others.
func (sv *Queue) background() queueing.Class {
	slice := sv.f.cal.SearchOp.Seconds()
	if slice == 0 {
		return queueing.Class{}
	}
	return queueing.Class{Rate: float64(sv.demand.work) / 1e9 / slice, Service: slice}
}

// diskUse is the part of the time in which the disk does the load's work: an operation
// costs the time to reach the device, besides its bytes.
func (sv *Queue) diskUse() float64 {
	g := &sv.Figures
	use := float64((g.Rate[Indexing] + float64(g.Rate[Searching]*sv.missed())) * sv.Disk.Share(sv.f.cal.DiskOp).Seconds())
	if bps := sv.Disk.Write.Capacity(); bps > 0 {
		use += float64(float64(sv.demand.written)*sv.part(Indexing)) / float64(bps)
	}
	if bps := sv.Disk.Read.Capacity(); bps > 0 {
		use += float64(float64(sv.demand.read)*sv.part(Searching)) / float64(bps)
	}
	return min(1, use)
}

// The percentiles that are told of response times.
var PercentilePoints = [3]float64{0.5, 0.9, 0.99}

// Timed are the percentiles of the time that the node takes for an operation on a
// shard, from its arrival to its end, in seconds.
func (sv *Queue) Timed() [3]float64 {
	g := &sv.Figures
	if !g.timed {
		g.timed = true
		for i, p := range PercentilePoints {
			g.percentiles[i] = sv.Percentile(g.Rate, p)
		}
	}
	return g.percentiles
}

// Percentile is that of a mix of operations on the node, in seconds.
func (sv *Queue) Percentile(rate [Kinds]float64, p float64) float64 {
	cal := sv.f.cal
	if sv.Figures.over {
		return sv.Figures.overloaded(p, rate, cal)
	}
	asked := percentile{sv.Figures.queue, rate, p}
	if v, ok := sv.f.percentiles[asked]; ok {
		return v
	}
	v := sv.Figures.queue.Percentile(p,
		queueing.Class{Rate: rate[Indexing], Service: service(cal, Indexing)},
		queueing.Class{Rate: rate[Searching], Service: service(cal, Searching)})
	if len(sv.f.percentiles) >= mostPercentiles {
		clear(sv.f.percentiles)
	}
	sv.f.percentiles[asked] = v
	return v
}

// percentile is what was asked for: it is found by halving, and asked for again whenever the load
// of any other node has changed.
type percentile struct {
	queue queueing.Queue
	rate  [Kinds]float64
	p     float64
}

// mostPercentiles bounds those that are remembered.
const mostPercentiles = 1024

// Mean is the mean time that the node takes for an operation of a kind, in seconds.
func (sv *Queue) Mean(kind int) float64 {
	return sv.Figures.waiting[kind] + sv.Figures.held[kind] + service(sv.f.cal, kind)
}

// Averages are the three of Linux over 1, 5 and 15 minutes, in 2048ths, computed as
// the kernel does (kernel/sched/loadavg.c: calc_load_n).
type Averages [3]uint64

const (
	loadTick  = 5 * time.Second
	loadShift = 11
	loadOne   = 1 << loadShift
)

// loadFades are what is left of an average after a tick.
var loadFades = [3]uint64{1884, 2014, 2037}

// Follow carries the averages over a time in which active tasks ran or waited.
func (l *Averages) Follow(from, to sim.Time, active float64) {
	ticks := uint64(to/sim.Time(loadTick)) - uint64(from/sim.Time(loadTick))
	if ticks == 0 || active == 0 && *l == (Averages{}) {
		return
	}
	now := uint64(float64(active * loadOne))
	for i := range l {
		fade := fixedPower(loadFades[i], ticks)
		sum := l[i]*fade + now*(loadOne-fade)
		if now >= l[i] {
			sum += loadOne - 1
		}
		l[i] = sum / loadOne
	}
}

// fixedPower is x to the power of n in 2048ths.
func fixedPower(x, n uint64) uint64 {
	out := uint64(loadOne)
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			out = (out*x + loadOne/2) >> loadShift
		}
		x = (x*x + loadOne/2) >> loadShift
	}
	return out
}
