package kv_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/sim"
)

// A shard's name may be used again while somebody still has copies of the earlier one.

// reuse is a cluster whose n3 was down while the shard from-m was merged away and
// something was written behind it, and is back with its old copy.
func reuse(t *testing.T) (*bench, *client.DB) {
	b := newBench(t, "m")
	db := b.open("app", client.Config{})
	put := func(key, value string) {
		b.do("app", func(ctx context.Context) error { _, err := db.Put(ctx, key, []byte(value)); return err })
	}
	for i := range 30 {
		put(fmt.Sprint("x", i), "old")
	}
	b.c.Crash("n3")
	b.merge("from-m")
	put("x0", "new")
	b.c.Start("n3")
	return b, db
}

func TestAnEarlierShardsCopyIsNotTakenForOneOfItsNameToday(t *testing.T) {
	b, db := reuse(t)
	for i := range b.m.Len() { // n3 hears of the origin, and of the new shard when it is made
		b.c.Configure("n3", b.m.At(i).Clone())
	}
	b.run(time.Second)
	b.c.Crash("n2") // so that the old copy is one of the majority
	b.split("m")
	assert.Equal(t, "new", string(b.keys(db)["x0"].Value))
}

func TestAnEarlierShardsCopyFollowsThePrimaryOfToday(t *testing.T) {
	for name, told := range map[string]bool{"that knows of it": true, "that doesn't": false} {
		t.Run(name, func(t *testing.T) {
			b, db := reuse(t)
			next, _, err := b.m.Split("s", "m", "from-m")
			require.NoError(t, err)
			b.m = next
			for i := range b.m.Len() {
				b.c.Configure("n1", b.m.At(i).Clone())
				b.c.Configure("n2", b.m.At(i).Clone())
				if told {
					b.c.Configure("n3", b.m.At(i).Clone())
				}
			}
			b.run(2 * time.Second)
			b.do("app", func(ctx context.Context) error { _, err := db.Put(ctx, "x1", []byte("newer")); return err })
			b.run(2 * time.Second)
			b.tell()
			b.run(2 * time.Second)
			require.NotNil(t, b.c.Core("n3", "from-m"))
			assert.Equal(t, b.c.Core("n1", "from-m").Applied(), b.c.Core("n3", "from-m").Applied())
			found := b.keys(db)
			assert.Equal(t, "new", string(found["x0"].Value))
			assert.Equal(t, "newer", string(found["x1"].Value))
			b.c.Crash("n1") // what the copy has is asked of it
			b.change(b.m.SetPrimary("from-m", "n3"))
			b.change(b.m.SetPrimary("s", "n3"))
			b.run(2 * time.Second)
			assert.Equal(t, found, b.keys(db))
		})
	}
}

func TestAShardIsSplitOffTwiceUnderOneName(t *testing.T) {
	b := newBench(t)
	db := b.open("app", client.Config{})
	put := func(value string) {
		b.do("app", func(ctx context.Context) error { _, err := db.Put(ctx, "x", []byte(value)); return err })
	}
	for i := range 3 {
		b.split("m")
		put(fmt.Sprint(i))
		b.merge("from-m")
	}
	assert.Equal(t, "2", string(b.keys(db)["x"].Value))
}

// TestACopyIsNotDroppedForWhatWasBeforeItsEpoch lets a node start again that has a copy,
// and hear late of the time when it had none.
func TestACopyIsNotDroppedForWhatWasBeforeItsEpoch(t *testing.T) {
	b := newBench(t)
	db := b.open("app", client.Config{})
	put := func(key string) {
		b.do("app", func(ctx context.Context) error { _, err := db.Put(ctx, key, []byte("v")); return err })
		b.run(time.Second)
	}
	put("a")
	b.change(b.m.SetReplicas("s", []shardmap.NodeID{"n1", "n2"}))
	b.run(time.Second)
	before := b.m.At(0).Clone()
	require.True(t, before.Settled())
	require.Nil(t, b.c.Core("n3", "s"), "it has no copy any more")
	b.change(b.m.SetReplicas("s", []shardmap.NodeID{"n1", "n2", "n3"}))
	b.run(time.Second)
	put("b")
	last := b.c.Core("n1", "s").LastIndex()
	require.Equal(t, last, b.c.Core("n3", "s").LastIndex())
	b.c.Network.Cut("n1", "n3", sim.Blackhole)
	b.c.Crash("n3")
	b.c.Start("n3")
	b.c.Configure("n3", before)
	b.c.Configure("n3", b.m.At(0).Clone())
	assert.Equal(t, last, b.c.Core("n3", "s").LastIndex(), "what it has acknowledged it keeps")
}
