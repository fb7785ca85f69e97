package backend_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/scenarios/es"
	"github.com/shardquake/shardquake/scenarios/importer"
)

// described makes a cluster of that many nodes with indices of ten shards and one replica.
func described(nodes, copies int) *clusterfile.Cluster {
	c := &clusterfile.Cluster{Schema: clusterfile.Schema, System: clusterfile.Elasticsearch, Name: "large", At: clusterfile.Seen(1_796_000_000_000)}
	for i := range nodes {
		c.Nodes = append(c.Nodes, clusterfile.Node{
			Name: fmt.Sprintf("n%04d", i), ID: fmt.Sprintf("id-%019d", i), Roles: []string{"data", "ingest", "master"},
			Disk:       clusterfile.Disk{Total: clusterfile.Seen(4 << 40), Available: clusterfile.Seen(3 << 40), ByOthers: clusterfile.Computed(1 << 30)},
			Processors: clusterfile.Seen(8), HeapMax: clusterfile.Seen(8 << 30),
		})
	}
	c.Coordination.Master = c.Nodes[0].Name
	for _, n := range c.Nodes[:min(nodes, 3)] {
		c.Coordination.Committed = append(c.Coordination.Committed, n.Name)
	}
	c.Coordination.Accepted = c.Coordination.Committed
	at := 0
	for i := range copies / 20 {
		ix := clusterfile.Index{Name: fmt.Sprintf("index-%05d", i), UUID: fmt.Sprintf("uuid-%017d", i), ShardCount: 10, Replicas: 1, Created: clusterfile.Seen(1_795_000_000_000 + int64(i))}
		for s := range 10 {
			sh := clusterfile.Shard{PrimaryTerm: 1}
			for k := range 2 {
				id := fmt.Sprintf("copy-%06d-%d-%d-%05d", i, s, k, at)
				sh.InSync = append(sh.InSync, id)
				sh.Copies = append(sh.Copies, clusterfile.Copy{Primary: k == 0, State: clusterfile.Started, Node: c.Nodes[at%nodes].Name, ID: id, Bytes: clusterfile.Seen(100 << 20), Docs: clusterfile.Seen(100_000)})
				at++
			}
			ix.Shards = append(ix.Shards, sh)
		}
		c.Indices = append(c.Indices, ix)
	}
	return c
}

// A cluster that is imported over HTTP from one that started in place is the same again.
func TestAnImportOfASimulatedClusterIsARoundTrip(t *testing.T) {
	for _, bundle := range []string{"zones", "uneven"} {
		before, err := importer.Import(t.Context(), importer.Options{Sources: []string{"../../../scenarios/importer/testdata/" + bundle + ".zip"}})
		require.NoError(t, err)
		cluster, _ := startInPlace(t, before, 7)
		served, ok := cluster.(es.Cluster)
		require.True(t, ok)
		var after *clusterfile.Cluster
		require.NoError(t, cluster.Run(t.Context(), func(ctx, _ context.Context) error {
			live := &importer.Live{URLs: []string{served.URL(scenarios.ViewerClient, "n0")}, Transport: served.Transport(scenarios.ViewerClient)}
			var err error
			after, err = importer.Import(ctx, importer.Options{Live: live})
			return err
		}))
		assert.Equal(t, before.Name, after.Name)
		assert.Equal(t, before.UUID, after.UUID)
		assert.Equal(t, before.Version.Number, after.Version.Number)
		assert.Equal(t, before.Coordination, after.Coordination)
		assert.Equal(t, before.Persistent, after.Persistent)
		assert.Empty(t, after.Contradictions)
		compareNodes(t, before, after)
		compareIndices(t, before, after)
	}
}

func compareNodes(t *testing.T, before, after *clusterfile.Cluster) {
	t.Helper()
	byName := map[string]clusterfile.Node{}
	for _, n := range after.Nodes {
		byName[n.Name] = n
	}
	require.Len(t, byName, len(before.Nodes))
	for _, n := range before.Nodes {
		got := byName[n.Name]
		assert.Equal(t, n.ID, got.ID)
		assert.Equal(t, n.Roles, got.Roles)
		assert.Equal(t, n.Attributes, got.Attributes)
		assert.Equal(t, n.Processors, got.Processors)
		assert.Equal(t, n.HeapMax, got.HeapMax)
		assert.Equal(t, n.Disk.Total, got.Disk.Total)
		assert.InDelta(t, n.Disk.Available.V, got.Disk.Available.V, 4<<20, "what others take, to the blocks of the file system")
	}
}

func compareIndices(t *testing.T, before, after *clusterfile.Cluster) {
	t.Helper()
	byName := map[string]clusterfile.Index{}
	for _, ix := range after.Indices {
		byName[ix.Name] = ix
	}
	require.Len(t, byName, len(before.Indices))
	for _, ix := range before.Indices {
		got := byName[ix.Name]
		assert.Equal(t, ix.UUID, got.UUID)
		assert.Equal(t, ix.Created, got.Created)
		assert.Equal(t, ix.Settings, got.Settings, ix.Name)
		for num, s := range ix.Shards {
			assert.Equal(t, s.InSync, got.Shards[num].InSync)
			assert.Equal(t, s.PrimaryTerm, got.Shards[num].PrimaryTerm)
			require.Len(t, got.Shards[num].Copies, len(s.Copies))
			for i, cp := range s.Copies {
				other := got.Shards[num].Copies[i]
				assert.Equal(t, []any{cp.Primary, cp.State, cp.Node, cp.ID, cp.Docs, cp.Sequence, cp.Bytes.V}, []any{other.Primary, other.State, other.Node, other.ID, other.Docs, other.Sequence, other.Bytes.V}, "%s %d", ix.Name, num)
			}
		}
	}
}

// A thousand nodes with a hundred thousand copies are there without having formed, and the
// memory that they take is bounded.
func TestAThousandNodesStartInPlace(t *testing.T) {
	if testing.Short() {
		t.Skip("a hundred thousand copies")
	}
	c := described(1000, 100_000)
	begun := time.Now()
	cluster, m := startInPlace(t, c, 1)
	t.Logf("started in %s", time.Since(begun))
	require.NoError(t, cluster.Run(t.Context(), func(ctx, _ context.Context) error {
		if err := cluster.Clock(scenarios.ViewerClient).Sleep(ctx, 40*time.Second); err != nil {
			return err
		}
		assert.Equal(t, m.Nodes()[0].Applied().Version, m.Nodes()[999].Applied().Version)
		return m.Err()
	}))
	var mem runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&mem)
	t.Logf("and forty seconds later: %s, heap %d MB, taken from the system %d MB", time.Since(begun), mem.HeapAlloc>>20, mem.Sys>>20)
	assert.Less(t, mem.Sys, uint64(1536<<20), "bytes taken from the system")
	count := 0
	for _, ix := range m.Nodes()[500].Applied().Routing.Indices {
		for _, s := range ix.Shards {
			count += len(s.Copies)
		}
	}
	assert.Equal(t, 100_000, count)
}
