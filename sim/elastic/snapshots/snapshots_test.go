package snapshots_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/elastictest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/snapshots"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func repository(location string) state.Repository {
	return state.Repository{Name: "r", Type: "fs", Settings: settings.Of(map[string]string{"location": location})}
}

// registered is a cluster with a repository and an index of ten documents.
func registered(t *testing.T) *elastictest.World {
	w := elastictest.New(t, 3)
	w.Create("i", 2, 1)
	w.Write("i", 0, 10)
	w.Do(func(ctx context.Context) {
		_, err := snapshots.PutRepository(ctx, w.Node(1), repository("/backup/a"), time.Minute, time.Minute)
		require.NoError(t, err)
	})
	return w
}

// take takes a snapshot and waits for its end.
func take(w *elastictest.World, ctx context.Context, name string) *snapshots.Snapshot {
	uuid, err := snapshots.Create(ctx, w.Node(1), snapshots.CreateRequest{Repository: "r", Name: name, Indices: []string{"i"}, MasterTimeout: time.Minute})
	require.NoError(w.T, err)
	require.NotEmpty(w.T, uuid, "the master tells the UUID")
	done, err := snapshots.WhenDone(ctx, w.Node(1), "r", uuid)
	require.NoError(w.T, err)
	require.NotNil(w.T, done)
	assert.Equal(w.T, uuid, done.UUID)
	return done
}

func TestARepositoryIsRefusedOutsideOfThePathsThatNodesAllow(t *testing.T) {
	w := elastictest.New(t, 2)
	w.Do(func(ctx context.Context) {
		_, err := snapshots.PutRepository(ctx, w.Node(0), repository("/elsewhere"), time.Minute, time.Minute)
		require.ErrorContains(t, err, "failed to create repository")
		assert.Nil(t, w.State().Repository("r"))
		_, err = snapshots.List(ctx, w.Node(0), "r", time.Minute)
		require.ErrorContains(t, err, "[r] missing")
		_, err = snapshots.DeleteRepository(ctx, w.Node(0), "r", time.Minute, time.Minute)
		require.ErrorContains(t, err, "[r] missing")
	})
}

func TestASnapshotIsListedWithTheFiguresOfItsShards(t *testing.T) {
	w := registered(t)
	w.Do(func(ctx context.Context) {
		took := take(w, ctx, "s")
		assert.Equal(t, "SUCCESS", took.State)
		list, err := snapshots.List(ctx, w.Node(1), "r", time.Minute)
		require.NoError(t, err)
		assert.Equal(t, []*snapshots.Snapshot{took}, list)
		found, err := snapshots.Statuses(ctx, w.Node(1), "r", []string{"s"}, false, time.Minute)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Len(t, found[0].Shards, 2)
		for i, s := range found[0].Shards {
			assert.Equal(t, i, s.Shard)
			assert.Equal(t, "DONE", s.Stage)
			assert.Positive(t, s.NewBytes)
		}
		_, err = snapshots.Statuses(ctx, w.Node(1), "r", []string{"none"}, false, time.Minute)
		require.ErrorContains(t, err, "[r:none] is missing")
		lenient, err := snapshots.Statuses(ctx, w.Node(1), "r", []string{"none"}, true, time.Minute)
		require.NoError(t, err)
		assert.Empty(t, lenient)
	})
}

func TestANameIsTakenUntilItsSnapshotIsDeleted(t *testing.T) {
	w := registered(t)
	w.Do(func(ctx context.Context) {
		take(w, ctx, "s")
		_, err := snapshots.Create(ctx, w.Node(0), snapshots.CreateRequest{Repository: "r", Name: "s", Indices: []string{"i"}, MasterTimeout: time.Minute})
		require.ErrorContains(t, err, "snapshot with the same name already exists")
		require.NoError(t, snapshots.Delete(ctx, w.Node(0), "r", []string{"s"}, time.Minute))
		require.ErrorContains(t, snapshots.Delete(ctx, w.Node(0), "r", []string{"s"}, time.Minute), "[r:s] is missing")
		take(w, ctx, "s")
	})
}

func TestARestoreTellsTheSnapshotAndFillsAnIndexOfAnotherName(t *testing.T) {
	w := registered(t)
	w.Do(func(ctx context.Context) {
		took := take(w, ctx, "s")
		q := snapshots.RestoreRequest{Repository: "r", Snapshot: "s", Indices: []string{"i"}, Targets: []string{"j"}, MasterTimeout: time.Minute}
		from, err := snapshots.Restore(ctx, w.Node(2), q)
		require.NoError(t, err)
		assert.Equal(t, took, from)
		_, err = snapshots.Restore(ctx, w.Node(2), q)
		require.ErrorContains(t, err, "an open index with same name already exists")
		q.Snapshot = "none"
		_, err = snapshots.Restore(ctx, w.Node(2), q)
		require.ErrorContains(t, err, "snapshot does not exist")
	})
	w.Until(time.Minute, "the copies of j are started", func() bool {
		for _, sh := range w.State().Routing.Index("j").Shards {
			for _, c := range sh.Copies {
				if c.State != state.Started {
					return false
				}
			}
		}
		return true
	})
	var docs int64
	for shard := range 2 {
		docs += w.Copies("j", shard)[0].Store.Docs()
	}
	assert.Equal(t, int64(10), docs)
}
