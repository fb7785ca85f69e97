package inplace_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/elastictest"
	"github.com/shardquake/shardquake/sim/elastic/inplace"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func TestAnIndexThatIsThereIsStartedWhereItsPlacementHasIt(t *testing.T) {
	w := elastictest.New(t, 3)
	spec := inplace.IndexSpec{Name: "i", Shards: 3, Replicas: 1, Bytes: 900 << 20, Docs: 3001, Placement: []int{3, 2, 1}}
	w.Do(func(ctx context.Context) {
		require.NoError(t, inplace.CreateStarted(ctx, w.Cluster, spec))
		require.ErrorContains(t, inplace.CreateStarted(ctx, w.Cluster, spec), "index i exists already")
	})
	held := map[string]int{}
	var docs int64
	for num, sh := range w.State().Routing.Index("i").Shards {
		nodes := map[string]bool{}
		for _, c := range sh.Copies {
			assert.Equal(t, state.Started, c.State)
			assert.False(t, nodes[c.Node], "no two copies of a shard on a node")
			nodes[c.Node] = true
			held[w.Cluster.NodeByID(c.Node).Name()]++
		}
		copies := w.Copies("i", num)
		require.Len(t, copies, 2)
		assert.Equal(t, copies[0].Store.Docs(), copies[1].Store.Docs())
		assert.NotEqual(t, copies[0].Store.Segments, copies[1].Store.Segments, "each has segments of its own")
		docs += copies[0].Store.Docs()
	}
	assert.Equal(t, map[string]int{"n1": 3, "n2": 2, "n3": 1}, held)
	assert.Equal(t, int64(3001), docs)
}

func TestAPlacementWithoutRoomForACopyIsRefused(t *testing.T) {
	w := elastictest.New(t, 2)
	w.Do(func(ctx context.Context) {
		err := inplace.CreateStarted(ctx, w.Cluster, inplace.IndexSpec{Name: "i", Shards: 2, Replicas: 1, Placement: []int{3, 1}})
		require.ErrorContains(t, err, "index i: no node is left for a copy of shard 1")
		assert.Nil(t, w.State().Index("i"))
	})
}

func TestMoreThanTheDisksHoldDoesNotFit(t *testing.T) {
	w := elastictest.New(t, 2)
	w.Do(func(ctx context.Context) {
		err := inplace.CreateStarted(ctx, w.Cluster, inplace.IndexSpec{Name: "i", Shards: 1, Replicas: 1, Bytes: 200 << 30, Docs: 1, Placement: []int{1, 1}})
		require.ErrorIs(t, err, inplace.ErrUnfit)
	})
}
