package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/kvcluster/wire"
)

// ErrPartial means that some keys of a batch were written and others weren't; a BatchError
// says which.
var ErrPartial = errors.New("only a part was done")

// BatchError says what became of a batch that wasn't done as a whole. It is ErrUnknown if
// that isn't known of every key, else ErrPartial if some were written, else what its cause is.
type BatchError struct {
	// Done keys were written, NotDone ones were not, of Unknown ones it isn't known; each
	// sorted.
	Done, NotDone, Unknown []string
	// Cause is what the first part that failed, in the order of keys, came to.
	Cause error
}

func (e *BatchError) Error() string {
	return fmt.Sprintf("%d keys written, %d not written, %d unknown: %v", len(e.Done), len(e.NotDone), len(e.Unknown), e.Cause)
}

// Unwrap is what kind of error it is.
func (e *BatchError) Unwrap() error {
	switch {
	case len(e.Unknown) > 0:
		return ErrUnknown
	case len(e.Done) > 0:
		return ErrPartial
	}
	return e.Cause
}

// batch is a batch under way.
type batch struct {
	db    *DB
	level wire.Level
	until time.Duration
	ops   map[string]wire.Op
	fate  map[string]error // of keys that were tried; nil: written
}

// Batch writes several keys. Those of one shard are written together or not at all, at most
// wire.MaxOps at a time; for all of them, use a transaction. Conditions are for transactions
// too. If not all is done, the error is a BatchError that says what is.
func (db *DB) Batch(ctx context.Context, ops []wire.Op, opts ...Option) error {
	o := db.options(opts)
	ctx, cancel := db.clk.WithTimeout(ctx, o.timeout)
	defer cancel()
	b := batch{db: db, until: db.clk.Monotonic() + o.timeout, level: db.writing(ctx, o), ops: make(map[string]wire.Op, len(ops)), fate: make(map[string]error)}
	for _, op := range ops {
		if op.If != wire.Always || op.Kind == wire.Check {
			return fmt.Errorf("batch: a condition on %q: %w", op.Key, ErrInvalid)
		}
		b.ops[op.Key] = op // the last one counts
	}
	keys := sorted(b.ops)
	for chunk := range slices.Chunk(keys, wire.MaxOps) {
		// Every part has a number of its own: shards that are merged remember one outcome
		// for a number.
		if err := db.scatter(ctx, "kv.batch", chunk, b.write); err != nil {
			return fmt.Errorf("batch: %w", b.failed(keys, err))
		}
	}
	return nil
}

// write writes keys of one shard.
func (b *batch) write(ctx context.Context, keys []string) error {
	c := &call{req: wire.Request{Kind: wire.Write, Level: b.level}, keys: keys, until: b.until}
	for _, k := range keys {
		c.req.Ops = append(c.req.Ops, b.ops[k])
		defer b.db.drop(k)
	}
	_, err := b.db.do(ctx, c)
	if errors.Is(err, errSplit) {
		if !c.doubt {
			return err
		}
		err = c.giveUp(err) // under new numbers it might be done twice
	}
	b.db.mu.Lock()
	defer b.db.mu.Unlock()
	for _, k := range keys {
		b.fate[k] = err
	}
	return err
}

// failed sorts out what became of the keys. Those that were never tried weren't written.
func (b *batch) failed(keys []string, cause error) error {
	e := &BatchError{Cause: cause}
	for _, k := range keys {
		switch err, tried := b.fate[k]; {
		case tried && err == nil:
			e.Done = append(e.Done, k)
		case errors.Is(err, ErrUnknown):
			e.Unknown = append(e.Unknown, k)
		default:
			e.NotDone = append(e.NotDone, k)
		}
	}
	return e
}
