package load

import (
	"math"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/calibration"
	"github.com/shardquake/shardquake/sim/elastic/queueing"
)

// A node that is asked for more than it can do has no steady state: its queues grow
// until they are full, and what comes then is refused
// (es_rejected_execution_exception). While any node is so, or has a queue to work
// off, the load is steered: every steerEvery, less often while queues hardly change, the
// rates at which each group's operations are done, queued and refused are set anew. What is done is shared among the kinds
// by weighted max-min fairness, as an operating system shares processors among their
// threads; a group goes at the pace of its slowest copy, because a write is done when all
// copies have it, and what waits for that waits in the queue of the primary's node.

const (
	steerEvery = time.Second
	steerMost  = 64 * time.Second
	// steerCalm is by which part of what comes in a second queues may change in one for the
	// pause to be doubled.
	steerCalm = 0.001
)

// stream is a group's operations of a kind.
type stream struct {
	offered meter
	// served and refused are the rates while steered, queued what waits.
	served, refused meter
	queued          int64
	steered         bool
}

// advance lets operations come for a time and returns how many were done and refused.
func (s *stream) advance(d time.Duration) (served, refused int64) {
	n := s.offered.advance(d)
	if !s.steered {
		n += s.queued
		s.queued = 0
		return n, 0
	}
	s.queued += n
	served = min(s.served.advance(d), s.queued)
	s.queued -= served
	refused = min(s.refused.advance(d), s.queued)
	s.queued -= refused
	return served, refused
}

// want is how many operations per second would be done if nothing held them back.
func (s *stream) want() float64 {
	return PerSecond(int64(s.offered.rate)) + float64(s.queued)/steerEvery.Seconds()
}

// steer sets the rates of a stream of which a part can be done, and which may
// have room operations in the queue.
func (s *stream) steer(part, room float64) {
	served := float64(s.want() * part)
	grow := max(0, room-float64(s.queued)) / steerEvery.Seconds()
	refused := max(0, PerSecond(int64(s.offered.rate))-served-grow)
	s.steered = true
	s.served.rate, s.refused.rate = uint64(served*1e6), uint64(refused*1e6)
}

// calm reports whether the queue hardly changes.
func (s *stream) calm() bool {
	change := int64(s.offered.rate) - int64(s.served.rate) - int64(s.refused.rate)
	return math.Abs(float64(change)) <= float64(steerCalm*float64(s.offered.rate))+1
}

// pressure is what a node is asked for while the load is steered.
type pressure struct {
	want, part [Kinds]float64
	lead       float64 // of want[indexing], on primaries
	other      float64 // processors for all other work
	queued     [Kinds]float64
	served     [Kinds]float64
	refused    [Kinds]float64
}

// steer sets the pace of everything for a while.
func (f *Fluid) steer() {
	now := f.engine.Now()
	f.Steering = true
	press := f.press[:0]
	for i := range f.Queues {
		f.Queues[i].advance(now)
		press = append(press, pressure{})
	}
	f.press = press
	f.askAll()
	for i := range f.Queues {
		f.Queues[i].allot(&press[i])
	}
	held := f.paceAll()
	for i := range f.Queues {
		f.Queues[i].settleFigures(&press[i])
	}
	if !held {
		f.endSteering()
		return
	}
	f.steerPause = min(2*f.steerPause, steerMost)
	if f.steerPause < steerEvery || !f.calm() {
		f.steerPause = steerEvery
	}
	f.engine.Cancel(f.ticker)
	f.ticker = f.engine.Schedule(f.steerPause, f.tickKind, 0)
}

// calm reports whether no queue changes much.
func (f *Fluid) calm() bool {
	for _, g := range f.Order {
		if g.busy() && !(g.writes.calm() && g.reads.calm()) {
			return false
		}
	}
	return true
}

// tick steers again while there is need.
func (f *Fluid) tick() {
	if f.Steering {
		f.steer()
	}
}

func (f *Fluid) endSteering() {
	f.Steering, f.steerPause = false, 0
	f.engine.Cancel(f.ticker)
	for _, g := range f.Order {
		g.writes.steered, g.reads.steered = false, false
	}
	for i := range f.Queues {
		f.Queues[i].stale = true
		f.Queues[i].carry(asAsked)
	}
}

// asAsked is the load as it comes, without queues to work off.
var asAsked = [flowKinds]float64{1, 1, 1, 1}

// askAll sums up what groups want of each node.
func (f *Fluid) askAll() {
	for _, g := range f.Order {
		if !g.busy() {
			continue
		}
		f.advance(g)
		writes, reads := g.writes.want(), g.reads.want()
		for i, st := range g.Members {
			p := &f.press[st.Machine]
			if g.flowing {
				p.want[Indexing] += writes
				if i == 0 {
					p.lead += writes
				}
			}
			if g.reader[i] >= 0 {
				p.want[Searching] += reads / float64(g.readers)
			}
		}
	}
}

// busy reports whether there is anything to do for a group.
func (g *Group) busy() bool {
	return g.writes.offered.rate|g.reads.offered.rate != 0 || g.writes.queued|g.reads.queued != 0
}

// allot shares what a node can do among the kinds.
func (sv *Queue) allot(p *pressure) {
	cal := sv.f.cal
	p.other = float64(sv.coordinated()*cal.CoordinateOp.Seconds()) + float64(sv.demand.work)/1e9
	work := [3]float64{float64(p.want[Indexing] * service(cal, Indexing)), float64(p.want[Searching] * service(cal, Searching)), p.other}
	threads := [3]float64{float64(sv.threads(Indexing)), float64(sv.threads(Searching)), float64(sv.CPUs)}
	share := FairShares(work, threads, float64(sv.CPUs))
	p.other = share[2]
	var times [Kinds]float64
	for k := range Kinds {
		p.part[k] = 1
		if work[k] > share[k] {
			p.part[k] = share[k] / work[k]
		}
		times[k] = 1
		if asked := PerSecond(sv.demand.Ops[k]); asked > 0 {
			times[k] = float64(p.want[k]*p.part[k]) / asked
		}
	}
	net := max(times[Indexing], times[Searching])
	sv.carry([flowKinds]float64{times[Indexing], times[Searching], net, net})
	for k := range Kinds {
		p.part[k] = float64(p.part[k] * sv.bytesCarried(k))
	}
}

// FairShares divides a total among demands in proportion to weights; nobody gets more
// than he asks for or has weight for, and what one leaves the others share.
func FairShares(ask, weight [3]float64, total float64) (got [3]float64) {
	var done [3]bool
	left := total
	for again := true; again; {
		again = false
		sum, now := 0.0, left
		for i := range ask {
			if !done[i] {
				sum += weight[i]
			}
		}
		for i := range ask {
			if done[i] {
				continue
			}
			got[i] = float64(now*weight[i]) / sum
			if most := min(ask[i], weight[i]); most <= got[i] {
				got[i], done[i], again = most, true, true
				left -= most
			}
		}
	}
	return got
}

// paceAll sets the pace of every group and reports whether anything is held back.
func (f *Fluid) paceAll() (held bool) {
	for _, g := range f.Order {
		if !g.busy() {
			continue
		}
		if g.flowing {
			held = f.paceWrites(g) || held
		}
		if g.readers > 0 {
			held = f.paceReads(g) || held
		}
	}
	return held
}

func (f *Fluid) paceWrites(g *Group) (held bool) {
	part := 1.0
	for _, st := range g.Members {
		part = min(part, f.press[st.Machine].part[Indexing])
	}
	lead := &f.press[g.Members[0].Machine]
	room := 0.0
	if lead.lead > 0 {
		room = float64(float64(f.Queues[g.Members[0].Machine].queueLimit(Indexing))*g.writes.want()) / lead.lead
	}
	g.writes.steer(part, room)
	served := PerSecond(int64(g.writes.served.rate))
	for _, st := range g.Members {
		f.press[st.Machine].served[Indexing] += served
	}
	lead.queued[Indexing] += float64(g.writes.queued)
	lead.refused[Indexing] += PerSecond(int64(g.writes.refused.rate))
	return part < 1 || g.writes.queued > 0
}

// paceReads: the copies share a group's searches evenly, so each is as slow as they are
// on average.
func (f *Fluid) paceReads(g *Group) (held bool) {
	var part, room float64
	readers, want := float64(g.readers), g.reads.want()
	for i, st := range g.Members {
		if g.reader[i] < 0 {
			continue
		}
		p := &f.press[st.Machine]
		part += p.part[Searching] / readers
		if p.want[Searching] > 0 {
			room += float64(float64(f.Queues[st.Machine].queueLimit(Searching))*want/readers) / p.want[Searching]
		}
	}
	g.reads.steer(min(1, part), room)
	for i, st := range g.Members {
		if g.reader[i] < 0 {
			continue
		}
		p := &f.press[st.Machine]
		p.served[Searching] += PerSecond(int64(g.reads.served.rate)) / readers
		p.refused[Searching] += PerSecond(int64(g.reads.refused.rate)) / readers
		p.queued[Searching] += float64(g.reads.queued) / readers
	}
	return part < 1-1e-9 || g.reads.queued > 0
}

// settleFigures derives how the node does until the next look. Where operations queue the
// pool's threads are all busy, so each holds one for threads/rate (Little's law), and the
// queue lasts for its length over the rate; the processors that are left serve the
// other kind as a single one of that speed would (processor sharing: 1/(1-ρ)).
func (sv *Queue) settleFigures(p *pressure) {
	cal := sv.f.cal
	sv.Figures = figures{over: true, Rate: p.served, refused: p.refused, queued: p.queued, busy: p.other}
	g := &sv.Figures
	var work [Kinds]float64
	for k := range Kinds {
		work[k] = float64(p.served[k] * service(cal, k))
		g.busy += work[k]
	}
	for k := range Kinds {
		if p.served[k] == 0 {
			continue
		}
		threads := float64(sv.threads(k)) / p.served[k]
		if p.queued[k] > 0 || p.part[k] < 1 {
			g.held[k] = max(0, threads-service(cal, k))
			g.waiting[k] = p.queued[k] / p.served[k]
			continue
		}
		left := float64(sv.CPUs) - (g.busy - work[k])
		if left > work[k] {
			g.held[k] = min(float64(service(cal, k)*work[k])/(left-work[k]), max(0, threads-service(cal, k)))
		}
	}
	g.disk = sv.diskUse()
	sv.stale = false
}

// overloaded is a percentile while the load is steered: the queue lasts for as long
// as it does for everybody, and a thread takes an exponential time.
func (g *figures) overloaded(p float64, rate [Kinds]float64, cal *calibration.Constants) float64 {
	var sum, high float64
	for k := range Kinds {
		sum += rate[k]
		if rate[k] > 0 {
			high = max(high, g.waiting[k]+float64((g.held[k]+service(cal, k))*8)) // e^-8 is beyond all percentiles told
		}
	}
	if sum == 0 {
		return 0
	}
	low := 0.0
	for range 44 {
		mid := (low + high) / 2
		beyond := 0.0
		for k := range Kinds {
			if rate[k] == 0 {
				continue
			}
			tail := 1.0
			if t := mid - g.waiting[k]; t > 0 {
				tail = queueing.Exp(t / (g.held[k] + service(cal, k)))
			}
			beyond += float64(rate[k] / sum * tail)
		}
		if beyond > 1-p {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}
