package importer_test

import (
	"archive/zip"
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/scenarios/importer"
)

// answering is a node that answers with the bundle's files; every further look at the counters
// finds more operations.
type answering struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
	when  []time.Time
	looks int
}

func newAnswering(t *testing.T) *answering {
	files := unzipped(t)
	by := map[string]string{
		"/_cluster/state/": "cluster_state.json", "/_cluster/settings": "cluster_settings.json", "/_nodes/settings": "nodes.json", "/_nodes/stats": "nodes_stats.json",
		"/_stats/": "indices_stats.json", "/_recovery": "recovery.json", "/_internal/desired_balance": "internal_desired_balance.json", "/_cluster/health": "cluster_health.json",
	}
	total := regexp.MustCompile(`"index_total" : (\d+)`)
	a := &answering{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.asked, a.when = append(a.asked, r.Method+" "+r.URL.RequestURI()), append(a.when, time.Now())
		for prefix, name := range by {
			if !strings.HasPrefix(r.URL.Path, prefix) {
				continue
			}
			text := string(files[api+name])
			if name == "indices_stats.json" {
				if a.looks++; a.looks > 1 {
					text = total.ReplaceAllString(text, `"index_total" : 1000$1`)
				}
			}
			_, _ = w.Write([]byte(text))
			return
		}
		http.Error(w, `{"error": "not here"}`, http.StatusForbidden)
	}))
	t.Cleanup(a.Close)
	return a
}

func TestASampleGivesTheLoadBetweenTwoLooksAtARunningCluster(t *testing.T) {
	a := newAnswering(t)
	c, err := importer.Import(t.Context(), importer.Options{Live: &importer.Live{URLs: []string{a.URL}, Sample: 100 * time.Millisecond}})
	require.NoError(t, err)
	assert.Equal(t, 2, a.looks)
	positive := 0
	for _, ix := range c.Indices {
		for _, s := range ix.Shards {
			for _, cp := range s.Copies {
				assert.Equal(t, clusterfile.Derived, cp.Writes.Tag, ix.Name)
				if cp.Writes.V > 0 {
					positive++
				}
			}
		}
	}
	assert.Positive(t, positive)
	for _, x := range c.Assumptions {
		assert.NotContains(t, x.About, "load", "it was measured")
	}
	once, err := importer.Import(t.Context(), importer.Options{Live: &importer.Live{URLs: []string{newAnswering(t).URL}}})
	require.NoError(t, err)
	assert.Equal(t, clusterfile.Assumed, once.Indices[0].Shards[0].Copies[0].Writes.Tag)
}

func TestALiveImportAsksWhatADryRunListsAndNoFasterThanItMay(t *testing.T) {
	a := newAnswering(t)
	const rate = 50
	c, err := importer.Import(t.Context(), importer.Options{Live: &importer.Live{URLs: []string{a.URL}, Rate: rate}})
	require.NoError(t, err)
	var listed []string
	for _, line := range importer.DryRun(0) {
		listed = append(listed, strings.SplitN(line, "\n", 2)[0])
	}
	assert.Equal(t, listed, a.asked, "in that order, and nothing else: GET only")
	took := a.when[len(a.when)-1].Sub(a.when[0])
	assert.GreaterOrEqual(t, took, time.Duration(len(a.when)-1)*time.Second/rate, "never faster")
	var missed []string
	for _, s := range c.Sources {
		if s.Problem != "" {
			missed = append(missed, s.Name)
		}
	}
	assert.Contains(t, missed, "GET /_data_stream", "what is refused and not needed is told")
	assert.Equal(t, "8.19.0", c.Version.Number, "also where / is not answered")
}

// stateMB is the size of the state that is streamed.
const stateMB = 96

// A state full of mappings is read with as much memory as its nodes, indices and copies need.
func TestALargeStateIsReadInLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads a hundred megabytes")
	}
	path := filepath.Join(t.TempDir(), "cluster_state.json")
	f, err := os.Create(path)
	require.NoError(t, err)
	w := bufio.NewWriter(f)
	const indices = 400
	field := `"a_field_of_some_length_%d": {"type": "keyword", "ignore_above": 256}, `
	fmt.Fprint(w, `{"cluster_name": "large", "cluster_uuid": "u", "version": 7, "master_node": "n1", "nodes": {"n1": {"name": "node-1", "roles": ["data", "master"], "attributes": {}}}, "metadata": {"indices": {`)
	for i := range indices {
		if i > 0 {
			fmt.Fprint(w, ", ")
		}
		fmt.Fprintf(w, `"index-%d": {"state": "open", "settings": {"index": {"number_of_shards": "1", "number_of_replicas": "0", "uuid": "uuid-%d", "creation_date": "1700000000000"}}, "primary_terms": {"0": 1}, "in_sync_allocations": {"0": ["a%d"]}, "mappings": {"_doc": {"properties": {`, i, i, i)
		for n := 0; n < stateMB<<20/indices; {
			k, _ := fmt.Fprintf(w, field, n)
			n += k
		}
		fmt.Fprint(w, `"last": {"type": "long"}}}}}`)
	}
	fmt.Fprint(w, `}}, "routing_table": {"indices": {`)
	for i := range indices {
		if i > 0 {
			fmt.Fprint(w, ", ")
		}
		fmt.Fprintf(w, `"index-%d": {"shards": {"0": [{"state": "STARTED", "primary": true, "node": "n1", "shard": 0, "index": "index-%d", "allocation_id": {"id": "a%d"}}]}}`, i, i, i)
	}
	fmt.Fprint(w, `}}}`)
	require.NoError(t, w.Flush())
	require.NoError(t, f.Close())

	for _, source := range []string{path, zipped(t, path)} {
		var c *clusterfile.Cluster
		heap := heapOf(func() { c, err = importer.Import(t.Context(), importer.Options{Sources: []string{source}}) })
		require.NoError(t, err)
		assert.Len(t, c.Indices, indices)
		t.Logf("%s: a state of %d MB was read with %d MB of heap", filepath.Base(source), stateMB, heap>>20)
		assert.Less(t, heap, uint64(stateMB<<20/4), "bytes of heap")
	}
}

// zipped is a bundle with one file.
func zipped(t *testing.T, path string) string {
	t.Helper()
	in, err := os.Open(path)
	require.NoError(t, err)
	defer in.Close() //nolint:errcheck // reading only
	bundle := filepath.Join(t.TempDir(), "bundle.zip")
	out, err := os.Create(bundle)
	require.NoError(t, err)
	z := zip.NewWriter(out)
	w, err := z.Create("api-diagnostics/" + filepath.Base(path))
	require.NoError(t, err)
	_, err = io.Copy(w, in)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	require.NoError(t, out.Close())
	return bundle
}

// heapOf is how much heap there is at the most while f works, beyond what there was.
func heapOf(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	before, most := mem.HeapAlloc, uint64(0)
	stop, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc)
			}
		}
	}()
	f()
	close(stop)
	<-stopped
	return most - min(most, before)
}

func TestDataStreamsPoliciesAndSpeedsAreTakenOver(t *testing.T) {
	dir := write(t, nil, "cluster_state.json", "internal_desired_balance.json")
	for name, text := range map[string]string{
		"data_stream.json":  `{"data_streams": [{"name": "logs", "ilm_policy": "keep", "indices": [{"index_name": "orders-10"}, {"index_name": "orders-07"}]}]}`,
		"ilm_policies.json": `{"keep": {"version": 1, "modified_date": "2026-01-01T00:00:00.000Z", "policy": {"phases": {"hot": {"min_age": "0ms", "actions": {"rollover": {"max_age": "1d"}}}, "delete": {"min_age": "30d", "actions": {"delete": {}}}}}}}`,
		"ilm_explain.json":  `{"indices": {"orders-10": {"index": "orders-10", "managed": true, "policy": "keep", "phase": "hot"}}}`,
		"recovery.json": `{"orders-10": {"shards": [
			{"type": "PEER", "stage": "DONE", "index": {"total_time_in_millis": 1000, "size": {"recovered_in_bytes": 40000000}}},
			{"type": "PEER", "stage": "DONE", "index": {"total_time_in_millis": 2000, "size": {"recovered_in_bytes": 120000000}}},
			{"type": "PEER", "stage": "DONE", "index": {"total_time_in_millis": 1000, "size": {"recovered_in_bytes": 90000000}}}]}}`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	c := imported(t, dir)
	assert.Equal(t, []clusterfile.DataStream{{Name: "logs", Indices: []string{"orders-10", "orders-07"}, Policy: "keep"}}, c.DataStreams)
	require.Len(t, c.ILM, 1)
	assert.Equal(t, "keep", c.ILM[0].Name)
	assert.ElementsMatch(t, []clusterfile.Phase{{Name: "hot", MinAge: "0ms", Actions: []string{"rollover"}}, {Name: "delete", MinAge: "30d", Actions: []string{"delete"}}}, c.ILM[0].Phases)
	byName := map[string]clusterfile.Index{}
	for _, ix := range c.Indices {
		byName[ix.Name] = ix
	}
	assert.Equal(t, []string{"logs", "keep", "hot"}, []string{byName["orders-10"].DataStream, byName["orders-10"].Policy, byName["orders-10"].Phase})
	assert.Equal(t, "logs", byName["orders-07"].DataStream)
	assert.NotEmpty(t, byName["orders-07"].Shards[0].Desired)
	assert.Equal(t, clusterfile.Calibration{RecoveryBytesPerSec: clusterfile.Computed(60_000_000), Recoveries: 3}, c.Calibration, "the median")
}
