package replica

import (
	"time"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// fetch is what a copy is getting from another one.
type fetch struct {
	active   bool
	from     shardmap.NodeID
	after    uint64
	snapshot uint64 // index of the snapshot, or 0 for entries
	afterKey []byte
}

// obey decides about a message of an epoch's primary: it reports false if that epoch is
// over, and makes the promise if it is new.
func (c *Core) obey(h *wire.Copy) bool {
	if h.Epoch < c.promised {
		return c.cfg.is(SkipFencing) && c.role == Backup
	}
	if h.Epoch > c.promised {
		c.stepDown()
		c.promise(h.Epoch)
	}
	c.ruler = h.From
	return true
}

func (c *Core) onFence(m *wire.Fence) {
	c.obey(&m.Copy)
	if c.damaged {
		return
	}
	from, epoch := m.From, m.Epoch
	c.syncs.After(func() {
		h := c.to(from)
		h.Epoch = epoch
		c.send(&wire.FenceAck{Copy: h, Promised: c.promised, LastEpoch: c.log.lastEpoch(), LastIndex: c.log.last()})
	})
}

func (c *Core) onAppend(m *wire.AppendEntries) {
	if !follows(m.PrevIndex, m.Entries, m.Epoch) {
		return
	}
	if c.obey(&m.Copy) && c.role == Backup {
		switch {
		case c.damaged:
			if !c.fetch.active {
				c.startFetch(m.From, c.commit)
			}
		case c.denies(m.PrevIndex, m.PrevEpoch, m.Entries):
			c.contradicted("what %s sends for entries %d to %d isn't what is committed here", m.From, m.PrevIndex, c.commit)
			return
		case m.PrevIndex > c.log.last() || m.PrevIndex >= c.log.base && c.log.epochAt(m.PrevIndex) != m.PrevEpoch:
			if !c.fetch.active {
				c.startFetch(m.From, max(c.verified, c.commit))
			}
		case c.splice(m.PrevIndex, m.Entries, frees(m.Entries)):
			c.odds = false
			c.agree(m.PrevIndex+uint64(len(m.Entries)), m.Commit)
		}
	}
	c.ack(m.From, m.Epoch, m.Round)
}

// follows reports whether entries have the indexes behind prev, and epochs up to that of
// the primary who sends them, in order.
func follows(prev uint64, list []wire.Entry, epoch uint64) bool {
	last := uint64(0)
	for i := range list {
		if list[i].Index != prev+1+uint64(i) || list[i].Epoch < last || list[i].Epoch > epoch {
			return false
		}
		last = list[i].Epoch
	}
	return true
}

// denies reports whether entries behind prev, or prev itself, aren't those that are known
// to be committed. An acting primary has all of these, so either it or this copy isn't
// what it was.
func (c *Core) denies(prev, prevEpoch uint64, list []wire.Entry) bool {
	other := func(index, epoch uint64) bool {
		return index >= c.log.base && index <= c.commit && c.log.epochAt(index) != epoch
	}
	if prev > 0 && other(prev, prevEpoch) {
		return true
	}
	for i := range list {
		if other(list[i].Index, list[i].Epoch) {
			return true
		}
	}
	return false
}

// frees reports whether entries make room in the end, or are about the shard itself.
func frees(list []wire.Entry) bool {
	for i := range list {
		for _, op := range list[i].Ops {
			if op.Kind != wire.Delete {
				return false
			}
		}
	}
	return true
}

// agree notes that the log equals the primary's up to an index.
func (c *Core) agree(index, commit uint64) {
	c.verified = max(c.verified, index)
	c.commit = max(c.commit, min(commit, c.verified))
}

// ack tells the primary, once it is durable, up to where the log equals its own.
func (c *Core) ack(to shardmap.NodeID, epoch, round uint64) {
	if c.damaged {
		return
	}
	match := c.verified
	if epoch != c.promised && !c.cfg.is(SkipFencing) {
		match = 0
	}
	say := func() {
		h := c.to(to)
		h.Epoch = epoch
		promised := c.promised
		if c.cfg.is(SkipFencing) {
			promised = epoch
		}
		c.send(&wire.Ack{Copy: h, Promised: promised, Match: match, Round: round})
	}
	if c.cfg.is(AckUnsynced) {
		say()
		return
	}
	c.syncs.After(say)
}

func (c *Core) startFetch(from shardmap.NodeID, after uint64) {
	c.fetch = fetch{active: true, from: from, after: after}
	c.sendFetch()
}

func (c *Core) sendFetch() {
	c.send(&wire.Fetch{Copy: c.to(c.fetch.from), After: c.fetch.after, Turn: c.gen, Snapshot: c.fetch.snapshot, AfterKey: c.fetch.afterKey})
}

// onFetch answers a primary that adopts this log, or, at the primary, a copy that
// can't follow. One that was the primary and has been restarted answers no such copy: it may
// have lost the end of its log, which the others have acknowledged.
func (c *Core) onFetch(m *wire.Fetch) {
	if m.Epoch != c.promised || c.role == Fencing || c.role == Adopting || c.role == Backup && m.From != c.ruler || c.damaged {
		return
	}
	if m.Snapshot != 0 || m.After < c.log.base || m.After > c.log.last() {
		c.sendSnapshot(m)
		return
	}
	c.send(&wire.Page{Copy: c.to(m.From), PrevIndex: m.After, PrevEpoch: c.log.epochAt(m.After),
		Entries: c.page(m.After), Commit: c.commit, LastIndex: c.log.last(), Turn: m.Turn})
}

// fetched reports whether a message is part of what is being fetched.
func (c *Core) fetched(h *wire.Copy) bool {
	return c.fetch.active && h.Epoch == c.promised && h.From == c.fetch.from && (c.role == Backup || c.role == Adopting)
}

func (c *Core) onPage(m *wire.Page) {
	if !c.fetched(&m.Copy) || m.PrevIndex != c.fetch.after || m.Turn != c.gen {
		// A page from before data was lost may end before what was acknowledged since.
		return
	}
	if m.PrevIndex >= c.log.base && !c.log.has(m.PrevIndex, m.PrevEpoch) || !follows(m.PrevIndex, m.Entries, m.Epoch) {
		return
	}
	if c.denies(m.PrevIndex, m.PrevEpoch, m.Entries) {
		c.contradicted("what %s sends for entries %d to %d isn't what is committed here", m.From, m.PrevIndex, c.commit)
		return
	}
	if !c.splice(m.PrevIndex, m.Entries, true) {
		return // the disk is full; the next tick asks again
	}
	c.donorAt = c.now
	end := m.PrevIndex + uint64(len(m.Entries))
	c.agree(end, m.Commit)
	c.fetch.after = end
	if end < m.LastIndex {
		if len(m.Entries) > 0 { // otherwise asking once more has to wait for the next tick
			c.sendFetch()
		}
		return
	}
	c.fetch = fetch{}
	c.endRepair()
	if c.role == Adopting {
		c.adoptedAll()
		return
	}
	c.ack(m.From, m.Epoch, 0)
}

// adoptedAll goes on when the donor's log is mine, durably.
func (c *Core) adoptedAll() {
	epoch := c.promised
	c.syncs.After(func() {
		if c.role != Adopting || c.promised != epoch {
			return
		}
		if c.log.has(c.donor.LastIndex, c.donor.LastEpoch) {
			c.activate()
		} else {
			c.startFencing()
		}
	})
}

// outgoing is a snapshot on its way to another copy.
type outgoing struct {
	s            storage.Snapshot
	prefix       []byte
	index, epoch uint64
	used         time.Duration
}

// sendSnapshot sends the next part of a snapshot, of a new one if there is none of the
// index asked for.
func (c *Core) sendSnapshot(m *wire.Fetch) {
	o := c.snapshots[m.From]
	after := m.AfterKey
	if o == nil || o.index != m.Snapshot {
		if o != nil {
			c.closeSnapshot(m.From)
		}
		s, err := c.eng.Snapshot()
		if err != nil {
			c.broken(err)
			return
		}
		o = &outgoing{s: s, prefix: c.keys.of(c.gen), index: c.applied, epoch: c.log.epochAt(c.applied)}
		c.snapshots[m.From] = o
		after = nil
	}
	o.used = c.now
	p := &wire.SnapshotPage{Copy: c.to(m.From), Index: o.index, EntryEpoch: o.epoch, AfterKey: after, Done: true}
	start := append(append([]byte{}, o.prefix...), after...)
	if len(after) > 0 {
		start = append(start, 0) // the key after it
	}
	size := 0
	err := o.s.Scan(start, storage.PrefixEnd(o.prefix), func(k, v []byte) bool {
		if len(p.Items) == wire.MaxEntries || size > 0 && size+len(k)+len(v) > c.cfg.PageBytes {
			p.Done = false
			return false
		}
		size += len(k) + len(v)
		p.Items = append(p.Items, wire.Raw{Key: append([]byte{}, k[len(o.prefix):]...), Value: append([]byte(nil), v...)})
		return true
	})
	if err != nil {
		c.broken(err)
		return
	}
	c.send(p)
	if p.Done {
		c.closeSnapshot(m.From)
	}
}

func (c *Core) closeSnapshot(node shardmap.NodeID) {
	if err := c.snapshots[node].s.Close(); err != nil && c.failed == nil {
		c.failed = err
	}
	delete(c.snapshots, node)
}

// dropSnapshots closes those that nobody has asked for in a while.
func (c *Core) dropSnapshots() {
	for _, n := range sortedKeys(c.snapshots) {
		if o := c.snapshots[n]; c.now-o.used > 20*c.cfg.Interval {
			c.closeSnapshot(n)
		}
	}
}

// onSnapshotPage writes a part of a snapshot beside the state, and after the last part
// lets it take the state's place.
func (c *Core) onSnapshotPage(m *wire.SnapshotPage) {
	if !c.fetched(&m.Copy) || checkItems(m.Items) != nil {
		return
	}
	first := len(m.AfterKey) == 0
	if !first && (m.Index != c.fetch.snapshot || string(m.AfterKey) != string(c.fetch.afterKey)) {
		return // not the part that comes next
	}
	if first && c.fetch.snapshot == m.Index && len(c.fetch.afterKey) > 0 {
		return // a repetition of the first
	}
	c.donorAt = c.now
	if m.Index <= c.applied {
		// What I have is as new. If it is what comes after it that I asked for, asking once
		// more has to wait for the next tick: the answer would be the same, for ever.
		if c.fetch.after != c.applied || c.fetch.snapshot != 0 {
			c.fetch = fetch{active: true, from: c.fetch.from, after: c.applied}
			c.sendFetch()
		}
		return
	}
	var b storage.Batch
	next := c.keys.of(c.gen + 1)
	if first {
		b.DeleteRange(next, storage.PrefixEnd(next))
	}
	for _, r := range m.Items {
		b.Put(append(append([]byte{}, next...), r.Key...), r.Value)
	}
	b.Frees = true
	if !m.Done {
		if len(m.Items) > 0 && c.tryApply(&b) {
			c.fetch.snapshot = m.Index
			c.fetch.afterKey = m.Items[len(m.Items)-1].Key
			c.sendFetch()
		}
		return
	}
	c.install(&b, m)
}

// install makes the snapshot the state. The log behind it stays if it continues the
// snapshot: it may be part of what was acknowledged.
func (c *Core) install(b *storage.Batch, m *wire.SnapshotPage) {
	before := c.durable
	b.DeleteRange(c.keys.of(c.gen), c.keys.of(c.gen+1))
	if c.log.has(m.Index, m.EntryEpoch) {
		b.DeleteRange(c.keys.entry(0), c.keys.entry(m.Index+1))
		c.log.list = append([]wire.Entry(nil), c.log.list[m.Index-c.log.base:]...)
	} else {
		b.DeleteRange(c.keys.entry(0), storage.PrefixEnd(c.keys.log))
		c.log.list = nil
	}
	c.log.base, c.log.baseEpoch = m.Index, m.EntryEpoch
	c.gen++
	c.applied, c.commit = m.Index, max(c.commit, m.Index)
	c.saveMeta(b)
	if !c.tryApply(b) {
		c.durable = before
		return
	}
	if err := c.loadState(); err != nil {
		c.broken(err)
		return
	}
	c.verified = max(c.verified, m.Index)
	c.fetch = fetch{active: true, from: c.fetch.from, after: m.Index}
	c.sendFetch()
}
