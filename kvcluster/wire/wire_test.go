package wire_test

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

var (
	header = wire.Copy{Shard: "s1", From: "n1", To: "n2", Epoch: 7, Life: 2, Durable: 8}
	entry  = wire.Entry{Index: 3, Epoch: 7, Client: 9, Seq: 1, Settled: 1, Retry: true, Ops: []wire.Op{{Kind: wire.Put, Key: "k", Value: []byte("v"), If: wire.IfValue, Expect: []byte("u")}},
		Txn: prepare, Change: imported}
	samples = []wire.Message{
		&wire.Fence{Copy: header},
		&wire.FenceAck{Copy: header, Promised: 7, LastEpoch: 6, LastIndex: 1 << 40},
		&wire.AppendEntries{Copy: header, PrevIndex: 2, PrevEpoch: 6, Entries: []wire.Entry{entry}, Commit: 2, Round: 5},
		&wire.Ack{Copy: header, Promised: 8, Match: 3, Round: 5},
		&wire.Fetch{Copy: header, After: 2, Turn: 3, Snapshot: 1, AfterKey: []byte("a")},
		&wire.Page{Copy: header, PrevIndex: 2, Entries: []wire.Entry{entry, {Index: 4, Epoch: 7, Change: claim}}, LastIndex: 4, Turn: 3},
		&wire.SnapshotPage{Copy: header, Index: 5, EntryEpoch: 4, Items: []wire.Raw{{Key: []byte("a"), Value: []byte("b")}}, Done: true},
		&wire.Request{Client: 1, Seq: 2, Shard: "s1", Level: wire.All, Kind: wire.Scan, Keys: []string{"a", ""}, Start: "a", End: "b", Limit: 10, Txn: prepare},
		&wire.Response{Client: 1, Seq: 2, Status: wire.Unknown, Primary: "n3", Weak: true, Items: []wire.Item{{Key: "k", Value: []byte("v"), Version: 4}}, More: true, Next: "l", Reason: "because", Txn: prepare},
		&wire.Raft{Peer: peer, Data: []byte{1, 2}},
		&wire.Join{Name: "m1", To: "m2", Nonce: 1 << 63, Zone: "a", Weight: 2},
		&wire.Joined{Nonce: 1 << 63, ID: "m1", Number: 4, Cluster: 5, Voters: []shardmap.NodeID{"n1", "n2"}},
		&wire.Heartbeat{Peer: peer, Revision: 3, Reply: true, Full: true, Note: "a note", Copies: []wire.CopyReport{{Shard: "s1", Epoch: 7, Promised: 8, LastEpoch: 6, LastIndex: 9,
			NeedEpoch: true, InSync: []shardmap.NodeID{"n1"}, Bytes: 10, QPS: 11, Middle: "m", LoadMiddle: "k", Measured: true, Stuck: true, Odds: true}}},
		&wire.HeartbeatAck{Peer: peer, Revision: 4},
		&state,
		&wire.Admin{ID: 1, Peer: peer, Stale: true, Command: wire.Command{Kind: wire.ChangeSettings, Shard: "s1", IfEpoch: 3, By: wire.ByLoad, Nodes: []shardmap.NodeID{"n1"},
			Member: &wire.Member{Name: "m1"}, Settings: &wire.Settings{Replicas: 3, Heartbeat: 5 * time.Second}, Failover: &wire.Failover{Shard: "s1"}}},
		&wire.AdminResult{ID: 1, Peer: peer, Status: wire.Unavailable, Reason: "because", Shard: "s2", Node: "n4", Leader: "n1", State: &state,
			Health: []wire.NodeHealth{{Node: "n1", State: wire.Recovering, Missed: 3, Full: true, Note: "a note", Copies: []wire.CopyReport{{Shard: "s1"}}}},
			Copies: []wire.CopyReport{{Shard: "s1", Acting: true}}, Failover: wire.Completed, Unavailable: []shardmap.ID{"s1"}},
		&wire.Handover{Copy: header, Change: imported},
		&wire.Taken{Copy: header, SourceEpoch: 6, After: []byte("kz"), Done: true},
		&wire.Recall{Peer: peer, Run: 6},
		&wire.Recalled{Peer: peer, Run: 6, Known: 7},
		&wire.Found{Name: "m1", To: "m2", Nonce: 3},
		&wire.MayFound{Name: "m2", To: "m1", Nonce: 3, Cluster: 4, Granted: "m1"},
	}

	imported = wire.Change{Kind: wire.Import, Start: "m", End: "z", Source: "s2", SourceEpoch: 6, After: []byte("ka"),
		Items: []wire.Raw{{Key: []byte("kb"), Value: []byte("v")}}, Done: true, Version: 9}
	claim   = wire.Change{Kind: wire.Claim, Start: "a", Parts: []shardmap.Part{{ID: "s3", Start: "m", End: "z", Since: 4}}, Heir: "s4"}
	prepare = wire.Txn{Step: wire.Prepare, ID: wire.TxnID{Client: 1, Seq: 2}, Anchor: "k", Commit: true, Keys: []string{"k", "l"}}

	peer  = wire.Peer{From: "n1", To: "n2", Durable: 9}
	state = wire.ClusterState{Peer: peer, Cluster: 1, Revision: 2, Leader: "n1", MapVersion: 3, NextNumber: 4,
		Shards: []shardmap.Shard{{ID: "s1", End: "m", Replicas: []shardmap.NodeID{"n1", "n2"}, Primary: "n1", Epoch: 3, Since: 2, Fence: [][]shardmap.NodeID{{"n1"}},
			Origin: "s0", Parts: []shardmap.Part{{ID: "s3", Start: "m", End: "z"}}, Heir: "s2", Drop: true},
			{ID: "s2", Start: "m", Replicas: []shardmap.NodeID{"n2"}, Epoch: 1}},
		Members:  []wire.Member{{ID: "n1", Name: "m1", Nonce: 9, Number: 1, Zone: "a", Weight: 1, State: wire.Leaving, Down: true, Role: wire.Voter}},
		Settings: wire.Settings{Replicas: 3, WriteLevel: wire.All, ManualBalance: true, BalanceEvery: time.Minute},
		History: []wire.Failover{{Shard: "s1", From: "n2", To: "n1", Epoch: 3, Silent: 15 * time.Second, Took: time.Second,
			Wall: time.Unix(5, 6).UTC(), Why: "n2 is down"}}}
)

func encode(t require.TestingT, m wire.Message) []byte {
	buf, err := wire.Append(nil, m)
	require.NoError(t, err)
	return buf
}

func TestEveryKindOfMessageComesBackAsItWas(t *testing.T) {
	var stream []byte
	for _, m := range samples {
		var err error
		stream, err = wire.Append(stream, m)
		require.NoError(t, err)
	}
	for _, want := range samples {
		var got wire.Message
		var err error
		got, stream, err = wire.Decode(stream)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	assert.Empty(t, stream)
	assert.Len(t, samples, int(wire.KindMayFound), "a sample for each kind")
}

func TestAnyFlippedBitIsNoticed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		buf := encode(t, rapid.SampledFrom(samples).Draw(t, "message"))
		bit := rapid.IntRange(0, len(buf)*8-1).Draw(t, "bit")
		buf[bit/8] ^= 1 << (bit % 8)
		_, rest, err := wire.Decode(buf)
		require.Error(t, err)
		require.Equal(t, buf, rest)
	})
}

func TestAnIncompleteFrameAsksForMore(t *testing.T) {
	for _, m := range samples {
		buf := encode(t, m)
		for n := range buf {
			_, _, err := wire.Decode(buf[:n])
			require.ErrorIs(t, err, wire.ErrShort)
		}
	}
}

// reframe makes a frame with a right checksum of any version, kind and body.
func reframe(version, kind byte, body []byte) []byte {
	buf := make([]byte, 8, 10+len(body))
	buf = append(append(buf, version, kind), body...)
	binary.LittleEndian.PutUint32(buf, uint32(len(buf)-4))
	binary.LittleEndian.PutUint32(buf[4:], crc32.Checksum(buf[8:], crc32.MakeTable(crc32.Castagnoli)))
	return buf
}

func TestFramesBeyondTheRulesAreRefusedByName(t *testing.T) {
	body := encode(t, &wire.Fence{Copy: header})[10:]
	huge := make([]byte, 12)
	binary.LittleEndian.PutUint32(huge, wire.MaxFrame+1)
	for name, c := range map[string]struct {
		frame []byte
		want  error
	}{
		"another version":      {reframe(wire.Version+1, byte(wire.KindFence), body), wire.ErrVersion},
		"an unknown kind":      {reframe(wire.Version, 200, body), wire.ErrKind},
		"trailing bytes":       {reframe(wire.Version, byte(wire.KindFence), append(body[:len(body):len(body)], 0)), wire.ErrMalformed},
		"a body cut short":     {reframe(wire.Version, byte(wire.KindFence), body[:len(body)-1]), wire.ErrMalformed},
		"a long zero":          {reframe(wire.Version, byte(wire.KindFence), append(body[:len(body)-1:len(body)-1], 0x87, 0)), wire.ErrMalformed},
		"a name beyond limits": {reframe(wire.Version, byte(wire.KindFence), append([]byte{0x80, 2}, make([]byte, 300)...)), wire.ErrTooLarge},
		"a claim of much":      {reframe(wire.Version, byte(wire.KindResponse), []byte{1, 1, 0, 0, 0, 0, 0, 0xff, 0x1f}), wire.ErrMalformed},
		"a bad status":         {reframe(wire.Version, byte(wire.KindResponse), []byte{1, 1, 9, 0, 0, 0, 0, 0, 0, 0}), wire.ErrMalformed},
		"a frame too long":     {huge, wire.ErrTooLarge},
		"a frame too short":    {make([]byte, 12), wire.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := wire.Decode(c.frame)
			assert.ErrorIs(t, err, c.want)
		})
	}
}

func TestMessagesBeyondTheLimitsAreNotSent(t *testing.T) {
	for _, m := range []wire.Message{
		&wire.Fence{Copy: wire.Copy{Shard: shardmap.ID(strings.Repeat("x", wire.MaxName+1))}},
		&wire.Request{Keys: []string{strings.Repeat("x", wire.MaxKey+1)}},
		&wire.Request{Ops: make([]wire.Op, wire.MaxOps+1)},
		&wire.Request{Ops: []wire.Op{{Value: make([]byte, wire.MaxValue+1)}}},
		&wire.Request{Level: 3},
		&wire.Request{Ops: []wire.Op{{Value: make([]byte, wire.MaxValue)}, {Value: make([]byte, wire.MaxValue)}, {Value: make([]byte, wire.MaxValue)}, {Value: make([]byte, wire.MaxValue)}}},
	} {
		buf, err := wire.Append([]byte("before"), m)
		assert.Error(t, err)
		assert.Equal(t, "before", string(buf))
	}
}

func TestEntriesAreStoredAsTheyAre(t *testing.T) {
	buf, err := wire.AppendEntry(nil, &entry)
	require.NoError(t, err)
	got, err := wire.DecodeEntry(buf)
	require.NoError(t, err)
	assert.Equal(t, entry, got)
	_, err = wire.DecodeEntry(append(buf, 0))
	assert.ErrorIs(t, err, wire.ErrMalformed)
	_, err = wire.DecodeEntry(buf[:len(buf)-1])
	assert.ErrorIs(t, err, wire.ErrMalformed)
}

// FuzzDecode holds that decoding never panics, and that what it accepts has exactly
// one encoding. It gives the bodies a right checksum, which a fuzzer wouldn't find.
func FuzzDecode(f *testing.F) {
	for _, m := range samples {
		buf := encode(f, m)
		f.Add(buf[9], buf[10:])
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		frame := reframe(wire.Version, kind, body)
		m, rest, err := wire.Decode(frame)
		if err != nil {
			return
		}
		require.Empty(t, rest)
		require.Equal(t, frame, encode(t, m))
	})
}

// FuzzFrames feeds whatever comes over a connection.
func FuzzFrames(f *testing.F) {
	f.Add(encode(f, samples[0]))
	f.Fuzz(func(t *testing.T, stream []byte) {
		for {
			before := len(stream)
			_, rest, err := wire.Decode(stream)
			if err != nil {
				return
			}
			require.Less(t, len(rest), before)
			stream = rest
		}
	})
}

func BenchmarkAppendAndDecode(b *testing.B) {
	m := samples[2]
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = wire.Append(buf[:0], m)
		if _, _, err := wire.Decode(buf); err != nil {
			b.Fatal(err)
		}
	}
}
