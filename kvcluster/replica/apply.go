package replica

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// session is what is remembered of a client.
type session struct {
	last     uint64 // index of its last entry
	settled  uint64
	outcomes []outcome // in the order of entries
}

type outcome struct {
	seq     uint64
	status  wire.Status
	version uint64
}

func (s *session) find(seq uint64) (outcome, bool) {
	for _, o := range s.outcomes {
		if o.seq == seq {
			return o, true
		}
	}
	return outcome{}, false
}

func (s *session) encode() []byte {
	buf := binary.AppendUvarint(nil, s.last)
	buf = binary.AppendUvarint(buf, s.settled)
	for _, o := range s.outcomes {
		buf = binary.AppendUvarint(buf, o.seq)
		buf = append(buf, byte(o.status))
		buf = binary.AppendUvarint(buf, o.version)
	}
	return buf
}

func decodeSession(buf []byte) (*session, error) {
	next := func() (v uint64) {
		v, n := binary.Uvarint(buf)
		if n <= 0 {
			buf = nil
			return 0
		}
		buf = buf[n:]
		return v
	}
	s := &session{last: next(), settled: next()}
	for len(buf) > 0 {
		o := outcome{seq: next()}
		if len(buf) < 2 {
			return nil, fmt.Errorf("a client's record is malformed: %w", storage.ErrCorrupt)
		}
		o.status, buf = wire.Status(buf[0]), buf[1:]
		o.version = next()
		s.outcomes = append(s.outcomes, o)
	}
	return s, nil
}

// loadSessions reads the clients of the present generation of the state.
func (c *Core) loadSessions() error {
	c.sessions = make(map[uint64]*session)
	prefix := append(c.keys.of(c.gen), 'c')
	var bad error
	err := c.eng.Scan(prefix, storage.PrefixEnd(prefix), func(k, v []byte) bool {
		var s *session
		if s, bad = decodeSession(v); bad != nil {
			return false
		}
		c.sessions[binary.BigEndian.Uint64(k[len(prefix):])] = s
		return true
	})
	if err != nil {
		return err
	}
	_, c.evicted, err = c.eng.Get(append(c.keys.of(c.gen), 'e'))
	return errors.Join(bad, err)
}

// applyCommitted brings the state up to the commit index. It stops at a full disk, to
// go on at the next step.
func (c *Core) applyCommitted() {
	for c.applied < c.commit && c.failed == nil {
		if !c.applyEntry(c.log.at(c.applied + 1)) {
			return
		}
	}
}

func (c *Core) applyEntry(e *wire.Entry) bool {
	var b storage.Batch
	before := c.durable
	var s *session
	var forgotten []uint64
	if len(e.Ops) > 0 {
		var err error
		if s, err = c.execute(&b, e); err != nil {
			c.failed = fmt.Errorf("replica: shard %q: %w", c.shard.ID, err)
			return false
		}
		forgotten = c.forget(&b, e.Client)
	}
	c.applied = e.Index
	c.compact(&b)
	c.saveMeta(&b)
	if !c.tryApply(&b) {
		c.durable = before
		return false
	}
	for _, client := range forgotten {
		delete(c.sessions, client)
	}
	if s != nil {
		c.sessions[e.Client] = s
	}
	return true
}

// execute adds to a batch what an entry changes, and returns what is then to be
// remembered of its client.
func (c *Core) execute(b *storage.Batch, e *wire.Entry) (*session, error) {
	old, known := c.sessions[e.Client]
	s := &session{}
	if known {
		*s = *old
	}
	s.last, s.settled = e.Index, max(s.settled, e.Settled)
	s.outcomes = slices.DeleteFunc(slices.Clone(s.outcomes), func(o outcome) bool { return o.seq < s.settled })
	_, done := s.find(e.Seq)
	switch {
	case c.cfg.is(ForgetDuplicates):
		if err := c.do(b, e, s); err != nil {
			return nil, err
		}
	case done, e.Seq < s.settled:
		// A duplicate, or one that comes so late that nobody waits for it.
	case !known && e.Retry && c.evicted:
		s.outcomes = append(s.outcomes, outcome{seq: e.Seq, status: wire.Unknown})
	default:
		if err := c.do(b, e, s); err != nil {
			return nil, err
		}
	}
	b.Put(c.clientKey(e.Client), s.encode())
	return s, nil
}

// do changes the state if the conditions hold, and remembers which it was.
func (c *Core) do(b *storage.Batch, e *wire.Entry, s *session) error {
	holds, err := c.holds(e.Ops)
	if err != nil {
		return err
	}
	o := outcome{seq: e.Seq, status: wire.ConditionFailed}
	if holds {
		o.status, o.version = wire.OK, e.Index
		c.change(b, e)
	}
	s.outcomes = append(s.outcomes, o)
	return nil
}

// holds evaluates the conditions of a batch, all against the state before it.
func (c *Core) holds(ops []wire.Op) (bool, error) {
	for i := range ops {
		op := &ops[i]
		if op.If == wire.Always {
			continue
		}
		item, found, err := c.get(c.eng, op.Key)
		if err != nil {
			return false, err
		}
		switch op.If {
		case wire.IfMissing:
			found = !found
		case wire.IfValue:
			found = found && bytes.Equal(item.Value, op.Expect)
		case wire.IfVersion:
			found = found && item.Version == op.ExpectVersion
		}
		if !found {
			return false, nil
		}
	}
	return true, nil
}

func (c *Core) change(b *storage.Batch, e *wire.Entry) {
	for _, op := range e.Ops {
		switch op.Kind {
		case wire.Put:
			b.Put(c.itemKey(op.Key), append(binary.AppendUvarint(nil, e.Index), op.Value...))
		case wire.Delete:
			b.Delete(c.itemKey(op.Key))
		}
	}
}

// get reads an item of the state.
func (c *Core) get(r storage.Reader, key string) (wire.Item, bool, error) {
	v, found, err := r.Get(c.itemKey(key))
	if err != nil || !found {
		return wire.Item{}, false, err
	}
	item, err := decodeItem(key, v)
	return item, err == nil, err
}

func decodeItem(key string, v []byte) (wire.Item, error) {
	version, n := binary.Uvarint(v)
	if n <= 0 {
		return wire.Item{}, fmt.Errorf("the record of key %q is malformed: %w", key, storage.ErrCorrupt)
	}
	return wire.Item{Key: key, Value: bytes.Clone(v[n:]), Version: version}, nil
}

// forget adds to a batch what drops the clients unheard of longest, so that there is
// room for the one given. It depends on nothing but the state, so that all copies drop
// the same ones.
func (c *Core) forget(b *storage.Batch, client uint64) (forgotten []uint64) {
	if _, known := c.sessions[client]; known || len(c.sessions) < c.cfg.MaxClients {
		return nil
	}
	clients := slices.Sorted(maps.Keys(c.sessions))
	slices.SortStableFunc(clients, func(x, y uint64) int { return cmp.Compare(c.sessions[x].last, c.sessions[y].last) })
	// Several at once, so that not every new client costs a sort.
	forgotten = clients[:len(clients)-c.cfg.MaxClients+1+c.cfg.MaxClients/16]
	for _, f := range forgotten {
		b.Delete(c.clientKey(f))
	}
	b.Put(append(c.keys.of(c.gen), 'e'), nil)
	c.evicted = true
	return forgotten
}
