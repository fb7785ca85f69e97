package backend

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/inplace"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/snapshots"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// backed is a cluster whose nodes may keep snapshots under /backup.
func backed(t *testing.T, nodes int, wishes ...wish) *world {
	return newWorld(t, nodes, append(wishes, nodeSetting("path.repo", "/backup"))...)
}

func repository(pairs ...string) state.Repository {
	set := map[string]string{"location": "/backup/a"}
	for i := 0; i < len(pairs); i += 2 {
		set[pairs[i]] = pairs[i+1]
	}
	return state.Repository{Name: "r", Type: "fs", Settings: settings.Of(set)}
}

func (w *world) register(r state.Repository) {
	w.do(func(ctx context.Context) {
		acked, err := snapshots.PutRepository(ctx, w.c.Nodes()[0], r, time.Minute, time.Minute)
		require.NoError(w.t, err)
		require.True(w.t, acked)
	})
}

// snapshot takes one and returns it with how long that took.
func (w *world) snapshot(name string, indices ...string) (*snapshots.Snapshot, time.Duration) {
	var info *snapshots.Snapshot
	from := w.e.Now()
	w.do(func(ctx context.Context) {
		n := w.c.Nodes()[0]
		uuid, err := snapshots.Create(ctx, n, snapshots.CreateRequest{Repository: "r", Name: name, Indices: indices, MasterTimeout: time.Minute})
		require.NoError(w.t, err)
		info, err = snapshots.WhenDone(ctx, n, "r", uuid)
		require.NoError(w.t, err)
	})
	require.NotNil(w.t, info)
	return info, w.e.Now().Sub(from)
}

// shardsOf are the figures of a snapshot's shards.
func (w *world) shardsOf(name string) (shards []snapshots.ShardStats) {
	w.do(func(ctx context.Context) {
		found, err := snapshots.Statuses(ctx, w.c.Nodes()[0], "r", []string{name}, false, time.Minute)
		require.NoError(w.t, err)
		require.Len(w.t, found, 1)
		shards = found[0].Shards
	})
	return shards
}

func (w *world) restore(q snapshots.RestoreRequest) error {
	var failure error
	q.Repository, q.MasterTimeout = "r", time.Minute
	w.do(func(ctx context.Context) {
		_, failure = snapshots.Restore(ctx, w.c.Nodes()[0], q)
	})
	return failure
}

func (w *world) write(index string, from, to int) {
	w.do(func(ctx context.Context) {
		var items []elastic.BulkItem
		for i := from; i < to; i++ {
			items = append(items, elastic.BulkItem{Index: index, ID: fmt.Sprint(i), Op: elastic.OpIndex, Source: []byte(`{"a":1}`)})
		}
		for _, r := range w.c.Leader().Bulk(ctx, items, elastic.BulkOptions{Timeout: time.Minute}) {
			require.Nil(w.t, r.Err)
		}
	})
}

func TestASnapshotHoldsTheIndexAsItWasAndTheNextOneWritesOnlyWhatIsNew(t *testing.T) {
	w := backed(t, 3)
	w.load(inplace.IndexSpec{Name: "i", Shards: 2, Replicas: 1, Bytes: 160 * mb, Docs: 1000, Placement: []int{2, 1, 1}})
	w.register(repository())
	w.write("i", 0, 50)
	first, _ := w.snapshot("s1", "i")
	assert.Equal(t, "SUCCESS", first.State)
	assert.Equal(t, 2, first.Successful)
	for _, s := range w.shardsOf("s1") {
		assert.InDelta(t, 2, s.Took.Seconds(), 0.1, "80 MB on each of two nodes at 40 MB a second")
	}
	w.write("i", 50, 80)
	w.snapshot("s2", "i")
	var fresh int64
	for _, s := range w.shardsOf("s2") {
		fresh += s.NewBytes
		assert.Equal(t, "DONE", s.Stage)
	}
	assert.Less(t, fresh, int64(mb), "the segments of the first are there already")

	w.write("i", 80, 100)
	require.ErrorContains(t, w.restore(snapshots.RestoreRequest{Snapshot: "s1", Indices: []string{"i"}, Targets: []string{"i"}}), "open index with same name already exists")
	w.observe()
	require.NoError(t, w.restore(snapshots.RestoreRequest{Snapshot: "s1", Indices: []string{"i"}, Targets: []string{"old"}}))
	w.until(2*time.Minute, "green", w.green)
	kinds := map[string]int{}
	for _, r := range w.recoveries() {
		kinds[r.Kind]++
	}
	assert.Equal(t, map[string]int{"snapshot": 2, "files": 2}, kinds)
	docs := map[string]int64{}
	for _, n := range w.c.Nodes() {
		figures.EachShardStats(n, func(s *elastic.ShardStats) {
			if s.Primary {
				docs[s.Index] += s.DocsCount
			}
		})
	}
	assert.Equal(t, map[string]int64{"i": 1100, "old": 1050}, docs)
	assert.Equal(t, "s1", w.st().Index("old").Restored.Snapshot)
}

func TestTheLimitsOfARepositoryHold(t *testing.T) {
	w := backed(t, 2)
	w.load(inplace.IndexSpec{Name: "i", Shards: 1, Bytes: 100 * mb, Docs: 1000, Placement: []int{1, 0}})
	w.register(repository("max_snapshot_bytes_per_sec", "10mb", "max_restore_bytes_per_sec", "20mb"))
	_, took := w.snapshot("s", "i")
	assert.InDelta(t, 10, took.Seconds(), 1)
	require.NoError(t, w.restore(snapshots.RestoreRequest{Snapshot: "s", Indices: []string{"i"}, Targets: []string{"j"}}))
	took = w.until(time.Minute, "green", w.green)
	assert.InDelta(t, 5, took.Seconds(), 1)
	w.settings("indices.recovery.max_bytes_per_sec", "5mb")
	require.NoError(t, w.restore(snapshots.RestoreRequest{Snapshot: "s", Indices: []string{"i"}, Targets: []string{"k"}}))
	took = w.until(time.Minute, "green", w.green)
	assert.InDelta(t, 20, took.Seconds(), 2, "the limit of recoveries holds too")
}

func TestASnapshotFindsADamagedFileAndIsPartial(t *testing.T) {
	w := backed(t, 2)
	w.load(inplace.IndexSpec{Name: "i", Shards: 1, Replicas: 1, Bytes: 20 * mb, Docs: 1000, Placement: []int{1, 1}})
	w.load(inplace.IndexSpec{Name: "good", Shards: 1, Bytes: mb, Docs: 10, Placement: []int{1, 0}})
	w.register(repository())
	bad := badChecksum(w.nodeOf(true))
	w.damage(bad)
	info, _ := w.snapshot("s", "good", "i")
	assert.Equal(t, "PARTIAL", info.State)
	require.Len(t, info.Failures, 1)
	assert.Contains(t, info.Failures[0].Reason, "checksum failed")
	assert.True(t, w.condition(bad).Noticed)
	assert.True(t, w.green(), "the copy goes on until it is opened again")
	assert.ErrorContains(t, w.restore(snapshots.RestoreRequest{Snapshot: "s", Indices: []string{"i"}, Targets: []string{"j"}}), "wasn't fully snapshotted")
	assert.NoError(t, w.restore(snapshots.RestoreRequest{Snapshot: "s", Indices: []string{"good"}, Targets: []string{"j"}}))
}

func TestAShardWhoseNodeIsLostIsNotInTheSnapshot(t *testing.T) {
	w := backed(t, 4)
	w.load(inplace.IndexSpec{Name: "i", Shards: 1, Replicas: 1, Bytes: 200 * mb, Docs: 1000, Settings: onlyOn("n2,n3,n4"), Placement: []int{0, 1, 1, 0}})
	w.register(repository())
	var info *snapshots.Snapshot
	w.do(func(ctx context.Context) {
		uuid, err := snapshots.Create(ctx, w.c.Nodes()[0], snapshots.CreateRequest{Repository: "r", Name: "s", Indices: []string{"i"}, MasterTimeout: time.Minute})
		require.NoError(t, err)
		require.NoError(t, w.e.Sleep(ctx, time.Second))
		require.NoError(t, w.c.Kill(w.nodeOf(true)))
		info, err = snapshots.WhenDone(ctx, w.c.Nodes()[0], "r", uuid)
		require.NoError(t, err)
	})
	require.NotNil(t, info)
	assert.Equal(t, "FAILED", info.State)
	assert.Contains(t, info.Failures[0].Reason, "node left the cluster during snapshot")
}

func TestAnIndexWhoseLastCopyIsCorruptComesBackFromASnapshot(t *testing.T) {
	w := backed(t, 2)
	w.load(inplace.IndexSpec{Name: "i", Shards: 1, Bytes: 40 * mb, Docs: 1000, Placement: []int{1, 0}})
	w.register(repository())
	w.snapshot("s", "i")
	bad := badChecksum(w.nodeOf(true))
	w.damage(bad)
	w.addReplica("i")
	w.until(time.Minute, "red", func() bool { return w.health().Status == "red" })
	w.do(func(ctx context.Context) {
		acked, err := metadata.DeleteIndices(ctx, w.c.Leader(), []string{"i"}, time.Minute, time.Minute)
		require.NoError(t, err)
		require.True(t, acked)
	})
	require.NoError(t, w.restore(snapshots.RestoreRequest{Snapshot: "s", Indices: []string{"i"}, Targets: []string{"i"}}))
	w.until(time.Minute, "green", w.green)
	assert.False(t, w.condition(bad).Damaged)
}

func TestWhatIsWrongWithSnapshotsIsAnsweredAsElasticsearchDoes(t *testing.T) {
	w := backed(t, 2)
	w.load(inplace.IndexSpec{Name: "i", Shards: 1, Bytes: mb, Docs: 10, Placement: []int{1, 0}})
	w.register(repository())
	w.snapshot("s", "i")
	status := func(err error) (int, string) {
		e := elastic.AsError(err)
		return e.Status, e.Type
	}
	n := w.c.Nodes()[0]
	w.do(func(ctx context.Context) {
		for _, c := range []struct {
			q      snapshots.CreateRequest
			status int
			kind   string
		}{
			{snapshots.CreateRequest{Repository: "r", Name: "s"}, 400, "snapshot_name_already_in_use_exception"},
			{snapshots.CreateRequest{Repository: "r", Name: "S"}, 400, "invalid_snapshot_name_exception"},
			{snapshots.CreateRequest{Repository: "nope", Name: "t"}, 404, "repository_missing_exception"},
			{snapshots.CreateRequest{Repository: "r", Name: "t", Indices: []string{"nope"}}, 404, "index_not_found_exception"},
		} {
			c.q.MasterTimeout = time.Minute
			_, err := snapshots.Create(ctx, n, c.q)
			code, kind := status(err)
			assert.Equal(t, c.status, code, kind)
			assert.Equal(t, c.kind, kind)
		}
		_, err := snapshots.PutRepository(ctx, n, state.Repository{Name: "x", Type: "fs", Settings: settings.Of(map[string]string{"location": "/elsewhere"})}, time.Minute, time.Minute)
		code, kind := status(err)
		assert.Equal(t, 500, code)
		assert.Equal(t, "repository_exception", kind)
		code, kind = status(snapshots.Delete(ctx, n, "r", []string{"nope"}, time.Minute))
		assert.Equal(t, 404, code)
		assert.Equal(t, "snapshot_missing_exception", kind)
		assert.NoError(t, snapshots.Delete(ctx, n, "r", []string{"s"}, time.Minute))
		left, err := snapshots.List(ctx, n, "r", time.Minute)
		assert.NoError(t, err)
		assert.Empty(t, left)
	})
	assert.ErrorContains(t, w.restore(snapshots.RestoreRequest{Snapshot: "s", Indices: []string{"i"}, Targets: []string{"j"}}), "snapshot does not exist")
}
