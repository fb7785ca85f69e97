package backend_test

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/cputime"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/scenarios/es"
	"github.com/shardquake/shardquake/scenarios/importer"
)

// diagnostics are the files of a bundle and the requests that support-diagnostics makes for
// them.
var diagnostics = []struct{ file, path string }{
	{"version.json", "/"}, {"cluster_state.json", "/_cluster/state"}, {"nodes.json", "/_nodes"}, {"nodes_stats.json", "/_nodes/stats"},
	{"indices_stats.json", "/_stats?level=shards"}, {"cluster_settings.json", "/_cluster/settings"}, {"settings.json", "/_settings"}, {"alias.json", "/_alias"},
	{"recovery.json", "/_recovery"}, {"internal_desired_balance.json", "/_internal/desired_balance"}, {"cluster_health.json", "/_cluster/health"},
	{"cat/cat_shards.txt", "/_cat/shards?v"}, {"cat/cat_allocation.txt", "/_cat/allocation?v"}, {"cat/cat_nodes.txt", "/_cat/nodes?v"}, {"cat/cat_nodeattrs.txt", "/_cat/nodeattrs?v"}, {"cat/cat_indices.txt", "/_cat/indices?v"},
}

// bundleOf writes what a simulated cluster answers as a support-diagnostics bundle.
func bundleOf(ctx context.Context, served es.Cluster, node, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // closed below where it matters
	z := zip.NewWriter(f)
	for _, d := range diagnostics {
		w, err := z.Create("api-diagnostics-20261130-120000/" + d.file)
		if err != nil {
			return err
		}
		if err := answer(ctx, served, node, d.path, w); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return f.Close()
}

// answer is that of a node to GET path.
func answer(ctx context.Context, served es.Cluster, node, path string, to io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, served.URL(scenarios.ViewerClient, node)+path, nil)
	if err != nil {
		return err
	}
	res, err := served.Transport(scenarios.ViewerClient).RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // read to the end
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, res.Status)
	}
	_, err = io.Copy(to, res.Body)
	return err
}

// The processor time that a bundle may take from its first byte to the first answer of the
// cluster that it tells of.
const bundleServed = 30 * time.Second

// A support-diagnostics bundle of a hundred nodes with ten thousand copies becomes a cluster
// that answers, copy by copy as it was.
func TestABundleOfAHundredNodesIsReadStartedAndServed(t *testing.T) {
	if testing.Short() {
		t.Skip("ten thousand copies")
	}
	before := described(100, 10_000)
	path := filepath.Join(t.TempDir(), "api-diagnostics.zip")
	cluster, _ := startInPlace(t, before, 1)
	require.NoError(t, cluster.Run(t.Context(), func(ctx, _ context.Context) error {
		return bundleOf(ctx, cluster.(es.Cluster), before.Nodes[0].Name, path)
	}))
	size, err := os.Stat(path)
	require.NoError(t, err)

	begun := cputime.Used()
	after, err := importer.Import(t.Context(), importer.Options{Sources: []string{path}})
	require.NoError(t, err)
	read := cputime.Used()
	file := filepath.Join(t.TempDir(), "mine.cluster.json.gz")
	require.NoError(t, after.Save(file))
	loaded, err := clusterfile.Load(file)
	require.NoError(t, err)
	again, m := startInPlace(t, loaded.Cluster, 1)
	require.NoError(t, again.Run(t.Context(), func(ctx, _ context.Context) error {
		return answer(ctx, again.(es.Cluster), before.Nodes[0].Name, "/_cluster/health", io.Discard)
	}))
	took := cputime.Used() - begun
	t.Logf("a bundle of %d MB: read in %v, started and served after %v of processor time", size.Size()>>20, read-begun, took)
	assert.Less(t, took, bundleServed)

	assert.Empty(t, after.Contradictions)
	require.Len(t, after.Nodes, 100)
	require.Len(t, after.Indices, len(before.Indices))
	byName := map[string]clusterfile.Index{}
	for _, ix := range after.Indices {
		byName[ix.Name] = ix
	}
	for _, ix := range before.Indices {
		for s, sh := range ix.Shards {
			got := byName[ix.Name].Shards[s]
			require.Len(t, got.Copies, len(sh.Copies))
			for i, cp := range sh.Copies {
				assert.Equal(t, []any{cp.Primary, cp.State, cp.Node, cp.ID, cp.Bytes.V}, []any{got.Copies[i].Primary, got.Copies[i].State, got.Copies[i].Node, got.Copies[i].ID, got.Copies[i].Bytes.V}, ix.Name)
			}
		}
	}
	assert.Len(t, m.Nodes(), 100)
	started, st := 0, m.Nodes()[0].Applied()
	for _, ix := range st.Indices {
		for _, sh := range st.Routing.Index(ix.Name).Shards {
			started += len(sh.Copies)
		}
	}
	assert.Equal(t, 10_000, started)
}
