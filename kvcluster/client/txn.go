package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// Txn is a transaction. It is for one process. Nobody else sees anything of it before
// Commit, and until then it is in nobody's way.
type Txn struct {
	db     *DB
	id     wire.TxnID
	reads  map[string]Result
	writes map[string]wire.Op
	over   bool
}

// Begin begins a transaction.
func (db *DB) Begin() *Txn {
	t := &Txn{db: db, id: wire.TxnID{Client: db.cfg.ID, Seq: db.number()}, reads: make(map[string]Result), writes: make(map[string]wire.Op)}
	db.settle(t.id.Seq) // it is only a name
	return t
}

// Get reads a key as the transaction sees it: with what it has written itself, and always the
// same.
func (t *Txn) Get(ctx context.Context, key string) (Result, error) {
	if t.over {
		return Result{}, fmt.Errorf("get %q: %w", key, ErrDone)
	}
	if op, ok := t.writes[key]; ok {
		return Result{Value: op.Value, Found: op.Kind == wire.Put}, nil
	}
	if r, ok := t.reads[key]; ok {
		return r, nil
	}
	r, err := t.db.Get(ctx, key, At(wire.Quorum))
	if err == nil {
		t.reads[key] = r
	}
	return r, err
}

// GetMany reads several keys, those of different shards at the same time, as Get reads each. The
// less time a transaction takes, the fewer others it meets.
func (t *Txn) GetMany(ctx context.Context, keys []string) (map[string]Result, error) {
	if t.over {
		return nil, fmt.Errorf("get %d keys: %w", len(keys), ErrDone)
	}
	unread := slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
		_, written := t.writes[key]
		_, read := t.reads[key]
		return written || read
	})
	if len(unread) > 0 {
		found, err := t.db.GetMany(ctx, unread, At(wire.Quorum))
		if err != nil {
			return nil, err
		}
		maps.Copy(t.reads, found)
	}
	out := make(map[string]Result, len(keys))
	for _, key := range keys {
		r, err := t.Get(ctx, key) // asks nobody any more
		if err != nil {
			return nil, err
		}
		out[key] = r
	}
	return out, nil
}

// Put writes a key when the transaction is committed.
func (t *Txn) Put(key string, value []byte) {
	t.writes[key] = wire.Op{Kind: wire.Put, Key: key, Value: value}
}

// Delete removes a key when the transaction is committed.
func (t *Txn) Delete(key string) { t.writes[key] = wire.Op{Kind: wire.Delete, Key: key} }

// Rollback ends the transaction without having done anything.
func (t *Txn) Rollback() { t.over = true }

// Commit does everything that was written, at once, if nothing that was read has changed.
// With ErrConflict, ErrUnavailable and all other errors but ErrUnknown nothing is done.
func (t *Txn) Commit(ctx context.Context) error {
	if t.over {
		return fmt.Errorf("commit: %w", ErrDone)
	}
	t.over = true
	db := t.db
	ctx, cancel := db.clk.WithTimeout(ctx, db.cfg.Timeout)
	defer cancel()
	err := t.commit(ctx)
	if errors.Is(err, ErrCondition) {
		err = fmt.Errorf("%w: something that was read has changed", ErrConflict)
	}
	for _, key := range sorted(t.writes) {
		db.drop(key)
	}
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (t *Txn) commit(ctx context.Context) error {
	ops := t.ops()
	keys := sorted(ops)
	switch {
	case len(keys) > wire.MaxOps:
		return fmt.Errorf("%d keys, at most %d: %w", len(keys), wire.MaxOps, ErrInvalid)
	case len(t.writes) == 0 && !t.missed():
		return t.verify(ctx, keys)
	}
	m, err := t.db.anyMap(ctx)
	if err != nil {
		return err
	}
	if len(group(m, keys)) == 1 {
		c := &call{req: wire.Request{Kind: wire.Write, Level: wire.Quorum}, keys: keys, impatient: true}
		for _, k := range keys {
			c.req.Ops = append(c.req.Ops, ops[k])
		}
		_, err := t.db.do(ctx, c)
		if !errors.Is(err, errSplit) {
			return err
		}
		if c.doubt {
			return c.giveUp(err)
		}
	}
	return t.commitAcross(ctx, ops, keys)
}

// ops are what the transaction needs of each key: that it is as it was read, and its
// new value.
func (t *Txn) ops() map[string]wire.Op {
	ops := make(map[string]wire.Op, len(t.reads)+len(t.writes))
	for k, op := range t.writes {
		ops[k] = op
	}
	for k, r := range t.reads {
		op, written := ops[k]
		if !written {
			op = wire.Op{Kind: wire.Check, Key: k}
		}
		op.If, op.ExpectVersion = wire.IfVersion, r.Version
		if !r.Found {
			op.If, op.ExpectVersion = wire.IfMissing, 0
		}
		ops[k] = op
	}
	return ops
}

// missed reports whether a key that was read was missing. That can't be verified by
// reading again: it has no version that would tell that it was there in between.
func (t *Txn) missed() bool {
	for _, r := range t.reads {
		if !r.Found {
			return true
		}
	}
	return false
}

// verify reads everything again: if nothing has changed, all of it was so at one moment,
// between the last read and now.
func (t *Txn) verify(ctx context.Context, keys []string) error {
	if len(keys) < 2 {
		return nil
	}
	now, err := t.db.GetMany(ctx, keys, At(wire.Quorum))
	if err != nil {
		return err
	}
	for _, k := range keys {
		if !same(now[k], t.reads[k]) {
			return fmt.Errorf("%w: %q", ErrCondition, k)
		}
	}
	return nil
}

// commitAcross commits on several shards.
func (t *Txn) commitAcross(ctx context.Context, ops map[string]wire.Op, keys []string) error {
	anchor := keys[0] // of a transaction that only reads
	for _, k := range keys {
		if ops[k].Kind != wire.Check {
			anchor = k
			break
		}
	}
	prepare := func(ctx context.Context, keys []string) error {
		c := &call{req: wire.Request{Kind: wire.Transact, Level: wire.Quorum, Txn: wire.Txn{Step: wire.Prepare, ID: t.id, Anchor: anchor}},
			keys: keys, impatient: true}
		for _, k := range keys {
			c.req.Ops = append(c.req.Ops, ops[k])
		}
		_, err := t.db.do(ctx, c)
		if errors.Is(err, errSplit) && c.doubt {
			// Perhaps it was prepared, and somebody has aborted it since. To prepare it once
			// more would revive it, behind the back of who is undoing it.
			err = c.giveUp(err)
		}
		return err
	}
	rest, err := t.prepareAnchor(ctx, anchor, keys, prepare)
	if err == nil && len(rest) > 0 {
		err = t.db.scatter(ctx, "kv.prepare", rest, prepare)
	}
	if err != nil {
		t.abort(ctx, anchor, keys)
		if errors.Is(err, ErrUnknown) { // whether it is prepared, not whether it is committed
			err = fmt.Errorf("%w: not all shards could be prepared", ErrUnavailable)
		}
		return err
	}
	a, err := t.db.decide(ctx, t.id, anchor, true, keys)
	switch {
	case err != nil:
		return err
	case a.Status == wire.Aborted:
		t.abort(ctx, anchor, keys)
		return fmt.Errorf("%w: it was aborted by another", ErrConflict)
	}
	t.db.background(ctx, "kv.resolve", func(ctx context.Context) error { return t.db.finish(ctx, t.id, anchor, true, keys) })
	return nil
}

// prepareAnchor prepares the keys on the anchor's shard, whatever splits it meanwhile, and
// returns the others. No other shard may have a lock before the anchor's has the note:
// who met it would find the transaction aborted.
func (t *Txn) prepareAnchor(ctx context.Context, anchor string, keys []string, prepare func(context.Context, []string) error) ([]string, error) {
	for {
		m, err := t.db.anyMap(ctx)
		if err != nil {
			return nil, err
		}
		with, rest := besides(m, anchor, keys)
		if err = prepare(ctx, with); !errors.Is(err, errSplit) {
			return rest, err
		}
	}
}

// besides divides keys into those on the anchor's shard and the rest.
func besides(m *shardmap.Map, anchor string, keys []string) (with, rest []string) {
	for _, k := range keys {
		if m.GetShardForKey(k) == m.GetShardForKey(anchor) {
			with = append(with, k)
		} else {
			rest = append(rest, k)
		}
	}
	return with, rest
}

// abort undoes what was prepared, in the background: nobody depends on it.
func (t *Txn) abort(ctx context.Context, anchor string, keys []string) {
	t.db.background(ctx, "kv.abort", func(ctx context.Context) error {
		if _, err := t.db.decide(ctx, t.id, anchor, false, nil); err != nil {
			return err
		}
		return t.db.finish(ctx, t.id, anchor, false, keys)
	})
}

// background does something that outlives the operation that needs it. If it fails,
// those who meet the locks do it.
func (db *DB) background(ctx context.Context, name string, f func(ctx context.Context) error) {
	db.clk.Go(db.clk.WithoutCancel(ctx), name, func(ctx context.Context) {
		ctx, cancel := db.clk.WithTimeout(ctx, db.cfg.Timeout)
		defer cancel()
		if f(ctx) != nil {
			db.mu.Lock()
			db.unfinished++
			db.mu.Unlock()
		}
	})
}

// decide commits or aborts a transaction, unless that is decided. The answer's status is
// OK, Aborted or Committed.
func (db *DB) decide(ctx context.Context, id wire.TxnID, anchor string, commit bool, keys []string) (*wire.Response, error) {
	return db.do(ctx, &call{req: wire.Request{Kind: wire.Transact, Level: wire.Quorum,
		Txn: wire.Txn{Step: wire.Decide, ID: id, Anchor: anchor, Commit: commit, Keys: keys}}, keys: []string{anchor}})
}

// finish does on all keys what was decided; if it was committed, and these are all its
// keys, the decision is forgotten.
func (db *DB) finish(ctx context.Context, id wire.TxnID, anchor string, commit bool, keys []string) error {
	err := db.scatter(ctx, "kv.resolve", keys, func(ctx context.Context, keys []string) error {
		_, err := db.do(ctx, &call{req: wire.Request{Kind: wire.Transact, Level: wire.Quorum,
			Txn: wire.Txn{Step: wire.Resolve, ID: id, Anchor: anchor, Commit: commit, Keys: keys}}, keys: keys})
		return err
	})
	if err != nil || !commit {
		return err
	}
	_, err = db.do(ctx, &call{req: wire.Request{Kind: wire.Transact, Level: wire.Quorum,
		Txn: wire.Txn{Step: wire.Forget, ID: id, Anchor: anchor}}, keys: []string{anchor}})
	return err
}

// meet sees to a transaction whose lock is in the way, and reports whether it is there
// no more.
func (db *DB) meet(ctx context.Context, lock wire.Txn) (free bool, err error) {
	a, err := db.do(ctx, &call{req: wire.Request{Kind: wire.Transact, Level: wire.Quorum,
		Txn: wire.Txn{Step: wire.Inquire, ID: lock.ID, Anchor: lock.Anchor}}, keys: []string{lock.Anchor}})
	if err != nil {
		return false, err
	}
	if a.Status == wire.Pending {
		if a.Age < db.cfg.LockTimeout && !db.overdue(lock.ID) {
			return false, nil
		}
		// Somebody may commit it just now; then the answer says so.
		if a, err = db.decide(ctx, lock.ID, lock.Anchor, false, nil); err != nil {
			return false, err
		}
		if a.Status == wire.Committed {
			return false, nil // the next time
		}
	}
	if a.Status == wire.Committed {
		return true, db.finish(ctx, lock.ID, lock.Anchor, true, a.Txn.Keys)
	}
	return true, db.finish(ctx, lock.ID, lock.Anchor, false, lock.Keys)
}

// overdue reports whether a transaction was first in the way long ago.
func (db *DB) overdue(id wire.TxnID) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	now := db.clk.Monotonic()
	first, known := db.locks[id]
	if !known {
		if len(db.locks) >= maxLocks {
			clear(db.locks) // they are met again soon, if they are still there
		}
		db.locks[id] = now
		return false
	}
	return now-first >= db.cfg.LockTimeout
}

// maxLocks is how many transactions that were in the way are remembered.
const maxLocks = 1024
