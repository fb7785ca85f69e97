package replica

import (
	"encoding/binary"
	"fmt"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// durable is what a copy knows after a restart.
type durable struct {
	promised uint64
	gen      uint64 // of the state; a snapshot that is installed begins the next one
	applied  uint64 // index of the last entry that the state contains
	commit   uint64 // at least applied
	evicted  bool   // some client was forgotten
	log      entries
}

// entries are the log after its base, in memory as on disk.
type entries struct {
	base, baseEpoch uint64 // the entry before the first
	list            []wire.Entry
}

func (l *entries) last() uint64 { return l.base + uint64(len(l.list)) }

func (l *entries) lastEpoch() uint64 { return l.epochAt(l.last()) }

// epochAt is the epoch of the entry at an index from base to last.
func (l *entries) epochAt(index uint64) uint64 {
	if index == l.base {
		return l.baseEpoch
	}
	return l.list[index-l.base-1].Epoch
}

func (l *entries) has(index, epoch uint64) bool {
	return index >= l.base && index <= l.last() && l.epochAt(index) == epoch
}

func (l *entries) at(index uint64) *wire.Entry { return &l.list[index-l.base-1] }

// layout says at which keys a shard's data is. Each begins with the length of the
// shard's name and the name:
//
//	m               promise, generation, applied index, base of the log
//	l index         an entry of the log
//	s generation …  the state: k key, c client, e if a client was forgotten
type layout struct{ meta, log, state []byte }

func newLayout(shard shardmap.ID) layout {
	prefix := append([]byte{byte(len(shard))}, shard...)
	with := func(b byte) []byte { return append(append([]byte{}, prefix...), b) }
	return layout{meta: with('m'), log: with('l'), state: with('s')}
}

func (k layout) entry(index uint64) []byte {
	return binary.BigEndian.AppendUint64(k.log[:len(k.log):len(k.log)], index)
}

// of is the prefix of a generation of the state.
func (k layout) of(gen uint64) []byte {
	return binary.BigEndian.AppendUint64(k.state[:len(k.state):len(k.state)], gen)
}

func (c *Core) itemKey(key string) []byte { return append(append(c.keys.of(c.gen), 'k'), key...) }

func (c *Core) clientKey(client uint64) []byte {
	return binary.BigEndian.AppendUint64(append(c.keys.of(c.gen), 'c'), client)
}

// saveMeta adds the promise and the place of state and log to a batch.
func (c *Core) saveMeta(b *storage.Batch) {
	var buf []byte
	for _, v := range []uint64{c.promised, c.gen, c.applied, c.log.base, c.log.baseEpoch} {
		buf = binary.AppendUvarint(buf, v)
	}
	b.Put(c.keys.meta, buf)
}

func (c *Core) load() error {
	buf, found, err := c.eng.Get(c.keys.meta)
	if err != nil {
		return err
	}
	if found {
		for _, v := range []*uint64{&c.promised, &c.gen, &c.applied, &c.log.base, &c.log.baseEpoch} {
			x, n := binary.Uvarint(buf)
			if n <= 0 {
				return fmt.Errorf("its record is malformed: %w", storage.ErrCorrupt)
			}
			*v, buf = x, buf[n:]
		}
	}
	c.commit, c.verified = c.applied, c.applied
	if err := c.loadLog(); err != nil {
		return err
	}
	return c.loadSessions()
}

func (c *Core) loadLog() error {
	var bad error
	err := c.eng.Scan(c.keys.entry(0), storage.PrefixEnd(c.keys.log), func(_, v []byte) bool {
		e, err := wire.DecodeEntry(v)
		if err == nil && e.Index != c.log.last()+1 {
			err = fmt.Errorf("entry %d follows %d", e.Index, c.log.last())
		}
		if err != nil {
			bad = fmt.Errorf("log: %w: %w", storage.ErrCorrupt, err)
			return false
		}
		c.log.list = append(c.log.list, e)
		return true
	})
	if err == nil && bad == nil && c.applied > c.log.last() {
		bad = fmt.Errorf("the log ends at %d, the state contains %d: %w", c.log.last(), c.applied, storage.ErrCorrupt)
	}
	if err != nil {
		return err
	}
	return bad
}

// splice makes entries that follow prev part of the log: those that it has already
// stay, from the first that differs on the old ones go. It reports false, and changes
// nothing, when the disk is full.
func (c *Core) splice(prev uint64, list []wire.Entry) bool {
	for len(list) > 0 && (prev < c.log.base || prev < c.log.last() && c.log.epochAt(prev+1) == list[0].Epoch) {
		prev, list = prev+1, list[1:]
	}
	if len(list) == 0 {
		return true
	}
	var b storage.Batch
	if prev < c.log.last() {
		if prev < c.commit {
			// It can't happen; going on would lose what was acknowledged.
			panic(fmt.Sprintf("replica: shard %q on %s: committed entry %d of epoch %d to be replaced by epoch %d",
				c.shard.ID, c.self, prev+1, c.log.epochAt(prev+1), list[0].Epoch))
		}
		b.DeleteRange(c.keys.entry(prev+1), storage.PrefixEnd(c.keys.log))
	}
	for i := range list {
		buf, err := wire.AppendEntry(nil, &list[i])
		if err != nil {
			c.failed = err
			return false
		}
		b.Put(c.keys.entry(list[i].Index), buf)
	}
	if !c.tryApply(&b) {
		return false
	}
	keep := prev - c.log.base
	c.log.list = append(c.log.list[:keep:keep], list...)
	return true
}

// compact forgets applied entries beyond those kept for others.
func (c *Core) compact(b *storage.Batch) {
	if c.applied < c.log.base+2*uint64(c.cfg.KeepLog) {
		return
	}
	base := c.applied - uint64(c.cfg.KeepLog)
	b.DeleteRange(c.keys.entry(0), c.keys.entry(base+1))
	epoch := c.log.epochAt(base)
	c.log.list = append([]wire.Entry(nil), c.log.list[base-c.log.base:]...)
	c.log.base, c.log.baseEpoch = base, epoch
}
