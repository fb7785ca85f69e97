package wire

import (
	"fmt"
	"slices"
)

// Level is how many copies must take part in an operation.
type Level uint8

// The levels; package kvcluster says what they guarantee.
const (
	One Level = iota
	Quorum
	All
)

const levels = 3

func (l Level) String() string {
	switch l {
	case One:
		return "one"
	case Quorum:
		return "quorum"
	case All:
		return "all"
	}
	return fmt.Sprintf("level %d", uint8(l))
}

// OpKind is what an Op does to its key.
type OpKind uint8

const (
	// Put stores Value.
	Put OpKind = iota
	// Delete removes the key.
	Delete
	// Check changes nothing; it has a condition.
	Check
)

const opKinds = 3

// Condition is what must hold of the key for the whole batch to take effect.
type Condition uint8

const (
	// Always holds.
	Always Condition = iota
	// IfMissing holds when the key isn't there.
	IfMissing
	// IfValue holds when its value is Expect.
	IfValue
	// IfVersion holds when the key's version is ExpectVersion.
	IfVersion
)

const conditions = 4

// Op is one change of one key.
type Op struct {
	Kind          OpKind
	Key           string
	Value         []byte
	If            Condition
	Expect        []byte
	ExpectVersion uint64
}

func (o *Op) code(c *coder) {
	c.small((*uint8)(&o.Kind), opKinds)
	text(c, &o.Key, MaxKey)
	c.bytes(&o.Value, MaxValue)
	c.small((*uint8)(&o.If), conditions)
	c.bytes(&o.Expect, MaxValue)
	c.uint(&o.ExpectVersion)
}

// Entry is a position of a shard's log: a batch of operations that take effect
// together or not at all. One without operations marks the beginning of an epoch.
type Entry struct {
	Index uint64
	Epoch uint64 // of the primary that made it
	// Client, Seq and Settled identify the request; see Request.
	Client, Seq, Settled uint64
	Retry                bool
	Ops                  []Op
	Txn                  Txn    // a step of a transaction
	Change               Change // a change of the shard's range
}

func (e *Entry) code(c *coder) {
	c.uints(&e.Index, &e.Epoch, &e.Client, &e.Seq, &e.Settled)
	c.bool(&e.Retry)
	list(c, &e.Ops, MaxOps, func(o *Op) { o.code(c) })
	e.Txn.code(c)
	e.Change.code(c)
}

// AppendEntry adds the encoding of e, without a frame, to buf: the form in which logs
// keep entries. It has no limit but those of the fields.
func AppendEntry(buf []byte, e *Entry) ([]byte, error) {
	c := &coder{buf: slices.Grow(buf, e.room()), writing: true}
	e.code(c)
	if c.err != nil {
		return buf, c.err
	}
	return c.buf, nil
}

// room is about what an entry takes, and seldom less.
func (e *Entry) room() int {
	n := 48
	for i := range e.Ops {
		n += 24 + len(e.Ops[i].Key) + len(e.Ops[i].Value) + len(e.Ops[i].Expect)
	}
	return n
}

// DecodeEntry is the entry that buf is the encoding of.
func DecodeEntry(buf []byte) (Entry, error) {
	var e Entry
	c := &coder{buf: buf}
	e.code(c)
	if c.err == nil && len(c.buf) > 0 {
		c.fail(ErrMalformed, "%d bytes too many", len(c.buf))
	}
	return e, c.err
}

// Item is what a shard holds at one key.
type Item struct {
	Key   string
	Value []byte
	// Version grows with every write of the key, over splits and merges as well.
	Version uint64
}

func (i *Item) code(c *coder) {
	text(c, &i.Key, MaxKey)
	c.bytes(&i.Value, MaxValue)
	c.uint(&i.Version)
}

// Raw is a key and a value as storage has them, for copying state between nodes.
type Raw struct {
	Key, Value []byte
}

func (r *Raw) code(c *coder) {
	c.bytes(&r.Key, MaxKey+64)
	c.bytes(&r.Value, MaxValue+64)
}
