package kvproc

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/storage/damage"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

const damageKeys = 40

// writeKeys writes keys with a value, each acknowledged.
func writeKeys(ctx context.Context, t *testing.T, db *client.DB, value string) {
	t.Helper()
	for i := range damageKeys {
		_, err := db.Put(ctx, fmt.Sprintf("key%02d", i), []byte(value), client.Within(30*time.Second))
		require.NoError(t, err)
	}
}

// readKeys holds that every key has its value.
func readKeys(ctx context.Context, t *testing.T, db *client.DB, value string) {
	t.Helper()
	for i := range damageKeys {
		r, err := db.Get(ctx, fmt.Sprintf("key%02d", i), client.Within(30*time.Second))
		require.NoError(t, err)
		require.Equal(t, value, string(r.Value), "key%02d", i)
	}
}

func kill(ctx context.Context, t *testing.T, c *Cluster, names ...string) {
	t.Helper()
	for _, n := range names {
		require.NoError(t, c.Kill(ctx, n))
	}
}

func begin(ctx context.Context, t *testing.T, c *Cluster, names ...string) {
	t.Helper()
	for _, n := range names {
		require.NoError(t, c.Start(ctx, n))
	}
}

// dataOf is the folder of a node's database.
func dataOf(t *testing.T, c *Cluster, name string) string {
	t.Helper()
	p, err := c.process(name)
	require.NoError(t, err)
	return filepath.Join(p.data, "db")
}

// nodeOn waits until a node of that id is active and up, and says what it wants known.
func nodeOn(ctx context.Context, t *testing.T, c *Cluster, id string) (note string) {
	t.Helper()
	require.Eventually(t, func() bool {
		r, err := c.ClusterState(ctx)
		if err != nil {
			return false
		}
		for _, h := range r.Health {
			if string(h.Node) == id && h.Heard > 0 && h.Missed == 0 {
				note = h.Note
				return note != ""
			}
		}
		return false
	}, time.Minute, 100*time.Millisecond, "node %s, with something to say", id)
	return note
}

// TestADamagedLogIsMendedOrItsNodeRepaired: n3 is down while n1 and n2 acknowledge; both are
// killed; what happens to n2's log loses nothing when n2 and n3 start without n1.
func TestADamagedLogIsMendedOrItsNodeRepaired(t *testing.T) {
	t.Parallel()
	for i, kind := range []damage.Kind{damage.Flip, damage.Zero, damage.Truncate} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			ctx, c := cluster(t, "client")
			db := database(t, c, "client")
			writeKeys(ctx, t, db, "before")
			kill(ctx, t, c, "n3")
			writeKeys(ctx, t, db, "acknowledged")
			kill(ctx, t, c, "n1", "n2")
			logs, err := filepath.Glob(filepath.Join(dataOf(t, c, "n2"), "*.log"))
			require.NoError(t, err)
			require.NotEmpty(t, logs)
			data, err := os.ReadFile(logs[len(logs)-1])
			require.NoError(t, err)
			rng := rand.New(rand.NewPCG(uint64(i), 0))
			require.NoError(t, os.WriteFile(logs[len(logs)-1], damage.Of(kind, data, nil, rng), 0o600))

			begin(ctx, t, c, "n2", "n3")
			readKeys(ctx, t, db, "acknowledged")
			begin(ctx, t, c, "n1")
			require.NoError(t, c.Await(ctx))
			readKeys(ctx, t, db, "acknowledged")
		})
	}
}

// TestANodeThatLostItsLogTakesNoPartUntilItIsRepaired: log and tail of n2 are gone; with n3,
// which lacks what n1 and n2 acknowledged, it is no majority. When n1 is back everything is
// there, and n2's machine is another node, which says why.
func TestANodeThatLostItsLogTakesNoPartUntilItIsRepaired(t *testing.T) {
	t.Parallel()
	ctx, c := cluster(t, "client")
	db := database(t, c, "client")
	writeKeys(ctx, t, db, "before")
	kill(ctx, t, c, "n3")
	writeKeys(ctx, t, db, "acknowledged")
	kill(ctx, t, c, "n1", "n2")
	logs, err := filepath.Glob(filepath.Join(dataOf(t, c, "n2"), "*.log"))
	require.NoError(t, err)
	for _, log := range logs {
		require.NoError(t, os.Truncate(log, 0))
	}
	tails, err := filepath.Glob(filepath.Join(dataOf(t, c, "n2"), "tail-*"))
	require.NoError(t, err)
	for _, tail := range tails { // the end stays, which tells how much there was
		data, err := os.ReadFile(tail)
		require.NoError(t, err)
		end := len(strings.TrimRight(string(data), "\x00"))
		clear(data[:end/2])
		require.NoError(t, os.WriteFile(tail, data, 0o600))
	}
	begin(ctx, t, c, "n2", "n3")
	_, err = db.Get(ctx, "key00", client.Within(5*time.Second))
	require.Error(t, err, "n2 and n3 together don't know what was acknowledged")
	assert.Contains(t, c.Log("n2"), "lost what it had synced")

	begin(ctx, t, c, "n1")
	readKeys(ctx, t, db, "acknowledged")
	assert.Contains(t, nodeOn(ctx, t, c, "n2~2"), "in the place of a disk that was lost")
	assert.DirExists(t, dataOf(t, c, "n2")+"-lost-1", "nothing is thrown away")
	require.Eventually(t, func() bool {
		r, err := c.ClusterState(ctx)
		return err == nil && len(r.State.Shards[0].Replicas) == 3 && r.State.Shards[0].HasReplica("n2~2")
	}, time.Minute, 100*time.Millisecond, "the copies of n2 are made on its new disk")
	readKeys(ctx, t, db, "acknowledged")
}

// TestAFolderThatWasPutBackIsFoundOut: n2 comes with a cold copy of its folder from before
// most writes.
func TestAFolderThatWasPutBackIsFoundOut(t *testing.T) {
	t.Parallel()
	ctx, c := cluster(t, "client")
	db := database(t, c, "client")
	writeKeys(ctx, t, db, "before")
	kill(ctx, t, c, "n2")
	cold := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(cold, "db"), os.DirFS(dataOf(t, c, "n2"))))
	begin(ctx, t, c, "n2")
	require.NoError(t, c.Await(ctx))
	writeKeys(ctx, t, db, "acknowledged")
	kill(ctx, t, c, "n2")
	require.NoError(t, os.RemoveAll(dataOf(t, c, "n2")))
	require.NoError(t, os.CopyFS(dataOf(t, c, "n2"), os.DirFS(filepath.Join(cold, "db"))))

	begin(ctx, t, c, "n2")
	assert.Contains(t, nodeOn(ctx, t, c, "n2~2"), "in the place of a disk that was lost")
	assert.Contains(t, c.Log("n2"), "the disk is that of an earlier time")
	readKeys(ctx, t, db, "acknowledged")
}

// TestARestartedNodeSaysThatItCanNotProveItIsCurrent: the only node that could remember more
// is gone.
func TestARestartedNodeSaysThatItCanNotProveItIsCurrent(t *testing.T) {
	t.Parallel()
	ctx, c := cluster(t, "client")
	kill(ctx, t, c, "n1", "n2")
	begin(ctx, t, c, "n2")
	assert.Contains(t, nodeOn(ctx, t, c, "n2"), "can't prove that its disk is the newest: not heard since the start: n1")
}

// TestAReplacedDiskThatStartsFirstMakesNoClusterOfItsOwn: all nodes have the same command;
// n1 comes first, with an empty folder.
func TestAReplacedDiskThatStartsFirstMakesNoClusterOfItsOwn(t *testing.T) {
	t.Parallel()
	ctx, c := cluster(t, "client")
	db := database(t, c, "client")
	writeKeys(ctx, t, db, "acknowledged")
	before, err := c.ClusterState(ctx)
	require.NoError(t, err)
	kill(ctx, t, c, "n1", "n2", "n3")
	require.NoError(t, os.RemoveAll(dataOf(t, c, "n1")))
	begin(ctx, t, c, "n1")
	_, err = db.Get(ctx, "key00", client.Within(5*time.Second))
	require.ErrorContains(t, err, "needs to hear from n2, n3 that there is none")

	begin(ctx, t, c, "n2", "n3")
	readKeys(ctx, t, db, "acknowledged")
	require.Eventually(t, func() bool {
		after, err := c.ClusterState(ctx)
		if err != nil || after.State.Cluster != before.State.Cluster {
			return false
		}
		for i := range after.State.Members {
			if m := &after.State.Members[i]; m.ID == "n1~2" && m.State == wire.Active {
				return true
			}
		}
		return false
	}, time.Minute, 100*time.Millisecond, "n1 joins the cluster that there is")
}
