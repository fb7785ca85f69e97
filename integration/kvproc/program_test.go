package kvproc

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster"
	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/tcp"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// open is a client in a program of its own, over no link.
func open(t *testing.T, c *Cluster) *kvcluster.DB {
	t.Helper()
	nodes := ""
	for name, address := range c.Direct().Book {
		nodes += fmt.Sprintf("%s=%s,", name, address)
	}
	db, err := kvcluster.Open(kvcluster.Options{Nodes: nodes})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	return db
}

func TestADeadTransactionIsInTheWayOfNobodyForLong(t *testing.T) {
	t.Parallel()
	ctx, c := cluster(t)
	db := open(t, c)
	_, err := db.Put(ctx, "apple", []byte("fruit"))
	require.NoError(t, err)
	shard, err := db.GetShardForKey(ctx, "apple")
	require.NoError(t, err)
	r, err := c.ClusterState(ctx)
	require.NoError(t, err)

	// A program locks a key and dies before it has decided.
	dying := tcp.NewClient(c.Direct())
	defer dying.Close()
	lock := wire.Request{Kind: wire.Transact, Level: wire.Quorum, Shard: shard, Epoch: r.State.Shards[0].Epoch, Client: 99, Seq: 1, Settled: 1,
		Txn: wire.Txn{Step: wire.Prepare, ID: wire.TxnID{Client: 99, Seq: 1}, Anchor: "apple"}, Ops: []wire.Op{client.PutOp("apple", []byte("tree"))}}
	answer, err := dying.Send(ctx, r.State.Shards[0].Primary, &lock)
	require.NoError(t, err)
	require.Equal(t, wire.OK, answer.(*wire.Response).Status)

	// One that comes at once is in conflict with it; it may still be under way.
	write := func() error {
		fresh := open(t, c)
		tx := fresh.Begin()
		tx.Put("apple", []byte("pie"))
		return tx.Commit(ctx)
	}
	require.ErrorIs(t, write(), client.ErrConflict)
	time.Sleep(1100 * time.Millisecond) // the time that a client allows a transaction
	// Of those that come later none is held up, though each sees the lock for the first time.
	require.NoError(t, write())
	require.NoError(t, write())
	got, err := db.Get(ctx, "apple")
	require.NoError(t, err)
	assert.Equal(t, "pie", string(got.Value))
}

func TestTheClusterIsChangedFromAProgramWhileItRuns(t *testing.T) {
	t.Parallel()
	ctx, c := cluster(t)
	db := open(t, c)
	require.NoError(t, db.CreateShard(ctx, "fruits", "f", "g"))
	require.NoError(t, db.ChangeSettings(ctx, func(s *wire.Settings) {
		s.Heartbeat, s.ReadLevel, s.Strategy, s.SplitBytes = 600*time.Millisecond, wire.All, 1, 1<<30
	}))
	settings, err := db.Settings(ctx)
	require.NoError(t, err)
	assert.Equal(t, []any{600 * time.Millisecond, wire.All, uint8(1), uint64(1 << 30)}, []any{settings.Heartbeat, settings.ReadLevel, settings.Strategy, settings.SplitBytes})
	_, err = db.Put(ctx, "fig", []byte("fruit"))
	require.NoError(t, err)
	require.NoError(t, c.Await(ctx))

	m, err := db.Shards().Map(ctx)
	require.NoError(t, err)
	was := m.Lookup("fig").Primary
	var other shardmap.NodeID
	for _, n := range m.Lookup("fig").Replicas {
		if n != was {
			other = n
		}
	}
	require.NoError(t, db.Shards().PromoteReplica(ctx, "fruits", other))
	require.NoError(t, c.Await(ctx))
	left, err := db.Drain(ctx, other, true)
	require.NoError(t, err)
	assert.NotEmpty(t, left, "three copies don't fit on two nodes")
	assert.Contains(t, fmt.Sprint(left), "has no place to go")
	require.Eventually(t, func() bool { // but it is no primary any more
		m, err := db.Shards().Map(ctx)
		return err == nil && m.Lookup("fig").Primary != other && m.Lookup("a").Primary != other
	}, time.Minute, 50*time.Millisecond)
	_, err = db.Drain(ctx, other, false)
	require.NoError(t, err)
	into, err := db.Shards().DeleteShard(ctx, "fruits", shardmap.KeepData)
	require.NoError(t, err)
	assert.NotEmpty(t, into)
	got, err := db.Get(ctx, "fig")
	require.NoError(t, err)
	assert.Equal(t, "fruit", string(got.Value))
}

func TestAClientKeepsToItsClusterAndSaysSo(t *testing.T) {
	t.Parallel()
	ctx, mine := cluster(t)
	_, theirs := cluster(t)
	// The third node of the address book is one of another cluster that has the same names.
	cfg := mine.Direct()
	book := tcp.Book{}
	for name, address := range cfg.Book {
		book[name] = address
	}
	book["n3"] = theirs.Direct().Book["n3"]
	cfg.Book = book
	conns := tcp.NewClient(cfg)
	defer conns.Close()
	_, err := conns.Ask(ctx, "n1", &wire.Admin{Stale: true})
	require.NoError(t, err)
	_, err = conns.Ask(ctx, "n3", &wire.Admin{Stale: true})
	require.Error(t, err)
	assert.ErrorContains(t, err, "node n3: ")
	assert.ErrorContains(t, err, "another cluster: ")
}

func TestABatchOfWhichAPartCannotBeWrittenSaysWhich(t *testing.T) {
	t.Parallel()
	ctx, c := cluster(t)
	db := open(t, c)
	require.NoError(t, db.ChangeSettings(ctx, func(s *wire.Settings) { s.ManualFailover, s.Replicas = true, 1 }))
	require.NoError(t, db.CreateShard(ctx, "late", "m", ""))
	// Two shards with a copy each, on different nodes.
	alone := func() (early, late shardmap.NodeID, ok bool) {
		m, err := db.Shards().Map(ctx)
		require.NoError(t, err)
		a, z := m.Lookup("a"), m.Lookup("z")
		return a.Primary, z.Primary, len(a.Replicas) == 1 && len(z.Replicas) == 1 && a.Settled() && z.Settled()
	}
	require.Eventually(t, func() bool { _, _, ok := alone(); return ok }, time.Minute, 50*time.Millisecond)
	early, late, _ := alone()
	if early == late {
		to := shardmap.NodeID("n1")
		if late == to {
			to = "n2"
		}
		require.NoError(t, db.Shards().MigrateShard(ctx, "late", late, to))
		require.Eventually(t, func() bool { _, at, ok := alone(); return ok && at == to }, time.Minute, 50*time.Millisecond)
		late = to
	}
	batch := []client.Op{client.PutOp("apple", []byte("1")), client.PutOp("zebra", []byte("1"))}
	require.NoError(t, db.Batch(ctx, batch))
	require.NoError(t, c.Kill(ctx, node.Machine(late)))
	err := db.Batch(ctx, batch, client.Within(4*time.Second))
	var part *client.BatchError
	require.ErrorAs(t, err, &part)
	assert.Equal(t, []string{"apple"}, part.Done)
	assert.Equal(t, []string{"zebra"}, append(part.NotDone, part.Unknown...))
	assert.NotErrorIs(t, err, client.ErrUnavailable, "which would say that nothing was done")
	assert.ErrorContains(t, err, "node "+string(late))
}
