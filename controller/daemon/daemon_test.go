package daemon_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller/daemon"
)

// load reads options from arguments, environment and the text of a file.
func load(t *testing.T, file string, env map[string]string, args ...string) (daemon.Options, error) {
	t.Helper()
	o := daemon.Defaults()
	fs := pflag.NewFlagSet("controller", pflag.ContinueOnError)
	o.Bind(fs)
	require.NoError(t, fs.Parse(args))
	s := daemon.Source{Flags: fs, Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	if file != "" {
		s.File = write(t, "controller.yaml", file)
	}
	return s.Load()
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestFlagsCountMoreThanEnvironmentAndThatMoreThanTheFile(t *testing.T) {
	o, err := load(t, "policy: none\ninterval: 10s\nwatch-only: true\nsync-delay-threshold: 5\n",
		map[string]string{"SHARDQUAKE_POLICY": "variance", "SHARDQUAKE_INTERVAL": "20s"}, "--interval", "40s", "--es", "http://a:1,http://b:2")
	require.NoError(t, err)
	want := daemon.Defaults()
	want.Policy, want.WatchOnly, want.SyncDelayThreshold, want.ES = "variance", true, 5, "http://a:1,http://b:2"
	require.NoError(t, want.Interval.UnmarshalText([]byte("40s")))
	assert.Equal(t, want, o)
	assert.Equal(t, "SHARDQUAKE_SYNC_DELAY_THRESHOLD", daemon.EnvName("sync-delay-threshold"))
}

func TestSeveralNamesMayBeAListInTheFile(t *testing.T) {
	o, err := load(t, "es: [http://a:1, http://b:2]\nshadow:\n  - variance\n  - disk\napprove: raise-replicas\n", nil)
	require.NoError(t, err)
	assert.Equal(t, []daemon.Names{"http://a:1,http://b:2", "variance,disk", "raise-replicas"}, []daemon.Names{o.ES, o.Shadow, o.Approve})
}

func TestAFileThatSaysNothingLeavesTheDefaults(t *testing.T) {
	o, err := load(t, "---\n# policy: variance\n\n", nil)
	require.NoError(t, err)
	assert.Equal(t, daemon.Defaults(), o)
}

func TestMistakesInTheConfigurationSayWhereAndWhat(t *testing.T) {
	for _, c := range []struct {
		file string
		env  map[string]string
		args []string
		want string
	}{
		{file: "polcy: none\n", want: `controller.yaml:1:1: unknown key "polcy"; did you mean "policy"?`},
		{file: "interval: soon\n", want: "is not a duration"},
		{env: map[string]string{"SHARDQUAKE_INTERVAL": "5"}, want: "SHARDQUAKE_INTERVAL"},
		{args: []string{"--policy", "wishful"}, want: `unknown policy "wishful"`},
		{args: []string{"--shadow", "none,wishful"}, want: `unknown policy "wishful"`},
		{args: []string{"--interval", "0s"}, want: "interval 0s: must be 1s or more"},
		{args: []string{"--interval", "30ms"}, want: "must be 1s or more"},
		{args: []string{"--policy", "varience"}, want: `did you mean "variance"?`},
		{args: []string{"--listen", "127.0.0.1:99999"}, want: "no number from 0 to 65535"},
		{args: []string{"--watch-only", "--approve", "raise-replicas"}, want: "approve is for the recovery manager"},
		{args: []string{"--watch-only", "--fault-history", "f"}, want: "fault-history is kept by the recovery manager"},
		{args: []string{"--name", "a"}, want: "--lease is missing"},
		{file: "restore-on-exit: 1\n", want: "controller.yaml:1:18: expected true or false, not a number"},
		{file: "es: {a: b}\n", want: "controller.yaml:1:5: expected text, not a mapping"},
		{file: "es: [{a: b}]\n", want: "controller.yaml:1:6: expected text, not a mapping"},
		{args: []string{"--settings-scope", "transent"}, want: `did you mean "transient"?`},
		{args: []string{"--log-format", "xml"}, want: "unknown log-format"},
		{args: []string{"--listen", "0.0.0.0:8080"}, want: "needs a token"},
		{args: []string{"--listen", ":8080"}, want: "needs a token"},
		{args: []string{"--listen", "nonsense"}, want: "missing port"},
		{args: []string{"--token", "a", "--token-file", "b"}, want: "both token and token-file"},
		{args: []string{"--password-file", "/nowhere/at/all"}, want: "no such file"},
		{args: []string{"--sync-delay-threshold", "-1"}, want: "must be positive"},
		{args: []string{"--consistency-every", "-1s"}, want: "must not be negative"},
		{args: []string{"--lease", "-1s"}, want: "must not be negative"},
		{args: []string{"--off-peak", "22:00-06:00"}, want: "--tune is missing"},
		{args: []string{"--tune", "--off-peak", "at night"}, want: "at night"},
		{args: []string{"--approve", "wait"}, want: "wait"},
		{args: []string{"--distance", "zone(a=1)"}, want: "neither same, other nor two zones"},
	} {
		_, err := load(t, c.file, c.env, c.args...)
		require.ErrorIs(t, err, daemon.ErrOptions)
		assert.ErrorContains(t, err, c.want)
	}
}

func TestSecretsComeFromFiles(t *testing.T) {
	o, err := load(t, "", nil, "--api-key-file", write(t, "key", "abc\n"), "--listen", "0.0.0.0:1", "--token-file", write(t, "token", " t "))
	require.NoError(t, err)
	assert.Equal(t, "abc", o.APIKey)
	assert.Equal(t, "t", o.Token)
	_, err = load(t, "", nil, "--api-key-file", write(t, "key", "\n"))
	assert.ErrorContains(t, err, "is empty")
}

func TestWhatCantWorkIsRefusedBeforeTheStart(t *testing.T) {
	for want, change := range map[string]func(*daemon.Options){
		"no endpoint":             func(o *daemon.Options) { o.ES = "" },
		"want http://":            func(o *daemon.Options) { o.ES = "localhost:9200" },
		"contains no certificate": func(o *daemon.Options) { o.CACert = write(t, "ca.pem", "rubbish") },
		"address":                 func(o *daemon.Options) { o.Listen = "127.0.0.1:99999" },
	} {
		o := daemon.Defaults()
		o.Listen = ""
		change(&o)
		_, err := daemon.New(o, io.Discard)
		require.ErrorIs(t, err, daemon.ErrOptions)
		assert.ErrorContains(t, err, want)
	}
}

// elasticsearch answers what a healthy, overfull cluster would, and keeps what was
// written into its settings.
type elasticsearch struct {
	mu   sync.Mutex
	puts []string
}

func (e *elasticsearch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	answer := map[string]string{
		"/_cat/shards":       `[{"index":"logs","shard":"0","prirep":"p","state":"STARTED","node":"n1"},{"index":"logs","shard":"0","prirep":"r","state":"UNASSIGNED"}]`,
		"/_cluster/stats":    `{"indices":{"shards":{"total":12}},"nodes":{"count":{"total":1,"data":1}}}`,
		"/_cluster/health":   `{"cluster_name":"c","status":"green","number_of_data_nodes":1}`,
		"/_cluster/settings": `{"acknowledged":true,"persistent":{"indices.recovery.max_bytes_per_sec":"50mb"},"transient":{},"defaults":{}}`,
		"/_recovery":         `{}`,
	}[r.URL.Path]
	if answer == "" {
		answer = `{}`
	}
	if r.Method == http.MethodPut {
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		e.puts = append(e.puts, string(body))
		e.mu.Unlock()
	}
	_, _ = io.WriteString(w, answer)
}

// safeBuffer is a log that can be read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestTheDaemonLooksAfterAClusterServesItsAPIAndStopsGracefully(t *testing.T) {
	es := &elasticsearch{}
	srv := httptest.NewTLSServer(es)
	defer srv.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	args := []string{"--es", srv.URL, "--listen", "127.0.0.1:0", "--restore-on-exit", "--fault-history", filepath.Join(t.TempDir(), "faults.json"), "--ca-cert", write(t, "ca.pem", string(ca))}
	o, err := load(t, "", nil, args...)
	require.NoError(t, err)
	var log safeBuffer
	d, err := daemon.New(o, &log)
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	reload := make(chan os.Signal, 1)
	next := o
	next.Policy = "none"
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx, reload, func() (daemon.Options, error) { return next, nil }) }()
	eventually(t, func() bool { return get(t, d, "/readyz") == 200 }, &log)
	eventually(t, func() bool { return strings.Contains(log.String(), "Shard rebalancing triggered successfully") }, &log)
	eventually(t, func() bool { return strings.Contains(log.String(), "[SUMMARY]") }, &log)
	eventually(t, func() bool { return strings.Contains(log.String(), "[RECOVERY] Found 1 unassigned shards: [0]") }, &log)
	assert.Equal(t, 1, strings.Count(log.String(), "[RECOVERY] Triggering recovery for index: logs\n"), "an unassigned copy is the recovery manager's business alone")
	assert.Equal(t, 200, get(t, d, "/recovery/history"))
	assert.Equal(t, 200, get(t, d, "/consistency"))
	reload <- os.Interrupt
	eventually(t, func() bool { return strings.Contains(log.String(), "Configuration reloaded") }, &log)
	next.ES, next.Tune = "http://elsewhere:9200", true
	reload <- os.Interrupt
	eventually(t, func() bool {
		return strings.Contains(log.String(), "nothing was applied: es, tune can't change without a restart")
	}, &log)

	cancel()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(30 * time.Second):
		require.Fail(t, "did not stop", log.String())
	}
	es.mu.Lock()
	defer es.mu.Unlock()
	require.NotEmpty(t, es.puts)
	assert.Contains(t, es.puts[0], `"cluster.routing.rebalance.enable":"all"`)
	assert.Contains(t, log.String(), "Stopping")
}

// eventually waits for something that another process does.
func eventually(t *testing.T, ok func() bool, log *safeBuffer) {
	t.Helper()
	require.Eventually(t, ok, 20*time.Second, 10*time.Millisecond, "log:\n%s", log)
}

func get(t *testing.T, d *daemon.Daemon, path string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.Addr()+path, nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	return res.StatusCode
}
