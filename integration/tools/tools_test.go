package tools

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// served is a cluster that sim-serve serves.
type served struct {
	binary, control string
	nodes           []string
}

// urls are the nodes' addresses as clients take them.
func (s *served) urls() string { return strings.Join(s.nodes, ",") }

// patience skips a test that fetches a tool, starts a served cluster and holds a session with
// it, where there is no time for that.
func patience(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("fetches tools and holds sessions with a served cluster: not with -short")
	}
}

// serve builds the command and serves the cluster of testdata five times as fast as the clock.
func serve(t *testing.T) *served {
	t.Helper()
	s := &served{binary: filepath.Join(t.TempDir(), "shardquake")}
	run(t, ".", "go", "build", "-o", s.binary, "github.com/shardquake/shardquake/cmd/shardquake")
	ctx, stop := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, s.binary, "sim-serve", filepath.Join("testdata", "cluster.yaml"), "--as-is", "-q", "--speed", "5",
		"--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--out", filepath.Join(t.TempDir(), "out"))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { stop(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	for s.control == "" && lines.Scan() {
		if name, url, _ := strings.Cut(lines.Text(), " "); name == "control" {
			s.control = url
		} else {
			s.nodes = append(s.nodes, url)
		}
	}
	require.Len(t, s.nodes, 3)
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return s
}

// run runs a command and gives what it printed.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	out, err := try(t, dir, name, args...)
	require.NoErrorf(t, err, "%s %s\n%s", name, strings.Join(args, " "), out)
	return out
}

func try(t *testing.T, dir, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// python is an environment with packages; the test is skipped where there is none to be had.
func python(t *testing.T, packages ...string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := try(t, dir, "python3", "-m", "venv", "env"); err != nil {
		t.Skipf("SKIPPED: no Python environment: %v\n%s", err, out)
	}
	bin := filepath.Join(dir, "env", "bin")
	if out, err := try(t, dir, filepath.Join(bin, "pip"), append([]string{"install", "-q"}, packages...)...); err != nil {
		t.Skipf("SKIPPED: %v can't be had: %v\n%s", packages, err, out)
	}
	return bin
}

// ask makes a request of a node and gives the answer's body.
func (s *served) ask(t *testing.T, method, path, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.nodes[0]+path, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Lessf(t, resp.StatusCode, 300, "%s %s: %s", method, path, text)
	return string(text)
}

// elasticsearch-py writes, reads, searches and rolls over, sniffs the nodes, and goes on while
// one of them is lost.
func TestThePythonClientLosesNothingWhileANodeIsLost(t *testing.T) {
	patience(t)
	bin := python(t, "elasticsearch>=8,<9")
	s := serve(t)
	script, err := filepath.Abs(filepath.Join("testdata", "session.py"))
	require.NoError(t, err)
	out := run(t, ".", filepath.Join(bin, "python"), script, s.urls(), s.binary, "fault", "inject", "--control", s.control)
	assert.Contains(t, out, "seen: a node left, nothing was lost")
}

func TestTheJavaScriptClientWritesSearchesAndScrolls(t *testing.T) {
	patience(t)
	dir := t.TempDir()
	if out, err := try(t, dir, "npm", "install", "--silent", "@elastic/elasticsearch@8.19"); err != nil {
		t.Skipf("SKIPPED: the JavaScript client can't be had: %v\n%s", err, out)
	}
	s := serve(t)
	script, err := filepath.Abs(filepath.Join("testdata", "session.mjs"))
	require.NoError(t, err)
	assert.Contains(t, run(t, dir, "node", script, s.urls()), "seen: 500 documents, 100 of k1")
}

// Curator merges, moves, changes replicas, rolls over, closes and deletes.
func TestCuratorLooksAfterIndices(t *testing.T) {
	patience(t)
	bin := python(t, "elasticsearch-curator>=8,<9")
	s := serve(t)
	for _, index := range []string{"cur-1", "cur-2"} {
		s.ask(t, "PUT", "/"+index+"?wait_for_active_shards=all", "")
		for range 3 { // curator merges only what has more segments than are wanted
			s.ask(t, "POST", "/"+index+"/_doc", `{"a":1}`)
			s.ask(t, "POST", "/"+index+"/_flush", "")
		}
	}
	s.ask(t, "PUT", "/curroll-000001", `{"aliases":{"curroll":{"is_write_index":true}}}`)
	s.ask(t, "POST", "/curroll/_doc?refresh", `{"a":1}`)
	config := filepath.Join(t.TempDir(), "curator.yaml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, "elasticsearch: {client: {hosts: %q, request_timeout: 60}}\nlogging: {loglevel: INFO}\n", s.nodes[0]), 0o600))
	out := run(t, ".", filepath.Join(bin, "curator"), "--config", config, filepath.Join("testdata", "curator.yaml"))
	assert.Contains(t, out, "All actions completed.")
	var rows []struct{ Index, Status, Rep string }
	require.NoError(t, json.Unmarshal([]byte(s.ask(t, "GET", "/_cat/indices/cur*?format=json&h=index,status,rep&s=index&expand_wildcards=all", "")), &rows))
	require.Len(t, rows, 3)
	assert.Equal(t, "cur-2 close 0", rows[0].Index+" "+rows[0].Status+" "+rows[0].Rep)
	assert.Equal(t, "curroll-000002", rows[2].Index)
}

// exporterVersion of github.com/prometheus-community/elasticsearch_exporter.
const exporterVersion = "v1.9.0"

// The exporter's collectors all succeed, and its metrics show a lost node.
func TestThePrometheusExporterShowsALostNode(t *testing.T) {
	patience(t)
	s := serve(t)
	metrics := startExporter(t, s)
	before := metrics()
	for _, c := range []string{"cluster-info", "clustersettings", "slm", "snapshots", "tasks"} {
		assert.Contains(t, before, `elasticsearch_scrape_success{collector="`+c+`"} 1`)
	}
	assert.NotRegexp(t, regexp.MustCompile(`(?m)^elasticsearch_\w+(_up|_stats_up)(\{[^}]*\})? 0$`), before)
	assert.Contains(t, before, `elasticsearch_cluster_health_number_of_nodes{cluster="tools"} 3`)
	run(t, ".", s.binary, "fault", "inject", "{node-loss: {node: n3}}", "--control", s.control)
	require.Eventually(t, func() bool {
		return strings.Contains(metrics(), `elasticsearch_cluster_health_number_of_nodes{cluster="tools"} 2`)
	}, time.Minute, 200*time.Millisecond, "the exporter shows the lost node")
}

// startExporter builds the exporter and gives its metrics when asked.
func startExporter(t *testing.T, s *served) func() string {
	t.Helper()
	module := "github.com/prometheus-community/elasticsearch_exporter@" + exporterVersion
	out, err := try(t, t.TempDir(), "go", "mod", "download", "-json", module)
	var at struct{ Dir string }
	if err != nil || json.Unmarshal([]byte(out), &at) != nil {
		t.Skipf("SKIPPED: the exporter can't be had: %v\n%s", err, out)
	}
	binary := filepath.Join(t.TempDir(), "exporter")
	if out, err := try(t, at.Dir, "go", "build", "-mod=mod", "-o", binary, "."); err != nil {
		t.Skipf("SKIPPED: the exporter can't be built: %v\n%s", err, out)
	}
	address := freeAddress(t)
	ctx, stop := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, binary, "--es.uri="+s.nodes[0], "--es.all", "--es.indices", "--es.shards", "--es.indices_settings",
		"--es.indices_mappings", "--es.aliases", "--es.ilm", "--es.data_stream", "--collector.cluster-info", "--collector.clustersettings",
		"--collector.slm", "--collector.snapshots", "--collector.tasks", "--web.listen-address="+address)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { stop(); _ = cmd.Wait() })
	return func() string {
		var text []byte
		require.Eventually(t, func() bool {
			resp, err := http.Get("http://" + address + "/metrics") //nolint:noctx // a probe of a process of the test's own
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			text, err = io.ReadAll(resp.Body)
			return err == nil && strings.Contains(string(text), "elasticsearch_cluster_health_number_of_nodes")
		}, time.Minute, 100*time.Millisecond, "the exporter answers")
		return string(text)
	}
}
