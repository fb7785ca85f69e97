package load

import (
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/calibration"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// Spec is a steady stream of operations on an index.
type Spec struct {
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

// Fluid is the load, the replication groups it flows into and the nodes that serve it.
type Fluid struct {
	engine *sim.Engine
	net    *sim.Network
	cal    *calibration.Constants

	Loads   []Spec
	deleted int // groups of deleted indices among order
	// targets are the indices that the loads go to: their own, or the write index of the
	// alias or data stream that they name, as the master last applied it; "" for none.
	targets []string
	names   *state.State // by which targets were found
	groups  map[store.Key]*Group
	blocks  []state.IndexBlocks // in force, as the master last applied them
	Order   []*Group
	Queues  []Queue // by ordinal of the node
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
	percentiles         map[percentile]float64
}

// Machine is a node's hardware with its elasticsearch.yml.
type Machine struct {
	Name      string
	CPUs      int
	HeapBytes int64
	Settings  settings.Settings
	Latency   time.Duration // one way, to the middle of the network
	Disk      *sim.Disk
	// Node is what changes of it.
	Node Node
}

// Node is what a node does at present.
type Node interface {
	// Serving: its HTTP port is open.
	Serving() bool
	// Paused: its process is frozen.
	Paused() bool
	// Stored are the bytes of its stores.
	Stored() int64
}

// Primary is a shard's primary as the load that flows to it knows it.
type Primary interface {
	// Acts: it leads its replication group, in a process that lives.
	Acts() bool
	// Accepts: it executes operations.
	Accepts() bool
	IndexMetadata() *state.Index
	OwnStore() *store.Store
	// Unavailable are in-sync copies that no node holds.
	Unavailable() []string
	// Targets are the copies that operations are replicated to.
	Targets() []*state.Copy
	// Reach is the store of one of them; nil when operations don't reach it.
	Reach(c *state.Copy) *store.Store
	// Refuses: a write to a copy fails at once rather than waiting for an answer that
	// doesn't come.
	Refuses(c *state.Copy) bool
	// After does something in the primary's process.
	After(d time.Duration, name string, f func())
	// FailCopy has the master fail a copy.
	FailCopy(id, message string)
}

// Group is a shard's acting primary and the copies that get its operations.
type Group struct {
	key     store.Key
	index   string
	refuses refusal
	primary Primary // nil: none acts at present
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

// Copy is what the load has to do with a copy's store.
type Copy struct {
	f       *Fluid
	st      *store.Store
	group   *Group   // whose operations the copy gets; nil none
	work    copyWork // done for the load, counted for statistics
	flushes int64    // for the size of the translog
}

// Attach has the load reach a store.
func (f *Fluid) Attach(st *store.Store) { st.Background = &Copy{f: f, st: st} }

// Of is what the load has to do with a copy.
func Of(st *store.Store) *Copy { return st.Background.(*Copy) }

// Settle implements [store.Background].
func (c *Copy) Settle() {
	if c.group != nil {
		c.f.advance(c.group)
	}
}

// Opened begins to count what a copy does in its process.
func (c *Copy) Opened() { c.work, c.flushes = copyWork{}, 0 }

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

// New is the load of a cluster of so many machines; nothing flows yet.
func New(e *sim.Engine, net *sim.Network, cal *calibration.Constants, machines int) *Fluid {
	f := &Fluid{engine: e, net: net, cal: cal, groups: make(map[store.Key]*Group), Queues: make([]Queue, machines), percentiles: make(map[percentile]float64)}
	for i := range f.Queues {
		f.Queues[i].f = f
	}
	f.applyKind = e.Register("load.apply", func(uint32) { f.apply() })
	f.tickKind = e.Register("load.steer", func(uint32) { f.tick() })
	return f
}

// Place says what the i-th machine is.
func (f *Fluid) Place(i int, m Machine) {
	f.Queues[i].Machine, f.Queues[i].sizes = m, sizesOfPools(m.CPUs, m.Settings)
}

// Set replaces the load from now on; an empty list stops it.
func (f *Fluid) Set(loads []Spec) {
	f.Loads = slices.Clone(loads)
	f.targets = targetsOf(f.Loads, f.names)
	f.aimAll()
}

// aimAll sets the rates of all groups.
func (f *Fluid) aimAll() {
	for _, g := range f.Order {
		f.advance(g)
		f.aim(g)
	}
	for _, g := range f.Order {
		f.book(g) // again: what a copy costs depends on what else its node indexes
	}
}

// targetsOf are the indices that loads go to by a state.
func targetsOf(loads []Spec, st *state.State) []string {
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

// StateApplied follows the blocks and, where they may have changed, the names of a state that
// the master has applied: a load of an alias goes on to its next index.
func (f *Fluid) StateApplied(st *state.State, renamed bool) {
	f.blocksApplied(st)
	if !renamed && f.names != nil {
		return
	}
	f.names = st
	if len(f.Loads) == 0 {
		return
	}
	if targets := targetsOf(f.Loads, st); !slices.Equal(targets, f.targets) {
		f.targets = targets
		f.aimAll()
	}
}

// Traffic counts the operations of the load since the cluster was made. A
// write that finds its shard without a primary, or its primary waiting for a silent
// copy, waits for up to a minute as clients do, and fails after that.
func (f *Fluid) Traffic() Traffic {
	if len(f.Loads) == 0 {
		return f.traffic
	}
	for _, g := range f.Order {
		f.advance(g)
	}
	return f.traffic
}

// GroupChanged follows a primary's new replication group.
func (f *Fluid) GroupChanged(s Primary) {
	key, index := s.OwnStore().Key, s.OwnStore().IndexName
	g := f.groups[key]
	if g == nil {
		f.forgetDeleted(index, key)
		g = &Group{key: key, index: index, since: f.engine.Now(), stalled: sim.Never, refuses: refusalOf(f.blocks, index)}
		f.groups[key] = g
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

// GroupClosed tells that a primary acts no longer.
func (f *Fluid) GroupClosed(s Primary) {
	g := f.groups[s.OwnStore().Key]
	if g == nil || g.primary != s {
		return
	}
	f.advance(g)
	g.primary = nil
	f.regroup(g)
}

// Detach takes a copy out of its group: what it holds stays as it is.
func (f *Fluid) Detach(st *store.Store) {
	g := f.groups[st.Key]
	if g == nil {
		return
	}
	f.advance(g)
	if i := slices.Index(g.Members, st); i >= 0 {
		g.Members = slices.Delete(g.Members, i, i+1)
		Of(st).group = nil
	}
	if g.primary != nil && g.primary.OwnStore() == st {
		g.primary = nil
	}
	f.regroup(g)
}

// aim sets the group's rates from the loads of its index.
func (f *Fluid) aim(g *Group) {
	before := g.writes.offered.rate + g.reads.offered.rate
	defer func() { f.request(int64(g.writes.offered.rate+g.reads.offered.rate) - int64(before)) }()
	g.writes.offered.rate, g.reads.offered.rate, g.docBytes = 0, 0, 1000
	if g.primary == nil {
		return
	}
	for i, l := range f.Loads {
		if f.targets[i] != g.index {
			continue
		}
		share := ZipfShare(g.key.Shard, g.primary.IndexMetadata().Shards, l.Skew)
		g.writes.offered.rate += uint64(math.Round(float64(l.WritesPerSec*share) * 1e6))
		g.reads.offered.rate += uint64(math.Round(float64(l.ReadsPerSec*share) * 1e6))
		if l.DocBytes > 0 {
			g.docBytes = l.DocBytes
		}
	}
	f.regroup(g)
}

// regroup looks again at who belongs to the group and whether all of them answer.
func (f *Fluid) regroup(g *Group) {
	now := f.engine.Now()
	g.since = now
	was := g.flowing
	g.flowing, g.readers = false, 0
	for _, st := range g.Members {
		Of(st).group = nil
	}
	g.Members, g.reader = g.Members[:0], g.reader[:0]
	s := g.primary
	if s != nil && s.Acts() {
		g.Members, g.reader = append(g.Members, s.OwnStore()), append(g.reader, 0)
		g.flowing = s.Accepts() && !g.refuses.writes
		for _, id := range s.Unavailable() {
			g.flowing = false
			f.report(g, id, "failed to mark shard as stale", f.cal.FailureNotice)
		}
		g.readers = 1
		for _, cp := range s.Targets() {
			st := s.Reach(cp)
			if st == nil {
				g.flowing = false // acknowledged only once the master has failed the copy
				if s.Refuses(cp) {
					f.report(g, cp.AllocationID, "failed to perform indices:data/write/bulk[s] on replica "+cp.Describe(), RetryTimeout)
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
		Of(st).group = g
	}
	f.book(g)
	switch {
	case g.flowing:
		g.stalled = sim.Never
	case was || g.stalled == sim.Never:
		g.stalled = now
	}
}

// RetryTimeout is indices.replication.retry_timeout.
const RetryTimeout = 60 * time.Second

// report has the master fail a copy that writes don't reach, once, unless that has
// changed after a while.
func (f *Fluid) report(g *Group, id, message string, after time.Duration) {
	wait := message + id // a copy whose node leaves during the wait is stale at once
	if g.writes.offered.rate == 0 || g.refuses.writes || slices.Contains(g.reported, wait) {
		return
	}
	g.reported = append(g.reported, wait)
	s := g.primary
	s.After(after, "write.failed", func() {
		if g.primary != s || reaches(s, id) {
			g.reported = slices.DeleteFunc(g.reported, func(o string) bool { return o == wait })
			return
		}
		s.FailCopy(id, message)
	})
}

// reaches reports whether writes of a primary reach a copy, or need not.
func reaches(s Primary, id string) bool {
	if slices.Contains(s.Unavailable(), id) {
		return false
	}
	for _, cp := range s.Targets() {
		if cp.AllocationID == id {
			return s.Reach(cp) != nil
		}
	}
	return true
}

// advance lets the operations flow up to now.
func (f *Fluid) advance(g *Group) {
	now := f.engine.Now()
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
		Of(st).work.count(&f.Queues[st.Machine], done, g.docBytes)
		if writes == 0 {
			continue
		}
		st.Engine.Max = top
		st.Engine.FluidDocs += writes
		st.Grow(writes*g.docBytes, writes)
		if st.Grown.Bytes >= g.flushAt {
			st.Flush() // index.translog.flush_threshold_size
			st.Committed = now
			Of(st).flushes++
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
func (f *Fluid) globalCheckpoints(g *Group) {
	k := g.Members[0].Engine.LocalCheckpoint()
	for i, st := range g.Members {
		if i == 0 || st.Engine.Floor == api.UnassignedSeqNo {
			k = min(k, st.Engine.LocalCheckpoint())
		}
	}
	for _, st := range g.Members {
		st.Global = max(st.Global, min(k, st.Engine.LocalCheckpoint()))
	}
}

// OpsSince is how many fluid operations a copy has got since a time.
func (f *Fluid) OpsSince(st *store.Store, t sim.Time) int64 {
	g := f.groups[st.Key]
	if g == nil || !g.flowing || !slices.Contains(g.Members, st) {
		return 0
	}
	m := meter{rate: g.writes.offered.rate}
	if g.writes.steered {
		m.rate = g.writes.served.rate
	}
	n, _ := m.count(f.engine.Now().Sub(t))
	return n
}

// DocBytes is the stored size of the shard's fluid documents.
func (f *Fluid) DocBytes(st *store.Store) int64 {
	if g := f.groups[st.Key]; g != nil {
		return g.docBytes
	}
	return 1000
}

// Adopt gives a copy that has replayed operations up to end the fluid documents that its
// source had with them; the copy has got those of later operations itself.
func (f *Fluid) Adopt(st *store.Store, docs, end int64) {
	st.Settle()
	st.Engine.Max = max(st.Engine.Max, end)
	st.Engine.FluidDocs = max(0, docs+st.Engine.FluidSince(end)-st.Damage.Lost)
}

// ProcessStarted begins to count anew what a node's process does.
func (sv *Queue) ProcessStarted() {
	sv.advance(sv.f.engine.Now())
	t := &sv.tally
	*t = tally{written: t.written, read: t.read, writes: t.writes, reads: t.reads, diskBusy: t.diskBusy}
	sv.API = apiWork{}
}

// TopologyChanged looks at all groups again after a link or a process has changed.
func (f *Fluid) TopologyChanged() {
	f.CountLive()
	for _, g := range f.Order {
		f.advance(g)
		f.regroup(g)
	}
}
