package kv_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/kv"
)

// world is three nodes with one shard, and a client.
type world struct {
	t      *testing.T
	e      *sim.Engine
	c      *kv.Cluster
	client *kv.Client
	m      *shardmap.Map
	seq    uint64
	events []replica.EventKind
}

var names = []shardmap.NodeID{"n1", "n2", "n3"}

func newWorld(t *testing.T, cfg replica.Config) *world {
	w := &world{t: t, e: sim.NewEngine(sim.Config{Seed: 1})}
	w.c = kv.New(w.e, kv.Config{Nodes: names, Replica: cfg})
	w.c.OnEvent = func(_ shardmap.NodeID, e replica.Event) { w.events = append(w.events, e.Kind) }
	w.client = w.c.NewClient("client")
	var err error
	w.m, err = shardmap.New("s", names)
	require.NoError(t, err)
	for _, n := range names {
		w.c.Start(n)
	}
	w.tell(names...)
	w.run(time.Second)
	t.Cleanup(func() {
		require.NoError(t, w.c.Err())
		require.NoError(t, w.e.Close())
	})
	return w
}

func (w *world) run(d time.Duration) { require.NoError(w.t, w.e.Run(w.e.Now().Add(d))) }

func (w *world) tell(nodes ...shardmap.NodeID) {
	for _, n := range nodes {
		w.c.Configure(n, w.m.Get("s").Clone())
	}
}

func (w *world) promote(n shardmap.NodeID) {
	var err error
	w.m, err = w.m.SetPrimary("s", n)
	require.NoError(w.t, err)
}

// do sends a request and waits for the answer.
func (w *world) do(to shardmap.NodeID, r wire.Request) *wire.Response {
	r.Shard = "s"
	var answer *wire.Response
	done := false
	w.client.Do(to, &r, time.Minute, func(a *wire.Response) { answer, done = a, true })
	require.NoError(w.t, w.e.RunUntil(func() bool { return done }, w.e.Now().Add(2*time.Minute)))
	require.NotNil(w.t, answer)
	return answer
}

func (w *world) put(to shardmap.NodeID, l wire.Level, op wire.Op) *wire.Response {
	w.seq++
	return w.do(to, wire.Request{Client: 1, Seq: w.seq, Settled: w.seq, Level: l, Kind: wire.Write, Ops: []wire.Op{op}})
}

func (w *world) get(to shardmap.NodeID, l wire.Level, key string) *wire.Response {
	return w.do(to, wire.Request{Level: l, Keys: []string{key}})
}

func TestAllIsRefusedWithACopyDownAndQuorumIsNot(t *testing.T) {
	w := newWorld(t, replica.Config{})
	require.Equal(t, wire.OK, w.put("n1", wire.All, wire.Op{Key: "a", Value: []byte("1")}).Status)
	w.c.Crash("n3")
	w.run(3 * time.Second)
	before := w.c.Core("n1", "s").LastIndex()
	a := w.put("n1", wire.All, wire.Op{Key: "a", Value: []byte("2")})
	assert.Equal(t, wire.Unavailable, a.Status)
	assert.Contains(t, a.Reason, "2 of 3 copies")
	assert.Equal(t, before, w.c.Core("n1", "s").LastIndex(), "nothing was written")
	assert.Equal(t, wire.Unavailable, w.get("n1", wire.All, "a").Status)
	assert.Equal(t, wire.OK, w.put("n1", wire.Quorum, wire.Op{Key: "a", Value: []byte("3")}).Status)
	assert.Equal(t, "3", string(w.get("n1", wire.Quorum, "a").Items[0].Value))
	w.c.Crash("n2")
	w.run(3 * time.Second)
	assert.Equal(t, wire.Unavailable, w.put("n1", wire.Quorum, wire.Op{Key: "a", Value: []byte("4")}).Status)
	assert.Equal(t, wire.Unavailable, w.get("n1", wire.Quorum, "a").Status)
	one := w.put("n1", wire.One, wire.Op{Key: "a", Value: []byte("5")})
	assert.Equal(t, wire.OK, one.Status)
	assert.True(t, one.Weak)
}

func TestAWriteAtOneMayBeLostAndReadsAtOneMayBeStaleAsTheySay(t *testing.T) {
	w := newWorld(t, replica.Config{})
	require.Equal(t, wire.OK, w.put("n1", wire.All, wire.Op{Key: "a", Value: []byte("old")}).Status)
	for _, n := range []string{"n2", "n3"} {
		w.c.Network.Cut("n1", n, sim.Blackhole)
		w.c.Network.Cut(n, "n1", sim.Blackhole)
	}
	one := w.put("n1", wire.One, wire.Op{Key: "a", Value: []byte("lost")})
	require.Equal(t, wire.OK, one.Status)
	w.promote("n2")
	w.tell("n2", "n3")
	w.run(time.Second)
	require.Equal(t, replica.Primary, w.c.Core("n2", "s").Role())
	assert.Equal(t, "old", string(w.get("n2", wire.Quorum, "a").Items[0].Value))
	require.Equal(t, wire.OK, w.put("n2", wire.Quorum, wire.Op{Key: "a", Value: []byte("new")}).Status)
	assert.Equal(t, wire.Unavailable, w.get("n1", wire.Quorum, "a").Status, "the old primary can't confirm its epoch")
	stale := w.get("n1", wire.One, "a")
	assert.Equal(t, "old", string(stale.Items[0].Value))
	assert.True(t, stale.Weak)

	for _, n := range names {
		w.c.Network.Mend("n1", string(n))
		w.c.Network.Mend(string(n), "n1")
	}
	w.run(3 * time.Second)
	assert.Equal(t, replica.Backup, w.c.Core("n1", "s").Role(), "fenced")
	assert.Equal(t, "new", string(w.get("n1", wire.One, "a").Items[0].Value), "the copies have converged")
}

func TestAPrimaryThatRestartsAsksForANewEpoch(t *testing.T) {
	w := newWorld(t, replica.Config{})
	w.c.Crash("n1")
	w.c.Start("n1")
	w.events = nil
	w.tell("n1")
	w.run(time.Second)
	assert.Equal(t, []replica.EventKind{replica.NeedEpoch}, w.events)
	w.promote("n1")
	w.tell("n1")
	w.run(time.Second)
	assert.Equal(t, replica.Primary, w.c.Core("n1", "s").Role())
}

func TestConditionsAndDuplicates(t *testing.T) {
	w := newWorld(t, replica.Config{})
	first := w.put("n1", wire.Quorum, wire.Op{Key: "a", Value: []byte("1"), If: wire.IfMissing})
	require.Equal(t, wire.OK, first.Status)
	assert.Equal(t, wire.ConditionFailed, w.put("n1", wire.Quorum, wire.Op{Key: "a", Value: []byte("2"), If: wire.IfMissing}).Status)
	assert.Equal(t, wire.OK, w.put("n1", wire.Quorum, wire.Op{Key: "a", Value: []byte("3"), If: wire.IfVersion, ExpectVersion: first.Version}).Status)
	swap := wire.Request{Client: 2, Seq: 1, Level: wire.Quorum, Kind: wire.Write,
		Ops: []wire.Op{{Key: "a", Value: []byte("4"), If: wire.IfValue, Expect: []byte("3")}, {Kind: wire.Delete, Key: "b"}}}
	done := w.do("n1", swap)
	require.Equal(t, wire.OK, done.Status)
	swap.Retry = true
	again := w.do("n1", swap)
	assert.Equal(t, wire.OK, again.Status, "the outcome of the first attempt, though the condition no longer holds")
	assert.Equal(t, done.Version, again.Version)
	w.promote("n3")
	w.tell(names...)
	w.run(time.Second)
	again = w.do("n3", swap)
	assert.Equal(t, done.Version, again.Version, "another primary knows it too")
}

func TestAForgottenClientsRetryIsNotDoneASecondTime(t *testing.T) {
	w := newWorld(t, replica.Config{MaxClients: 16})
	write := func(client uint64, retry bool) *wire.Response {
		return w.do("n1", wire.Request{Client: client, Seq: 1, Retry: retry, Level: wire.Quorum, Kind: wire.Write,
			Ops: []wire.Op{{Key: "a", Value: []byte{byte(client)}}}})
	}
	for client := uint64(1); client <= 30; client++ {
		require.Equal(t, wire.OK, write(client, false).Status)
	}
	assert.Equal(t, wire.Unknown, write(1, true).Status)
	assert.Equal(t, wire.OK, write(30, true).Status)
	assert.Equal(t, []byte{30}, w.get("n1", wire.Quorum, "a").Items[0].Value)
}

func TestRequestsThatMakeNoSenseAreRefusedWithTheReason(t *testing.T) {
	w := newWorld(t, replica.Config{})
	var err error
	w.m, _, err = w.m.Split("s", "m", "right")
	require.NoError(t, err)
	w.tell(names...)
	w.run(time.Second)
	put := []wire.Op{{Key: "a"}}
	for name, c := range map[string]struct {
		r    wire.Request
		want wire.Status
	}{
		"a key of another shard":  {wire.Request{Level: wire.Quorum, Keys: []string{"z"}}, wire.WrongShard},
		"a write without number":  {wire.Request{Level: wire.Quorum, Kind: wire.Write, Ops: put}, wire.Invalid},
		"a write of nothing":      {wire.Request{Client: 1, Seq: 1, Level: wire.Quorum, Kind: wire.Write}, wire.Invalid},
		"a condition at one":      {wire.Request{Client: 1, Seq: 1, Kind: wire.Write, Ops: []wire.Op{{Key: "a", If: wire.IfMissing}}}, wire.Invalid},
		"a range that goes back":  {wire.Request{Level: wire.Quorum, Kind: wire.Scan, Start: "c", End: "b"}, wire.Invalid},
		"operations of a read":    {wire.Request{Level: wire.Quorum, Ops: put}, wire.Invalid},
		"an epoch of the future":  {wire.Request{Level: wire.Quorum, Epoch: 99, Keys: []string{"a"}}, wire.NotPrimary},
		"a retry of what settled": {wire.Request{Client: 1, Seq: 1, Settled: 2, Kind: wire.Write, Ops: put}, wire.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.do("n1", c.r)
			assert.Equal(t, c.want, a.Status)
			assert.NotEmpty(t, a.Reason)
		})
	}
	assert.Equal(t, wire.NotPrimary, w.get("n2", wire.Quorum, "a").Status)
	assert.Equal(t, shardmap.NodeID("n1"), w.get("n2", wire.Quorum, "a").Primary)
}
