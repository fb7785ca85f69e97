package replica

import (
	"encoding/binary"
	"errors"
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
	damaged  bool   // content was found corrupt and is being fetched
	life     uint64 // since when there is the shard that the content belongs to; 0 without any
	log      entries
}

// state is the part of what the log makes that is kept in memory, beside the keys.
type state struct {
	sessions map[uint64]*session // by client
	evicted  bool                // some client was forgotten
	span     span
	imports  map[shardmap.ID]imported // by source
	intents  map[string]*intent       // by key
	records  map[string]*record       // by recordKey
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
//	m               promise, generation, applied index, base of the log, life, damage
//	l index         an entry of the log
//	s generation …  the state:
//	  k key         a key's version and value
//	  c client      the outcomes of a client's requests; e if a client was forgotten
//	  i key         the transaction that holds a lock, and what it will do
//	  t id          the decision about a transaction
//	  r             the range
//	  x shard       up to where a shard that is merged into this one has been taken over
//	  q part …      what was remembered of clients when a part was split off
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

// at is the place of a kind of thing in the present generation of the state.
func (c *Core) at(kind byte, name string) []byte {
	return append(append(c.keys.of(c.gen), kind), name...)
}

func (c *Core) itemKey(key string) []byte { return c.at('k', key) }

func (c *Core) clientKey(client uint64) []byte {
	return binary.BigEndian.AppendUint64(c.at('c', ""), client)
}

// saveMeta adds the promise and the place of state and log to a batch.
func (c *Core) saveMeta(b *storage.Batch) {
	b.Put(c.keys.meta, c.durable.encode())
}

func (d *durable) encode() []byte {
	var buf []byte
	for _, v := range []uint64{d.promised, d.gen, d.applied, d.log.base, d.log.baseEpoch, d.life} {
		buf = binary.AppendUvarint(buf, v)
	}
	if d.damaged {
		return append(buf, 1)
	}
	return append(buf, 0)
}

// errNoPromise means that it isn't known what the copy has promised.
var errNoPromise = errors.New("the record of the promise is not what was written")

// loadMeta reads what saveMeta wrote for a shard; nothing if it didn't.
func loadMeta(r storage.Reader, keys layout) (d durable, err error) {
	buf, found, err := r.Get(keys.meta)
	if err != nil {
		return d, fmt.Errorf("%w: %w", errNoPromise, err)
	}
	if !found {
		return d, nil
	}
	for _, v := range []*uint64{&d.promised, &d.gen, &d.applied, &d.log.base, &d.log.baseEpoch, &d.life} {
		x, n := binary.Uvarint(buf)
		if n <= 0 {
			return d, fmt.Errorf("%w: %w", errNoPromise, storage.ErrCorrupt)
		}
		*v, buf = x, buf[n:]
	}
	if len(buf) != 1 || buf[0] > 1 {
		return d, fmt.Errorf("%w: %w", errNoPromise, storage.ErrCorrupt)
	}
	d.damaged = buf[0] == 1
	return d, nil
}

func (c *Core) load() error {
	d, err := loadMeta(c.eng, c.keys)
	if err != nil {
		return err
	}
	c.durable = d
	c.commit, c.verified = c.applied, c.applied
	if err := c.loadLog(); err != nil {
		return err
	}
	return c.loadState()
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
// nothing, when the disk is full. Frees is what Batch says of it.
func (c *Core) splice(prev uint64, list []wire.Entry, frees bool) bool {
	for len(list) > 0 && (prev < c.log.base || prev < c.log.last() && c.log.epochAt(prev+1) == list[0].Epoch) {
		prev, list = prev+1, list[1:]
	}
	if len(list) == 0 {
		return true
	}
	b := storage.Batch{Frees: frees}
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
	c.log.list = append(c.log.list[:prev-c.log.base], list...)
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
