package tcp_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/loopback"
	"github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage/pebblestore"
	"github.com/shardquake/shardquake/kvcluster/tcp"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

const patient = time.Minute

// cluster is three nodes in this process, each with a disk in memory.
type cluster struct {
	t     *testing.T
	book  tcp.Book
	disks map[string]vfs.FS
	ends  map[string]func() error
	pool  *tcp.Pool
	seq   uint64
}

func startCluster(t *testing.T) *cluster {
	c := &cluster{t: t, book: freeAddresses(t, "n1", "n2", "n3"), disks: make(map[string]vfs.FS), ends: make(map[string]func() error)}
	c.pool = tcp.NewPool(tcp.Config{Name: "client", Book: c.book})
	t.Cleanup(c.pool.Close)
	for _, name := range c.book.Names() {
		c.disks[name] = vfs.NewMem()
		c.start(name)
	}
	t.Cleanup(func() {
		for _, name := range c.book.Names() {
			c.stop(name)
		}
	})
	return c
}

// freeAddresses are loopback addresses that were free a moment ago.
func freeAddresses(t *testing.T, names ...string) tcp.Book {
	host, err := loopback.Host()
	require.NoError(t, err)
	addresses, release, err := loopback.Addresses(host, len(names))
	require.NoError(t, err)
	release()
	b := make(tcp.Book)
	for i, n := range names {
		b[n] = addresses[i]
	}
	return b
}

func (c *cluster) start(name string) {
	engine, err := pebblestore.Open("db", pebblestore.Config{FS: c.disks[name]})
	require.NoError(c.t, err)
	cfg := tcp.NodeConfig{Config: tcp.Config{Name: name, Book: c.book}, Listen: c.book[name], Logf: c.t.Logf,
		Node: node.Config{Bootstrap: name == "n1", Rand: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), Wall: time.Now,
			Settings: wire.Settings{ReadLevel: wire.Quorum, WriteLevel: wire.Quorum, Heartbeat: 200 * time.Millisecond, ManualBalance: true}}}
	for _, other := range c.book.Names() {
		if other != name {
			cfg.Node.Join = append(cfg.Node.Join, other)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	n, err := tcp.NewNode(ctx, cfg, engine)
	require.NoError(c.t, err)
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	c.ends[name] = func() error {
		cancel()
		err := <-ended
		return fmt.Errorf("run: %w, close: %w", err, engine.Close())
	}
}

func (c *cluster) stop(name string) {
	if end := c.ends[name]; end != nil {
		delete(c.ends, name)
		assert.EqualError(c.t, end(), "run: %!w(<nil>), close: %!w(<nil>)")
	}
}

// state asks the nodes in turn until one has got it from the leader.
func (c *cluster) state() *wire.ClusterState {
	for _, name := range c.book.Names() {
		ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
		answer, err := c.pool.Call(ctx, name, &wire.Admin{})
		cancel()
		if err == nil && answer.(*wire.AdminResult).State != nil {
			return answer.(*wire.AdminResult).State
		}
	}
	return nil
}

// awaitCopies waits until any node may be lost: the only shard has copies on three nodes,
// and the metadata group has three voters.
func (c *cluster) awaitCopies() (s shardmap.Shard) {
	require.Eventually(c.t, func() bool {
		st := c.state()
		if st == nil || len(st.Shards) != 1 {
			return false
		}
		voters := 0
		for _, m := range st.Members {
			if m.Role == wire.Voter {
				voters++
			}
		}
		s = st.Shards[0]
		return len(s.Replicas) == 3 && len(s.Fence) == 0 && voters == 3
	}, patient, 50*time.Millisecond)
	return s
}

// do repeats a request, with its number, at whoever is the primary until it is done.
func (c *cluster) do(r wire.Request) *wire.Response {
	c.seq++
	r.Client, r.Seq, r.Settled, r.Level = 99, c.seq, c.seq, wire.Quorum
	var done *wire.Response
	require.Eventually(c.t, func() bool {
		st := c.state()
		if st == nil {
			return false
		}
		r.Shard, r.Epoch = st.Shards[0].ID, st.Shards[0].Epoch
		ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
		defer cancel()
		answer, err := c.pool.Call(ctx, node.Machine(st.Shards[0].Primary), &r)
		r.Retry = true
		if err != nil || answer.(*wire.Response).Status != wire.OK {
			return false
		}
		done = answer.(*wire.Response)
		return true
	}, patient, 20*time.Millisecond)
	return done
}

func (c *cluster) put(key, value string) {
	c.do(wire.Request{Kind: wire.Write, Ops: []wire.Op{{Key: key, Value: []byte(value)}}})
}

func (c *cluster) get(key string) string {
	items := c.do(wire.Request{Keys: []string{key}}).Items
	if len(items) == 0 {
		return ""
	}
	return string(items[0].Value)
}

func TestThreeNodesOverTCPKeepWhatTheyAcknowledged(t *testing.T) {
	c := startCluster(t)
	s := c.awaitCopies()
	c.put("apple", "fruit")
	require.Equal(t, "fruit", c.get("apple"))

	c.stop(node.Machine(s.Primary))
	assert.Equal(t, "fruit", c.get("apple"), "from the copy that was promoted")
	c.put("apple", "tree")
	after := c.state()
	require.NotNil(t, after)
	assert.NotEqual(t, s.Primary, after.Shards[0].Primary)
	assert.Greater(t, after.Shards[0].Epoch, s.Epoch)

	c.start(node.Machine(s.Primary))
	for _, name := range c.book.Names() {
		c.stop(name)
	}
	for _, name := range c.book.Names() {
		c.start(name)
	}
	assert.Equal(t, "tree", c.get("apple"), "after a restart of everything")
}

func TestANodeOfAnotherClusterIsKeptOut(t *testing.T) {
	c := startCluster(t)
	c.awaitCopies()
	number := c.state().Cluster
	_, err := tcp.Probe(t.Context(), tcp.Config{Name: "n4", Book: c.book, Cluster: func() uint64 { return number + 1 }}, "n1", 0)
	assert.ErrorIs(t, err, tcp.ErrRefused)
	_, err = tcp.Probe(t.Context(), tcp.Config{Name: "n4", Book: c.book, Cluster: func() uint64 { return number }}, "n1", 0)
	assert.NoError(t, err)
}
