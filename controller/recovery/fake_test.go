package recovery_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/recovery"
	"github.com/shardquake/shardquake/internal/clock"
)

// fakeCluster answers the calls of a recovery manager. One index "logs" with one shard
// and one replica; what is wrong with it is set by the test.
type fakeCluster struct {
	mu         sync.Mutex
	states     [2]string // of primary and replica
	explain    string    // JSON beside index, shard and primary
	persistent map[string]string
	blocks     string // value of the flood block; "" none
	diskUsed   int64  // of 1000
	// onReroute is called with query and body of a reroute.
	onReroute func(f *fakeCluster, query, body string)
	// snapshots is the JSON list of the repository "backup"; "" no repository.
	snapshots string
	deleted   bool // the index
	restores  []string
	// restoreFails is how often a restore is refused.
	restoreFails int
	// alone: the index has no replica; raising their number gives it one.
	alone    bool
	replicas int // number_of_replicas
	// twice: beside the replica whose state is set there is one that is well.
	twice bool
	// trigger and patience of the controller; "": the defaults.
	trigger  controller.Trigger
	patience time.Duration
	reroutes []string
	at       []time.Time // of the reroutes
	puts     []string
}

func newFake() *fakeCluster {
	return &fakeCluster{states: [2]string{"STARTED", "STARTED"}, persistent: map[string]string{}}
}

func (f *fakeCluster) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeCluster) sent() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.reroutes)
}

func (f *fakeCluster) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	rec.Header().Set("X-Elastic-Product", "Elasticsearch")
	rec.Header().Set("Content-Type", "application/json")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serve(rec, r)
	return rec.Result(), nil
}

func (f *fakeCluster) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch key := r.Method + " " + r.URL.Path; {
	case strings.HasPrefix(key, "GET /_cat/shards"):
		reply(w, f.shards())
	case strings.HasSuffix(key, "/_cluster/allocation/explain"):
		_, _ = fmt.Fprintf(w, `{"index":"logs","shard":0,"current_state":"unassigned",%s}`, f.explain)
	case key == "POST /_cluster/reroute":
		f.reroutes = append(f.reroutes, r.URL.Query().Get("retry_failed")+string(body))
		f.at = append(f.at, time.Now())
		if f.onReroute != nil {
			f.onReroute(f, r.URL.RawQuery, string(body))
		}
		reply(w, map[string]any{"acknowledged": true, "explanations": []any{}})
	case key == "GET /_cluster/settings":
		reply(w, map[string]any{"persistent": f.persistent, "transient": map[string]string{}, "defaults": map[string]string{
			"cluster.routing.allocation.enable": "all", "cluster.routing.allocation.disk.watermark.flood_stage": "95%",
			"cluster.routing.allocation.disk.watermark.flood_stage.max_headroom": "100GB",
		}})
	case key == "PUT /_cluster/settings":
		f.putSettings(body)
		reply(w, map[string]any{"acknowledged": true})
	case strings.HasPrefix(key, "GET /_all/_settings/index.number_of_replicas"):
		reply(w, map[string]any{"logs": map[string]any{"settings": map[string]string{"index.number_of_replicas": fmt.Sprint(f.replicas)}}})
	case strings.HasPrefix(key, "GET /_all/_settings"):
		f.indexSettings(w)
	case key == "PUT /logs/_settings":
		f.puts = append(f.puts, string(body))
		f.blocks = ""
		if strings.Contains(string(body), `"index.number_of_replicas":"1"`) {
			f.alone, f.replicas = false, 1
		}
		reply(w, map[string]any{"acknowledged": true})
	case strings.HasPrefix(key, "GET /_nodes/stats"):
		reply(w, map[string]any{"nodes": map[string]any{"id1": map[string]any{"name": "n1", "fs": map[string]any{
			"total": map[string]int64{"total_in_bytes": 1000, "available_in_bytes": 1000 - f.diskUsed},
		}}}})
	case key == "DELETE /logs":
		f.deleted = true
		reply(w, map[string]any{"acknowledged": true})
	case strings.Contains(key, "/_snapshot"):
		f.serveSnapshots(w, key, string(body))
	case key == "GET /_recovery":
		reply(w, map[string]any{})
	case key == "GET /_cluster/health", key == "GET /_cluster/stats":
		reply(w, map[string]any{"cluster_name": "fake", "status": "yellow"})
	default:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"error":{"type":"illegal_argument_exception","reason":"unknown path %s"},"status":400}`, key)
	}
}

func (f *fakeCluster) serveSnapshots(w http.ResponseWriter, key, body string) {
	switch {
	case key == "GET /_snapshot" && f.snapshots == "":
		reply(w, map[string]any{})
	case key == "GET /_snapshot":
		reply(w, map[string]any{"backup": map[string]any{"type": "fs", "settings": map[string]string{"location": "/b"}}})
	case key == "GET /_snapshot/backup/_all":
		_, _ = fmt.Fprintf(w, `{"snapshots":%s,"total":1,"remaining":0}`, f.snapshots)
	case key == "POST /_snapshot/backup/_verify":
		reply(w, map[string]any{"nodes": map[string]any{}})
	case strings.HasSuffix(key, "/_restore") && f.restoreFails > 0:
		f.restoreFails--
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprint(w, `{"error":{"type":"snapshot_restore_exception","reason":"not now"},"status":500}`)
	case strings.HasSuffix(key, "/_restore"):
		f.restores = append(f.restores, key+" "+body)
		f.deleted = false
		f.states = [2]string{"INITIALIZING", "UNASSIGNED"}
		reply(w, map[string]any{"accepted": true})
	default:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"error":{"type":"illegal_argument_exception","reason":"unknown path %s"},"status":400}`, key)
	}
}

func (f *fakeCluster) shards() []map[string]any {
	rows := []map[string]any{}
	if f.deleted {
		return rows
	}
	for i, state := range f.states {
		if f.alone && i > 0 {
			break
		}
		row := map[string]any{"index": "logs", "shard": "0", "prirep": [2]string{"p", "r"}[i], "state": state, "node": nil}
		if state != "UNASSIGNED" {
			row["node"] = fmt.Sprintf("n%d", i+1)
		}
		rows = append(rows, row)
	}
	if f.twice {
		rows = append(rows, map[string]any{"index": "logs", "shard": "0", "prirep": "r", "state": "STARTED", "node": "n3"})
	}
	return rows
}

func (f *fakeCluster) indexSettings(w io.Writer) {
	if f.blocks == "" {
		reply(w, map[string]any{})
		return
	}
	reply(w, map[string]any{"logs": map[string]any{"settings": map[string]string{"index.blocks.read_only_allow_delete": f.blocks}}})
}

func (f *fakeCluster) putSettings(body []byte) {
	f.puts = append(f.puts, string(body))
	var change struct{ Persistent map[string]*string }
	if err := json.Unmarshal(body, &change); err != nil {
		panic(err)
	}
	for _, key := range slices.Sorted(maps.Keys(change.Persistent)) {
		if v := change.Persistent[key]; v != nil {
			f.persistent[key] = *v
		} else {
			delete(f.persistent, key)
		}
	}
}

func reply(w io.Writer, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

// manage runs a manager in a controller until the test ends; used in a synctest bubble.
func manage(t *testing.T, fake *fakeCluster, cfg recovery.Config) *recovery.Manager {
	t.Helper()
	return manageLogged(t, fake, cfg, func(string) {})
}

// manageLogged is manage with somebody who reads the log.
func manageLogged(t *testing.T, fake *fakeCluster, cfg recovery.Config, write func(line string)) *recovery.Manager {
	t.Helper()
	m, err := recovery.New(cfg)
	require.NoError(t, err)
	clk := clock.NewReal(1)
	client, err := controller.NewClient(controller.ClientConfig{Clock: clk, Transport: fake, Endpoints: []controller.Endpoint{{URL: "http://n1:9200"}}})
	require.NoError(t, err)
	c, err := controller.New(controller.Config{Clock: clk, Client: client, PolicyName: "none", WatchOnly: true, Trigger: fake.trigger, Patience: fake.patience, SyncDelayInterval: -1, Parts: []controller.Part{m}, Log: controller.NewLineHandler(write)})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return m
}

func (f *fakeCluster) put() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.puts)
}

// when is the time of the i-th reroute.
func (f *fakeCluster) when(i int) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at[i]
}
