package client

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/kvcluster/wire"
)

// Option changes a single operation.
type Option func(*options)

type options struct {
	level   *wire.Level // nil: the client's, or the cluster's
	timeout time.Duration
}

// At gives an operation a level of its own.
func At(l wire.Level) Option { return func(o *options) { o.level = &l } }

// Within gives an operation a deadline of its own, from its beginning.
func Within(d time.Duration) Option { return func(o *options) { o.timeout = d } }

func (db *DB) options(list []Option) options {
	db.mu.Lock()
	o := options{level: db.level, timeout: db.cfg.Timeout}
	db.mu.Unlock()
	for _, f := range list {
		f(&o)
	}
	return o
}

// Result is the answer to an operation on one key.
type Result struct {
	Value   []byte
	Found   bool
	Version uint64 // of the key; grows with every write of it
	// Weak says that a value read may be stale, or that what was written may be lost when
	// the primary fails: level ONE.
	Weak bool
}

// Get reads a key.
func (db *DB) Get(ctx context.Context, key string, opts ...Option) (Result, error) {
	o := db.options(opts)
	ctx, cancel := db.clk.WithTimeout(ctx, o.timeout)
	defer cancel()
	level := db.reading(ctx, o)
	if level == wire.One {
		if r, ok := db.cached(key); ok {
			return r, nil
		}
	}
	c := &call{req: wire.Request{Kind: wire.Read, Level: level, Keys: []string{key}}, keys: []string{key}}
	a, err := db.do(ctx, c)
	if err != nil {
		return Result{}, fmt.Errorf("get %q: %w", key, err)
	}
	r := Result{Weak: a.Weak}
	if len(a.Items) > 0 {
		r.Found, r.Value, r.Version = true, a.Items[0].Value, a.Items[0].Version
	}
	db.rememberRead(key, r)
	return r, nil
}

// Put writes a key.
func (db *DB) Put(ctx context.Context, key string, value []byte, opts ...Option) (Result, error) {
	return db.write(ctx, "put", wire.Op{Kind: wire.Put, Key: key, Value: value}, opts)
}

// Delete removes a key.
func (db *DB) Delete(ctx context.Context, key string, opts ...Option) (Result, error) {
	return db.write(ctx, "delete", wire.Op{Kind: wire.Delete, Key: key}, opts)
}

// CompareAndSet writes a key if it has the value expected; nil expects that it is
// missing. Otherwise the error is ErrCondition.
func (db *DB) CompareAndSet(ctx context.Context, key string, expect, value []byte, opts ...Option) (Result, error) {
	op := wire.Op{Kind: wire.Put, Key: key, Value: value, If: wire.IfValue, Expect: expect}
	if expect == nil {
		op.If = wire.IfMissing
	}
	return db.write(ctx, "compare-and-set", op, opts)
}

// PutVersion writes a key if it has the version expected; 0 expects that it is missing.
func (db *DB) PutVersion(ctx context.Context, key string, version uint64, value []byte, opts ...Option) (Result, error) {
	op := wire.Op{Kind: wire.Put, Key: key, Value: value, If: wire.IfVersion, ExpectVersion: version}
	if version == 0 {
		op.If = wire.IfMissing
	}
	return db.write(ctx, "put-version", op, opts)
}

func (db *DB) write(ctx context.Context, what string, op wire.Op, opts []Option) (Result, error) {
	o := db.options(opts)
	ctx, cancel := db.clk.WithTimeout(ctx, o.timeout)
	defer cancel()
	db.drop(op.Key)
	defer db.drop(op.Key)
	until := db.clk.Monotonic() + o.timeout
	a, err := db.do(ctx, &call{req: wire.Request{Kind: wire.Write, Level: db.writing(ctx, o), Ops: []wire.Op{op}}, keys: []string{op.Key}, until: until})
	if err != nil {
		return Result{}, fmt.Errorf("%s %q: %w", what, op.Key, err)
	}
	return Result{Value: op.Value, Found: op.Kind == wire.Put, Version: a.Version, Weak: a.Weak}, nil
}

// GetMany reads several keys, those of one shard at one moment. Keys that are missing
// have a Result that isn't Found.
func (db *DB) GetMany(ctx context.Context, keys []string, opts ...Option) (map[string]Result, error) {
	o := db.options(opts)
	ctx, cancel := db.clk.WithTimeout(ctx, o.timeout)
	defer cancel()
	level := db.reading(ctx, o)
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	out := make(map[string]Result, len(keys))
	for chunk := range slices.Chunk(keys, wire.MaxOps) {
		err := db.scatter(ctx, "kv.get-many", chunk, func(ctx context.Context, keys []string) error {
			a, err := db.do(ctx, &call{req: wire.Request{Kind: wire.Read, Level: level, Keys: keys}, keys: keys})
			if err != nil {
				return err
			}
			db.mu.Lock()
			defer db.mu.Unlock()
			for _, k := range keys {
				out[k] = Result{Weak: a.Weak}
			}
			for _, i := range a.Items {
				out[i.Key] = Result{Value: i.Value, Found: true, Version: i.Version, Weak: a.Weak}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("get %d keys: %w", len(keys), err)
		}
	}
	return out, nil
}

// Scan reads up to limit items of [start, end) in the order of keys, over all shards; an
// end of "" and a limit of 0 are no bound. Each part is of one moment, the whole isn't.
func (db *DB) Scan(ctx context.Context, start, end string, limit int, opts ...Option) ([]wire.Item, error) {
	o := db.options(opts)
	ctx, cancel := db.clk.WithTimeout(ctx, o.timeout)
	defer cancel()
	level := db.reading(ctx, o)
	var items []wire.Item
	for {
		c := &call{req: wire.Request{Kind: wire.Scan, Level: level, Start: start, End: end}, keys: []string{start}}
		if limit > 0 {
			c.req.Limit = uint64(limit - len(items))
		}
		a, err := db.do(ctx, c)
		if err != nil {
			return items, fmt.Errorf("scan from %q: %w", start, err)
		}
		items = append(items, a.Items...)
		if limit > 0 && len(items) >= limit {
			return items[:limit], nil
		}
		if a.Next == "" || end != "" && a.Next >= end {
			return items, nil
		}
		start = a.Next
	}
}

func sorted(m map[string]wire.Op) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func same(a, b Result) bool {
	return a.Found == b.Found && a.Version == b.Version && bytes.Equal(a.Value, b.Value)
}
