package replica_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// TestAWeakWriteIsNotAcknowledgedAndThenRefused lets a write at ONE come right behind a lock
// that isn't applied yet: only behind it is it known that the write won't be done.
func TestAWeakWriteIsNotAcknowledgedAndThenRefused(t *testing.T) {
	w := newTrio(t)
	w.run(5)
	ops := []wire.Op{{Key: "k", Value: []byte("v")}}
	w.step("n1", replica.Request{ID: 1, R: &wire.Request{Shard: "s", Client: 2, Seq: 1, Settled: 1, Level: wire.Quorum, Kind: wire.Transact, Ops: ops,
		Txn: wire.Txn{Step: wire.Prepare, ID: wire.TxnID{Client: 2, Seq: 1}, Anchor: "k"}}})
	w.step("n1", replica.Request{ID: 2, R: &wire.Request{Shard: "s", Client: 3, Seq: 1, Settled: 1, Level: wire.One, Kind: wire.Write, Ops: ops}})
	assert.Nil(t, w.answer)
	w.run(3)
	require.NotNil(t, w.answer)
	assert.Equal(t, wire.Locked, w.answer.Status)

	w.answer = nil
	w.step("n1", replica.Request{ID: 3, R: &wire.Request{Shard: "s", Client: 3, Seq: 2, Settled: 2, Level: wire.One, Kind: wire.Write, Ops: []wire.Op{{Key: "other"}}}})
	require.NotNil(t, w.answer, "nothing is in its way: it is acknowledged when it is on this disk")
	assert.Equal(t, wire.OK, w.answer.Status)
	early := w.answer.Version
	w.run(3)
	a := w.ask("n1", wire.Request{Keys: []string{"other"}, Level: wire.Quorum})
	require.Len(t, a.Items, 1)
	assert.Equal(t, a.Items[0].Version, early)
}
