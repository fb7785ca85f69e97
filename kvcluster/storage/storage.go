package storage

import (
	"errors"
	"fmt"
	"slices"
)

// Errors of engines, wrapped with the particulars.
var (
	// ErrCorrupt means that durable data isn't what was written.
	ErrCorrupt = errors.New("storage: corrupt data")
	// ErrLost means that data that had been synced isn't there any more: it is damage too.
	ErrLost = fmt.Errorf("%w: it has lost what it had synced", ErrCorrupt)
	// ErrFull means that the disk has no room.
	ErrFull = errors.New("storage: no space left")
	// ErrClosed is returned after Close, or after an error that ended the engine.
	ErrClosed = errors.New("storage: closed")
)

// Reader reads keys and values. What it returns belongs to the caller for Get; Scan
// lends its arguments for the duration of the call.
type Reader interface {
	// Get is the value of key, and whether there is one.
	Get(key []byte) (value []byte, found bool, err error)
	// Scan calls f for the keys of [start, end) in order until f returns false. A nil
	// end has no bound.
	Scan(start, end []byte, f func(key, value []byte) bool) error
}

// Snapshot is a Reader of a moment in the past.
type Snapshot interface {
	Reader
	Close() error
}

// Engine keeps keys and values; see the package comment.
type Engine interface {
	Reader
	Apply(b *Batch) error
	Sync() error
	// Durable counts the batches since the engine was made, as far as they are durable. It
	// never falls while the disk is what it was.
	Durable() uint64
	Snapshot() (Snapshot, error)
	Close() error
}

// OpKind is what an Op does.
type OpKind uint8

const (
	// Put stores Value at Key.
	Put OpKind = iota
	// Delete removes Key.
	Delete
	// DeleteRange removes the keys of [Key, Value).
	DeleteRange
)

// Op is one change of a batch.
type Op struct {
	Kind       OpKind
	Key, Value []byte
}

// Batch is changes that take effect together. The zero value is empty.
type Batch struct {
	Ops []Op
	// Vital says that whoever writes it can't go on without: an engine that keeps room in
	// reserve has it for such batches.
	Vital bool
	// Frees says that it makes room in the end, or mends what is behind: such batches have
	// half of the reserve.
	Frees bool
}

// Put stores a value. The slices must not be changed afterwards.
func (b *Batch) Put(key, value []byte) { b.Ops = append(b.Ops, Op{Put, key, value}) }

// Delete removes a key.
func (b *Batch) Delete(key []byte) { b.Ops = append(b.Ops, Op{Kind: Delete, Key: key}) }

// DeleteRange removes the keys of [start, end).
func (b *Batch) DeleteRange(start, end []byte) { b.Ops = append(b.Ops, Op{DeleteRange, start, end}) }

// Empty reports whether the batch changes nothing.
func (b *Batch) Empty() bool { return len(b.Ops) == 0 }

// PrefixEnd is the first key after all that begin with prefix, nil if there is none.
func PrefixEnd(prefix []byte) []byte {
	end := slices.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}
