package kv_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/kv"
)

// bench is three nodes with shards, an authority that says what the test wants, and
// programs that use the client.
type bench struct {
	t *testing.T
	e *sim.Engine
	c *kv.Cluster
	m *shardmap.Map
	// asked counts how often the map was fetched.
	asked int
}

func newBench(t *testing.T, splits ...string) *bench {
	b := &bench{t: t, e: sim.NewEngine(sim.Config{Seed: 1})}
	b.c = kv.New(b.e, kv.Config{Nodes: names})
	b.c.OnEvent = func(_ shardmap.NodeID, e replica.Event) {
		if e.Kind == replica.Activated {
			b.e.After(time.Millisecond, "authority", func() { b.change(b.m.Activated(e.Shard, e.Epoch)) })
		}
	}
	var err error
	b.m, err = shardmap.New("s", names)
	require.NoError(t, err)
	for _, n := range names {
		b.c.Start(n)
	}
	b.tell()
	b.run(time.Second)
	for _, at := range splits {
		b.split(at)
	}
	t.Cleanup(func() {
		require.NoError(t, b.c.Err())
		require.NoError(t, b.e.Close())
	})
	return b
}

func (b *bench) run(d time.Duration) { require.NoError(b.t, b.e.Run(b.e.Now().Add(d))) }

func (b *bench) tell() {
	for i := range b.m.Len() {
		for _, n := range names {
			b.c.Configure(n, b.m.At(i).Clone())
		}
	}
}

func (b *bench) change(next *shardmap.Map, err error) {
	require.NoError(b.t, err)
	b.m = next
	b.tell()
}

func (b *bench) split(at string) {
	next, _, err := b.m.Split(b.m.GetShardForKey(at), at, shardmap.ID("from-"+at))
	b.change(next, err)
	b.run(time.Second)
	require.True(b.t, b.m.Lookup(at).Settled())
}

// Command implements client.Admin.
func (b *bench) Command(context.Context, wire.Command) (*wire.AdminResult, error) {
	b.asked++
	s := &wire.ClusterState{MapVersion: b.m.Version(), Settings: meta.Defaults()}
	for i := range b.m.Len() {
		s.Shards = append(s.Shards, b.m.At(i).Clone())
	}
	return &wire.AdminResult{State: s}, nil
}

func (b *bench) open(name string, cfg client.Config) *client.DB {
	cfg.Clock, cfg.Transport, cfg.Admin = b.e.Clock(name), kv.Link{Client: b.c.NewClient(name)}, b
	db, err := client.Open(cfg)
	require.NoError(b.t, err)
	return db
}

// do runs a program to its end.
func (b *bench) do(name string, f func(ctx context.Context) error) {
	err := errors.New("it didn't end")
	done := false
	b.e.Clock(name).Go(context.Background(), name, func(ctx context.Context) { err, done = f(ctx), true })
	require.NoError(b.t, b.e.RunUntil(func() bool { return done }, b.e.Now().Add(time.Hour)))
	require.NoError(b.t, err)
}

func TestOperationsDoWhatTheyAreCalled(t *testing.T) {
	b := newBench(t, "m")
	db := b.open("app", client.Config{})
	b.do("app", func(ctx context.Context) error {
		r, err := db.Get(ctx, "a")
		require.NoError(t, err)
		assert.False(t, r.Found)
		first, err := db.Put(ctx, "a", []byte("1"))
		require.NoError(t, err)
		_, err = db.CompareAndSet(ctx, "a", nil, []byte("x"))
		assert.ErrorIs(t, err, client.ErrCondition, "it isn't missing")
		_, err = db.CompareAndSet(ctx, "a", []byte("1"), []byte("2"))
		require.NoError(t, err)
		_, err = db.PutVersion(ctx, "a", first.Version, []byte("x"))
		assert.ErrorIs(t, err, client.ErrCondition, "it was written since")
		r, err = db.Get(ctx, "a", client.At(wire.All))
		require.NoError(t, err)
		assert.Equal(t, "2", string(r.Value))
		assert.Greater(t, r.Version, first.Version)
		assert.False(t, r.Weak)
		_, err = db.Delete(ctx, "a")
		require.NoError(t, err)
		r, err = db.Get(ctx, "a", client.At(wire.One))
		require.NoError(t, err)
		assert.True(t, r.Weak)
		assert.Error(t, db.SetConsistencyLevel("most"))
		require.NoError(t, db.SetConsistencyLevel("one"))
		r, err = db.Put(ctx, "b", []byte("1"))
		require.NoError(t, err)
		assert.True(t, r.Weak)
		_, err = db.CompareAndSet(ctx, "b", nil, nil)
		assert.ErrorIs(t, err, client.ErrInvalid, "conditions need a quorum")
		_, err = db.Put(ctx, "b", make([]byte, wire.MaxValue+1))
		assert.ErrorIs(t, err, client.ErrInvalid, "too large")
		var ops []wire.Op
		for i := range 4 {
			ops = append(ops, wire.Op{Key: fmt.Sprint("k", i), Value: make([]byte, wire.MaxValue)})
		}
		assert.ErrorIs(t, db.Batch(ctx, ops), client.ErrInvalid, "too large together")
		require.NoError(t, db.Batch(ctx, ops[:3], client.At(wire.All)))
		return nil
	})
}

func TestBatchesAndScansGoOverShardsAndTheirSplits(t *testing.T) {
	b := newBench(t, "k05")
	db := b.open("app", client.Config{})
	var ops []wire.Op
	for i := range 20 {
		ops = append(ops, wire.Op{Key: fmt.Sprintf("k%02d", i), Value: []byte(strconv.Itoa(i))})
	}
	b.do("app", func(ctx context.Context) error { return db.Batch(ctx, ops) })
	b.split("k10") // the client doesn't know of it
	ops = append(ops[:0:0], ops...)
	for i := range ops {
		ops[i].Value = []byte(strconv.Itoa(100 + i))
	}
	b.do("app", func(ctx context.Context) error { return db.Batch(ctx, ops) })
	b.split("k15")
	b.do("app", func(ctx context.Context) error {
		items, err := db.Scan(ctx, "k03", "k18", 0)
		require.NoError(t, err)
		require.Len(t, items, 15)
		for i, item := range items {
			assert.Equal(t, fmt.Sprintf("k%02d", i+3), item.Key)
			assert.Equal(t, strconv.Itoa(103+i), string(item.Value))
		}
		items, err = db.Scan(ctx, "", "", 7)
		require.NoError(t, err)
		assert.Len(t, items, 7)
		many, err := db.GetMany(ctx, []string{"k19", "k00", "nope", "k00"})
		require.NoError(t, err)
		require.Len(t, many, 3)
		assert.Equal(t, "119", string(many["k19"].Value))
		assert.False(t, many["nope"].Found)
		return nil
	})
	assert.Less(t, b.asked, 6, "the map is kept until it is known to be old")
}

func TestFuturesRunAtTheSameTime(t *testing.T) {
	b := newBench(t)
	db := b.open("app", client.Config{})
	b.do("app", func(ctx context.Context) error {
		_, err := db.Put(ctx, "warm", nil)
		require.NoError(t, err)
		start := b.e.Now()
		var list []*client.Future[client.Result]
		for i := range 50 {
			list = append(list, db.PutAsync(ctx, fmt.Sprint("k", i), []byte{byte(i)}))
		}
		assert.False(t, list[0].Done())
		for _, f := range list {
			_, err := f.Get(ctx)
			require.NoError(t, err)
		}
		assert.Less(t, b.e.Now()-start, sim.Time(20*time.Millisecond))
		got, err := db.GetAsync(ctx, "k7").Get(ctx)
		assert.Equal(t, []byte{7}, got.Value)
		return err
	})
	assert.Equal(t, 52, db.Latency().Requests)
	assert.Greater(t, db.Latency().P99, time.Duration(0))
}

func TestTheCacheAnswersAtOneOnlyAndNotForLong(t *testing.T) {
	b := newBench(t)
	db, other := b.open("app", client.Config{CacheEntries: 2}), b.open("other", client.Config{})
	b.do("app", func(ctx context.Context) error {
		_, err := db.Put(ctx, "a", []byte("old"))
		require.NoError(t, err)
		_, err = db.Get(ctx, "a")
		require.NoError(t, err)
		return nil
	})
	b.do("other", func(ctx context.Context) error { _, err := other.Put(ctx, "a", []byte("new")); return err })
	b.do("app", func(ctx context.Context) error {
		r, err := db.Get(ctx, "a", client.At(wire.One))
		require.NoError(t, err)
		assert.Equal(t, "old", string(r.Value))
		assert.True(t, r.Weak)
		clk := b.e.Clock("app")
		require.NoError(t, clk.Sleep(ctx, 1500*time.Millisecond))
		r, err = db.Get(ctx, "a", client.At(wire.One))
		require.NoError(t, err)
		assert.Equal(t, "new", string(r.Value))
		return nil
	})
}

func TestAnUnknownOutcomeIsReportedAndNothingElse(t *testing.T) {
	b := newBench(t)
	db := b.open("app", client.Config{Timeout: 3 * time.Second})
	cut := func(from, to string) *sim.CutHandle { return b.c.Network.Cut(from, to, sim.Blackhole) }
	b.do("app", func(ctx context.Context) error { _, err := db.Put(ctx, "a", []byte("1")); return err })
	answers := cut("n1", "app")
	b.do("app", func(ctx context.Context) error {
		_, err := db.Put(ctx, "a", []byte("2"))
		assert.ErrorIs(t, err, client.ErrUnknown, "it arrives, but no answer comes back")
		_, err = db.Get(ctx, "a")
		assert.ErrorIs(t, err, client.ErrUnavailable)
		return nil
	})
	answers.Mend()
	b.do("app", func(ctx context.Context) error {
		r, err := db.Get(ctx, "a")
		assert.Equal(t, "2", string(r.Value))
		return err
	})
	b.c.Crash("n2")
	b.c.Crash("n3")
	b.run(3 * time.Second)
	b.do("app", func(ctx context.Context) error {
		_, err := db.Put(ctx, "a", []byte("3"))
		assert.ErrorIs(t, err, client.ErrUnavailable, "refused, so nothing was done")
		return nil
	})
}

func TestOfTwoTransactionsThatReadTheSameOneWinsAndNothingIsLost(t *testing.T) {
	for name, splits := range map[string][]string{"on one shard": nil, "on two": {"b"}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, splits...)
			db := b.open("app", client.Config{})
			b.do("app", func(ctx context.Context) error {
				x, y := db.Begin(), db.Begin()
				for _, tx := range []*client.Txn{x, y} {
					for _, k := range []string{"a", "c"} {
						r, err := tx.Get(ctx, k)
						require.NoError(t, err)
						tx.Put(k, append(r.Value, 'x'))
					}
				}
				r, err := x.Get(ctx, "a")
				require.NoError(t, err)
				assert.Equal(t, "x", string(r.Value), "its own write")
				require.NoError(t, x.Commit(ctx))
				start := b.e.Now()
				assert.ErrorIs(t, y.Commit(ctx), client.ErrConflict)
				assert.Less(t, b.e.Now()-start, sim.Time(50*time.Millisecond), "at once")
				assert.ErrorIs(t, y.Commit(ctx), client.ErrDone)
				for _, k := range []string{"a", "c"} {
					r, err := db.Get(ctx, k)
					require.NoError(t, err)
					assert.Equal(t, "x", string(r.Value))
				}
				z := db.Begin()
				z.Put("a", []byte("never"))
				z.Rollback()
				assert.ErrorIs(t, z.Commit(ctx), client.ErrDone)
				return nil
			})
		})
	}
}

func TestATransactionReadsSeveralKeysAtOnceAsItReadsEach(t *testing.T) {
	b := newBench(t, "b")
	db := b.open("app", client.Config{})
	b.do("app", func(ctx context.Context) error {
		require.NoError(t, db.Batch(ctx, []wire.Op{{Key: "a", Value: []byte("1")}, {Key: "c", Value: []byte("2")}}))
		tx := db.Begin()
		tx.Put("own", []byte("3"))
		start := b.e.Now()
		_, err := tx.GetMany(ctx, []string{"a", "c"})
		require.NoError(t, err)
		many := b.e.Now() - start
		start = b.e.Now()
		for _, key := range []string{"a1", "c1"} {
			_, err := tx.Get(ctx, key)
			require.NoError(t, err)
		}
		assert.Less(t, many, b.e.Now()-start, "both shards were asked at the same time")
		_, err = db.Put(ctx, "a", []byte("later"))
		require.NoError(t, err)
		all, err := tx.GetMany(ctx, []string{"a", "c", "own", "gone"})
		require.NoError(t, err)
		assert.Equal(t, "1", string(all["a"].Value), "as it was read first")
		assert.Equal(t, "2", string(all["c"].Value))
		assert.Equal(t, "3", string(all["own"].Value), "its own write")
		assert.False(t, all["gone"].Found)
		assert.ErrorIs(t, tx.Commit(ctx), client.ErrConflict, "what it has read has changed")
		_, err = tx.GetMany(ctx, []string{"a"})
		assert.ErrorIs(t, err, client.ErrDone)
		return nil
	})
}

// TestOthersFinishWhatADeadCoordinatorHasLeft kills a client at every moment of a commit
// over two shards: afterwards both keys are changed, or none, and nothing is locked.
func TestOthersFinishWhatADeadCoordinatorHasLeft(t *testing.T) {
	outcomes := map[string]int{}
	for after := time.Duration(0); after < 16*time.Millisecond; after += 500 * time.Microsecond {
		b := newBench(t, "b")
		db, other := b.open("app", client.Config{}), b.open("other", client.Config{LockTimeout: 500 * time.Millisecond})
		b.do("app", func(ctx context.Context) error {
			return db.Batch(ctx, []wire.Op{{Key: "a", Value: []byte("old")}, {Key: "c", Value: []byte("old")}})
		})
		clk := b.e.Clock("app")
		clk.Go(context.Background(), "doomed", func(ctx context.Context) {
			tx := db.Begin()
			tx.Put("a", []byte("new"))
			tx.Put("c", []byte("new"))
			_ = tx.Commit(ctx) // it may not return
		})
		b.e.After(after, "kill", clk.Kill)
		b.run(after + time.Second)
		b.do("other", func(ctx context.Context) error {
			all, err := other.GetMany(ctx, []string{"a", "c"})
			require.NoError(t, err, "killed after %v", after)
			assert.Equal(t, string(all["a"].Value), string(all["c"].Value), "killed after %v", after)
			outcomes[string(all["a"].Value)]++
			tx := other.Begin()
			tx.Put("a", []byte("mine"))
			tx.Put("c", []byte("mine"))
			return tx.Commit(ctx)
		})
	}
	assert.NotZero(t, outcomes["old"], "killed before the decision")
	assert.NotZero(t, outcomes["new"], "killed behind it")
}
