package elastic

import (
	"cmp"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// shardPhase is how far a copy has come in its process (IndexShardState).
type shardPhase uint8

const (
	recovering   shardPhase = iota
	postRecovery            // recovered; the master has not said "started" yet
	started
	closed
)

// shard is a copy that a process holds open (IndexShard).
type shard struct {
	p       *process
	key     store.Key
	index   string
	meta    *state.Index
	table   *state.ShardTable
	routing *state.Copy // as last applied
	store   *store.Store
	phase   shardPhase
	created sim.Time
	// term is the primary term under which the copy accepts operations.
	term int64

	tracker  *tracker // non-nil while the copy acts as primary
	recovery *recoveryRun
	sources  []*recoverySource // recoveries that this primary serves
	// handedOff is the relocation target that has become the acting primary.
	handedOff string

	lastSearch sim.Time
	refreshed  sim.Time // up to when operations are visible by an explicit refresh
	stats      shardCounters
}

// shardCounters are what a copy counts in one life.
type shardCounters struct {
	indexTotal, indexFailed, deleteTotal, noops int64
	getTotal, getMissing                        int64
	queryTotal, fetchTotal                      int64
	refreshTotal, flushTotal                    int64
	sources, targets                            int
	indexTime, queryTime                        time.Duration
}

func (s *shard) engine() *store.Engine { return &s.store.Engine }

func (s *shard) now() sim.Time { return s.p.c.e.Now() }

// active reports whether the copy acts as primary at present.
func (s *shard) actingPrimary() bool {
	return s.tracker != nil && s.handedOff == "" && s.phase != closed
}

const (
	// shardLockRetry is after how long a node tries again to open a copy whose directory an
	// older copy still has locked (indices.cluster.shard_lock.retry.interval).
	shardLockRetry = time.Second
	// shardClosing is about how long a copy that was open keeps its lock when it is closed.
	shardClosing = 20 * time.Millisecond
)

// createShard opens a copy and begins its recovery, once the directory is free.
func (p *process) createShard(m *state.Index, t *state.ShardTable, want *state.Copy) {
	key := store.Key{UUID: m.UUID, Shard: t.Shard}
	if p.c.e.Now() < p.locked[key] {
		p.openLater(key, want.AllocationID)
		return
	}
	delete(p.locked, key)
	if !p.n.room(shardStateWrite) {
		p.reportFailed(want, m, "failed to create shard", errShardState)
		return
	}
	st := p.n.stores[key]
	fresh := st == nil
	if fresh {
		st = p.n.newStore(key, m.Name)
	}
	s := &shard{
		p: p, key: key, index: m.Name, meta: m, table: t, routing: want, store: st,
		created: p.c.e.Now(), term: m.PrimaryTerms[t.Shard], lastSearch: p.c.e.Now(),
	}
	loadOf(st).opened()
	p.openShard(s)
	// A copy that returns keeps its allocation id on disk until it has recovered
	// (a primary from its own store, or a replica): then the new one is written.
	s.startRecovery(fresh)
}

// openLater tries to open a copy again when its lock should be free.
func (p *process) openLater(key store.Key, id string) {
	if p.opening[key] == id {
		return
	}
	p.opening[key] = id
	p.after(shardLockRetry, "shard.lock", func() {
		if p.opening[key] != id {
			return // another allocation waits
		}
		delete(p.opening, key)
		t, m := tableOf(p.applied, key)
		if t == nil || p.shards[key] != nil {
			return
		}
		if want := t.On(p.n.ID()); want != nil && want.AllocationID == id && want.State == state.Initializing {
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
func (s *shard) writeState() bool {
	if s.store.AllocationID == s.routing.AllocationID && s.store.Primary == s.routing.Primary {
		return true
	}
	if !s.p.n.room(shardStateWrite) {
		s.fail("failed updating shard routing entry", errShardState)
		return false
	}
	s.store.AllocationID, s.store.Primary = s.routing.AllocationID, s.routing.Primary
	return true
}

// close ends a copy in this process; its store stays.
func (s *shard) close(reason string) {
	if s.phase == closed {
		return
	}
	open := s.phase == started
	s.phase = closed
	if s.recovery != nil {
		s.recovery.cancel(reason)
	}
	for len(s.sources) > 0 {
		s.sources[0].end(errDelayRecovery)
	}
	if s.tracker != nil {
		s.tracker.close()
	}
	p := s.p
	p.shutShard(s)
	p.locked[s.key] = s.now().Add(shardClosing)
	p.c.fluid.detach(s.store)
	if open && !p.hasCopiesOf(s.index) {
		s.store.Flush()
	}
}

// hasCopiesOf reports whether the applied state gives the node any copy of an index. When it
// gives none the node closes the index as a whole, which flushes (IndexService.closeShard).
func (p *process) hasCopiesOf(index string) bool {
	t := p.applied.Routing.Index(index)
	return t != nil && slices.ContainsFunc(t.Shards, func(sh *state.ShardTable) bool { return sh.On(p.n.ID()) != nil })
}

// processEnded is what becomes of a copy when its process ends.
func (s *shard) processEnded(graceful bool) {
	p := s.p
	p.c.fluid.settle(s.store)
	if !graceful && settings.IndexTranslogDurability.Get(s.meta.Settings) == "ASYNC" {
		sync := settings.IndexTranslogSyncInterval.Get(s.meta.Settings)
		s.engine().Truncate(store.RefreshTick(s.now(), s.created, sync), s.store.Commit.Checkpoint)
	}
	if graceful {
		s.store.Flush()
	}
	if s.recovery != nil {
		s.recovery.cancel("node closed")
	}
	p.c.fluid.detach(s.store)
	s.phase = closed
	s.engine().Reopen(s.now())
}

// recoverySourceChanged reports whether a copy that recovers from a peer has to start
// over because its primary is another one now.
func (s *shard) recoverySourceChanged(want *state.Copy, t *state.ShardTable) bool {
	if s.recovery == nil || want.Source != state.Peer || s.phase != recovering || s.recovery.source == nil {
		return false
	}
	from := sourceOf(want, t)
	return from == "" || s.recovery.source.ID() != from
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
func (s *shard) updateMeta(m *state.Index, t *state.ShardTable) {
	s.meta = m
	if s.routing.Primary && s.tracker != nil && t.With(s.routing.AllocationID) != nil {
		s.tracker.update(m, t)
	}
}

// update follows a change of the copy's entry in the routing table
// (IndexShard.updateShardState).
func (s *shard) update(want *state.Copy, m *state.Index, t *state.ShardTable) {
	if s.tracker != nil {
		s.tracker.syncLeases() // what was due by now saw the copies as they were
	}
	was := s.routing
	s.routing, s.meta, s.table = want, m, t
	if want.Primary && !was.Primary {
		s.promote()
	}
	if want.Active() && s.phase == postRecovery {
		s.phase = started
		if want.Primary && s.tracker == nil {
			s.activate(m.InSync[s.key.Shard])
		}
	}
	if s.handedOff != "" && want.State == state.Started {
		// The relocation was cancelled after the hand-off: what the target has done since is
		// lost to this copy, so it may not go on as primary.
		s.fail("shard was marked as relocated, cannot revert", "")
		return
	}
	if s.tracker != nil {
		s.tracker.update(m, t)
	}
	if want.State == state.Initializing && s.phase == postRecovery {
		s.p.reportStarted(s) // the master has not heard of it
	}
	if s.writeState() {
		s.p.n.changed()
	}
}

// promote makes a replica the primary under a new term: gaps in its history become
// no-ops, the other copies are resynced to it.
func (s *shard) promote() {
	s.term = s.meta.PrimaryTerms[s.key.Shard]
	e := s.engine()
	e.Missing = nil
	e.Floor = UnassignedSeqNo
	s.p.c.e.Note("shard.promote", s.index, uint64(s.key.Shard), uint64(s.term))
	s.activate(s.meta.InSync[s.key.Shard])
	s.resyncReplicas()
}

// activate makes the copy the acting primary.
func (s *shard) activate(inSync []string) {
	s.tracker = newTracker(s, inSync)
	s.p.c.inv.activated(s)
	s.p.c.fluid.groupChanged(s)
}

// compareShards orders by index name and shard number.
func compareShards(a, b *shard) int {
	return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(a.key.UUID, b.key.UUID), cmp.Compare(a.key.Shard, b.key.Shard))
}
