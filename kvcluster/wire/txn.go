package wire

import (
	"fmt"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
)

// TxnID names a transaction: the client that began it and the number it gave it.
type TxnID struct{ Client, Seq uint64 }

func (t TxnID) String() string { return fmt.Sprintf("%x/%d", t.Client, t.Seq) }

func (t *TxnID) code(c *coder) {
	c.uints(&t.Client, &t.Seq)
}

// MaxRequest is how many bytes the keys and values of a request may have together: its
// entry has to fit into a message with others' headers.
const MaxRequest = MaxFrame - 1<<20

// Oversized says what is too large in operations or keys, or "".
func Oversized(ops []Op, keys []string) string {
	size := 0
	for i := range ops {
		o := &ops[i]
		size += len(o.Key) + len(o.Value) + len(o.Expect)
		if len(o.Key) > MaxKey || len(o.Value) > MaxValue || len(o.Expect) > MaxValue {
			return fmt.Sprintf("a key of %d bytes with a value of %d, at most %d and %d", len(o.Key), max(len(o.Value), len(o.Expect)), MaxKey, MaxValue)
		}
	}
	for _, k := range keys {
		size += len(k)
		if len(k) > MaxKey {
			return fmt.Sprintf("a key of %d bytes, at most %d", len(k), MaxKey)
		}
	}
	switch {
	case len(ops) > MaxOps || len(keys) > MaxOps:
		return fmt.Sprintf("%d operations and %d keys, at most %d", len(ops), len(keys), MaxOps)
	case size > MaxRequest:
		return fmt.Sprintf("%d bytes of keys and values, at most %d", size, MaxRequest)
	}
	return ""
}

// TxnStep is a step of a transaction over several shards. Package replica says what
// each does.
type TxnStep uint8

const (
	// NoStep means that it's no step of a transaction.
	NoStep TxnStep = iota
	// Prepare locks the keys of Ops if their conditions hold. On the shard that has the
	// anchor among them it begins the transaction.
	Prepare
	// Decide commits the transaction or aborts it, on the shard of its anchor, unless it
	// is decided.
	Decide
	// Resolve does what was decided on the keys of a shard, and unlocks them.
	Resolve
	// Forget removes the decision, when all keys are resolved.
	Forget
	// Inquire asks how it is decided; no entry of a log.
	Inquire
)

const txnSteps = 6

// Txn is a step of a transaction, or what an answer says of one.
type Txn struct {
	Step TxnStep
	ID   TxnID
	// Anchor is the key whose shard decides.
	Anchor string
	// Commit is the decision, of Decide and Resolve.
	Commit bool
	// Keys are all keys of the transaction for Decide, those of the shard for Resolve.
	Keys []string
}

func (t *Txn) code(c *coder) {
	c.small((*uint8)(&t.Step), txnSteps)
	if t.Step == NoStep {
		return
	}
	t.ID.code(c)
	text(c, &t.Anchor, MaxKey)
	c.bool(&t.Commit)
	list(c, &t.Keys, MaxOps, func(k *string) { text(c, k, MaxKey) })
}

// ChangeKind is a kind of Change.
type ChangeKind uint8

const (
	// NoChange leaves the range as it is.
	NoChange ChangeKind = iota
	// Claim begins an epoch: Parts leave the range, with an Heir all of it will.
	Claim
	// Release drops the data of Parts, which they have by now.
	Release
	// Import takes over a part of what a shard that is merged into this one holds; with
	// Done, its range.
	Import
)

const changeKinds = 4

// Change is a change of a shard's range, or a part of one.
type Change struct {
	Kind       ChangeKind
	Start, End string
	Parts      []shardmap.Part // Claim, Release
	Heir       shardmap.ID     // Claim
	// Source is the shard that Items come from, SourceEpoch when it stopped serving.
	Source      shardmap.ID
	SourceEpoch uint64
	// After is the key after which Items begin, in the order of the source's state.
	After []byte
	Items []Raw
	// Done says that these are the last. Version is then at least that of all items.
	Done    bool
	Version uint64
}

func (x *Change) code(c *coder) {
	c.small((*uint8)(&x.Kind), changeKinds)
	if x.Kind == NoChange {
		return
	}
	text(c, &x.Start, MaxKey)
	text(c, &x.End, MaxKey)
	partList(c, &x.Parts)
	text(c, &x.Heir, MaxName)
	text(c, &x.Source, MaxName)
	c.uint(&x.SourceEpoch)
	c.bytes(&x.After, MaxKey+64)
	list(c, &x.Items, MaxEntries, func(r *Raw) { r.code(c) })
	c.bool(&x.Done)
	c.uint(&x.Version)
}

// Handover carries a part of what a shard holds, an Import, to its heir's primary. Its
// To is empty: whoever sends it knows the shard's primary better.
type Handover struct {
	Copy
	Change Change
}

func (*Handover) kind() Kind { return KindHandover }
func (m *Handover) code(c *coder) {
	m.Copy.code(c)
	m.Change.code(c)
}

// Taken answers Handover, when what it says is committed. Shard is the one that is
// merged, Epoch that of the heir.
type Taken struct {
	Copy
	SourceEpoch uint64
	// After is the key up to which the heir has everything; Done, that it has the range.
	After []byte
	Done  bool
}

func (*Taken) kind() Kind { return KindTaken }
func (m *Taken) code(c *coder) {
	m.Copy.code(c)
	c.uint(&m.SourceEpoch)
	c.bytes(&m.After, MaxKey+64)
	c.bool(&m.Done)
}
