package replica_test

import (
	"bytes"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/pebblestore"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// lag lets a write be acknowledged that the two other copies have, but not the disk of the
// primary, n1.
func (w *trio) lag() {
	w.run(5)
	w.fill(5)
	w.slow = "n1"
	w.seq++
	a := w.ask("n1", wire.Request{Client: 1, Seq: w.seq, Settled: w.seq, Level: wire.Quorum, Kind: wire.Write,
		Ops: []wire.Op{{Key: "last", Value: []byte("acknowledged")}}})
	require.Equal(w.t, wire.OK, a.Status, a.Reason)
	w.run(2)
	require.Equal(w.t, w.cores["n2"].Applied(), w.cores["n3"].Applied())
}

// crash starts a copy on what its disk had synced.
func (w *trio) crash(n shardmap.NodeID) {
	after := w.fs[n].CrashClone(vfs.CrashCloneCfg{})
	require.NoError(w.t, w.engines[n].Close())
	w.fs[n], w.slow = after, ""
	w.start(n)
}

// lose makes a copy's log unreadable, and starts it.
func (w *trio) lose(n shardmap.NodeID) {
	require.NoError(w.t, w.engines[n].Close())
	s, err := pebblestore.Open("db", pebblestore.Config{FS: w.fs[n]})
	require.NoError(w.t, err)
	var b storage.Batch
	require.NoError(w.t, s.Scan([]byte("\x01sl"), []byte("\x01sm"), func(k, _ []byte) bool {
		b.Put(bytes.Clone(k), []byte("nonsense"))
		return true
	}))
	require.NoError(w.t, s.Apply(&b))
	require.NoError(w.t, s.Sync())
	require.NoError(w.t, s.Close())
	w.start(n)
}

// beat is a sign of life of the primary n1 that the network has delayed.
func (w *trio) beat(to shardmap.NodeID) {
	last := w.cores["n2"].LastIndex()
	w.step(to, replica.Message{M: &wire.AppendEntries{Copy: wire.Copy{Shard: "s", From: "n1", To: to, Epoch: 1}, PrevIndex: last + 1, PrevEpoch: 1}})
}

// TestACopyThatIsAheadOfARestartedPrimaryDoesNotAskForEver lets a copy ask a primary that
// crashed for what comes after the log's end that it has lost.
func TestACopyThatIsAheadOfARestartedPrimaryDoesNotAskForEver(t *testing.T) {
	w := newTrio(t)
	w.lag()
	w.crash("n1")
	require.Less(t, w.cores["n1"].LastIndex(), w.cores["n3"].Applied(), "nothing was lost")
	w.beat("n3")
	require.IsType(t, &wire.Fetch{}, w.mail[len(w.mail)-2])
	w.run(5)
	w.promote("n2")
	w.run(5)
	for _, n := range nodes {
		assert.Equal(t, w.cores["n2"].LastIndex(), w.cores[n].LastIndex(), "%s", n)
	}
}

// TestASnapshotThatIsNoNewsIsNotAnsweredAtOnce gives a copy, again and again, the answer
// that it has everything already.
func TestASnapshotThatIsNoNewsIsNotAnsweredAtOnce(t *testing.T) {
	w := newTrio(t)
	w.lag()
	w.beat("n3")
	w.mail = nil
	applied := w.cores["n3"].Applied()
	for i := range uint64(3) {
		w.step("n3", replica.Message{M: &wire.SnapshotPage{Copy: wire.Copy{Shard: "s", From: "n1", To: "n3", Epoch: 1},
			Index: applied - i, EntryEpoch: 1, Done: true}})
	}
	assert.Empty(t, w.mail)
	w.run(1)
	w.promote("n2")
	assert.Equal(t, w.cores["n2"].LastIndex(), w.cores["n3"].LastIndex())
}

// TestARestartedPrimaryMakesNoCopyWhole has a copy that lost its data ask a primary that
// crashed: where its log ends says nothing about what was acknowledged.
func TestARestartedPrimaryMakesNoCopyWhole(t *testing.T) {
	w := newTrio(t)
	w.lag()
	w.lose("n3")
	w.crash("n1")
	w.beat("n3")
	w.run(5)
	assert.NotContains(t, w.events["n3"], replica.Repaired)

	// n1 is to act again. As long as n2 isn't there, nobody knows what was acknowledged.
	w.shard.Epoch, w.deaf = w.shard.Epoch+1, "n2"
	for _, n := range nodes {
		w.step(n, replica.Configure{Shard: w.shard.Clone()})
	}
	w.run(10)
	assert.NotEqual(t, replica.Primary, w.cores["n1"].Role())
	w.deaf = ""
	w.run(10)
	a := w.ask("n1", wire.Request{Keys: []string{"last"}, Level: wire.Quorum})
	require.Equal(t, wire.OK, a.Status, a.Reason)
	require.Len(t, a.Items, 1)
	assert.Equal(t, "acknowledged", string(a.Items[0].Value))
}
