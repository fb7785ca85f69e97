package backend_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/backend"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// loaded starts a scenario's cluster one way, loads its data and returns what it has come
// to when it is at rest: where every copy is (* the primary), how many bytes every disk
// holds, and the notes.
func loaded(t *testing.T, s *scenarios.Scenario, start string, seed uint64) (places map[string]string, used map[string]int64, notes []string) {
	t.Helper()
	s.Cluster.Start = start
	spec := s.ClusterSpec()
	b, err := catalog.Backend("sim")
	require.NoError(t, err)
	cluster, err := b.Start(t.Context(), spec, scenarios.StartOptions{Seed: seed, Progress: func(string, ...any) {}})
	require.NoError(t, err)
	defer cluster.Close(context.Background()) //nolint:errcheck // it is simulated
	m, ok := backend.Model(cluster)
	require.True(t, ok)
	require.NoError(t, cluster.Run(t.Context(), func(ctx, _ context.Context) error {
		if err := cluster.(es.Cluster).LoadData(ctx, es.IndexSpecs(s)); err != nil {
			return err
		}
		return cluster.Clock(scenarios.ViewerClient).Sleep(ctx, time.Second)
	}))
	require.NoError(t, m.Err())
	places, used = map[string]string{}, map[string]int64{}
	for _, ix := range newest(m).Routing.Indices {
		for num, sh := range ix.Shards {
			var at []string
			for _, cp := range sh.Copies {
				require.NotNil(t, m.NodeByID(cp.Node), "%s %d", ix.Index, num)
				name := m.NodeByID(cp.Node).Name()
				if cp.Primary {
					name += "*"
				}
				at = append(at, name)
			}
			slices.Sort(at)
			places[fmt.Sprint(ix.Index, " ", num)] = strings.Join(at, " ")
		}
	}
	for _, n := range m.Nodes() {
		used[n.Name()] = n.Disk().Total() - n.Disk().Free()
	}
	return places, used, cluster.Notes()
}

// A formed cluster is the one to which the description comes when it forms: in the scenarios
// that ship with it every copy lies on the same node in the same role, and every disk is as full.
func TestAFormedClusterIsWhatAColdOneComesTo(t *testing.T) {
	for _, name := range scenarios.Library() {
		sc, err := scenarios.Load(name, nil, catalog.Vocabulary())
		require.NoError(t, err)
		if sc.System != "elasticsearch" || es.DescriptionOf(sc.ClusterSpec()).Formed != nil { // of those every copy is placed
			continue
		}
		t.Run(name, func(t *testing.T) {
			cold, full, _ := loaded(t, sc.Scenario, scenarios.StartCold, 1)
			formed, fuller, notes := loaded(t, sc.Scenario, "", 1)
			assert.Equal(t, cold, formed)
			assert.Equal(t, full, fuller)
			assert.NotContains(t, strings.Join(notes, " "), "start: cold")
		})
	}
}

// drawn is a description: nodes in zones, indices with many copies and few.
func drawn(t *testing.T, seed uint64) *scenarios.Scenario {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	nodes := 3 + r.IntN(10)
	var b strings.Builder
	fmt.Fprintf(&b, "name: drawn\nabout: drawn\nsystem: elasticsearch\nduration: 1m\nexpect: [{steady-state: green, at: end}]\ncluster:\n")
	fmt.Fprintf(&b, "  nodes: {count: %d, disk: 100gb, attributes: {zone: [a, b, c]}}\n", nodes)
	if r.IntN(2) == 0 {
		fmt.Fprintf(&b, "  settings: {cluster.routing.allocation.awareness.attributes: zone}\n")
	}
	b.WriteString("  indices:\n")
	for i := range 1 + r.IntN(6) {
		fmt.Fprintf(&b, "    - {name: i%d, shards: %d, replicas: %d, size: %dmb}\n", i, 1+r.IntN(20), r.IntN(3), r.IntN(2000))
	}
	sc, err := scenarios.Parse("drawn.yaml", []byte(b.String()), catalog.Vocabulary())
	require.NoError(t, err, b.String())
	return sc.Scenario
}

// The same of clusters that are drawn: irregular zones, replicas and sizes.
func TestADrawnClusterFormsAsItIsSaidToHaveFormed(t *testing.T) {
	for seed := range uint64(12) {
		s := drawn(t, seed)
		cold, full, _ := loaded(t, s, scenarios.StartCold, seed+1)
		formed, fuller, _ := loaded(t, s, "", seed+1)
		assert.Equal(t, withoutRoles(cold), withoutRoles(formed), "seed %d", seed)
		for node, bytes := range full {
			assert.InDelta(t, bytes, fuller[node], 4096, "seed %d, %s: but for an empty folder that a copy has left", seed, node)
		}
	}
}

// withoutRoles leaves out which copy is the primary: which of two nodes that are as good
// starts its copy first is a matter of microseconds where many copies start at once.
func withoutRoles(places map[string]string) map[string]string {
	out := map[string]string{}
	for shard, at := range places {
		out[shard] = strings.ReplaceAll(at, "*", "")
	}
	return out
}

// Where it matters how a cluster forms it does so unless it is told not to, and says why.
func TestAClusterFormsWhereThatMatters(t *testing.T) {
	parse := func(more string) *scenarios.Scenario {
		sc, err := scenarios.Parse("s.yaml", []byte("name: s\nabout: s\nsystem: elasticsearch\nduration: 1m\nexpect: [{steady-state: green, at: end}]\ncluster:\n  nodes: {count: 3, disk: 10gb}\n"+more), catalog.Vocabulary())
		require.NoError(t, err)
		return sc.Scenario
	}
	start := func(s *scenarios.Scenario) error {
		b, err := catalog.Backend("sim")
		require.NoError(t, err)
		c, err := b.Start(t.Context(), s.ClusterSpec(), scenarios.StartOptions{Seed: 1, Progress: func(string, ...any) {}})
		if c != nil {
			defer c.Close(context.Background()) //nolint:errcheck // it is simulated
		}
		return err
	}
	full := parse("  indices: [{name: i, shards: 3, replicas: 0, size: 28gb}]\n") // 93 % of every disk
	spec := full.ClusterSpec()
	b, err := catalog.Backend("sim")
	require.NoError(t, err)
	c, err := b.Start(t.Context(), spec, scenarios.StartOptions{Seed: 1, Progress: func(string, ...any) {}})
	require.NoError(t, err)
	assert.Contains(t, strings.Join(c.Notes(), "\n"), "the cluster was formed and loaded before t=0 (start: cold): how the cluster forms matters: the disk of ")
	require.NoError(t, c.Close(context.Background()))

	full.Cluster.Start = scenarios.StartFormed
	var misplaced *scenarios.Misplaced
	require.ErrorAs(t, start(full), &misplaced)
	assert.Equal(t, "$.cluster.start", misplaced.Path)

	real, _ := parse("  indices: [{name: i, shards: 3}]\n").Scaled(scenarios.AsReal)
	assert.Equal(t, scenarios.StartCold, real.Cluster.Start, "what is compared with real nodes forms as they do")
}

// newest is the newest state that a node has applied.
func newest(m *elastic.Cluster) *state.State {
	st := m.Nodes()[0].Applied()
	for _, n := range m.Nodes() {
		if n.Applied().Version > st.Version {
			st = n.Applied()
		}
	}
	return st
}
