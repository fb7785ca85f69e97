package search_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/elastictest"
	"github.com/shardquake/shardquake/sim/elastic/search"
)

// named selects documents of some ids.
type named []string

func (n named) Selects(_, id, _ string, _ []byte) bool {
	for _, one := range n {
		if one == id {
			return true
		}
	}
	return false
}

// found searches everything that is visible.
func found(w *elastictest.World, req elastic.SearchRequest) (out elastic.SearchResult) {
	req.Indices, req.Size = []string{"i"}, 100
	w.Do(func(ctx context.Context) {
		var err error
		out, err = search.Search(ctx, w.Node(0), req)
		require.NoError(w.T, err)
	})
	return out
}

func TestAGetInRealTimeSeesWhatNoRefreshHasShown(t *testing.T) {
	w := elastictest.New(t, 2)
	w.Create("i", 1, 1)
	w.Run(time.Minute) // idle: it refreshes when it is searched
	w.Write("i", 0, 1)
	w.Do(func(ctx context.Context) {
		got, err := search.Get(ctx, w.Node(1), "i", "0", "", true)
		require.NoError(t, err)
		assert.True(t, got.Found)
		assert.JSONEq(t, `{"n":0}`, string(got.Source))
		got, err = search.Get(ctx, w.Node(1), "i", "1", "", true)
		require.NoError(t, err)
		assert.False(t, got.Found, "it was never written")
		_, err = search.Get(ctx, w.Node(1), "j", "1", "", true)
		require.ErrorContains(t, err, "no such index [j]")
	})
}

func TestASearchFindsWhatBothTheQueryAndTheFilterSelect(t *testing.T) {
	w := elastictest.New(t, 3)
	w.Create("i", 3, 1)
	w.Write("i", 0, 20)
	w.Run(2 * time.Second)
	assert.Equal(t, int64(20), found(w, elastic.SearchRequest{}).Total)
	got := found(w, elastic.SearchRequest{Match: named{"1", "2", "3"}, Within: map[string]elastic.Selection{"i": named{"2", "3", "4"}}})
	assert.Equal(t, int64(2), got.Total)
	assert.Len(t, got.Hits, 2)
	assert.Equal(t, 3, got.Shards.Successful)
}

func TestASearchAsksAnotherCopyWhereOneIsGone(t *testing.T) {
	w := elastictest.New(t, 3)
	w.Create("i", 2, 2)
	w.Write("i", 0, 20)
	w.Run(2 * time.Second)
	victim := w.Node(2)
	if victim == w.Cluster.Leader() {
		victim = w.Node(1)
	}
	require.NoError(t, w.Cluster.Kill(victim.Name()))
	for range 3 { // one of them asks the dead node first
		got := found(w, elastic.SearchRequest{})
		assert.Equal(t, int64(20), got.Total, "the node that is gone still stands in the routing table")
		assert.Zero(t, got.Shards.Failed)
	}
}

func TestASearchOfAShardWithoutACopySaysWhatFailed(t *testing.T) {
	w := elastictest.New(t, 3)
	w.Create("i", 3, 0)
	w.Write("i", 0, 30)
	w.Run(2 * time.Second)
	primary := w.State().Routing.Index("i").Shards[0].Primary()
	lost := w.Cluster.NodeByID(primary.Node)
	asked := w.Node(0)
	if asked == lost {
		asked = w.Node(1)
	}
	require.NoError(t, w.Cluster.Kill(lost.Name()))
	w.Do(func(ctx context.Context) {
		_, err := search.Search(ctx, asked, elastic.SearchRequest{Indices: []string{"i"}, Size: 100})
		require.ErrorContains(t, err, "Partial shards failure")
		got, err := search.Search(ctx, asked, elastic.SearchRequest{Indices: []string{"i"}, Size: 100, AllowPartial: true})
		require.NoError(t, err)
		assert.Equal(t, 3, got.Shards.Total)
		assert.Positive(t, got.Shards.Failed)
		assert.Len(t, got.Shards.Failures, got.Shards.Failed)
		assert.Equal(t, "node_disconnected_exception", got.Shards.Failures[0].Reason.Type)
	})
}

// read is a page of everything in a point in time.
func read(w *elastictest.World, ctx context.Context, shards []search.PointInTimeShard, after int64, size int) ([]search.PointInTimeHit, int64, elastic.ShardsResult) {
	hits, total, result, err := search.SearchPointInTime(ctx, w.Node(0), search.PointInTimeSearch{Shards: shards, After: after, Size: size})
	require.NoError(w.T, err)
	return hits, total, result
}

func TestAPointInTimeStaysAsItWasUntilItIsClosed(t *testing.T) {
	w := elastictest.New(t, 3)
	w.Create("i", 2, 1)
	w.Write("i", 0, 10)
	w.Run(2 * time.Second)
	w.Do(func(ctx context.Context) {
		shards, result, err := search.OpenPointInTime(ctx, w.Node(0), []string{"i"}, nil, "", time.Minute)
		require.NoError(t, err)
		assert.Equal(t, 2, result.Successful)
		for _, r := range w.Node(0).Bulk(ctx, []elastic.BulkItem{{Index: "i", ID: "new", Op: elastic.OpIndex, Source: []byte(`{}`)}}, elastic.BulkOptions{Refresh: elastic.RefreshImmediate}) {
			require.Nil(t, r.Err)
		}
		now, err := search.Count(ctx, w.Node(0), elastic.SearchRequest{Indices: []string{"i"}})
		require.NoError(t, err)
		assert.Equal(t, int64(11), now.Count)

		first, total, _ := read(w, ctx, shards, -1, 4)
		assert.Equal(t, int64(10), total)
		require.Len(t, first, 4)
		rest, _, _ := read(w, ctx, shards, first[3].Position, 100)
		assert.Len(t, rest, 6, "the page goes on behind the last hit")

		freed, err := search.ClosePointInTime(ctx, w.Node(0), shards)
		require.NoError(t, err)
		assert.Equal(t, 2, freed)
		freed, err = search.ClosePointInTime(ctx, w.Node(0), shards)
		require.NoError(t, err)
		assert.Zero(t, freed, "they are closed already")
		_, _, result = read(w, ctx, shards, -1, 4)
		assert.Equal(t, 2, result.Failed)
		assert.Equal(t, "search_context_missing_exception", result.Failures[0].Reason.Type)
	})
}

func TestAPointInTimeExpiresWhenNobodyUsesIt(t *testing.T) {
	w := elastictest.New(t, 2)
	w.Create("i", 1, 0)
	w.Write("i", 0, 3)
	w.Run(2 * time.Second)
	var shards []search.PointInTimeShard
	w.Do(func(ctx context.Context) {
		var err error
		shards, _, err = search.OpenPointInTime(ctx, w.Node(0), []string{"i"}, nil, "", time.Minute)
		require.NoError(t, err)
	})
	look := func() (failed int) {
		w.Do(func(ctx context.Context) {
			_, _, result := read(w, ctx, shards, -1, 10)
			failed = result.Failed
		})
		return failed
	}
	w.Run(50 * time.Second)
	assert.Zero(t, look())
	w.Run(50 * time.Second)
	assert.Zero(t, look(), "the use before prolonged it")
	w.Run(70 * time.Second)
	assert.Equal(t, 1, look())
}

func TestAPointInTimeIsLostWithTheProcessThatKeepsIt(t *testing.T) {
	w := elastictest.New(t, 3)
	w.Create("i", 1, 0)
	w.Write("i", 0, 3)
	w.Run(2 * time.Second)
	var shards []search.PointInTimeShard
	asked := w.Node(0)
	keeper := w.Cluster.NodeByID(w.State().Routing.Index("i").Shards[0].Primary().Node)
	if asked == keeper {
		asked = w.Node(1)
	}
	w.Do(func(ctx context.Context) {
		var err error
		shards, _, err = search.OpenPointInTime(ctx, asked, []string{"i"}, nil, "", time.Hour)
		require.NoError(t, err)
	})
	require.NoError(t, w.Cluster.Kill(keeper.Name()))
	require.NoError(t, w.Cluster.StartNode(keeper.Name()))
	w.Until(5*time.Minute, "the copy is back", func() bool {
		return w.Cluster.Leader() != nil && w.State().Routing.Index("i").Shards[0].Primary().Active() && keeper.Serving() && keeper.Proc.Coord != nil
	})
	w.Run(time.Second)
	w.Do(func(ctx context.Context) {
		_, _, result, err := search.SearchPointInTime(ctx, asked, search.PointInTimeSearch{Shards: shards, After: -1, Size: 10})
		require.NoError(t, err)
		require.Equal(t, 1, result.Failed)
		assert.Equal(t, "search_context_missing_exception", result.Failures[0].Reason.Type)
	})
}
