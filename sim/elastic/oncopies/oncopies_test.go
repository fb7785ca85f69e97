package oncopies_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/elastictest"
	"github.com/shardquake/shardquake/sim/elastic/oncopies"
)

// order has one carried out on every copy of i.
func order(w *elastictest.World, o oncopies.Order) (out elastic.ShardsResult) {
	w.Do(func(ctx context.Context) {
		var err error
		out, err = oncopies.Broadcast(w.Node(0), ctx, []string{"i"}, o)
		require.NoError(w.T, err)
	})
	return out
}

func TestARefreshShowsWhatWasWrittenOnEveryCopy(t *testing.T) {
	w := elastictest.New(t, 3)
	w.Create("i", 1, 2)
	w.Run(time.Minute) // idle: it does not refresh by itself
	w.Write("i", 0, 5)
	for _, s := range w.Copies("i", 0) {
		assert.NotEmpty(t, s.Engine().Unseen, s.Process.Node.Name())
	}
	got := order(w, oncopies.Refresh{})
	assert.Equal(t, 3, got.Total)
	assert.Equal(t, 3, got.Successful)
	copies := w.Copies("i", 0)
	require.Len(t, copies, 3)
	for _, s := range copies {
		assert.Empty(t, s.Engine().Unseen, s.Process.Node.Name())
		assert.Equal(t, int64(5), s.Engine().SeenN)
	}
}

func TestAFlushCommitsEveryCopy(t *testing.T) {
	w := elastictest.New(t, 2)
	w.Create("i", 1, 1)
	w.Write("i", 0, 5)
	order(w, oncopies.Flush{})
	copies := w.Copies("i", 0)
	require.Len(t, copies, 2)
	for _, s := range copies {
		assert.Equal(t, int64(4), s.Store.Commit.Checkpoint)
		assert.Equal(t, w.Engine.Now().Sub(s.Store.Committed) < time.Second, true)
		assert.Len(t, s.Store.Segments, 1)
	}
}

func TestAnOrderCountsCopiesWithoutANodeInTheTotalOnly(t *testing.T) {
	w := elastictest.New(t, 2)
	w.Do(func(ctx context.Context) {
		_, err := oncopies.Broadcast(w.Node(0), ctx, []string{"i"}, oncopies.Flush{})
		require.ErrorContains(t, err, "no such index [i]")
	})
	w.Create("i", 1, 1)
	victim := w.Node(1)
	if victim == w.Cluster.Leader() {
		victim = w.Node(0)
	}
	require.NoError(t, w.Cluster.Kill(victim.Name()))
	other := w.Cluster.Leader()
	w.Do(func(ctx context.Context) {
		got, err := oncopies.Broadcast(other, ctx, []string{"i"}, oncopies.Flush{})
		require.NoError(t, err)
		assert.Equal(t, 2, got.Total)
		assert.Equal(t, 1, got.Successful)
		assert.Equal(t, 1, got.Failed, "its node is gone and still stands in the table")
		assert.Equal(t, "node_disconnected_exception", got.Failures[0].Reason.Type)
	})
}

func TestAForcedMergeTakesAsLongAsItsBytesAndLeavesOneSegment(t *testing.T) {
	w := elastictest.New(t, 2)
	w.Create("i", 1, 1)
	for i := range 4 {
		w.Write("i", 10*i, 10*i+10)
		order(w, oncopies.Flush{})
	}
	for _, s := range w.Copies("i", 0) {
		require.Len(t, s.Store.Segments, 4)
	}
	docs := w.Copies("i", 0)[0].Store.Docs()
	began := w.Engine.Now()
	got := order(w, oncopies.MergeOrder{MaxSegments: 1})
	assert.Equal(t, 2, got.Successful)
	assert.Positive(t, w.Engine.Now().Sub(began))
	copies := w.Copies("i", 0)
	require.Len(t, copies, 2)
	for _, s := range copies {
		assert.Len(t, s.Store.Segments, 1)
		assert.Zero(t, s.Store.Merging)
		assert.Equal(t, docs, s.Store.Docs())
	}
}
