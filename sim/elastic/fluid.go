package elastic

import (
	"errors"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
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

// FluidLoad is the load, the replication groups it flows into and the nodes that serve it.
type FluidLoad struct {
	deleted int // groups of deleted indices among order
	c       *Cluster
	Loads   []Load
	// targets are the indices that the loads go to: their own, or the write index of the
	// alias or data stream that they name, as the master last applied it; "" for none.
	targets []string
	names   *state.State // by which targets were found
	groups  map[store.Key]*FluidGroup
	blocks  []state.IndexBlocks // in force, as the master last applied them
	Order   []*FluidGroup
	Servers []Queue // by ordinal of the node
	traffic Traffic

	// requests are the operations that clients send per second, × 10⁶; live is how many
	// nodes coordinate them.
	requests int64
	live     int
	// touched are the nodes whose load has changed at this moment.
	touched, spare      []*Queue
	pending             bool
	Steering            bool
	steerPause          time.Duration
	ticker              sim.Handle
	applyKind, tickKind sim.Kind
	press               []pressure
	Version             uint64 // counts changes of any node's load
	latency             writeLatency
}

// FluidGroup is a shard's acting primary and the copies that get its operations.
type FluidGroup struct {
	key     store.Key
	index   string
	refuses refusal
	primary *Shard // nil: none acts at present
	Members []*store.Store
	flowing bool
	since   sim.Time
	// stalled is since when operations wait for the primary or a silent copy.
	stalled       sim.Time
	writes, reads stream
	docBytes      int64
	flushAt       int64 // bytes in the translog that make a copy commit
	// sized is the primary's size when the group was booked, grown what came since.
	sized, grown int64
	Shares       []share
	// reported are failures that the primary has reported to the master, or will.
	reported []string
	readers  int   // active copies that share the reads
	reader   []int // which of them each member is, -1 none
}

// loadCopy is what the load has to do with a copy's store.
type loadCopy struct {
	f       *FluidLoad
	st      *store.Store
	group   *FluidGroup // whose operations the copy gets; nil none
	work    copyWork    // done for the load, counted for statistics
	flushes int64       // for the size of the translog
}

func loadOf(st *store.Store) *loadCopy { return st.Background.(*loadCopy) }

// Settle implements [store.Background].
func (c *loadCopy) Settle() {
	if c.group != nil {
		c.f.advance(c.group)
	}
}

// opened begins to count what a copy does in its process.
func (c *loadCopy) opened() { c.work, c.flushes = copyWork{}, 0 }

// share is what a group asks of a node.
type share struct {
	node int
	Demand
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

func (f *FluidLoad) init(c *Cluster) {
	f.c, f.groups = c, make(map[store.Key]*FluidGroup)
	f.Servers = make([]Queue, len(c.cfg.Nodes))
	f.applyKind = c.e.Register("load.apply", func(uint32) { f.apply() })
	f.tickKind = c.e.Register("load.steer", func(uint32) { f.tick() })
}

// SetLoad replaces the fluid load from now on; an empty list stops it.
func (c *Cluster) SetLoad(loads []Load) {
	f := &c.Fluid
	f.Loads = slices.Clone(loads)
	f.targets = targetsOf(f.Loads, f.names)
	f.aimAll()
}

// aimAll sets the rates of all groups.
func (f *FluidLoad) aimAll() {
	for _, g := range f.Order {
		f.advance(g)
		f.aim(g)
	}
	for _, g := range f.Order {
		f.book(g) // again: what a copy costs depends on what else its node indexes
	}
}

// targetsOf are the indices that loads go to by a state.
func targetsOf(loads []Load, st *state.State) []string {
	out := make([]string, len(loads))
	for i, l := range loads {
		out[i] = l.Index
		if st == nil || st.Index(l.Index) != nil {
			continue
		}
		if d := st.DataStream(l.Index); d != nil {
			out[i] = d.Indices[len(d.Indices)-1]
		} else if m := state.WriteIndex(l.Index, st.Aliased(l.Index)); m != nil {
			out[i] = m.Name
		}
	}
	return out
}

// namesApplied follows the names of a state that the master has applied: a load of an alias
// goes on to its next index.
func (f *FluidLoad) namesApplied(st *state.State) {
	f.names = st
	if len(f.Loads) == 0 {
		return
	}
	if targets := targetsOf(f.Loads, st); !slices.Equal(targets, f.targets) {
		f.targets = targets
		f.aimAll()
	}
}

// Traffic counts the operations of the fluid load since the cluster was made. A
// write that finds its shard without a primary, or its primary waiting for a silent
// copy, waits for up to a minute as clients do, and fails after that.
func (c *Cluster) Traffic() Traffic {
	if len(c.Fluid.Loads) == 0 {
		return c.Fluid.traffic
	}
	for _, g := range c.Fluid.Order {
		c.Fluid.advance(g)
	}
	return c.Fluid.traffic
}

// groupChanged follows a primary's new replication group.
func (f *FluidLoad) groupChanged(s *Shard) {
	g := f.groups[s.Key]
	if g == nil {
		f.forgetDeleted(s.Index, s.Key)
		g = &FluidGroup{key: s.Key, index: s.Index, since: f.c.e.Now(), stalled: sim.Never, refuses: refusalOf(f.blocks, s.Index)}
		f.groups[s.Key] = g
		f.Order = append(f.Order, g)
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
func (f *FluidLoad) groupClosed(s *Shard) {
	g := f.groups[s.Key]
	if g == nil || g.primary != s {
		return
	}
	f.advance(g)
	g.primary = nil
	f.regroup(g)
}

// Detach takes a copy out of its group: what it holds stays as it is.
func (f *FluidLoad) Detach(st *store.Store) {
	g := f.groups[st.Key]
	if g == nil {
		return
	}
	f.advance(g)
	if i := slices.Index(g.Members, st); i >= 0 {
		g.Members = slices.Delete(g.Members, i, i+1)
		loadOf(st).group = nil
	}
	if g.primary != nil && g.primary.Store == st {
		g.primary = nil
	}
	f.regroup(g)
}

// aim sets the group's rates from the loads of its index.
func (f *FluidLoad) aim(g *FluidGroup) {
	before := g.writes.offered.rate + g.reads.offered.rate
	defer func() { f.request(int64(g.writes.offered.rate+g.reads.offered.rate) - int64(before)) }()
	g.writes.offered.rate, g.reads.offered.rate, g.docBytes = 0, 0, 1000
	if g.primary == nil {
		return
	}
	for i, l := range f.Loads {
		if f.targets[i] != g.primary.Index {
			continue
		}
		share := ZipfShare(g.key.Shard, g.primary.Meta.Shards, l.Skew)
		g.writes.offered.rate += uint64(math.Round(float64(l.WritesPerSec*share) * 1e6))
		g.reads.offered.rate += uint64(math.Round(float64(l.ReadsPerSec*share) * 1e6))
		if l.DocBytes > 0 {
			g.docBytes = l.DocBytes
		}
	}
	f.regroup(g)
}

// regroup looks again at who belongs to the group and whether all of them answer.
func (f *FluidLoad) regroup(g *FluidGroup) {
	now := f.c.e.Now()
	g.since = now
	was := g.flowing
	g.flowing, g.readers = false, 0
	for _, st := range g.Members {
		loadOf(st).group = nil
	}
	g.Members, g.reader = g.Members[:0], g.reader[:0]
	s := g.primary
	if s != nil && s.ActingPrimary() && !s.Process.dead {
		g.Members, g.reader = append(g.Members, s.Store), append(g.reader, 0)
		g.flowing = s.Phase == Started && !s.Process.Paused && !g.refuses.writes
		for _, id := range s.Tracker.unavailable() {
			g.flowing = false
			f.report(g, id, "failed to mark shard as stale", f.c.Calibration.FailureNotice)
		}
		g.readers = 1
		for _, cp := range s.Tracker.targets() {
			st := s.Process.StoreOf(cp, g.key)
			if st == nil || !s.Process.linked(cp.Node) {
				g.flowing = false // acknowledged only once the master has failed the copy
				if f.refuses(s.Process, cp) {
					f.report(g, cp.AllocationID, "failed to perform indices:data/write/bulk[s] on replica "+Describe(cp), replicationRetryTimeout)
				}
				continue
			}
			reader := -1
			if cp.Active() {
				reader = g.readers
				g.readers++
			}
			g.Members, g.reader = append(g.Members, st), append(g.reader, reader)
		}
	}
	if g.refuses.reads {
		g.readers = 0
		for i := range g.reader {
			g.reader[i] = -1
		}
	}
	for _, st := range g.Members {
		loadOf(st).group = g
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
func (f *FluidLoad) refuses(p *Process, cp *state.Copy) bool {
	n := p.Member(cp.Node)
	net := f.c.net
	switch out, back := net.Reachable(p.Node.Name(), n.Name()), net.Reachable(n.Name(), p.Node.Name()); {
	case out == sim.Blackhole || back == sim.Blackhole:
		return false
	case out == sim.Reset || back == sim.Reset:
		return true
	}
	return n.Proc == nil
}

// report has the master fail a copy that writes don't reach, once, unless that has
// changed after a while.
func (f *FluidLoad) report(g *FluidGroup, id, message string, after time.Duration) {
	wait := message + id // a copy whose node leaves during the wait is stale at once
	if g.writes.offered.rate == 0 || g.refuses.writes || slices.Contains(g.reported, wait) {
		return
	}
	g.reported = append(g.reported, wait)
	s := g.primary
	s.Process.After(after, "write.failed", func() {
		if s.Phase == Closed || s.Tracker == nil || g.primary != s || f.reaches(s, id) {
			g.reported = slices.DeleteFunc(g.reported, func(o string) bool { return o == wait })
			return
		}
		s.Process.failCopy(s.Key, id, s.term, true, message, "", func(err error) {
			if errors.Is(err, errNoLongerPrimary) && s.Phase != Closed {
				s.fail("primary shard was demoted while failing replica shard", err.Error())
			}
		})
	})
}

// reaches reports whether writes of a primary reach a copy, or need not.
func (f *FluidLoad) reaches(s *Shard, id string) bool {
	if slices.Contains(s.Tracker.unavailable(), id) {
		return false
	}
	for _, cp := range s.Tracker.targets() {
		if cp.AllocationID == id {
			return s.Process.StoreOf(cp, s.Key) != nil && s.Process.linked(cp.Node)
		}
	}
	return true
}

// advance lets the operations flow up to now.
func (f *FluidLoad) advance(g *FluidGroup) {
	now := f.c.e.Now()
	d := now.Sub(g.since)
	if d <= 0 {
		return
	}
	from := g.since
	g.since = now
	var reads, writes int64
	if g.readers > 0 {
		var refused int64
		reads, refused = g.reads.advance(d)
		f.traffic.Reads += reads
		f.traffic.ReadsFailed += refused
	} else {
		f.traffic.ReadsFailed += g.reads.offered.advance(d)
	}
	switch {
	case g.flowing:
		var refused int64
		writes, refused = g.writes.advance(d)
		f.traffic.Acked += writes
		f.traffic.Failed += refused
	case g.refuses.writes:
		f.traffic.Failed += g.writes.offered.advance(d)
	default:
		// Clients wait for a minute; what comes later than that into the stall fails.
		if late := now.Sub(max(from, g.stalled.Add(time.Minute))); late > 0 {
			f.traffic.Failed += g.writes.offered.advance(late)
		}
	}
	if reads+writes == 0 {
		return
	}
	top := g.Members[0].Engine.Max + writes
	for i, st := range g.Members {
		done := [Kinds]int64{Indexing: writes}
		if r := g.reader[i]; r >= 0 {
			done[Searching] = Part(reads, r, g.readers)
		}
		loadOf(st).work.count(&f.Servers[st.Machine], done, g.docBytes)
		if writes == 0 {
			continue
		}
		st.Engine.Max = top
		st.Engine.FluidDocs += writes
		st.Grow(writes*g.docBytes, writes)
		if st.Grown.Bytes >= g.flushAt {
			st.Flush() // index.translog.flush_threshold_size
			st.Committed = now
			loadOf(st).flushes++
		}
	}
	if writes > 0 {
		f.globalCheckpoints(g)
		if g.grown += writes * g.docBytes; g.grown > g.sized {
			f.book(g) // merges cost more in a shard of twice the size
		}
	}
}

// globalCheckpoints: fluid operations are acknowledged as they flow.
func (f *FluidLoad) globalCheckpoints(g *FluidGroup) {
	k := g.Members[0].Engine.LocalCheckpoint()
	for i, st := range g.Members {
		if i == 0 || st.Engine.Floor == UnassignedSeqNo {
			k = min(k, st.Engine.LocalCheckpoint())
		}
	}
	for _, st := range g.Members {
		st.Global = max(st.Global, min(k, st.Engine.LocalCheckpoint()))
	}
}

// opsSince is how many fluid operations a copy has got since a time.
func (f *FluidLoad) opsSince(st *store.Store, t sim.Time) int64 {
	g := f.groups[st.Key]
	if g == nil || !g.flowing || !slices.Contains(g.Members, st) {
		return 0
	}
	m := meter{rate: g.writes.offered.rate}
	if g.writes.steered {
		m.rate = g.writes.served.rate
	}
	n, _ := m.count(f.c.e.Now().Sub(t))
	return n
}

// docBytes is the stored size of the shard's fluid documents.
func (f *FluidLoad) docBytes(st *store.Store) int64 {
	if g := f.groups[st.Key]; g != nil {
		return g.docBytes
	}
	return 1000
}

// adopt gives a copy that has replayed operations up to end the fluid documents that its
// source had with them; the copy has got those of later operations itself.
func (f *FluidLoad) adopt(st *store.Store, docs, end int64) {
	st.Settle()
	st.Engine.Max = max(st.Engine.Max, end)
	st.Engine.FluidDocs = max(0, docs+st.Engine.FluidSince(end)-st.Damage.Lost)
}

// ProcessStarted begins to count anew what a node's process does.
func (f *FluidLoad) ProcessStarted(n *Node) {
	sv := &f.Servers[n.ordinal]
	sv.advance(f.c.e.Now())
	t := &sv.tally
	*t = serverTally{written: t.written, read: t.read, writes: t.writes, reads: t.reads, diskBusy: t.diskBusy}
	sv.API = apiWork{}
}

// TopologyChanged looks at all groups again after a link or a process has changed.
func (f *FluidLoad) TopologyChanged() {
	f.countLive()
	for _, g := range f.Order {
		f.advance(g)
		f.regroup(g)
	}
}
