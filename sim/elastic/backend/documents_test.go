package backend

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/inplace"
	"github.com/shardquake/shardquake/sim/elastic/oncopies"
	"github.com/shardquake/shardquake/sim/elastic/search"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func item(id, source string) elastic.BulkItem {
	return elastic.BulkItem{Op: elastic.OpIndex, Index: "docs", ID: id, Source: []byte(source), IfSeqNo: elastic.UnassignedSeqNo, Version: elastic.MatchAnyVersion}
}

// put writes one document through a node.
func put(ctx context.Context, n *elastic.Node, it elastic.BulkItem, opt elastic.BulkOptions) elastic.BulkResult {
	return n.Bulk(ctx, []elastic.BulkItem{it}, opt)[0]
}

func everything(indices ...string) elastic.SearchRequest {
	return elastic.SearchRequest{Indices: indices, Size: 10000, AllowPartial: true}
}

func TestADocumentIsSeenByGetAtOnceAndBySearchAfterARefresh(t *testing.T) {
	w := newWorld(t, 3)
	w.create("docs", 2, 1, "index.refresh_interval", "1s")
	w.until(time.Minute, "green", w.green)
	n := w.c.Nodes()[0]
	w.do(func(ctx context.Context) {
		got := put(ctx, n, item("a", `{"n":1}`), elastic.BulkOptions{})
		assert.Nil(t, got.Err)
		assert.Equal(t, "created", got.Result)
		assert.Equal(t, 201, got.Status)
		assert.Equal(t, int64(1), got.Version)
		assert.Equal(t, int64(0), got.SeqNo)
		assert.Equal(t, int64(1), got.PrimaryTerm)
		assert.Equal(t, elastic.ShardInfo{Total: 2, Successful: 2}, got.Shards)

		doc, err := search.Get(ctx, n, "docs", "a", "", true)
		require.NoError(t, err)
		assert.True(t, doc.Found)
		assert.JSONEq(t, `{"n":1}`, string(doc.Source))
		found, err := search.Search(ctx, n, everything("docs"))
		require.NoError(t, err)
		assert.Zero(t, found.Total, "not refreshed yet")
	})
	w.run(1100 * time.Millisecond)
	w.do(func(ctx context.Context) {
		found, err := search.Search(ctx, n, everything("docs"))
		require.NoError(t, err)
		assert.Equal(t, int64(1), found.Total)
		require.Len(t, found.Hits, 1)
		assert.Equal(t, "a", found.Hits[0].ID)

		assert.Equal(t, "updated", put(ctx, n, item("a", `{"n":2}`), elastic.BulkOptions{Refresh: elastic.RefreshImmediate}).Result)
		found, err = search.Search(ctx, n, everything("docs"))
		require.NoError(t, err)
		assert.JSONEq(t, `{"n":2}`, string(found.Hits[0].Source), "refresh=true shows it at once")

		del := item("a", "")
		del.Op = elastic.OpDelete
		assert.Equal(t, "deleted", put(ctx, n, del, elastic.BulkOptions{}).Result)
		assert.Equal(t, 404, put(ctx, n, del, elastic.BulkOptions{}).Status)
		doc, err := search.Get(ctx, n, "docs", "a", "", true)
		require.NoError(t, err)
		assert.False(t, doc.Found)
	})
}

func TestConflictingWritesAreRefused(t *testing.T) {
	w := newWorld(t, 3)
	w.create("docs", 1, 1)
	w.until(time.Minute, "green", w.green)
	w.do(func(ctx context.Context) {
		n := w.c.Nodes()[1]
		first := put(ctx, n, item("a", `{}`), elastic.BulkOptions{})
		require.Nil(t, first.Err)

		create := item("a", `{}`)
		create.Op = elastic.OpCreate
		got := put(ctx, n, create, elastic.BulkOptions{})
		require.NotNil(t, got.Err)
		assert.Equal(t, 409, got.Status)
		assert.Equal(t, "version_conflict_engine_exception", got.Err.Type)
		assert.Equal(t, "[a]: version conflict, document already exists (current version [1])", got.Err.Reason)

		conditional := item("a", `{}`)
		conditional.IfSeqNo, conditional.IfPrimaryTerm = first.SeqNo, first.PrimaryTerm
		second := put(ctx, n, conditional, elastic.BulkOptions{})
		require.Nil(t, second.Err)
		got = put(ctx, n, conditional, elastic.BulkOptions{})
		assert.Equal(t, "[a]: version conflict, required seqNo [0], primary term [1]. current document has seqNo [1] and primary term [1]", got.Err.Reason)

		external := item("a", `{}`)
		external.External, external.Version = true, 2
		got = put(ctx, n, external, elastic.BulkOptions{})
		assert.Equal(t, "[a]: version conflict, current version [2] is higher or equal to the one provided [2]", got.Err.Reason)
	})
}

// writer writes documents one after another through all nodes in turn, until stopped,
// and remembers which were acknowledged.
type writer struct {
	acked, failed []string
	stop          bool
	running       int
}

func (w *world) writers(count int) *writer {
	wr := &writer{running: count}
	for k := range count {
		w.e.Go(fmt.Sprintf("writer %d", k), func(ctx context.Context) {
			defer func() { wr.running-- }()
			for i := 0; !wr.stop; i++ {
				n := w.c.Nodes()[(i+k)%len(w.c.Nodes())]
				id := fmt.Sprintf("%d-%d", k, i)
				if n.Serving() && put(ctx, n, item(id, `{"w":true}`), elastic.BulkOptions{Timeout: 5 * time.Second}).Err == nil {
					wr.acked = append(wr.acked, id)
				} else {
					wr.failed = append(wr.failed, id)
				}
				if w.e.Sleep(ctx, 20*time.Millisecond) != nil {
					return
				}
			}
		})
	}
	return wr
}

// allThere: every acknowledged document is found, on every copy.
func (w *world) allThere(wr *writer) {
	w.t.Helper()
	wr.stop = true
	w.until(2*time.Minute, "writers have stopped", func() bool { return wr.running == 0 })
	require.NotEmpty(w.t, wr.acked)
	w.do(func(ctx context.Context) {
		for _, id := range wr.acked {
			got, err := search.Get(ctx, w.c.Leader(), "docs", id, "", true)
			require.NoError(w.t, err)
			require.Truef(w.t, got.Found, "acknowledged document %s", id)
		}
	})
	w.copiesAreEqual("docs")
}

func TestAcknowledgedDocumentsSurviveTheirPrimary(t *testing.T) {
	w := newWorld(t, 3)
	w.create("docs", 3, 1, "index.unassigned.node_left.delayed_timeout", "1s")
	w.until(time.Minute, "green", w.green)
	wr := w.writers(4)
	w.run(2 * time.Second)
	require.NoError(t, w.c.Kill(w.victim()))
	w.until(time.Minute, "green", func() bool { return len(w.st().Nodes) == 2 && w.green() })
	w.run(2 * time.Second)
	w.allThere(wr)
	var raised int
	for _, term := range w.st().Index("docs").PrimaryTerms {
		if term > 1 {
			raised++
		}
	}
	assert.Equal(t, 1, raised, "the one primary on the killed node was promoted elsewhere under a new term")
}

func TestWritesGoOnWhilePrimariesMove(t *testing.T) {
	w := newWorld(t, 3, with("cluster.routing.rebalance.enable", "none"))
	w.load(inplace.IndexSpec{Name: "docs", Shards: 6, Bytes: 60 * mb, Docs: 6000, Placement: []int{6, 0, 0}})
	wr := w.writers(6)
	w.run(time.Second)
	w.settings("cluster.routing.rebalance.enable", "all")
	w.until(time.Minute, "spread", func() bool { return w.perNode()["n1"] == 2 && w.balanced() })
	w.run(time.Second)
	w.allThere(wr)
	assert.Empty(t, wr.failed)
}

func TestACutOffPrimaryAcknowledgesNothing(t *testing.T) {
	for _, mode := range []sim.CutMode{sim.Reset, sim.Blackhole} {
		t.Run(mode.String(), func(t *testing.T) {
			w := newWorld(t, 3)
			w.create("docs", 3, 1, "index.unassigned.node_left.delayed_timeout", "1s")
			w.until(time.Minute, "green", w.green)
			wr := w.writers(6)
			w.run(2 * time.Second)
			old := w.c.Leader().Name()
			w.isolate(old, mode)
			w.run(60 * time.Second)
			w.heal(old)
			w.until(2*time.Minute, "whole and green", func() bool { return w.c.Leader() != nil && len(w.st().Nodes) == 3 && w.green() && w.balanced() })
			w.run(2 * time.Second)
			w.allThere(wr)
		})
	}
}

func TestAWriteWaitsForItsPrimaryUntilTheTimeout(t *testing.T) {
	w := newWorld(t, 3)
	w.create("docs", 1, 0)
	w.until(time.Minute, "green", w.green)
	holder := w.st().Routing.Index("docs").Shards[0].Primary().Node
	n := w.c.Nodes()[0]
	if n.ID() == holder {
		n = w.c.Nodes()[1]
	}
	require.NoError(t, w.c.Kill(w.c.ByID[holder].Name()))
	w.run(2 * time.Second)
	w.do(func(ctx context.Context) {
		begun := w.e.Now()
		got := put(ctx, n, item("a", `{"n":1}`), elastic.BulkOptions{Timeout: 10 * time.Second})
		require.NotNil(t, got.Err)
		assert.Equal(t, 503, got.Status)
		assert.Equal(t, "unavailable_shards_exception", got.Err.Type)
		assert.Equal(t, `[docs][0] primary shard is not active Timeout: [10s], request: [BulkShardRequest [[docs][0]] containing [index {[docs][a], source[{"n":1}]}]]`, got.Err.Reason)
		assert.InDelta(t, 10, w.e.Now().Sub(begun).Seconds(), 0.2)
	})
	require.NoError(t, w.c.StartNode(w.c.ByID[holder].Name()))
	w.do(func(ctx context.Context) {
		got := put(ctx, n, item("a", `{"n":1}`), elastic.BulkOptions{})
		assert.Nil(t, got.Err, "the node comes back within the minute")
	})
}

func TestTooFewActiveCopiesRefuseAWriteThatWantsMore(t *testing.T) {
	w := newWorld(t, 2)
	w.create("docs", 1, 2)
	w.until(time.Minute, "yellow", func() bool { return w.health().Active == 2 })
	w.do(func(ctx context.Context) {
		got := put(ctx, w.c.Nodes()[0], item("a", `{}`), elastic.BulkOptions{WaitForActiveShards: "all", Timeout: time.Second})
		require.NotNil(t, got.Err)
		assert.Contains(t, got.Err.Reason, "Not enough active copies to meet shard count of [all] (have 2, needed 3). Timeout: [1s]")
		got = put(ctx, w.c.Nodes()[0], item("a", `{}`), elastic.BulkOptions{WaitForActiveShards: "2", Timeout: time.Second})
		require.Nil(t, got.Err)
		assert.Equal(t, elastic.ShardInfo{Total: 3, Successful: 2}, got.Shards)
	})
}

func TestAFullRestartBringsEverythingBack(t *testing.T) {
	w := newWorld(t, 3)
	w.create("docs", 3, 1)
	w.until(time.Minute, "green", w.green)
	wr := w.writers(3)
	w.run(2 * time.Second)
	wr.stop = true
	w.run(time.Second)
	for _, n := range w.c.Nodes() {
		require.NoError(t, w.c.Kill(n.Name()))
	}
	w.run(5 * time.Second)
	for _, n := range w.c.Nodes() {
		require.NoError(t, w.c.StartNode(n.Name()))
	}
	w.until(2*time.Minute, "green again", w.green)
	w.run(time.Second)
	w.allThere(wr)
	assert.Equal(t, map[string]int{"n1": 2, "n2": 2, "n3": 2}, w.perNode())
	existing := 0
	for _, n := range w.c.Nodes() {
		for _, r := range figures.LocalRecoveries(n) {
			if r.Type == "EXISTING_STORE" {
				existing++
			}
		}
	}
	assert.Equal(t, 3, existing, "primaries recover from their stores")
}

func TestAPausedNodeCatchesUp(t *testing.T) {
	w := newWorld(t, 3)
	w.create("docs", 3, 1)
	w.until(time.Minute, "green", w.green)
	wr := w.writers(3)
	w.run(time.Second)
	victim := w.victim()
	require.NoError(t, w.c.Pause(victim))
	w.run(8 * time.Second)
	assert.Len(t, w.st().Nodes, 3, "30 s have not passed")
	require.NoError(t, w.c.Resume(victim))
	w.run(2 * time.Second)
	w.allThere(wr)
}

func TestAsynchronousTranslogMayLoseTheLastSecondsOfASingleCopy(t *testing.T) {
	w := newWorld(t, 1)
	w.create("docs", 1, 0, "index.translog.durability", "async")
	w.until(time.Minute, "green", w.green)
	wr := w.writers(1)
	w.run(8 * time.Second)
	wr.stop = true
	w.run(100 * time.Millisecond)
	require.NoError(t, w.c.Kill("n1"))
	require.NoError(t, w.c.StartNode("n1"))
	w.until(time.Minute, "green", w.green)
	w.do(func(ctx context.Context) {
		_, err := oncopies.Broadcast(w.c.Nodes()[0], ctx, []string{"docs"}, oncopies.Refresh{})
		require.NoError(t, err)
		got, err := search.Count(ctx, w.c.Nodes()[0], elastic.SearchRequest{Indices: []string{"docs"}})
		require.NoError(t, err)
		assert.Less(t, got.Count, int64(len(wr.acked)))
		assert.Positive(t, got.Count)
	})
}

func TestDocumentsAreRoutedAsElasticsearchHashes(t *testing.T) {
	for text, hash := range map[string]uint32{
		"hell": 0x5a0cb7c3, "hello": 0xd7c31989, "hello w": 0x22ab2984, "hello wo": 0xdf0ca123, "hello wor": 0xe7744d61,
		"The quick brown fox jumps over the lazy dog": 0xe07db09c,
		"The quick brown fox jumps over the lazy cog": 0x4e63d2ad,
	} {
		assert.Equal(t, int32(hash), indexmeta.RoutingHash(text), text)
	}
	meta := &state.Index{Shards: 3, Settings: settings.Of(map[string]string{"index.number_of_shards": "3"})}
	assert.Equal(t, 768, settings.RoutingShards(meta.Settings))
	seen := make(map[int]int)
	for i := range 300 {
		seen[indexmeta.ShardFor(meta, fmt.Sprint(i), "")]++
	}
	assert.Len(t, seen, 3)
	assert.Equal(t, indexmeta.ShardFor(meta, "a", ""), indexmeta.ShardFor(meta, "anything", "a"), "the routing value takes the id's place")
}
