package backend

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/delta"
	"github.com/shardquake/shardquake/sim/elastic/inplace"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// world is a cluster under test with what was observed of it.
type world struct {
	t    testing.TB
	e    *sim.Engine
	c    *elastic.Cluster
	zero time.Duration
	seen []observed.Observation
}

// wish changes a world's configuration before it is made.
type wish func(*elastic.Config)

func with(key, value string) wish {
	return func(c *elastic.Config) {
		c.Persistent = c.Persistent.With(map[string]*string{key: &value})
	}
}

func nodeSetting(key, value string) wish {
	return func(c *elastic.Config) {
		for i := range c.Nodes {
			c.Nodes[i].Settings = c.Nodes[i].Settings.With(map[string]*string{key: &value})
		}
	}
}

func late(name string) wish {
	return func(c *elastic.Config) {
		c.Nodes = append(c.Nodes, elastic.NodeConfig{Name: name, DiskBytes: 100 << 30, Latency: 100 * time.Microsecond, Late: true})
	}
}

func disks(bytes int64) wish {
	return func(c *elastic.Config) {
		for i := range c.Nodes {
			c.Nodes[i].DiskBytes = bytes
		}
	}
}

// newWorld makes a cluster of nodes n1, n2, … that has formed and is idle.
func newWorld(t *testing.T, nodes int, wishes ...wish) *world {
	t.Helper()
	e := sim.NewEngine(sim.Config{Seed: 1})
	t.Cleanup(func() { _ = e.Close() })
	cfg := elastic.Config{Engine: e, Network: e.NewNetwork(e.NewFluid()), ClusterName: "test", Ageing: metadata.NewAgeing}
	for i := range nodes {
		cfg.Nodes = append(cfg.Nodes, elastic.NodeConfig{Name: fmt.Sprintf("n%d", i+1), DiskBytes: 100 << 30, Latency: 100 * time.Microsecond})
	}
	for _, w := range wishes {
		w(&cfg)
	}
	c, err := elastic.New(cfg)
	require.NoError(t, err)
	w := &world{t: t, e: e, c: c}
	c.Start()
	w.until(time.Minute, "the cluster forms", func() bool {
		for _, n := range c.Nodes() {
			if !n.Config().Late && len(n.Applied().Nodes) != nodes {
				return false
			}
		}
		return c.Leader() != nil
	})
	w.run(time.Second)
	return w
}

func (w *world) run(d time.Duration) {
	w.t.Helper()
	require.NoError(w.t, w.e.Run(w.e.Now().Add(d)))
	require.NoError(w.t, w.c.Err())
}

// until runs until something holds, and returns how long that took.
func (w *world) until(limit time.Duration, what string, ok func() bool) time.Duration {
	w.t.Helper()
	from := w.e.Now()
	err := w.e.RunUntil(ok, from.Add(limit))
	require.NoError(w.t, w.c.Err())
	if err != nil {
		require.NoErrorf(w.t, err, "within %s: %s\n%s", limit, what, dump(w.c))
	}
	return w.e.Now().Sub(from)
}

// do runs f as a client's process until it has returned.
func (w *world) do(f func(ctx context.Context)) {
	w.t.Helper()
	done := false
	w.e.Go("client", func(ctx context.Context) { f(ctx); done = true })
	w.until(10*time.Minute, "the client is done", func() bool { return done })
}

// st is the master's applied state.
func (w *world) st() *state.State {
	m := w.c.Leader()
	require.NotNil(w.t, m, "there is a master")
	return m.Applied()
}

func (w *world) health() observed.Health {
	var t delta.Tally
	t.Move(delta.Compute(elastic.EmptyState(""), w.st()))
	h := t.Health()
	return h
}

func (w *world) green() bool {
	m := w.c.Leader()
	return m != nil && len(m.Applied().Routing.Indices) > 0 && w.health().Status == "green"
}

func (w *world) balanced() bool {
	h := w.health()
	return h.Status == "green" && h.Relocating == 0 && h.Initializing == 0
}

// observe starts recording; t=0 is now.
func (w *world) observe() {
	w.zero = time.Duration(w.e.Now())
	w.seen = nil
	if last, ok := w.c.Watch.(*watchers); ok {
		*last = watchers{}
	}
	Observe(w.c, func(o observed.Observation) { o.At -= w.zero; w.seen = append(w.seen, o) })
}

// recoveries are the completed recoveries since observe, in order of their end.
func (w *world) recoveries() []observed.Recovery {
	var out []observed.Recovery
	for _, o := range w.seen {
		if r, ok := o.Sight.(observed.Recovery); ok && r.Stage == "DONE" {
			out = append(out, r)
		}
	}
	return out
}

// first is when something was first observed, since observe.
func (w *world) first(ok func(observed.Observation) bool) (time.Duration, bool) {
	for _, o := range w.seen {
		if ok(o) {
			return o.At, true
		}
	}
	return 0, false
}

// perNode counts the copies on each node by name.
func (w *world) perNode() map[string]int {
	out := make(map[string]int)
	w.st().Routing.Each(func(c *state.Copy) {
		if n := w.c.ByID[c.Node]; n != nil {
			out[n.Name()]++
		}
	})
	return out
}

func (w *world) create(name string, shards, replicas int, more ...string) {
	w.t.Helper()
	s := map[string]string{
		"index.number_of_shards": fmt.Sprint(shards), "index.number_of_replicas": fmt.Sprint(replicas),
	}
	for i := 0; i < len(more); i += 2 {
		s[more[i]] = more[i+1]
	}
	w.do(func(ctx context.Context) {
		acked, _, err := metadata.CreateIndex(ctx, w.c.Nodes()[0], metadata.CreateIndexRequest{
			Name: name, Settings: settings.Of(s), MasterTimeout: 30 * time.Second, AckTimeout: 30 * time.Second,
		})
		require.NoError(w.t, err)
		require.True(w.t, acked)
	})
}

// load creates an index with data; a nil placement leaves it to the allocator.
func (w *world) load(spec inplace.IndexSpec) {
	w.t.Helper()
	if spec.Placement == nil {
		more := []string{}
		for _, k := range spec.Settings.Keys() {
			v, _ := spec.Settings.Get(k)
			more = append(more, k, v)
		}
		w.create(spec.Name, spec.Shards, spec.Replicas, more...)
		w.until(time.Minute, "green", w.green)
		require.NoError(w.t, inplace.Fill(w.c, spec))
		return
	}
	w.do(func(ctx context.Context) { require.NoError(w.t, inplace.CreateStarted(ctx, w.c, spec)) })
}

// settings changes persistent cluster settings; an empty value removes one.
func (w *world) settings(pairs ...string) {
	w.t.Helper()
	changes := make(map[string]*string)
	for i := 0; i < len(pairs); i += 2 {
		changes[pairs[i]] = nil
		if pairs[i+1] != "" {
			changes[pairs[i]] = &pairs[i+1]
		}
	}
	w.do(func(ctx context.Context) {
		acked, _, err := metadata.UpdateClusterSettings(ctx, w.c.Leader(), changes, nil, 30*time.Second, 30*time.Second)
		require.NoError(w.t, err)
		require.True(w.t, acked)
	})
}

// updateIndex changes an index's settings as a client.
func updateIndex(w *world, index string, changes map[string]*string) func(ctx context.Context) {
	return func(ctx context.Context) {
		acked, err := metadata.UpdateIndexSettings(ctx, w.c.Leader(), []string{index}, changes, time.Minute, time.Minute)
		require.NoError(w.t, err)
		require.True(w.t, acked)
	}
}

// dump prints a cluster for messages of failed tests.
func dump(c *elastic.Cluster) string {
	out := fmt.Sprintf("t=%s\n", c.Now())
	for _, n := range c.Nodes() {
		if n.Proc == nil {
			out += n.Name() + ": down\n"
			continue
		}
		st := n.Applied()
		out += fmt.Sprintf("%s (%s): term %d version %d master %q nodes %d", n.Name(), n.ID(), st.Term, st.Version, st.Master, len(st.Nodes))
		if n.Proc.Coord != nil {
			out += " " + n.Proc.Coord.Mode().String()
			for _, p := range n.Proc.Coord.PendingTasks() {
				out += " [" + p.Source + "]"
			}
		}
		out += "\n"
		for _, s := range n.Proc.Hosted() {
			out += fmt.Sprintf("   [%s][%d] %s phase %d tracker %v", s.Index, s.Key.Shard, s.Routing.State, s.Phase, s.Tracker != nil)
			if s.Recovery != nil {
				out += fmt.Sprintf(" recovery %s %s failed=%v", s.Recovery.Kind, s.Recovery.Stage, s.Recovery.Failed)
			}
			out += "\n"
		}
	}
	if m := c.Leader(); m != nil {
		m.Applied().Routing.Each(func(cp *state.Copy) {
			if cp.State != state.Started {
				out += fmt.Sprintf("   %s info %+v\n", cp.Describe(), cp.Info)
			}
		})
	}
	return out
}
