package elastic

import (
	"errors"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Load is a steady stream of operations on an index that has no events of its own.
type Load struct {
	Index        string
	WritesPerSec float64
	ReadsPerSec  float64
	// DocBytes is the stored size of a document; 0 means 1,000.
	DocBytes int64
	// Skew is the Zipf exponent over the index's shards; 0: even.
	Skew float64
}

// Traffic counts the operations of the fluid load.
type Traffic struct {
	Acked, Failed      int64
	Reads, ReadsFailed int64
}

// fluidLoad is the load and the replication groups it flows into.
type fluidLoad struct {
	c      *Cluster
	loads  []Load
	groups map[storeKey]*fluidGroup
	order  []*fluidGroup
	// cpu and bytes are what the load takes of each node per second, by ordinal:
	// nanoseconds of processor time, bytes written.
	cpu, bytes []int64
	traffic    Traffic
}

// fluidGroup is a shard's acting primary and the copies that get its operations.
type fluidGroup struct {
	key     storeKey
	primary *shard // nil: none acts at present
	members []*store
	flowing bool
	since   sim.Time
	// stalled is since when operations wait for the primary or a silent copy.
	stalled  sim.Time
	write    meter
	read     meter
	docBytes int64
	shares   []share
	// reported are failures that the primary has reported to the master, or will.
	reported []string
	readers  int // active copies that share the reads
	reads    int64
}

// share is what a group takes of a node per second.
type share struct {
	node       int
	cpu, bytes int64
}

// meter turns a rate into whole operations.
type meter struct {
	rate  uint64 // operations per second × 10⁶
	carry uint64 // of the last division
}

const meterUnit = 1_000_000_000_000_000 // ns per s × 10⁶

func (m *meter) advance(d time.Duration) int64 {
	if m.rate == 0 || d <= 0 {
		return 0
	}
	n, carry := m.count(d)
	m.carry = carry
	return n
}

func (m *meter) count(d time.Duration) (int64, uint64) {
	hi, lo := bits.Mul64(m.rate, uint64(d))
	lo, c := bits.Add64(lo, m.carry, 0)
	q, r := bits.Div64(hi+c, lo, meterUnit)
	return int64(q), r
}

func (f *fluidLoad) init(c *Cluster) {
	f.c, f.groups = c, make(map[storeKey]*fluidGroup)
	f.cpu, f.bytes = make([]int64, len(c.cfg.Nodes)), make([]int64, len(c.cfg.Nodes))
}

// SetLoad replaces the fluid load from now on; an empty list stops it.
func (c *Cluster) SetLoad(loads []Load) {
	f := &c.fluid
	f.loads = slices.Clone(loads)
	for _, g := range f.order {
		f.advance(g)
		f.aim(g)
	}
}

// Traffic counts the operations of the fluid load since the cluster was made. A
// write that finds its shard without a primary, or its primary waiting for a silent
// copy, waits for up to a minute as clients do, and fails after that.
func (c *Cluster) Traffic() Traffic {
	if len(c.fluid.loads) == 0 {
		return c.fluid.traffic
	}
	for _, g := range c.fluid.order {
		c.fluid.advance(g)
	}
	return c.fluid.traffic
}

// groupChanged follows a primary's new replication group.
func (f *fluidLoad) groupChanged(s *shard) {
	g := f.groups[s.key]
	if g == nil {
		g = &fluidGroup{key: s.key, since: f.c.e.Now(), stalled: sim.Never}
		f.groups[s.key] = g
		f.order = append(f.order, g)
		g.primary = s
		f.aim(g)
	}
	f.advance(g)
	if g.primary != s {
		g.primary, g.reported = s, nil
		f.aim(g)
	}
	f.regroup(g)
}

// groupClosed tells that a primary acts no longer.
func (f *fluidLoad) groupClosed(s *shard) {
	g := f.groups[s.key]
	if g == nil || g.primary != s {
		return
	}
	f.advance(g)
	g.primary = nil
	f.regroup(g)
}

// detach takes a copy out of its group: what it holds stays as it is.
func (f *fluidLoad) detach(st *store) {
	g := f.groups[st.key]
	if g == nil {
		return
	}
	f.advance(g)
	if i := slices.Index(g.members, st); i >= 0 {
		g.members = slices.Delete(g.members, i, i+1)
		st.group = nil
	}
	if g.primary != nil && g.primary.store == st {
		g.primary = nil
	}
	f.regroup(g)
}

// aim sets the group's rates from the loads of its index.
func (f *fluidLoad) aim(g *fluidGroup) {
	g.write.rate, g.read.rate, g.docBytes = 0, 0, 1000
	if g.primary == nil {
		return
	}
	for _, l := range f.loads {
		if l.Index != g.primary.index {
			continue
		}
		share := zipfShare(g.key.shard, g.primary.meta.Shards, l.Skew)
		g.write.rate += uint64(math.Round(float64(l.WritesPerSec*share) * 1e6))
		g.read.rate += uint64(math.Round(float64(l.ReadsPerSec*share) * 1e6))
		if l.DocBytes > 0 {
			g.docBytes = l.DocBytes
		}
	}
	f.regroup(g)
}

// regroup looks again at who belongs to the group and whether all of them answer.
func (f *fluidLoad) regroup(g *fluidGroup) {
	now := f.c.e.Now()
	g.since = now
	was := g.flowing
	g.flowing, g.readers = false, 0
	for _, st := range g.members {
		st.group = nil
	}
	g.members = g.members[:0]
	s := g.primary
	if s != nil && s.actingPrimary() && !s.p.dead {
		g.members = append(g.members, s.store)
		g.flowing = s.phase == started && !s.p.paused
		for _, id := range s.tracker.unavailable() {
			g.flowing = false
			f.report(g, id, "failed to mark shard as stale", f.c.cal.FailureNotice)
		}
		g.readers = 1
		for _, cp := range s.tracker.targets() {
			st := s.p.storeOf(cp, g.key)
			if st == nil || !s.p.linked(cp.Node) {
				g.flowing = false // acknowledged only once the master has failed the copy
				if f.refuses(s.p, cp) {
					f.report(g, cp.AllocationID, "failed to perform indices:data/write/bulk[s] on replica "+describe(cp), replicationRetryTimeout)
				}
				continue
			}
			g.members = append(g.members, st)
			if cp.Active() {
				g.readers++
			}
		}
	}
	for _, st := range g.members {
		st.group = g
	}
	f.book(g)
	switch {
	case g.flowing:
		g.stalled = sim.Never
	case was || g.stalled == sim.Never:
		g.stalled = now
	}
}

// refuses reports whether a write to a copy fails at once rather than waiting for an
// answer that doesn't come.
func (f *fluidLoad) refuses(p *process, cp *state.Copy) bool {
	n := p.node(cp.Node)
	net := f.c.net
	switch out, back := net.Reachable(p.n.Name(), n.Name()), net.Reachable(n.Name(), p.n.Name()); {
	case out == sim.Blackhole || back == sim.Blackhole:
		return false
	case out == sim.Reset || back == sim.Reset:
		return true
	}
	return n.proc == nil
}

// report has the master fail a copy that writes don't reach, once, unless that has
// changed after a while.
func (f *fluidLoad) report(g *fluidGroup, id, message string, after time.Duration) {
	wait := message + id // a copy whose node leaves during the wait is stale at once
	if g.write.rate == 0 || slices.Contains(g.reported, wait) {
		return
	}
	g.reported = append(g.reported, wait)
	s := g.primary
	s.p.after(after, "write.failed", func() {
		if s.phase == closed || s.tracker == nil || g.primary != s || f.reaches(s, id) {
			g.reported = slices.DeleteFunc(g.reported, func(o string) bool { return o == wait })
			return
		}
		s.p.failCopy(s.key, id, s.term, true, message, "", func(err error) {
			if errors.Is(err, errNoLongerPrimary) && s.phase != closed {
				s.fail("primary shard was demoted while failing replica shard", err.Error())
			}
		})
	})
}

// reaches reports whether writes of a primary reach a copy, or need not.
func (f *fluidLoad) reaches(s *shard, id string) bool {
	if slices.Contains(s.tracker.unavailable(), id) {
		return false
	}
	for _, cp := range s.tracker.targets() {
		if cp.AllocationID == id {
			return s.p.storeOf(cp, s.key) != nil && s.p.linked(cp.Node)
		}
	}
	return true
}

// book replaces what the group takes of its nodes.
func (f *fluidLoad) book(g *fluidGroup) {
	for _, sh := range g.shares {
		f.cpu[sh.node] -= sh.cpu
		f.bytes[sh.node] -= sh.bytes
	}
	g.shares = g.shares[:0]
	if g.write.rate+g.read.rate == 0 {
		return
	}
	var writes int64
	if g.flowing {
		writes = int64(g.write.rate)
	}
	for _, st := range g.members {
		sh := share{node: st.n.ordinal, bytes: writes * g.docBytes / 1e6}
		sh.cpu = writes * int64(f.c.cal.IndexOp) / 1e6
		if g.readers > 0 {
			sh.cpu += int64(g.read.rate) / int64(g.readers) * int64(f.c.cal.SearchOp) / 1e6
		}
		f.cpu[sh.node] += sh.cpu
		f.bytes[sh.node] += sh.bytes
		g.shares = append(g.shares, sh)
	}
}

// writesTo reports whether the load writes to a node's disk.
func (f *fluidLoad) writesTo(n *Node) bool { return f.bytes[n.ordinal] > 0 }

// advance lets the operations flow up to now.
func (f *fluidLoad) advance(g *fluidGroup) {
	now := f.c.e.Now()
	d := now.Sub(g.since)
	if d <= 0 {
		return
	}
	from := g.since
	g.since = now
	if g.readers > 0 {
		n := g.read.advance(d)
		g.reads += n
		f.traffic.Reads += n
	} else {
		f.traffic.ReadsFailed += g.read.advance(d)
	}
	if !g.flowing {
		// Clients wait for a minute; what comes later than that into the stall fails.
		if late := now.Sub(max(from, g.stalled.Add(time.Minute))); late > 0 {
			f.traffic.Failed += g.write.advance(late)
		}
		return
	}
	n := g.write.advance(d)
	if n == 0 {
		return
	}
	f.traffic.Acked += n
	top := g.members[0].eng.max + n
	for _, st := range g.members {
		st.eng.max = top
		st.eng.fluidDocs += n
		st.fluidWrites += n
		st.grow(n*g.docBytes, n)
	}
	f.globalCheckpoints(g)
}

// globalCheckpoints: fluid operations are acknowledged as they flow.
func (f *fluidLoad) globalCheckpoints(g *fluidGroup) {
	k := g.members[0].eng.localCheckpoint()
	for i, st := range g.members {
		if i == 0 || st.eng.floor == UnassignedSeqNo {
			k = min(k, st.eng.localCheckpoint())
		}
	}
	for _, st := range g.members {
		st.global = max(st.global, min(k, st.eng.localCheckpoint()))
	}
}

// settle brings a store up to date.
func (f *fluidLoad) settle(st *store) {
	if st.group != nil {
		f.advance(st.group)
	}
}

// opsSince is how many fluid operations a copy has got since a time.
func (f *fluidLoad) opsSince(st *store, t sim.Time) int64 {
	g := f.groups[st.key]
	if g == nil || !g.flowing || !slices.Contains(g.members, st) {
		return 0
	}
	m := meter{rate: g.write.rate}
	n, _ := m.count(f.c.e.Now().Sub(t))
	return n
}

// docBytes is the stored size of the shard's fluid documents.
func (f *fluidLoad) docBytes(st *store) int64 {
	if g := f.groups[st.key]; g != nil {
		return g.docBytes
	}
	return 1000
}

// adopt gives a copy that has replayed operations up to end the fluid documents of its
// source.
func (f *fluidLoad) adopt(st, src *store, end int64) {
	f.settle(st)
	st.eng.max = max(st.eng.max, end)
	st.eng.fluidDocs = max(0, src.eng.fluidDocs+src.damage.lost-st.damage.lost)
}

// topologyChanged looks at all groups again after a link or a process has changed.
func (f *fluidLoad) topologyChanged() {
	for _, g := range f.order {
		f.advance(g)
		f.regroup(g)
	}
}

// zipfShare is shard i's share of a load over n shards with weights 1/(i+1)^skew.
func zipfShare(i, n int, skew float64) float64 {
	if skew == 0 {
		return 1 / float64(n)
	}
	var sum float64
	for k := range n {
		sum += 1 / power(float64(k+1), skew)
	}
	return 1 / power(float64(i+1), skew) / sum
}

// power is x to the y, for x ≥ 1 and y ≥ 0, by squares and square roots only: the same
// on every machine.
func power(x, y float64) float64 {
	whole, frac := math.Modf(y)
	out := 1.0
	for range int(whole) {
		out = float64(out * x)
	}
	root := x
	for bit := 0.5; frac > 0 && bit > 1e-9; bit /= 2 {
		root = math.Sqrt(root)
		if frac >= bit {
			frac -= bit
			out = float64(out * root)
		}
	}
	return out
}
