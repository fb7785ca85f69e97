package replica

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
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

// loadState reads what is kept in memory of the present generation of the state.
func (c *Core) loadState() error {
	c.resetState()
	for _, l := range []struct {
		kind byte
		f    func(name string, v []byte) error
	}{
		{'c', func(name string, v []byte) error {
			client, err := decodeClient(name)
			if err == nil {
				c.sessions[client], err = decodeSession(v)
			}
			return err
		}},
		{'e', func(string, []byte) error { c.evicted = true; return nil }},
		{'i', func(name string, v []byte) (err error) { c.intents[name], err = decodeIntent(v); return err }},
		{'r', func(_ string, v []byte) (err error) { c.span, err = decodeSpan(v); return err }},
		{'t', func(name string, v []byte) (err error) { c.records[name], err = decodeRecord(v); return err }},
		{'x', func(name string, v []byte) (err error) {
			c.imports[shardmap.ID(name)], err = decodeImported(v)
			return err
		}},
	} {
		prefix := c.at(l.kind, "")
		var bad error
		err := c.eng.Scan(prefix, storage.PrefixEnd(prefix), func(k, v []byte) bool {
			bad = l.f(string(k[len(prefix):]), slices.Clone(v))
			return bad == nil
		})
		if err = errors.Join(err, bad); err != nil {
			return err
		}
	}
	return nil
}

func decodeClient(name string) (uint64, error) {
	if len(name) != 8 {
		return 0, fmt.Errorf("a client of %d bytes: %w", len(name), storage.ErrCorrupt)
	}
	return binary.BigEndian.Uint64([]byte(name)), nil
}

// checkItems returns an error if what another copy has sent of its state is malformed.
func checkItems(items []wire.Raw) error {
	for _, r := range items {
		if len(r.Key) == 0 {
			return fmt.Errorf("a record without a key: %w", storage.ErrCorrupt)
		}
		name := string(r.Key[1:])
		var err error
		switch r.Key[0] {
		case 'k':
			_, err = decodeItem(name, r.Value)
		case 'c':
			if _, err = decodeClient(name); err == nil {
				_, err = decodeSession(r.Value)
			}
		case 'i':
			_, err = decodeIntent(r.Value)
		case 'r':
			_, err = decodeSpan(r.Value)
		case 't':
			_, err = decodeRecord(r.Value)
		case 'x':
			_, err = decodeImported(r.Value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Core) resetState() {
	c.state = state{sessions: make(map[uint64]*session), imports: make(map[shardmap.ID]imported),
		intents: make(map[string]*intent), records: make(map[string]*record)}
	c.born = make(map[shardmap.ID]uint64)
}

// effect is what an entry changes: on the engine, and then in memory.
type effect struct {
	storage.Batch
	memory []func()
	result wire.Response // to the client that waits for it
}

func (x *effect) then(f func()) { x.memory = append(x.memory, f) }

// applyCommitted brings the state up to the commit index. It stops at a full disk, to
// go on at the next step.
func (c *Core) applyCommitted() {
	for c.applied < c.commit && c.failed == nil {
		if !c.applyEntry(c.log.at(c.applied + 1)) {
			return
		}
	}
	c.bear()
}

func (c *Core) applyEntry(e *wire.Entry) bool {
	// It is in the log, which was written when there was room. Nothing behind it, deletes among
	// it, comes to pass before it has, and no read is answered.
	x := &effect{Batch: storage.Batch{Vital: true}}
	before := c.durable
	if err := c.execute(x, e); err != nil {
		c.broken(err)
		return false
	}
	c.applied = e.Index
	c.compact(&x.Batch)
	c.saveMeta(&x.Batch)
	if c.stuck = !c.tryApply(&x.Batch); c.stuck {
		c.durable = before
		return false
	}
	for _, f := range x.memory {
		f()
	}
	for i := range c.waits {
		if w := &c.waits[i]; w.index == e.Index && writes(w.r) {
			w.result = &x.result
		}
	}
	return true
}

func (c *Core) execute(x *effect, e *wire.Entry) error {
	switch {
	case e.Change.Kind == wire.Claim:
		return c.claim(x, e)
	case e.Change.Kind == wire.Release:
		return c.release(x, e)
	case e.Change.Kind == wire.Import:
		return c.takeOver(x, e)
	case e.Client == 0:
		return nil
	}
	return c.once(x, e)
}

// once does what a client asked, unless that was done already, and notes what is then to be
// remembered of the client.
func (c *Core) once(x *effect, e *wire.Entry) error {
	old, known := c.sessions[e.Client]
	s := &session{}
	if known {
		*s = *old
	}
	s.last, s.settled = e.Index, max(s.settled, e.Settled)
	s.outcomes = slices.DeleteFunc(slices.Clone(s.outcomes), func(o outcome) bool { return o.seq < s.settled })
	o, done := s.find(e.Seq)
	switch {
	case done && !c.cfg.is(ForgetDuplicates):
	case e.Seq < s.settled && !c.cfg.is(ForgetDuplicates):
		// It comes so late that nobody waits for it.
		o = outcome{status: wire.Unknown}
	case !known && e.Retry && c.evicted && !c.cfg.is(ForgetDuplicates):
		o = outcome{seq: e.Seq, status: wire.Unknown}
		s.outcomes = append(s.outcomes, o)
	default:
		var err error
		if o, err = c.do(x, e); err != nil {
			return err
		}
		if o.status != wire.Locked {
			s.outcomes = append(s.outcomes, o)
		}
	}
	x.result.Status, x.result.Version = o.status, o.version
	c.forget(x, e.Client)
	x.Put(c.clientKey(e.Client), s.encode())
	x.then(func() { c.sessions[e.Client] = s })
	return nil
}

// do changes the state if the conditions hold and nothing is locked.
func (c *Core) do(x *effect, e *wire.Entry) (outcome, error) {
	o := outcome{seq: e.Seq}
	if lock := c.blocked(e.Ops, e.Txn.ID); lock != nil {
		o.status, x.result.Txn = wire.Locked, *lock
		return o, nil
	}
	holds, err := c.holds(e.Ops)
	if err != nil {
		return o, err
	}
	switch {
	case !holds:
		o.status = wire.ConditionFailed
	case e.Txn.Step != wire.NoStep:
		o.status = c.step(x, e)
	default:
		c.change(x, e.Ops, e.Index+c.span.bias)
	}
	if o.status == wire.OK {
		o.version = e.Index + c.span.bias
	}
	return o, nil
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

func (c *Core) change(x *effect, ops []wire.Op, version uint64) {
	for _, op := range ops {
		switch op.Kind {
		case wire.Put:
			x.Put(c.itemKey(op.Key), append(binary.AppendUvarint(nil, version), op.Value...))
		case wire.Delete:
			x.Delete(c.itemKey(op.Key))
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

// forget drops the clients unheard of longest, so that there is room for the one
// given. It depends on nothing but the state, so that all copies drop the same ones.
func (c *Core) forget(x *effect, client uint64) {
	if _, known := c.sessions[client]; known || len(c.sessions) < c.cfg.MaxClients {
		return
	}
	clients := sortedKeys(c.sessions)
	slices.SortStableFunc(clients, func(x, y uint64) int { return cmp.Compare(c.sessions[x].last, c.sessions[y].last) })
	// Several at once, so that not every new client costs a sort.
	for _, f := range clients[:len(clients)-c.cfg.MaxClients+1+c.cfg.MaxClients/16] {
		x.Delete(c.clientKey(f))
		x.then(func() { delete(c.sessions, f) })
	}
	x.Put(c.at('e', ""), nil)
	x.then(func() { c.evicted = true })
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
