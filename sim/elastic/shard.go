package elastic

import (
	"cmp"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/planted"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/delta"
	"github.com/shardquake/shardquake/sim/elastic/load"
	"github.com/shardquake/shardquake/sim/elastic/peer"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// shardPhase is how far a copy has come in its process (IndexShardState).
type shardPhase uint8

const (
	Recovering   shardPhase = iota
	postRecovery            // recovered; the master has not said "started" yet
	Started
	Closed
)

// Shard is a copy that a process holds open (IndexShard).
type Shard struct {
	Process *Process
	Key     store.Key
	Index   string
	Meta    *state.Index
	table   *state.ShardTable
	Routing *state.Copy // as last applied
	Store   *store.Store
	Phase   shardPhase
	Created sim.Time
	// term is the primary term under which the copy accepts operations.
	Term int64

	Tracker  *tracker // non-nil while the copy acts as primary
	Recovery *Recovery
	Sources  []*peer.Source // recoveries that this primary serves
	// handedOff is the relocation target that has become the acting primary.
	handedOff string

	lastSearch sim.Time
	refreshed  sim.Time // up to when operations are visible by an explicit refresh
	Counters   shardCounters
}

// shardCounters are what a copy counts in one life.
type shardCounters struct {
	IndexTotal, IndexFailed, DeleteTotal, Noops int64
	GetTotal, GetMissing                        int64
	QueryTotal, FetchTotal                      int64
	RefreshTotal, FlushTotal                    int64
	sources, targets                            int
	IndexTime, QueryTime                        time.Duration
	// Groups of searches by name, and Fielddata that they brought into memory, bytes by field.
	Groups    map[string]SearchGroup
	Fielddata map[string]int64
}

func (s *Shard) Engine() *store.Engine { return &s.Store.Engine }

func (s *Shard) Now() sim.Time { return s.Process.Cluster.e.Now() }

// ActingPrimary reports whether the copy acts as primary at present.
func (s *Shard) ActingPrimary() bool {
	return s.Tracker != nil && s.handedOff == "" && s.Phase != Closed
}

const (
	// shardLockRetry is after how long a node tries again to open a copy whose directory an
	// older copy still has locked (indices.cluster.shard_lock.retry.interval).
	shardLockRetry = time.Second
	// shardClosing is about how long a copy that was open keeps its lock when it is closed.
	shardClosing = 20 * time.Millisecond
)

// createShard opens a copy and begins its recovery, once the directory is free.
func (p *Process) createShard(m *state.Index, t *state.ShardTable, want *state.Copy) {
	key := store.Key{UUID: m.UUID, Shard: t.Shard}
	if p.Cluster.e.Now() < p.locked[key] {
		p.openLater(key, want.AllocationID)
		return
	}
	delete(p.locked, key)
	if !p.Node.HasRoom(shardStateWrite) {
		p.reportFailed(want, m, "failed to create shard", errShardState)
		return
	}
	st := p.Node.Stores[key]
	fresh := st == nil
	if fresh {
		st = p.Node.NewStore(key, m.Name)
	}
	s := &Shard{
		Process: p, Key: key, Index: m.Name, Meta: m, table: t, Routing: want, Store: st,
		Created: p.Cluster.e.Now(), Term: m.PrimaryTerms[t.Shard], lastSearch: p.Cluster.e.Now(),
	}
	load.Of(st).Opened()
	p.openShard(s)
	// A copy that returns keeps its allocation id on disk until it has recovered
	// (a primary from its own store, or a replica): then the new one is written.
	s.startRecovery(fresh)
}

// openLater tries to open a copy again when its lock should be free.
func (p *Process) openLater(key store.Key, id string) {
	if p.opening[key] == id {
		return
	}
	p.opening[key] = id
	p.After(shardLockRetry, "shard.lock", func() {
		if p.opening[key] != id {
			return // another allocation waits
		}
		delete(p.opening, key)
		t, m := delta.TableOf(p.Applied, key)
		if t == nil || p.Shards[key] != nil {
			return
		}
		if want := t.On(p.Node.ID()); want != nil && want.AllocationID == id && want.State == state.Initializing {
			p.createShard(m, t, want)
		}
	})
}

// shardStateWrite is what the file with a copy's state takes on disk: a block.
const shardStateWrite = 4 << 10

// errShardState is the failure of a copy whose state can't be written.
const errShardState = "java.io.IOException: failed to write state to the first location tmp file"

// writeState persists which allocation the store belongs to, where that has changed. On a
// full disk it fails the copy and returns false (IndexShard.persistMetadata).
func (s *Shard) writeState() bool {
	if s.Store.AllocationID == s.Routing.AllocationID && s.Store.Primary == s.Routing.Primary {
		return true
	}
	if !s.Process.Node.HasRoom(shardStateWrite) {
		s.fail("failed updating shard routing entry", errShardState)
		return false
	}
	s.Store.AllocationID, s.Store.Primary = s.Routing.AllocationID, s.Routing.Primary
	return true
}

// close ends a copy in this process; its store stays.
func (s *Shard) close(reason string) {
	if s.Phase == Closed {
		return
	}
	open := s.Phase == Started
	s.Phase = Closed
	if s.Recovery != nil {
		s.Recovery.Cancel()
	}
	for len(s.Sources) > 0 {
		s.Sources[0].End(peer.ErrDelay)
	}
	if s.Tracker != nil {
		s.Tracker.close()
	}
	p := s.Process
	p.shutShard(s)
	p.locked[s.Key] = s.Now().Add(shardClosing)
	p.Cluster.Fluid.Detach(s.Store)
	if open && !p.hasCopiesOf(s.Index) {
		s.Store.Flush()
	}
}

// hasCopiesOf reports whether the applied state gives the node any copy of an index. When it
// gives none the node closes the index as a whole, which flushes (IndexService.closeShard).
func (p *Process) hasCopiesOf(index string) bool {
	t := p.Applied.Routing.Index(index)
	return t != nil && slices.ContainsFunc(t.Shards, func(sh *state.ShardTable) bool { return sh.On(p.Node.ID()) != nil })
}

// processEnded is what becomes of a copy when its process ends.
func (s *Shard) processEnded(graceful bool) {
	p := s.Process
	s.Store.Settle()
	if !graceful && settings.IndexTranslogDurability.Get(s.Meta.Settings) == "ASYNC" {
		sync := settings.IndexTranslogSyncInterval.Get(s.Meta.Settings)
		s.Engine().Truncate(store.RefreshTick(s.Now(), s.Created, sync), s.Store.Commit.Checkpoint)
	}
	if graceful {
		s.Store.Flush()
	}
	if s.Recovery != nil {
		s.Recovery.Cancel()
	}
	p.Cluster.Fluid.Detach(s.Store)
	s.Phase = Closed
	s.Engine().Reopen(s.Now())
}

// recoverySourceChanged reports whether a copy that recovers from a peer has to start
// over because its primary is another one now.
func (s *Shard) recoverySourceChanged(want *state.Copy, t *state.ShardTable) bool {
	if s.Recovery == nil || want.Source != state.Peer || s.Phase != Recovering || s.Recovery.Source == nil {
		return false
	}
	from := sourceOf(want, t)
	return from == "" || s.Recovery.Source.ID() != from
}

// sourceOf is the node that a copy recovers from: the relocation's other end for a
// primary's target, else the primary's node; "" when there is none.
func sourceOf(want *state.Copy, t *state.ShardTable) string {
	if want.Primary && want.IsRelocationTarget() {
		return want.Other
	}
	if pr := t.Primary(); pr != nil && pr.Active() {
		return pr.Node
	}
	return ""
}

// updateMeta takes over new metadata of the index while the copy stays.
func (s *Shard) updateMeta(m *state.Index, t *state.ShardTable) {
	s.Meta = m
	if s.Routing.Primary && s.Tracker != nil && t.With(s.Routing.AllocationID) != nil {
		s.Tracker.update(m, t)
	}
}

// update follows a change of the copy's entry in the routing table
// (IndexShard.updateShardState).
func (s *Shard) update(want *state.Copy, m *state.Index, t *state.ShardTable) {
	if s.Tracker != nil {
		s.Tracker.SyncLeases() // what was due by now saw the copies as they were
	}
	was := s.Routing
	s.Routing, s.Meta, s.table = want, m, t
	if want.Primary && !was.Primary {
		s.promote()
	}
	if want.Active() && s.Phase == postRecovery {
		s.Phase = Started
		if want.Primary && s.Tracker == nil {
			s.activate(m.InSync[s.Key.Shard])
		}
	}
	if s.handedOff != "" && want.State == state.Started {
		// The relocation was cancelled after the hand-off: what the target has done since is
		// lost to this copy, so it may not go on as primary.
		s.fail("shard was marked as relocated, cannot revert", "")
		return
	}
	if s.Tracker != nil {
		s.Tracker.update(m, t)
	}
	if want.State == state.Initializing && s.Phase == postRecovery {
		s.Process.reportStarted(s) // the master has not heard of it
	}
	if s.writeState() {
		s.Process.Node.Changed()
	}
}

// promote makes a replica the primary under a new term: gaps in its history become
// no-ops, the other copies are resynced to it.
func (s *Shard) promote() {
	s.Store.Settle() // the old primary counted on what is missing here until now
	s.Term = s.Meta.PrimaryTerms[s.Key.Shard]
	e := s.Engine()
	e.Missing = nil
	e.Floor = UnassignedSeqNo
	s.Process.Cluster.e.Note("shard.promote", s.Index, uint64(s.Key.Shard), uint64(s.Term))
	s.activate(s.Meta.InSync[s.Key.Shard])
	if !planted.Is(planted.NoResync) {
		s.resyncReplicas()
	}
}

// activate makes the copy the acting primary.
func (s *Shard) activate(inSync []string) {
	s.Tracker = newTracker(s, inSync)
	s.Process.Cluster.Invariants.activated(s)
	s.Process.Cluster.Fluid.GroupChanged(leading{s})
}

// compareShards orders by index name and shard number.
func compareShards(a, b *Shard) int {
	return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Key.UUID, b.Key.UUID), cmp.Compare(a.Key.Shard, b.Key.Shard))
}
