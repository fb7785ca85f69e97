package backend

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/inplace"
	"github.com/shardquake/shardquake/sim/elastic/load"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// blockWorld is two nodes with an index that is written to and searched.
func blockWorld(t *testing.T) *world {
	w := newWorld(t, 2, still())
	w.load(inplace.IndexSpec{Name: "logs", Shards: 2, Replicas: 1, Bytes: 100 * mb, Docs: 10000, Placement: []int{2, 2}})
	w.c.SetLoad([]elastic.Load{{Index: "logs", WritesPerSec: 400, ReadsPerSec: 100, DocBytes: 10_000}})
	w.run(10 * time.Second)
	return w
}

// during runs on and returns what the load did meanwhile, and how much the copies grew.
func (w *world) during(d time.Duration) (done load.Traffic, grew int64) {
	size := func() (bytes int64) {
		for _, n := range w.c.Nodes() {
			for _, s := range figures.LocalShardStats(n) {
				bytes += s.StoreBytes
			}
		}
		return bytes
	}
	before, was := w.c.Fluid.Traffic(), size()
	w.run(d)
	after := w.c.Fluid.Traffic()
	return load.Traffic{
		Acked: after.Acked - before.Acked, Failed: after.Failed - before.Failed,
		Reads: after.Reads - before.Reads, ReadsFailed: after.ReadsFailed - before.ReadsFailed,
	}, size() - was
}

func (w *world) setIndex(key string, value *string) {
	w.do(updateIndex(w, "logs", map[string]*string{key: value}))
}

func TestTheLoadOfAWriteBlockedIndexIsRefusedAndNothingGrows(t *testing.T) {
	for _, key := range []string{settings.IndexBlockWrite.Key(), settings.IndexBlockReadOnly.Key()} {
		t.Run(key, func(t *testing.T) {
			yes := "true"
			w := blockWorld(t)
			w.setIndex(key, &yes)
			done, grew := w.during(30 * time.Second)
			assert.Zero(t, done.Acked)
			assert.InDelta(t, 12_000, done.Failed, 3, "refused at once, not after a minute")
			assert.InDelta(t, 3000, done.Reads, 3, "searches are not forbidden")
			assert.Zero(t, grew)

			w.setIndex(key, nil)
			done, _ = w.during(10 * time.Second)
			assert.InDelta(t, 4000, done.Acked, 3)
			assert.Zero(t, done.Failed)
		})
	}
}

func TestAtFloodStageTheLoadIsRefused(t *testing.T) {
	w := blockWorld(t)
	w.c.Nodes()[0].Disk().Fill(97)
	w.until(time.Minute, "blocked", w.blocked)
	done, grew := w.during(10 * time.Second)
	assert.Zero(t, done.Acked)
	assert.InDelta(t, 4000, done.Failed, 3)
	assert.Zero(t, grew)
}

func TestAReadBlockRefusesSearchesOnly(t *testing.T) {
	yes := "true"
	w := blockWorld(t)
	w.setIndex(settings.IndexBlockRead.Key(), &yes)
	done, _ := w.during(10 * time.Second)
	assert.InDelta(t, 4000, done.Acked, 3)
	assert.Zero(t, done.Reads)
	assert.InDelta(t, 1000, done.ReadsFailed, 3)
}

func TestABlockedIndexWhoseReplicaIsGoneLosesNoCopyForIt(t *testing.T) {
	yes := "true"
	w := blockWorld(t)
	w.setIndex(settings.IndexBlockWrite.Key(), &yes)
	victim := w.victim()
	require.NoError(t, w.c.Kill(victim))
	w.run(30 * time.Second)
	require.NoError(t, w.c.StartNode(victim))
	w.until(3*time.Minute, "green", w.balanced)
	assert.Zero(t, w.count("files"), "no write came, so no copy was missing any")
}

func TestTheLoadOfADeletedIndexIsRefusedUntilThereIsAnotherOfThatName(t *testing.T) {
	w := blockWorld(t)
	w.do(func(ctx context.Context) {
		_, err := metadata.DeleteIndices(ctx, w.c.Leader(), []string{"logs"}, time.Minute, time.Minute)
		require.NoError(t, err)
	})
	done, _ := w.during(10 * time.Second)
	assert.Zero(t, done.Acked+done.Reads)
	assert.InDelta(t, 4000, done.Failed, 3)
	assert.InDelta(t, 1000, done.ReadsFailed, 3)

	w.load(inplace.IndexSpec{Name: "logs", Shards: 2, Replicas: 1, Placement: []int{2, 2}})
	done, _ = w.during(10 * time.Second)
	assert.InDelta(t, 4000, done.Acked, 3, "each operation is sent once")
	assert.Zero(t, done.Failed)
}
