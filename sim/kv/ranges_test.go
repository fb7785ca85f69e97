package kv_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/kv"
)

// merge merges a shard with the one before it.
func (b *bench) merge(id shardmap.ID) {
	next, _, err := b.m.Delete(id, shardmap.KeepData)
	b.change(next, err)
	b.run(time.Second)
	require.Nil(b.t, b.m.Get(id), "it is gone")
}

// keys reads all keys with their versions.
func (b *bench) keys(db *client.DB) map[string]wire.Item {
	found := map[string]wire.Item{}
	b.do("app", func(ctx context.Context) error {
		items, err := db.Scan(ctx, "", "", 0)
		for _, i := range items {
			assert.NotContains(b.t, found, i.Key, "served by two shards")
			found[i.Key] = i
		}
		return err
	})
	return found
}

func TestSplitsAndMergesKeepEveryKeyAndItsVersion(t *testing.T) {
	b := newBench(t)
	db := b.open("app", client.Config{})
	put := func(from, to int, value string) {
		b.do("app", func(ctx context.Context) error {
			for i := from; i < to; i++ {
				if _, err := db.Put(ctx, fmt.Sprintf("k%02d", i), []byte(value)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	put(0, 20, "1")
	before := b.keys(db)
	require.Len(t, before, 20)
	b.split("k10")
	b.split("k05")
	assert.Equal(t, before, b.keys(db), "a split changes nothing")
	put(12, 14, "2") // versions of one part run ahead
	put(0, 2, "3")
	ahead := b.keys(db)
	assert.Greater(t, ahead["k12"].Version, before["k12"].Version)
	b.merge("from-k05")
	b.merge("from-k10")
	assert.Equal(t, 1, b.m.Len())
	assert.Equal(t, ahead, b.keys(db), "nor does a merge")
	put(0, 20, "4")
	after := b.keys(db)
	for k, i := range after {
		assert.Greater(t, i.Version, ahead[k].Version, "%s: a version must not come twice", k)
	}
}

func TestARetryIsRecognisedByThePartAndByTheHeir(t *testing.T) {
	b := newBench(t)
	k := b.c.NewClient("raw")
	ask := func(key, value string) *wire.Response {
		s := b.m.Lookup(key)
		var answer *wire.Response
		done := false
		k.Do(s.Primary, &wire.Request{Client: 7, Seq: 1, Settled: 1, Retry: true, Shard: s.ID, Level: wire.Quorum, Kind: wire.Write,
			Ops: []wire.Op{{Key: key, Value: []byte(value)}}}, time.Minute, func(a *wire.Response) { answer, done = a, true })
		require.NoError(t, b.e.RunUntil(func() bool { return done }, b.e.Now().Add(2*time.Minute)))
		require.NotNil(t, answer)
		require.Equal(t, wire.OK, answer.Status, answer.Reason)
		return answer
	}
	first := ask("x", "once")
	b.split("m")
	assert.Equal(t, first.Version, ask("x", "twice").Version, "the part knows what its origin has done")
	b.merge("from-m")
	assert.Equal(t, first.Version, ask("x", "thrice").Version, "and so does the heir")
	db := b.open("app", client.Config{})
	assert.Equal(t, "once", string(b.keys(db)["x"].Value))
}

func TestADeletedShardsDataGoesOnRequestOnly(t *testing.T) {
	b := newBench(t, "m")
	db := b.open("app", client.Config{})
	b.do("app", func(ctx context.Context) error {
		return db.Batch(ctx, []wire.Op{{Key: "a", Value: []byte("1")}, {Key: "x", Value: []byte("2")}})
	})
	next, heir, err := b.m.Delete("from-m", shardmap.DropData)
	b.change(next, err)
	assert.Equal(t, shardmap.ID("s"), heir)
	b.run(time.Second)
	assert.Equal(t, 1, b.m.Len())
	found := b.keys(db)
	assert.Contains(t, found, "a")
	assert.NotContains(t, found, "x")
	b.do("app", func(ctx context.Context) error { _, err := db.Put(ctx, "x", []byte("3")); return err })
	assert.Equal(t, "3", string(b.keys(db)["x"].Value), "the range is the neighbour's")
}

func TestASplitSurvivesTheLossOfItsPrimaryInTheMiddle(t *testing.T) {
	for after := time.Duration(0); after < 12*time.Millisecond; after += time.Millisecond {
		b := newBench(t)
		db := b.open("app", client.Config{})
		b.do("app", func(ctx context.Context) error {
			return db.Batch(ctx, []wire.Op{{Key: "a", Value: []byte("1")}, {Key: "x", Value: []byte("2")}})
		})
		next, right, err := b.m.Split("s", "m", "")
		b.change(next, err)
		b.run(after)
		b.c.Crash("n1")
		for _, id := range []shardmap.ID{"s", right} {
			b.change(b.m.SetPrimary(id, "n2"))
		}
		b.run(2 * time.Second)
		found := b.keys(db)
		assert.Equal(t, "1", string(found["a"].Value), "crash after %v", after)
		assert.Equal(t, "2", string(found["x"].Value), "crash after %v", after)
	}
}

func TestAPartWaitsForWhatItIsMadeOf(t *testing.T) {
	b := newBench(t)
	db := b.open("app", client.Config{})
	b.do("app", func(ctx context.Context) error { _, err := db.Put(ctx, "x", []byte("1")); return err })
	// The origin's primary hears nothing of the split, the part's does.
	next, right, err := b.m.Split("s", "m", "")
	require.NoError(t, err)
	b.m = next
	for _, n := range names {
		b.c.Configure(n, next.Get(right).Clone())
	}
	b.run(3 * time.Second)
	assert.Equal(t, replica.Fencing, b.c.Core("n1", right).Role(), "an empty part would lose the key")
	b.tell()
	b.run(3 * time.Second)
	assert.Equal(t, replica.Primary, b.c.Core("n1", right).Role())
	assert.Contains(t, b.keys(db), "x")
}

func TestACopyThatMovedAwayIsRemovedWhenTheNewOneIsThere(t *testing.T) {
	e := sim.NewEngine(sim.Config{Seed: 1})
	c := kv.New(e, kv.Config{Nodes: append(names[:3:3], "n4")})
	m, err := shardmap.New("s", names)
	require.NoError(t, err)
	tell := func() {
		for _, n := range c.Nodes() {
			c.Configure(n, m.Get("s").Clone())
		}
	}
	for _, n := range c.Nodes() {
		c.Start(n)
	}
	tell()
	require.NoError(t, e.Run(sim.Time(time.Second)))
	m, err = m.Move("s", "n3", "n4")
	require.NoError(t, err)
	tell()
	require.NoError(t, e.Run(sim.Time(3*time.Second)))
	require.NotNil(t, c.Core("n3", "s"))
	assert.NotZero(t, c.Core("n3", "s").LastIndex(), "the map doesn't say yet that the new copies are in order")
	m, err = m.Activated("s", m.Get("s").Epoch)
	require.NoError(t, err)
	tell()
	require.NoError(t, e.Run(sim.Time(4*time.Second)))
	assert.Nil(t, c.Core("n3", "s"))
	assert.Equal(t, c.Core("n1", "s").LastIndex(), c.Core("n4", "s").LastIndex())
	require.NoError(t, c.Err())
	require.NoError(t, e.Close())
}
