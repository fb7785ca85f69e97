package client

import (
	"context"

	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// Future is the answer to an operation that is under way.
type Future[T any] struct {
	done  clock.Event
	value T
	err   error
}

// Get waits for the answer. If ctx ends before, its error is returned; the operation
// goes on.
func (f *Future[T]) Get(ctx context.Context) (T, error) {
	if err := f.done.Wait(ctx); err != nil {
		var none T
		return none, err
	}
	return f.value, f.err
}

// Done reports whether the answer is there.
func (f *Future[T]) Done() bool { return f.done.IsSet() }

// async runs an operation as a process of its own.
func async[T any](ctx context.Context, db *DB, name string, f func(ctx context.Context) (T, error)) *Future[T] {
	u := &Future[T]{done: db.clk.NewEvent()}
	db.clk.Go(ctx, name, func(ctx context.Context) {
		u.value, u.err = f(ctx)
		u.done.Set()
	})
	return u
}

// GetAsync is Get without waiting.
func (db *DB) GetAsync(ctx context.Context, key string, opts ...Option) *Future[Result] {
	return async(ctx, db, "kv.get", func(ctx context.Context) (Result, error) { return db.Get(ctx, key, opts...) })
}

// PutAsync is Put without waiting.
func (db *DB) PutAsync(ctx context.Context, key string, value []byte, opts ...Option) *Future[Result] {
	return async(ctx, db, "kv.put", func(ctx context.Context) (Result, error) { return db.Put(ctx, key, value, opts...) })
}

// DeleteAsync is Delete without waiting.
func (db *DB) DeleteAsync(ctx context.Context, key string, opts ...Option) *Future[Result] {
	return async(ctx, db, "kv.delete", func(ctx context.Context) (Result, error) { return db.Delete(ctx, key, opts...) })
}

// ScanAsync is Scan without waiting.
func (db *DB) ScanAsync(ctx context.Context, start, end string, limit int, opts ...Option) *Future[[]wire.Item] {
	return async(ctx, db, "kv.scan", func(ctx context.Context) ([]wire.Item, error) { return db.Scan(ctx, start, end, limit, opts...) })
}

// BatchAsync is Batch without waiting.
func (db *DB) BatchAsync(ctx context.Context, ops []wire.Op, opts ...Option) *Future[struct{}] {
	return async(ctx, db, "kv.batch", func(ctx context.Context) (struct{}, error) { return struct{}{}, db.Batch(ctx, ops, opts...) })
}
