package elastictest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// World is a cluster under test.
type World struct {
	T       testing.TB
	Engine  *sim.Engine
	Cluster *elastic.Cluster
}

// New makes a cluster of nodes n1, n2, … that has formed. They may keep snapshots under
// /backup.
func New(t testing.TB, nodes int) *World {
	t.Helper()
	e := sim.NewEngine(sim.Config{Seed: 1})
	t.Cleanup(func() { _ = e.Close() })
	cfg := elastic.Config{Engine: e, Network: e.NewNetwork(e.NewFluid()), ClusterName: "test"}
	for i := range nodes {
		cfg.Nodes = append(cfg.Nodes, elastic.NodeConfig{
			Name: fmt.Sprintf("n%d", i+1), DiskBytes: 100 << 30, Latency: 100 * time.Microsecond,
			Settings: settings.Of(map[string]string{"path.repo": "/backup"}),
		})
	}
	c, err := elastic.New(cfg)
	require.NoError(t, err)
	w := &World{T: t, Engine: e, Cluster: c}
	c.Start()
	w.Until(time.Minute, "the cluster forms", func() bool {
		for _, n := range c.Nodes() {
			if len(n.Applied().Nodes) != nodes {
				return false
			}
		}
		return c.Leader() != nil
	})
	w.Run(time.Second)
	return w
}

// Run lets time pass.
func (w *World) Run(d time.Duration) {
	w.T.Helper()
	require.NoError(w.T, w.Engine.Run(w.Engine.Now().Add(d)))
	require.NoError(w.T, w.Cluster.Err())
}

// Until lets time pass until something holds.
func (w *World) Until(limit time.Duration, what string, ok func() bool) {
	w.T.Helper()
	require.NoErrorf(w.T, w.Engine.RunUntil(ok, w.Engine.Now().Add(limit)), "within %s: %s", limit, what)
	require.NoError(w.T, w.Cluster.Err())
}

// Do runs f as a client's process until it has returned.
func (w *World) Do(f func(ctx context.Context)) {
	w.T.Helper()
	done := false
	w.Engine.Go("client", func(ctx context.Context) { f(ctx); done = true })
	w.Until(10*time.Minute, "the client is done", func() bool { return done })
}

// Node is the i-th node, from 0.
func (w *World) Node(i int) *elastic.Node { return w.Cluster.Nodes()[i] }

// Create makes an index and waits until all its copies are started.
func (w *World) Create(index string, shards, replicas int) {
	w.T.Helper()
	req := metadata.CreateIndexRequest{
		Name: index, WaitForActiveShards: "all", MasterTimeout: time.Minute, AckTimeout: time.Minute,
		Settings: settings.Of(map[string]string{"index.number_of_shards": fmt.Sprint(shards), "index.number_of_replicas": fmt.Sprint(replicas)}),
	}
	w.Do(func(ctx context.Context) {
		acked, started, err := metadata.CreateIndex(ctx, w.Node(0), req)
		require.NoError(w.T, err)
		require.True(w.T, acked && started, "all copies are started")
	})
	w.Run(time.Second)
}

// Write indexes documents of the numbers from up to, but not, to.
func (w *World) Write(index string, from, to int) {
	w.T.Helper()
	w.Do(func(ctx context.Context) {
		var items []elastic.BulkItem
		for i := from; i < to; i++ {
			items = append(items, elastic.BulkItem{Index: index, ID: fmt.Sprint(i), Op: elastic.OpIndex, Source: fmt.Appendf(nil, `{"n":%d}`, i)})
		}
		for _, r := range w.Node(0).Bulk(ctx, items, elastic.BulkOptions{Timeout: time.Minute}) {
			require.Nil(w.T, r.Err)
		}
	})
}

// State is the master's applied state.
func (w *World) State() *state.State {
	w.T.Helper()
	m := w.Cluster.Leader()
	require.NotNil(w.T, m, "there is a master")
	return m.Applied()
}

// Copies are the open copies of a shard, in the table's order.
func (w *World) Copies(index string, shard int) (out []*elastic.Shard) {
	w.T.Helper()
	st := w.State()
	key := store.Key{UUID: st.Index(index).UUID, Shard: shard}
	for _, c := range st.Routing.Index(index).Shards[shard].Copies {
		if n := w.Cluster.NodeByID(c.Node); n != nil && n.Proc != nil && n.Proc.Shards[key] != nil {
			out = append(out, n.Proc.Shards[key])
		}
	}
	return out
}
