package tools

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Curator takes a snapshot, and after a node is lost it shrinks an index, takes another and
// deletes the first.
func TestCuratorSnapshotsAndShrinksWhileANodeIsLost(t *testing.T) {
	patience(t)
	bin := python(t, "elasticsearch-curator>=8,<9")
	s := serve(t)
	s.ask(t, "PUT", "/_snapshot/backup", `{"type":"fs","settings":{"location":"/backup/curator"}}`)
	s.ask(t, "PUT", "/shr?wait_for_active_shards=all", `{"settings":{"number_of_shards":3},"aliases":{"shrunk":{}}}`)
	for range 5 {
		s.ask(t, "POST", "/shr/_doc?refresh", `{"a":1}`)
	}
	config := filepath.Join(t.TempDir(), "curator.yaml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, "elasticsearch: {client: {hosts: %q, request_timeout: 60}}\nlogging: {loglevel: INFO}\n", s.nodes[0]), 0o600))
	curator := func(actions string) {
		out := run(t, ".", filepath.Join(bin, "curator"), "--config", config, filepath.Join("testdata", actions))
		assert.Contains(t, out, "All actions completed.")
	}
	curator("curator-snapshot.yaml")
	assert.Contains(t, s.ask(t, "GET", "/_snapshot/backup/cur-snap-1", ""), `"state":"SUCCESS"`)

	run(t, ".", s.binary, "fault", "inject", "{node-loss: {node: n3}}", "--control", s.control)
	run(t, ".", s.binary, "fault", "until", "green", "--control", s.control)
	curator("curator-shrink.yaml")
	assert.Equal(t, "shrunk shr-small\n", s.ask(t, "GET", "/_cat/aliases/shrunk?h=alias,index", ""))
	assert.Equal(t, "shr-small 1 5\n", s.ask(t, "GET", "/_cat/indices/shr*?h=index,pri,docs.count", ""))
	assert.Equal(t, "cur-snap-2 SUCCESS\n", s.ask(t, "GET", "/_cat/snapshots/backup?h=id,status", ""))
	assert.Equal(t, "n1\nn2\n", s.ask(t, "GET", "/_cat/nodes?h=name&s=name", ""))
}

// Rally races against a cluster that loses a node in the middle, without an error.
func TestRallyRacesWhileANodeIsLost(t *testing.T) {
	patience(t)
	bin := python(t, "esrally>=2.12,<3")
	s := serve(t)
	track := t.TempDir()
	for _, name := range []string{"track.json", "index.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", "race", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(track, name), text, 0o600))
	}
	var docs strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&docs, "{\"k\": \"k%d\", \"n\": %06d}\n", i%7, 100000+i)
	}
	require.NoError(t, os.WriteFile(filepath.Join(track, "documents.json"), []byte(docs.String()), 0o600))
	report := filepath.Join(track, "report.csv")
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "esrally"), "race", "--offline", "--pipeline=benchmark-only", "--on-error=abort", //nolint:gosec // the tool under trial
		"--target-hosts="+strings.TrimPrefix(s.nodes[0], "http://"), "--track-path="+track, "--report-format=csv", "--report-file="+report)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir()) // its folder of configuration and logs
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	require.Eventually(t, func() bool { return s.counts(t, "/race/_count", `"count":1000`) }, 3*time.Minute, 200*time.Millisecond, "the documents are there")
	run(t, ".", s.binary, "fault", "inject", "{node-loss: {node: n3}}", "--control", s.control)
	select {
	case err := <-ended:
		require.NoError(t, err, out.String())
	case <-time.After(4 * time.Minute):
		_ = cmd.Process.Kill()
		t.Fatalf("the race has not ended\n%s", out.String())
	}
	text, err := os.ReadFile(report)
	require.NoError(t, err)
	assert.Contains(t, string(text), "error rate,by-kind,0.00,%")
	assert.Contains(t, string(text), "error rate,bulk,0.00,%")
}

// counts reports whether a request is answered with something in it.
func (s *served) counts(t *testing.T, path, want string) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.nodes[0]+path, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var text strings.Builder
	if err := resp.Write(&text); err != nil {
		return false
	}
	return strings.Contains(text.String(), want)
}

// The rule of the tutorial is one that Prometheus takes; it fires for a lost zone and for nothing
// less, with the figures that the exporter shows.
func TestThePrometheusRuleOfTheTutorialFiresForALostZoneOnly(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skipf("SKIPPED: promtool can't be had: %v", err)
	}
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "rehearse-an-alert.md"))
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(block(t, string(doc), "groups:")), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "test.yaml"), []byte(`rule_files: [rules.yaml]
evaluation_interval: 15s
tests:
  - interval: 15s
    input_series: # six nodes; one is lost at 1m, another at 2m, and at 10m the cluster is whole again
      - {series: elasticsearch_cluster_health_number_of_nodes, values: "6x3 5x3 4x60"}
      - {series: elasticsearch_cluster_health_unassigned_shards, values: "0x3 2x3 4x31 0x28"}
    alert_rule_test:
      - {eval_time: 1m45s, alertname: ElasticsearchZoneLost, exp_alerts: []}
      - {eval_time: 2m45s, alertname: ElasticsearchZoneLost, exp_alerts: []}
      - {eval_time: 3m15s, alertname: ElasticsearchZoneLost, exp_alerts: [{exp_labels: {severity: page}}]}
      - {eval_time: 12m, alertname: ElasticsearchZoneLost, exp_alerts: []}
`), 0o600))
	assert.Contains(t, run(t, dir, promtool, "check", "rules", "rules.yaml"), "1 rules found")
	assert.Contains(t, run(t, dir, promtool, "test", "rules", "test.yaml"), "SUCCESS")
}

// block is the indented block of a document that begins with a line.
func block(t *testing.T, doc, first string) string {
	t.Helper()
	_, after, found := strings.Cut(doc, "   "+first)
	require.True(t, found, first)
	text, _, _ := strings.Cut(after, "   ```")
	return strings.ReplaceAll(first+text, "\n   ", "\n")
}
