package kv_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim"
)

// What clients are told when shards split and merge in the middle of an operation.

func TestABatchIsWrittenWhollyThoughItsShardsAreMergedMeanwhile(t *testing.T) {
	b := newBench(t, "m")
	b.change(b.m.SetPrimary("from-m", "n2"))
	b.run(time.Second)
	db, other := b.open("app", client.Config{}), b.open("other", client.Config{})
	// The part on n1 is written at once, the other one only when n1 has it too.
	cut := b.c.Network.Cut("app", "n2", sim.Blackhole)
	b.e.After(time.Second, "merge", func() {
		next, _, err := b.m.Delete("from-m", shardmap.KeepData)
		b.change(next, err)
	})
	b.do("app", func(ctx context.Context) error {
		return db.Batch(ctx, []wire.Op{{Key: "a", Value: []byte("1")}, {Key: "x", Value: []byte("2")}})
	})
	cut.Mend()
	require.Equal(t, 1, b.m.Len(), "merged")
	found := b.keys(other)
	assert.Equal(t, "1", string(found["a"].Value))
	assert.Equal(t, "2", string(found["x"].Value), "it was acknowledged")
}

func TestNothingIsLockedElsewhereBeforeTheAnchorsShardKnowsOfTheTransaction(t *testing.T) {
	b := newBench(t, "m")
	app, other := b.open("app", client.Config{}), b.open("other", client.Config{})
	put := func(tx *client.Txn, value string) {
		for _, k := range []string{"a", "b", "x"} {
			tx.Put(k, []byte(value))
		}
	}
	b.do("app", func(ctx context.Context) error {
		tx := app.Begin()
		put(tx, "old")
		return tx.Commit(ctx)
	})
	b.run(time.Second) // so that it is resolved
	b.split("b")       // the client doesn't know of it
	// The anchor's shard can't be reached: its primary is another one and doesn't know.
	next, err := b.m.SetPrimary("s", "n2")
	require.NoError(t, err)
	b.m = next
	committed := false
	b.e.Clock("app").Go(context.Background(), "app", func(ctx context.Context) {
		tx := app.Begin()
		put(tx, "new")
		committed = tx.Commit(ctx) == nil
	})
	b.run(time.Second)
	require.False(t, committed)
	b.do("other", func(ctx context.Context) error {
		r, err := other.Get(ctx, "b", client.Within(time.Second))
		require.NoError(t, err, "who met a lock would find a transaction without a note, and undo it")
		assert.Equal(t, "old", string(r.Value))
		return nil
	})
	b.tell()
	b.run(3 * time.Second)
	assert.True(t, committed)
	b.do("other", func(ctx context.Context) error {
		all, err := other.GetMany(ctx, []string{"a", "b", "x"})
		for _, r := range all {
			assert.Equal(t, "new", string(r.Value))
		}
		return err
	})
}

// TestWhatWasMissingIsVerified lets a transaction that only reads see one key before and
// another key after a transaction that writes both, and undoes the first one while it is
// being verified.
func TestWhatWasMissingIsVerified(t *testing.T) {
	b := newBench(t, "m")
	b.change(b.m.SetPrimary("s", "n2"))
	b.run(time.Second)
	reader, writer := b.open("reader", client.Config{}), b.open("writer", client.Config{})
	var tx *client.Txn
	get := func(key string) (r client.Result) {
		b.do("reader", func(ctx context.Context) (err error) { r, err = tx.Get(ctx, key); return err })
		return r
	}
	both := func(ctx context.Context, gone bool, value string) error {
		w := writer.Begin()
		w.Put("a", []byte(value))
		if gone {
			w.Delete("a")
		}
		w.Put("x", []byte(value))
		return w.Commit(ctx)
	}
	tx = reader.Begin()
	require.False(t, get("a").Found)
	b.do("writer", func(ctx context.Context) error { return both(ctx, false, "1") })
	require.True(t, get("x").Found, "never was there one without the other")
	cut := b.c.Network.Cut("reader", "n2", sim.Blackhole)
	b.e.After(time.Second, "undo", func() {
		b.e.Clock("writer").Go(context.Background(), "writer", func(ctx context.Context) { _ = both(ctx, true, "2") })
	})
	b.e.After(1500*time.Millisecond, "mend", cut.Mend)
	b.do("reader", func(ctx context.Context) error {
		assert.ErrorIs(t, tx.Commit(ctx), client.ErrConflict)
		return nil
	})
}
