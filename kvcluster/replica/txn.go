package replica

import (
	"encoding/binary"
	"time"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// intent is a lock on a key: which transaction holds it, and what becomes of the key if
// that is committed.
type intent struct {
	id     wire.TxnID
	anchor string
	kind   wire.OpKind
	value  []byte
}

func (i *intent) encode() []byte {
	buf := binary.AppendUvarint(nil, i.id.Client)
	buf = binary.AppendUvarint(buf, i.id.Seq)
	buf = appendText(buf, i.anchor)
	buf = binary.AppendUvarint(buf, uint64(i.kind))
	return append(buf, i.value...)
}

func decodeIntent(buf []byte) (*intent, error) {
	r := reader{buf: buf}
	i := &intent{id: wire.TxnID{Client: r.uint(), Seq: r.uint()}, anchor: r.text(), kind: wire.OpKind(r.uint())}
	i.value = r.buf
	return i, r.err("lock")
}

// record is the decision about a transaction, on the shard of its anchor. While there
// is one that isn't committed, the transaction may still be; without one it is aborted,
// or so long committed that nobody can ask.
type record struct {
	anchor    string
	committed bool
	keys      []string // if committed: all that it locked
	// since is when this copy, since it runs, has known the record; it isn't kept on disk.
	since time.Duration
}

func (d *record) encode() []byte {
	buf := appendText(nil, d.anchor)
	if !d.committed {
		return append(buf, 0)
	}
	buf = append(buf, 1)
	for _, k := range d.keys {
		buf = appendText(buf, k)
	}
	return buf
}

func decodeRecord(buf []byte) (*record, error) {
	r := reader{buf: buf}
	d := &record{anchor: r.text(), committed: r.uint() == 1}
	for len(r.buf) > 0 && !r.bad {
		d.keys = append(d.keys, r.text())
	}
	return d, r.err("transaction")
}

// recordKey is what the record of a transaction is filed under.
func recordKey(id wire.TxnID) string {
	return string(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, id.Client), id.Seq))
}

// putRecord sets a transaction's decision; nil removes it.
func (c *Core) putRecord(x *effect, id string, d *record) {
	if d == nil {
		x.Delete(c.at('t', id))
		x.then(func() { delete(c.records, id) })
		return
	}
	x.Put(c.at('t', id), d.encode())
	x.then(func() {
		d.since = c.now
		c.records[id] = d
	})
}

// blocked is the transaction that holds a lock which doesn't let the operations be
// done, or nil. Conditions of one may be checked beside those of another.
func (c *Core) blocked(ops []wire.Op, id wire.TxnID) *wire.Txn {
	for i := range ops {
		l := c.intents[ops[i].Key]
		if l != nil && l.id != id && (l.kind != wire.Check || ops[i].Kind != wire.Check || id != wire.TxnID{}) {
			return l.names(ops[i].Key)
		}
	}
	return nil
}

// hidden is the transaction that may be about to change one of the keys, or nil.
func (c *Core) hidden(keys []string) *wire.Txn {
	for _, k := range keys {
		if l := c.intents[k]; l != nil && l.kind != wire.Check {
			return l.names(k)
		}
	}
	return nil
}

// names is what a client is told of a lock that it has met.
func (i *intent) names(key string) *wire.Txn {
	return &wire.Txn{Step: wire.Prepare, ID: i.id, Anchor: i.anchor, Keys: []string{key}}
}

// hiddenIn is the transaction that may be about to change what a scan has read, or nil.
func (c *Core) hiddenIn(r *wire.Request, a *wire.Response) *wire.Txn {
	inside := shardmap.Shard{Start: r.Start, End: a.Next}
	var keys []string
	for _, k := range sortedKeys(c.intents) {
		if inside.Covers(k) && c.span.covers(k) {
			keys = append(keys, k)
		}
	}
	return c.hidden(keys)
}

// step does a step of a transaction whose conditions hold.
func (c *Core) step(x *effect, e *wire.Entry) wire.Status {
	t := &e.Txn
	id := recordKey(t.ID)
	d := c.records[id]
	switch t.Step {
	case wire.Prepare:
		c.prepare(x, e)
	case wire.Decide:
		switch {
		case d == nil && t.Commit:
			return wire.Aborted
		case d == nil:
		case d.committed && !t.Commit:
			return wire.Committed
		case d.committed:
		case t.Commit:
			c.putRecord(x, id, &record{anchor: d.anchor, committed: true, keys: t.Keys})
		default:
			c.putRecord(x, id, nil)
		}
	case wire.Resolve:
		c.resolve(x, e)
	case wire.Forget:
		if d != nil && d.committed {
			c.putRecord(x, id, nil)
		}
	}
	return wire.OK
}

func (c *Core) prepare(x *effect, e *wire.Entry) {
	for i := range e.Ops {
		op := &e.Ops[i]
		if op.Key == e.Txn.Anchor {
			c.putRecord(x, recordKey(e.Txn.ID), &record{anchor: op.Key})
		}
		l := &intent{id: e.Txn.ID, anchor: e.Txn.Anchor, kind: op.Kind, value: op.Value}
		x.Put(c.at('i', op.Key), l.encode())
		x.then(func() { c.intents[op.Key] = l })
	}
}

func (c *Core) resolve(x *effect, e *wire.Entry) {
	for _, key := range e.Txn.Keys {
		l := c.intents[key]
		if l == nil || l.id != e.Txn.ID {
			continue
		}
		half := c.cfg.is(CommitHalf) && key != l.anchor
		if e.Txn.Commit && !half {
			c.change(x, []wire.Op{{Kind: l.kind, Key: key, Value: l.value}}, e.Index+c.span.bias)
		}
		x.Delete(c.at('i', key))
		x.then(func() { delete(c.intents, key) })
	}
}

// inquire answers how a transaction is decided.
func (c *Core) inquire(r *wire.Request) *wire.Response {
	a := &wire.Response{Status: wire.Aborted, Txn: wire.Txn{Step: wire.Decide, ID: r.Txn.ID, Anchor: r.Txn.Anchor}}
	if d := c.records[recordKey(r.Txn.ID)]; d != nil {
		a.Status, a.Age = wire.Pending, c.now-d.since
		if d.committed {
			a.Status, a.Txn.Commit, a.Txn.Keys = wire.Committed, true, d.keys
		}
	}
	return a
}
