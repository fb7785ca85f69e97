package replica_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// begin lets the logs of all copies take a write, before the primary hears that they did.
func (w *trio) begin() {
	w.promote("n1")
	w.put("n1", "k", []byte("before"))
	w.seq++
	w.answer = nil
	w.step("n1", replica.Request{ID: 1, R: &wire.Request{Shard: "s", Client: 1, Seq: w.seq, Settled: w.seq, Level: wire.Quorum, Kind: wire.Write,
		Ops: []wire.Op{{Key: "k", Value: []byte("during")}}}})
	mail := w.mail
	w.mail = nil
	for _, m := range mail {
		w.step(m.(interface{ Header() *wire.Copy }).Header().To, replica.Message{M: m})
	}
	require.Nil(w.t, w.answer)
}

func (w *trio) read() *wire.Response {
	return w.ask("n1", wire.Request{Client: 2, Seq: 1, Settled: 1, Level: wire.Quorum, Keys: []string{"k"}})
}

func TestWhatTheLogTookBeforeTheDisksWereFullIsDoneAndReadsGoOn(t *testing.T) {
	w := newTrio(t)
	w.begin()
	w.room = reserve // as when something else fills it in the blink of an eye
	w.run(3)
	if assert.NotNil(t, w.answer) {
		assert.Equal(t, wire.OK, w.answer.Status, w.answer.Reason)
	}
	r := w.read()
	assert.Equal(t, wire.OK, r.Status, r.Reason)
	assert.Equal(t, "during", string(r.Items[0].Value))
	w.seq++
	r = w.ask("n1", wire.Request{Client: 1, Seq: w.seq, Settled: w.seq, Level: wire.Quorum, Kind: wire.Write, Ops: []wire.Op{{Key: "k", Value: []byte("after")}}})
	assert.Equal(t, wire.Unavailable, r.Status)
	assert.Equal(t, "the primary's disk is full", r.Reason)
}

func TestAPrimaryWithoutRoomForWhatIsCommittedSaysSo(t *testing.T) {
	w := newTrio(t)
	w.begin()
	w.room = none
	w.run(2)
	assert.True(t, w.cores["n1"].Status().Stuck)
	r := w.read()
	assert.Equal(t, wire.Unavailable, r.Status)
	assert.Equal(t, "the primary's disk has no room for what is committed", r.Reason)
	w.room = plenty
	w.run(2)
	assert.Equal(t, "during", string(w.read().Items[0].Value))
}
