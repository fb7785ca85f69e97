package replica_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// split makes the keys from start on a shard of their own, t, as the map would.
func (w *trio) split(start string) shardmap.Shard {
	w.shard.Epoch++
	part := shardmap.Part{ID: "t", Start: start, Since: w.shard.Epoch}
	w.shard.End, w.shard.Parts = start, []shardmap.Part{part}
	for _, n := range nodes {
		w.step(n, replica.Configure{Shard: w.shard.Clone()})
	}
	w.run(5)
	return shardmap.Shard{ID: "t", Start: start, Replicas: nodes, Primary: "n2", Epoch: w.shard.Epoch, Since: part.Since, Origin: "s"}
}

func (w *trio) scan(n shardmap.NodeID, start, end string, limit uint64) *wire.Response {
	return w.ask(n, wire.Request{Kind: wire.Scan, Start: start, End: end, Limit: limit, Level: wire.Quorum})
}

func keysOf(r *wire.Response) (out []string) {
	for _, i := range r.Items {
		out = append(out, i.Key)
	}
	return out
}

func TestAScanEndsAtItsLimitAndSaysWhereToGoOn(t *testing.T) {
	w := newTrio(t)
	w.promote("n1")
	w.fill(6)
	r := w.scan("n1", "key001", "key005", 3)
	require.Equal(t, wire.OK, r.Status, r.Reason)
	assert.Equal(t, []string{"key001", "key002", "key003"}, keysOf(r))
	assert.True(t, r.More)
	r = w.scan("n1", r.Next, "key005", 3)
	assert.Equal(t, []string{"key004"}, keysOf(r))
	assert.False(t, r.More)
	assert.Equal(t, "key005", r.Next, "nothing is left before the end that was asked for")
	assert.Empty(t, keysOf(w.scan("n1", "x", "", 0)))
}

func TestACopyIsMeasuredPieceByPiece(t *testing.T) {
	w := newTrio(t)
	w.promote("n1")
	w.fill(5)
	whole, next, err := w.cores["n2"].Measure("", 100)
	require.NoError(t, err)
	assert.Empty(t, next)
	assert.Greater(t, whole, int64(5*2000))
	sum, at, pieces := int64(0), "", 0
	for ; pieces == 0 || at != ""; pieces++ {
		bytes, next, err := w.cores["n2"].Measure(at, 2)
		require.NoError(t, err)
		sum, at = sum+bytes, next
	}
	assert.Equal(t, whole, sum)
	assert.Equal(t, 3, pieces)
}

func TestASplitShardsPartHasItsKeysOnEveryNodeAndServesThem(t *testing.T) {
	w := newTrio(t)
	w.promote("n1")
	w.fill(6)
	part := w.split("key003")
	for _, n := range nodes {
		assert.Contains(t, w.events[n], replica.Born, "%s has a copy of the part, made from its own", n)
	}
	assert.Equal(t, []string{"key000", "key001", "key002"}, keysOf(w.scan("n1", "", "", 0)), "the left half ends where the right one begins")
	moved := w.ask("n1", wire.Request{Kind: wire.Read, Level: wire.Quorum, Keys: []string{"key004"}})
	assert.NotEqual(t, wire.OK, moved.Status, "it isn't here any more")

	right := w.part(part)
	right.run(5)
	r := right.ask("n2", wire.Request{Kind: wire.Read, Level: wire.Quorum, Keys: []string{"key004"}})
	require.Equal(t, wire.OK, r.Status, r.Reason)
	require.Len(t, r.Items, 1)
	assert.Equal(t, value(4), r.Items[0].Value)
	r = right.scan("n2", "key003", "", 0)
	require.Equal(t, wire.OK, r.Status, r.Reason)
	assert.Equal(t, []string{"key003", "key004", "key005"}, keysOf(r))
	right.seq = 1000
	right.put("n2", "key005", []byte("new"))
}

// part are the copies of a shard that was split off, on the same engines.
func (w *trio) part(s shardmap.Shard) *trio {
	out := &trio{t: w.t, now: w.now, fs: w.fs, engines: w.engines, cores: map[shardmap.NodeID]*replica.Core{}, events: map[shardmap.NodeID][]replica.EventKind{}, shard: s}
	for _, n := range nodes {
		c, err := replica.New(replica.Config{KeepLog: 8}, s.ID, n, limited{w.engines[n], w})
		require.NoError(w.t, err)
		out.cores[n] = c
		out.step(n, replica.Reload{})
		out.step(n, replica.Configure{Shard: s.Clone()})
	}
	return out
}
