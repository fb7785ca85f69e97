package elastic

import (
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// tracker is what an acting primary knows of its replication group
// (org.elasticsearch.index.seqno.ReplicationTracker).
type tracker struct {
	s *Shard
	// copies are by allocation id, sorted; the primary's own is among them.
	copies []*peerCopy
	writes int // replicated writes under way

	idle     []func() // what waits for writes to become 0
	blocked  bool     // a hand-off is under way: writes wait
	blockedQ []func()

	retries []*replicaRetry // operations that wait for another attempt

	leaseTick sim.Time // up to when leases have been synced
}

// peerCopy is a copy of the replication group.
type peerCopy struct {
	id string
	// inSync copies must have every acknowledged operation; tracked ones get
	// operations while they still recover.
	inSync, tracked bool
	// known is its local checkpoint as it told this primary last.
	known int64
}

// newTracker starts primary mode with the in-sync set of the cluster state.
func newTracker(s *Shard, inSync []string) *tracker {
	t := &tracker{s: s, leaseTick: s.Now()}
	for _, id := range inSync {
		t.add(id).inSync = true
	}
	t.add(s.Routing.AllocationID).inSync = true
	if s.table != nil {
		t.addInitializing(s.table)
	}
	if len(s.Store.Leases.All()) == 0 || t.sole() {
		t.PutLease(s.Process.Node.ID(), max(0, t.GlobalCheckpoint()+1))
	}
	return t
}

func (t *tracker) find(id string) *peerCopy {
	i, ok := slices.BinarySearchFunc(t.copies, id, func(c *peerCopy, id string) int { return strings.Compare(c.id, id) })
	if !ok {
		return nil
	}
	return t.copies[i]
}

func (t *tracker) add(id string) *peerCopy {
	i, ok := slices.BinarySearchFunc(t.copies, id, func(c *peerCopy, id string) int { return strings.Compare(c.id, id) })
	if !ok {
		t.copies = slices.Insert(t.copies, i, &peerCopy{id: id, known: NoOpsPerformed})
	}
	return t.copies[i]
}

func (t *tracker) addInitializing(tab *state.ShardTable) {
	for _, c := range tab.Copies {
		switch {
		case c.State == state.Initializing:
			t.add(c.AllocationID)
		case c.State == state.Relocating:
			t.add(c.OtherID)
		}
	}
}

func (t *tracker) sole() bool { return len(t.copies) == 1 }

// update follows a new table and in-sync set from the master: copies that are in
// neither are forgotten, new ones recover.
func (t *tracker) update(m *state.Index, tab *state.ShardTable) {
	t.SyncLeases()
	inSync := m.InSync[t.s.Key.Shard]
	t.copies = slices.DeleteFunc(t.copies, func(c *peerCopy) bool {
		return c.id != t.s.Routing.AllocationID && !slices.Contains(inSync, c.id) && tab.With(c.id) == nil
	})
	for _, id := range inSync {
		t.add(id).inSync = true
	}
	t.addInitializing(tab)
	t.s.Meta, t.s.table = m, tab
	t.s.Process.Cluster.Fluid.GroupChanged(leading{t.s})
	t.giveUpOnLeavers()
}

// targets are the copies, other than the primary, that operations are replicated to,
// in the table's order.
func (t *tracker) targets() []*state.Copy {
	var out []*state.Copy
	consider := func(c *state.Copy) {
		if c.AllocationID == t.s.Routing.AllocationID {
			return
		}
		if p := t.find(c.AllocationID); p != nil && (p.inSync || p.tracked) {
			out = append(out, c)
		}
	}
	for _, c := range t.s.table.Copies {
		if c.Assigned() {
			consider(c)
		}
		if target := c.Target(); target != nil {
			consider(target)
		}
	}
	return out
}

// unavailable are in-sync copies that no node holds: the master must take them out of
// the in-sync set before a write that they miss is acknowledged.
func (t *tracker) unavailable() []string {
	var out []string
	for _, c := range t.copies {
		if c.inSync && t.s.table.With(c.id) == nil {
			out = append(out, c.id)
		}
	}
	return out
}

// GlobalCheckpoint is the operation up to which every in-sync copy has all, as far as this
// primary knows: one that is cut off or dead, or follows another primary by now, tells it no
// more. What is beyond that a copy has to be ready to forget.
func (t *tracker) GlobalCheckpoint() int64 {
	t.s.Store.Settle()
	k := t.s.Engine().LocalCheckpoint()
	for _, c := range t.targets() {
		p := t.find(c.AllocationID)
		if !p.inSync {
			continue
		}
		if r := shardOn(t.s.Process.Member(c.Node), t.s.Key, c.AllocationID); r != nil && r.Term <= t.s.Term && t.s.Process.linked(c.Node) {
			p.known = max(p.known, r.Store.Engine.LocalCheckpoint())
		}
		k = min(k, p.known)
	}
	return max(k, t.s.Store.Global)
}

// Lags reports whether a copy that recovers still lacks operations which all in-sync copies
// have: it reports its checkpoint with every operation that it gets.
func (t *tracker) Lags(node, id string) bool {
	st := storeOn(t.s.Process.Member(node), t.s.Key, id)
	return st != nil && st.Engine.LocalCheckpoint() < t.GlobalCheckpoint()
}

// Members are the copies that are in-sync, and of all of them whether they get operations.
func (t *tracker) Members() (inSync []string, tracked map[string]bool) {
	tracked = make(map[string]bool)
	for _, c := range t.copies {
		if c.inSync {
			inSync = append(inSync, c.id)
		}
		tracked[c.id] = c.tracked
	}
	return inSync, tracked
}

// StoreOf is the store of another copy of a shard, if it is that allocation's.
func (p *Process) StoreOf(c *state.Copy, k store.Key) *store.Store {
	return storeOn(p.Member(c.Node), k, c.AllocationID)
}

func storeOn(n *Node, k store.Key, id string) *store.Store {
	if s := shardOn(n, k, id); s != nil {
		return s.Store
	}
	return nil
}

// shardOn is a copy on a node, if it is that allocation.
func shardOn(n *Node, k store.Key, id string) *Shard {
	if n == nil || n.Proc == nil {
		return nil
	}
	if s := n.Proc.Shards[k]; s != nil && s.Routing.AllocationID == id {
		return s
	}
	return nil
}

// syncGlobal tells the copies that can be reached the global checkpoint.
func (t *tracker) syncGlobal() {
	g := t.GlobalCheckpoint()
	t.s.Store.Global = g
	for _, c := range t.targets() {
		if st := t.s.Process.StoreOf(c, t.s.Key); st != nil && t.s.Process.linked(c.Node) {
			st.Global = min(g, st.Engine.LocalCheckpoint())
		}
	}
}

// linked reports whether messages to a node and back pass at present.
func (p *Process) linked(id string) bool {
	n := p.Member(id)
	if n == p.Node {
		return true
	}
	net := p.Cluster.net
	return n.Proc != nil && !n.Proc.Paused &&
		net.Reachable(p.Node.Name(), n.Name()) == sim.Open && net.Reachable(n.Name(), p.Node.Name()) == sim.Open
}

// MarkInSync counts a recovered copy as in-sync from now on: what is acknowledged
// after this is on it.
func (t *tracker) MarkInSync(id string) {
	if c := t.find(id); c != nil {
		c.inSync, c.tracked = true, true
		t.s.Process.Cluster.Fluid.GroupChanged(leading{t.s})
	}
}

// Track makes a recovering copy get all new operations.
func (t *tracker) Track(id string) {
	if c := t.find(id); c != nil {
		c.tracked = true
		t.s.Process.Cluster.Fluid.GroupChanged(leading{t.s})
	}
}

// PutLease has the history kept that a node's copy lacks.
func (t *tracker) PutLease(node string, retaining int64) {
	t.s.Store.Leases.Put(recovery.Lease{Node: node, Retaining: retaining, At: t.s.Process.Cluster.Now()})
}

// SyncLeases catches up with the syncs of the retention leases that were due since the
// last look: every 30 s from the moment the index was opened on this node. Between two
// looks nothing has changed that a sync depends on but fluid operations, so only the
// last one matters.
func (t *tracker) SyncLeases() {
	s := t.s
	phase := s.Created
	if list := s.Process.byIndex[s.Key.UUID]; len(list) > 0 {
		phase = list[0].Created
	}
	tick := store.RefreshTick(s.Now(), phase, settings.LeaseSyncInterval)
	if tick <= t.leaseTick || s.Process.Paused {
		return
	}
	t.leaseTick = tick
	global := t.GlobalCheckpoint() - s.Process.Cluster.Fluid.OpsSince(s.Store, tick)
	s.periodicFlush(tick)
	in := recovery.Sync{
		Now: time.Duration(tick), AllStarted: true,
		Period:           settings.IndexLeasePeriod.Get(s.Meta.Settings),
		CommitCheckpoint: s.Store.Commit.Checkpoint, CommitDocs: s.Store.Commit.Docs,
		Threshold: settings.FileBasedThreshold,
	}
	for _, c := range s.table.Copies {
		in.AllStarted = in.AllStarted && c.Active()
		if c.Assigned() {
			in.Assigned = append(in.Assigned, recovery.Peer{Node: c.Node, GlobalCheckpoint: t.knownGlobal(c.AllocationID, global)})
		}
		if c.State == state.Relocating {
			in.Assigned = append(in.Assigned, recovery.Peer{Node: c.Other, GlobalCheckpoint: recovery.UnassignedSeqNo})
		}
	}
	s.Store.Leases.Sync(in)
	t.shareLeases()
}

// knownGlobal is the global checkpoint that a copy is known to have. One that is still
// recovering has not been told any: its lease goes on retaining what it lacks.
func (t *tracker) knownGlobal(id string, global int64) int64 {
	if c := t.find(id); c != nil && c.inSync {
		return global
	}
	return recovery.UnassignedSeqNo
}

// shareLeases gives the copies that can be reached the leases, so that any of them
// can go on as primary.
func (t *tracker) shareLeases() {
	for _, c := range t.targets() {
		if st := t.s.Process.StoreOf(c, t.s.Key); st != nil && t.s.Process.linked(c.Node) {
			st.Leases = t.s.Store.Leases.Clone()
		}
	}
}

// close ends primary mode.
func (t *tracker) close() {
	t.s.Process.Cluster.Fluid.GroupClosed(leading{t.s})
	t.s.Tracker = nil
	t.idle = nil
	t.endRetries(func(*replicaRetry) bool { return true })
	t.Unblock() // what was held back finds another primary
	t.endRetries(func(*replicaRetry) bool { return true })
}

// periodicFlush commits when the last commit is older than
// index.translog.flush_threshold_age and writes went on, or when the shard has been
// idle for five minutes.
func (s *Shard) periodicFlush(at sim.Time) {
	if s.Engine().TotalOps() == s.Store.Commit.AtOps {
		return
	}
	age := settings.IndexFlushThresholdAge.Get(s.Meta.Settings)
	if at.Sub(s.Store.Committed) >= age {
		s.Store.Flush()
		s.Counters.FlushTotal++
		s.Store.Committed = at
	}
}
