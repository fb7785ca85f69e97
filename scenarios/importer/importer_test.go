package importer_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/scenarios/importer"
)

const zones = "testdata/zones.zip"

func imported(t *testing.T, sources ...string) *clusterfile.Cluster {
	t.Helper()
	c, err := importer.Import(t.Context(), importer.Options{Sources: sources})
	require.NoError(t, err)
	return c
}

// unzipped are the files of the bundle by their paths.
func unzipped(t testing.TB) map[string][]byte {
	t.Helper()
	z, err := zip.OpenReader(zones)
	require.NoError(t, err)
	defer z.Close() //nolint:errcheck // reading only
	out := map[string][]byte{}
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		r, err := f.Open()
		require.NoError(t, err)
		out[f.Name], err = io.ReadAll(r)
		require.NoError(t, err)
	}
	return out
}

const api = "api-diagnostics/"

// write puts some of the bundle's files into a folder, changed as told.
func write(t *testing.T, change func(name, text string) string, names ...string) string {
	t.Helper()
	dir, files := t.TempDir(), unzipped(t)
	for _, name := range names {
		text := string(files[api+name])
		require.NotEmpty(t, text, name)
		if change != nil {
			text = change(name, text)
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		require.NoError(t, os.Chtimes(path, at, at))
	}
	return dir
}

func TestABundleIsTakenOverWithEveryCopy(t *testing.T) {
	c := imported(t, zones)
	assert.True(t, c.Version.Modelled)
	assert.Equal(t, "8.19.0", c.Version.Number)
	require.Len(t, c.Nodes, 5)
	zonesOf, copies := "", map[string]int{}
	for _, name := range []string{"n0", "n1", "n2", "n3", "n4"} {
		for _, n := range c.Nodes {
			if n.Name == name {
				zonesOf += n.Attributes["zone"]
				assert.Equal(t, clusterfile.Measured, n.Disk.Available.Tag)
				assert.Equal(t, clusterfile.Seen(2), n.Processors)
				assert.Positive(t, n.HeapMax.V)
			}
		}
	}
	assert.Equal(t, "aabbc", zonesOf)
	for _, ix := range c.Indices {
		for _, s := range ix.Shards {
			assert.NotEmpty(t, s.Desired, "where the cluster itself wants copies")
			for _, cp := range s.Copies {
				copies[cp.Node]++
				assert.Contains(t, s.InSync, cp.ID)
				assert.Equal(t, clusterfile.Measured, cp.Bytes.Tag)
				require.NotNil(t, cp.Sequence)
				assert.Equal(t, cp.Docs.V-1, cp.Sequence.Max)
			}
		}
	}
	assert.Equal(t, map[string]int{"n0": 13, "n1": 12, "n2": 13, "n3": 12, "n4": 12}, copies)
	assert.Equal(t, clusterfile.Settings{"cluster.routing.allocation.awareness.attributes": "zone"}, c.Persistent)
	assert.Len(t, c.Coordination.Committed, 5)
	assert.Empty(t, c.Contradictions)
	assert.Zero(t, c.Calibration.Recoveries, "recoveries of a few megabytes say nothing of speed")
}

func TestEveryFormOfASourceGivesTheSameCluster(t *testing.T) {
	want := imported(t, zones)
	folder, packed := t.TempDir(), filepath.Join(t.TempDir(), "bundle.tar.gz")
	f, err := os.Create(packed)
	require.NoError(t, err)
	z := gzip.NewWriter(f)
	archive := tar.NewWriter(z)
	for name, data := range unzipped(t) {
		path := filepath.Join(folder, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, data, 0o600))
		require.NoError(t, archive.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Mode: 0o600, Typeflag: tar.TypeReg}))
		_, err := archive.Write(data)
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	require.NoError(t, z.Close())
	require.NoError(t, f.Close())
	for _, source := range []string{folder, packed} {
		got := imported(t, source)
		assert.Equal(t, want.Indices, got.Indices, source)
		assert.Equal(t, want.Nodes, got.Nodes, source)
	}
}

func TestTheStateAloneIsEnoughAndWhatItLacksIsSaid(t *testing.T) {
	c := imported(t, filepath.Join(write(t, nil, "cluster_state.json"), "cluster_state.json"))
	require.Len(t, c.Nodes, 5)
	about := ""
	for i, a := range c.Assumptions {
		about += a.About + "\n"
		if i > 0 {
			assert.LessOrEqual(t, a.Weight, c.Assumptions[i-1].Weight, "what matters most comes first")
		}
	}
	for _, want := range []string{"size of 62 copies", "disks of", "heap of", "processors of", "load"} {
		assert.Contains(t, about, want)
	}
	assert.Equal(t, clusterfile.Assumed, c.Indices[0].Shards[0].Copies[0].Bytes.Tag)
	with := imported(t, write(t, nil, "cluster_state.json", "cat/cat_shards.txt", "cat/cat_allocation.txt"))
	assert.Equal(t, clusterfile.Derived, with.Indices[0].Shards[0].Copies[0].Bytes.Tag, "rounded by _cat")
	assert.Equal(t, clusterfile.Derived, with.Nodes[0].Disk.Total.Tag)
	exact := imported(t, write(t, nil, "cluster_state.json", "cat/cat_shards.txt", "shards.json"))
	assert.Equal(t, clusterfile.Measured, exact.Indices[0].Shards[0].Copies[0].Bytes.Tag, "exact bytes over rounded ones")
}

func TestTextOfCatAloneMakesACluster(t *testing.T) {
	want := imported(t, zones)
	dir := write(t, nil, "cat/cat_shards.txt", "cat/cat_nodes.txt", "cat/cat_nodeattrs.txt", "cat/cat_allocation.txt")
	c := imported(t, dir)
	require.Len(t, c.Nodes, 5)
	placed := func(c *clusterfile.Cluster) map[string]string {
		out := map[string]string{}
		for _, ix := range c.Indices {
			for num, s := range ix.Shards {
				for _, cp := range s.Copies {
					out[fmt.Sprint(ix.Name, num, cp.Node)] = fmt.Sprint(cp.State, cp.Primary)
				}
			}
		}
		return out
	}
	assert.Equal(t, placed(want), placed(c))
	for _, n := range c.Nodes {
		assert.Contains(t, n.Roles, "data_hot", "roles are spelled out of their letters")
		assert.NotEmpty(t, n.Attributes["zone"])
		assert.Equal(t, "8.19.0", n.Version)
	}
	headless := write(t, func(_, text string) string { _, rest, _ := strings.Cut(text, "\n"); return rest }, "cat/cat_shards.txt")
	assert.Equal(t, placed(want), placed(imported(t, headless)))
}

func TestNamesInEveryScriptAndUnassignedCopiesComeThroughTables(t *testing.T) {
	table := "index     shard prirep state        docs   store ip         node\n" +
		"журнал-中文 0     p      STARTED      3192     5mb 10.0.0.1   узел один\n" +
		"журнал-中文 0     r      RELOCATING   3192     5mb 10.0.0.2   ノード -> 10.0.0.3 jBmkQTLhQAm 三号\n" +
		"журнал-中文 1     p      UNASSIGNED                            \n"
	path := filepath.Join(t.TempDir(), "shards.txt")
	require.NoError(t, os.WriteFile(path, []byte(table), 0o600))
	c := imported(t, path)
	require.Len(t, c.Indices, 1)
	ix := c.Indices[0]
	assert.Equal(t, "журнал-中文", ix.Name)
	assert.Equal(t, "узел_один", ix.Shards[0].Copies[0].Node, "a name that no address can hold is changed a little")
	moving := ix.Shards[0].Copies[1]
	assert.Equal(t, clusterfile.Relocating, moving.State)
	assert.Equal(t, "ノード", moving.Node)
	assert.Equal(t, "三号", moving.To)
	assert.Equal(t, clusterfile.NoNode, ix.Shards[1].Copies[0].State)
}

func TestContradictionsAreNamedAndTheNewerFileWins(t *testing.T) {
	swap := func(name, text string) string {
		if name == "shards.json" { // the first primary stands elsewhere
			return strings.Replace(text, `"node" : "n`, `"node" : "n4-was-n`, 1)
		}
		return text
	}
	dir := write(t, swap, "cluster_state.json", "shards.json", "nodes.json")
	c := imported(t, dir)
	require.NotEmpty(t, c.Contradictions)
	assert.Contains(t, c.Contradictions[0], "the cluster state says")
	assert.Contains(t, c.Contradictions[0], "the cluster state is taken")

	dir = write(t, func(name, text string) string {
		if name == "shards.json" {
			return strings.Replace(text, `"STARTED"`, `"UNASSIGNED"`, 1)
		}
		return text
	}, "cluster_state.json", "shards.json", "nodes.json")
	later := time.Date(2026, 1, 1, 0, 5, 0, 0, time.UTC)
	require.NoError(t, os.Chtimes(filepath.Join(dir, "shards.json"), later, later))
	c = imported(t, dir)
	require.NotEmpty(t, c.Contradictions)
	assert.Contains(t, c.Contradictions[0], "_cat/shards, the newer one, is taken")
	unassigned := 0
	for _, ix := range c.Indices {
		for _, s := range ix.Shards {
			for _, cp := range s.Copies {
				if cp.State == clusterfile.NoNode {
					unassigned++
				}
			}
		}
	}
	assert.Equal(t, 1, unassigned)
}

func TestSourcesOfTwoClustersAreNotMixed(t *testing.T) {
	_, err := importer.Import(t.Context(), importer.Options{Sources: []string{zones, "testdata/uneven.zip"}})
	require.ErrorIs(t, err, importer.ErrSource)
	assert.ErrorContains(t, err, "expected sources of one cluster")
}

func TestTwoBundlesGiveTheLoadBetweenThem(t *testing.T) {
	stats := []string{"cluster_state.json", "indices_stats.json", "nodes_stats.json"}
	before := write(t, nil, stats...)
	after := write(t, func(name, text string) string {
		switch name {
		case "indices_stats.json":
			return strings.ReplaceAll(text, `"index_total" : `, `"index_total" : 1000`) // at least 10,000 more
		case "nodes_stats.json":
			return strings.ReplaceAll(text, `"timestamp" : 17`, `"timestamp" : 18`)
		}
		return text
	}, stats...)
	c := imported(t, before, after)
	cp := c.Indices[0].Shards[0].Copies[0]
	assert.Equal(t, clusterfile.Derived, cp.Writes.Tag)
	assert.Positive(t, cp.Writes.V)
	one := imported(t, after).Indices[0].Shards[0].Copies[0]
	assert.Equal(t, clusterfile.Assumed, one.Writes.Tag, "one sample gives only an average over the life of the node")
}

func TestOtherVersionsAreLabelledAndNeverTakenForTheModelledOne(t *testing.T) {
	for version, says := range map[string]string{
		"7.17.9": "there is no desired balance", "9.1.2": "write load and heap", "8.3.0": "every reroute balances at once", "2.11.0": "OpenSearch allocates without a desired balance",
		"8.17.4": "was not compared",
	} {
		c := imported(t, write(t, func(_, text string) string { return strings.ReplaceAll(text, "8.19.0", version) }, "cluster_state.json"))
		assert.False(t, c.Version.Modelled, version)
		require.NotEmpty(t, c.Unmodelled, version)
		assert.Contains(t, c.Unmodelled[0], version)
		assert.Contains(t, c.Unmodelled[0], says, version)
	}
}

func TestSecretsNeverLandInTheFile(t *testing.T) {
	dir := write(t, func(name, text string) string {
		if name == "cluster_settings.json" {
			return `{"persistent":{"cluster.remote.eu.seeds":"10.1.1.1:9300","xpack.notification.slack.account.ops.secure_url":"https://hooks/T0/s3cr3t","repo.s3.secret_key":"hunter2","x.url":"https://me:pa55@host/"},"transient":{}}`
		}
		return strings.Replace(text, `"provided_name" : "`, `"weird" : {"api_key" : "k3y"}, "provided_name" : "`, 1)
	}, "cluster_state.json", "cluster_settings.json")
	c := imported(t, dir)
	data, err := json.Marshal(c)
	require.NoError(t, err)
	for _, secret := range []string{"s3cr3t", "hunter2", "pa55", "k3y"} {
		assert.NotContains(t, string(data), secret)
	}
	assert.Contains(t, strings.Join(c.Unmodelled, "\n"), "repo.s3.secret_key", "what was left out is named")
	assert.Contains(t, strings.Join(c.Kept, "\n"), "cluster.remote.eu.seeds", "what is kept is listed")
}

func TestAnonymizedNothingIsCalledAsItWas(t *testing.T) {
	plain := imported(t, zones)
	c, err := importer.Import(t.Context(), importer.Options{Sources: []string{zones}, Anonymize: true})
	require.NoError(t, err)
	data, err := json.Marshal(c)
	require.NoError(t, err)
	for _, ix := range plain.Indices {
		assert.NotContains(t, string(data), ix.Name)
	}
	for _, name := range []string{`"n0"`, `"n4"`, "traces", "127.0.1", plain.UUID} {
		assert.NotContains(t, string(data), name)
	}
	require.Len(t, c.Indices, len(plain.Indices))
	for i := range plain.Indices {
		for k := range plain.Indices {
			assert.Equal(t, plain.Indices[i].Name < plain.Indices[k].Name, c.Indices[i].Name < c.Indices[k].Name, "indices sort as they did")
		}
		assert.Equal(t, plain.Indices[i].Shards[0].Copies[0].Bytes, c.Indices[i].Shards[0].Copies[0].Bytes)
		assert.Equal(t, plain.Indices[i].UUID, c.Indices[i].UUID)
	}
	zonesOf := map[string]string{}
	for i, n := range plain.Nodes {
		z := c.Nodes[i].Attributes["zone"]
		if old, ok := zonesOf[n.Attributes["zone"]]; ok {
			assert.Equal(t, old, z, "one zone has one new name")
		}
		zonesOf[n.Attributes["zone"]] = z
	}
	assert.Len(t, zonesOf, 3)
	assert.Equal(t, "zone", c.Persistent["cluster.routing.allocation.awareness.attributes"])
}

func TestABundleThatWasCutOffIsReadAsFarAsItGoes(t *testing.T) {
	whole, err := os.ReadFile(zones)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "cut.zip")
	for _, part := range []int{95, 75} {
		require.NoError(t, os.WriteFile(path, whole[:len(whole)*part/100], 0o600))
		c, err := importer.Import(t.Context(), importer.Options{Sources: []string{path}})
		require.NoError(t, err, "%d %%", part)
		assert.Len(t, c.Nodes, 5)
		last := c.Sources[len(c.Sources)-1]
		assert.Contains(t, last.Name, "cut off")
	}
	require.NoError(t, os.WriteFile(path, whole[:200], 0o600))
	_, err = importer.Import(t.Context(), importer.Options{Sources: []string{path}})
	assert.ErrorContains(t, err, "cut off before its first file ends")
}

func TestHostileArchivesAreRefusedAndNothingIsWritten(t *testing.T) {
	dir := t.TempDir()
	pack := func(name string, files map[string]io.Reader) string {
		path := filepath.Join(dir, name)
		f, err := os.Create(path)
		require.NoError(t, err)
		z := zip.NewWriter(f)
		for n, r := range files {
			w, err := z.Create(n)
			require.NoError(t, err)
			_, err = io.Copy(w, r)
			require.NoError(t, err)
		}
		require.NoError(t, z.Close())
		require.NoError(t, f.Close())
		return path
	}
	bomb := io.MultiReader(strings.NewReader(`{"cluster_name":"x","metadata":{"a":"`), io.LimitReader(zeros{}, 80<<20))
	for says, path := range map[string]string{
		"points out of the archive": pack("a.zip", map[string]io.Reader{"../../etc/cluster_state.json": strings.NewReader("{}")}),
		"more than 200 times":       pack("b.zip", map[string]io.Reader{"cluster_state.json": bomb}),
		"nothing in it tells":       pack("c.zip", map[string]io.Reader{"readme.txt": strings.NewReader("hello")}),
	} {
		_, err := importer.Import(t.Context(), importer.Options{Sources: []string{path}})
		require.ErrorIs(t, err, importer.ErrSource)
		assert.ErrorContains(t, err, says)
	}
	many := map[string]io.Reader{}
	for i := range 50 {
		many[fmt.Sprint(i, ".json")] = strings.NewReader("{}")
	}
	_, err := importer.Import(t.Context(), importer.Options{Sources: []string{pack("d.zip", many)}, Limits: importer.Limits{Files: 10, File: 1 << 20, Total: 1 << 20, Ratio: 10}})
	assert.ErrorContains(t, err, "more than 10 files")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 4)
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

func TestWhatIsNoSourceIsSaidClearly(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty.json": "", "text.txt": "dear diary", "broken.json": `{"cluster_name": "x", "metadata": {"indices": {"a": `} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := importer.Import(t.Context(), importer.Options{Sources: []string{path}})
		assert.ErrorIs(t, err, importer.ErrSource, name)
	}
	_, err := importer.Import(t.Context(), importer.Options{Sources: []string{filepath.Join(dir, "nowhere")}})
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzImportOfOneFile(f *testing.F) {
	for _, data := range unzipped(f) {
		f.Add(data[:min(len(data), 4000)])
	}
	f.Add([]byte("index shard prirep state docs store ip node\ni 0 p STARTED 1 1b 1.1.1.1 n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x.json")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		c, err := importer.Import(t.Context(), importer.Options{Sources: []string{path}, Anonymize: len(data)%2 == 0})
		if err == nil {
			assert.NoError(t, c.Check())
			assert.NoError(t, c.Write(&bytes.Buffer{}))
		}
	})
}

func FuzzCutArchive(f *testing.F) {
	whole, err := os.ReadFile(zones)
	require.NoError(f, err)
	f.Add(whole[:3000])
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x.zip")
		require.NoError(t, os.WriteFile(path, append([]byte("PK\x03\x04"), data...), 0o600))
		_, err := importer.Import(t.Context(), importer.Options{Sources: []string{path}, Limits: importer.Limits{Files: 100, File: 1 << 22, Total: 1 << 23, Ratio: 200}})
		if err != nil {
			assert.ErrorIs(t, err, importer.ErrSource)
		}
	})
}
