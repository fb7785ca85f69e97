package controller_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
	"github.com/shardquake/shardquake/internal/clock"
)

// fakeCluster answers like an Elasticsearch cluster in the parts that the
// controller uses. What it answers is set by the test.
type fakeCluster struct {
	mu         sync.Mutex
	copies     []fakeCopy
	dataNodes  int
	storeBytes int64              // of every copy
	cpu        map[string]float64 // percent by node
	diskUsed   map[string]int64   // of 1000 bytes
	sentBytes  int64              // by every node on the transport layer
	persistent map[string]string
	transient  map[string]string
	recoveries string // JSON of GET /_recovery
	shutdowns  string // JSON of GET /_nodes/shutdown; "": the cluster has no such thing
	// fail, when it is set, answers in place of the cluster if it returns a status.
	fail func(r *http.Request) (status int, body string)
	// onSettings is called when settings were changed.
	onSettings func(f *fakeCluster)
	requests   []string // method and path
	puts       []string // bodies of PUT /_cluster/settings
	// refuse says why deciders refuse to move a copy to a node; reroutes are the bodies
	// of POST /_cluster/reroute, after "dry " when it was a dry run. With dropReroute a
	// command is carried out and its answer lost.
	refuse      map[string]string
	reroutes    []string
	dropReroute bool
	// drop loses requests before they arrive; dropPut loses the answers to changes of
	// settings, answerPut takes their place with status 503.
	drop      func(r *http.Request) bool
	dropPut   bool
	answerPut string
}

// fakeCopy is a row of _cat/shards.
type fakeCopy struct {
	index   string
	shard   int
	primary bool
	state   string
	node    string // as in the node column
	seqMax  int64
	local   int64
	// searches since the copy was started; each took 2 ms.
	searches int64
}

func newFakeCluster(nodes int, copies ...fakeCopy) *fakeCluster {
	return &fakeCluster{dataNodes: nodes, storeBytes: 2048, copies: copies, recoveries: "{}", persistent: map[string]string{}, transient: map[string]string{}}
}

// started makes n single-copy shards of an index on each of the nodes n1, n2, ….
func started(index string, perNode ...int) []fakeCopy {
	var out []fakeCopy
	for i, n := range perNode {
		for range n {
			out = append(out, fakeCopy{index: index, shard: len(out), primary: true, state: "STARTED", node: fmt.Sprintf("n%d", i+1)})
		}
	}
	return out
}

func (f *fakeCluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, r.Method+" "+r.URL.Path)
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	if f.fail != nil {
		if status, body := f.fail(r); status != 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return
		}
	}
	switch key := r.Method + " " + r.URL.Path; {
	case strings.HasPrefix(key, "GET /_cat/shards"):
		reply(w, f.catShards(r))
	case key == "GET /_cluster/stats":
		reply(w, f.stats())
	case key == "GET /_cluster/health":
		reply(w, f.health())
	case strings.HasPrefix(key, "GET /_nodes/stats"):
		reply(w, f.nodeStats())
	case key == "GET /_recovery":
		_, _ = io.WriteString(w, f.recoveries)
	case key == "GET /_cluster/settings":
		reply(w, map[string]any{"persistent": f.persistent, "transient": f.transient, "defaults": defaults()})
	case key == "GET /_nodes/shutdown" && f.shutdowns != "":
		_, _ = io.WriteString(w, f.shutdowns)
	case strings.HasPrefix(key, "GET /_all/_settings/"):
		reply(w, map[string]any{})
	case key == "POST /_cluster/reroute":
		f.reroute(w, r)
	case key == "PUT /_cluster/settings":
		f.putSettings(w, r)
	default:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"error":{"type":"illegal_argument_exception","reason":"unknown path %s"},"status":400}`, r.URL.Path)
	}
}

func reply(w io.Writer, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

func defaults() map[string]any {
	return map[string]any{
		"cluster.routing.rebalance.enable": "all", "cluster.routing.allocation.enable": "all",
		"cluster.routing.allocation.node_concurrent_recoveries": "2", "indices.recovery.max_bytes_per_sec": "40mb",
		"cluster.routing.allocation.balance.shard": "0.45", "cluster.routing.allocation.balance.index": "0.55",
		"cluster.routing.allocation.balance.threshold": "1.0", "some.list": []string{"a", "b"},
	}
}

func (f *fakeCluster) catShards(r *http.Request) []map[string]any {
	columns := strings.Split(r.URL.Query().Get("h"), ",")
	rows := []map[string]any{}
	for _, c := range f.copies {
		all := map[string]any{
			"index": c.index, "shard": fmt.Sprint(c.shard), "prirep": map[bool]string{true: "p", false: "r"}[c.primary], "state": c.state,
			"node": c.node, "docs": "10", "store": fmt.Sprint(f.storeBytes), "seq_no.max": fmt.Sprint(c.seqMax), "seq_no.local_checkpoint": fmt.Sprint(c.local),
			"seq_no.global_checkpoint": fmt.Sprint(c.local), "unassigned.reason": nil, "search.query_total": fmt.Sprint(c.searches),
			"search.query_time": fmt.Sprint(2 * c.searches), "indexing.index_total": "0", "indexing.index_time": "0",
		}
		if c.state == "UNASSIGNED" {
			for _, key := range slices.Sorted(maps.Keys(all)) {
				if !slices.Contains([]string{"index", "shard", "prirep", "state"}, key) {
					all[key] = nil
				}
			}
			all["unassigned.reason"] = "NODE_LEFT"
		}
		row := map[string]any{}
		for _, name := range columns {
			row[name] = all[name]
		}
		rows = append(rows, row)
	}
	return rows
}

func (f *fakeCluster) count(states ...string) int {
	n := 0
	for _, c := range f.copies {
		if slices.Contains(states, c.state) {
			n++
		}
	}
	return n
}

func (f *fakeCluster) stats() map[string]any {
	return map[string]any{
		"cluster_name": "fake", "status": "green",
		"nodes":   map[string]any{"count": map[string]int{"total": f.dataNodes, "data": f.dataNodes, "master": 1}},
		"indices": map[string]any{"count": 1, "shards": map[string]any{"total": len(f.copies) - f.count("UNASSIGNED"), "primaries": 1.0}},
	}
}

func (f *fakeCluster) nodeStats() map[string]any {
	nodes := map[string]any{}
	for i := range f.dataNodes {
		name := fmt.Sprintf("n%d", i+1)
		nodes["id-"+name] = map[string]any{
			"name": name, "roles": []string{"data", "master"},
			"os": map[string]any{"cpu": map[string]any{"percent": f.cpu[name]}}, "jvm": map[string]any{"mem": map[string]any{"heap_used_in_bytes": 1, "heap_max_in_bytes": 4}},
			"fs":        map[string]any{"total": map[string]any{"total_in_bytes": 1000, "available_in_bytes": 1000 - f.diskUsed[name]}},
			"transport": map[string]any{"rx_size_in_bytes": f.sentBytes, "tx_size_in_bytes": f.sentBytes},
		}
	}
	return map[string]any{"nodes": nodes}
}

func (f *fakeCluster) health() map[string]any {
	return map[string]any{
		"cluster_name": "fake", "status": "green", "number_of_nodes": f.dataNodes, "number_of_data_nodes": f.dataNodes,
		"relocating_shards": f.count("RELOCATING"), "initializing_shards": f.count("INITIALIZING"), "unassigned_shards": f.count("UNASSIGNED"),
	}
}

func (f *fakeCluster) putSettings(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	f.puts = append(f.puts, string(body))
	var change struct{ Persistent, Transient map[string]*string }
	if err := json.Unmarshal(body, &change); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	merge(f.persistent, change.Persistent)
	merge(f.transient, change.Transient)
	if f.onSettings != nil {
		f.onSettings(f)
	}
	if f.answerPut != "" {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, f.answerPut)
		return
	}
	reply(w, map[string]any{"acknowledged": true, "persistent": change.Persistent, "transient": change.Transient})
}

func (f *fakeCluster) reroute(w io.Writer, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	var request struct {
		Commands []controller.RerouteCommand `json:"commands"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		panic(err)
	}
	dry := r.URL.Query().Get("dry_run") == "true"
	f.reroutes = append(f.reroutes, map[bool]string{true: "dry "}[dry]+string(body))
	decision := map[string]string{"decider": "disk_threshold", "decision": "YES"}
	for _, c := range request.Commands {
		if why := f.refuse[c.Move.To]; why != "" {
			decision["decision"], decision["explanation"] = "NO", why
			continue
		}
		for i := range f.copies {
			if x := &f.copies[i]; !dry && x.index == c.Move.Index && x.shard == c.Move.Shard && x.node == c.Move.From {
				x.node = c.Move.To
			}
		}
	}
	reply(w, map[string]any{"acknowledged": true, "explanations": []any{map[string]any{"command": "move", "decisions": []any{decision}}}})
}

func merge(into map[string]string, change map[string]*string) {
	for key, value := range change {
		if value == nil {
			delete(into, key)
		} else {
			into[key] = *value
		}
	}
}

// set changes the cluster under its lock.
func (f *fakeCluster) set(change func(f *fakeCluster)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fakeCluster) sent() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.puts)
}

// RoundTrip makes the cluster a transport without a network, for tests in the time
// of a synctest bubble. Requests to dead hosts are refused.
func (f *fakeCluster) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if strings.HasPrefix(r.URL.Host, "dead") {
		return nil, errors.New("connection refused")
	}
	if strings.HasPrefix(r.URL.Host, "silent") {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	if f.drop != nil && f.drop(r) {
		return nil, errors.New("connection reset")
	}
	rec := httptest.NewRecorder()
	f.ServeHTTP(rec, r)
	if f.dropPut && r.Method == http.MethodPut {
		return nil, errors.New("connection reset")
	}
	if f.dropReroute && r.URL.Path == "/_cluster/reroute" && r.URL.Query().Get("dry_run") == "" {
		return nil, errors.New("connection reset")
	}
	return rec.Result(), nil
}

// lines collects log lines.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, line)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.text)
}

// with returns the messages, without time, that contain a text.
func (l *lines) with(text string) []string {
	var out []string
	for _, line := range l.all() {
		if strings.Contains(line, text) {
			out = append(out, line[len("2006/01/02 15:04:05 "):])
		}
	}
	return out
}

func newClient(t *testing.T, clk clock.Clock, transport http.RoundTripper, change func(*controller.ClientConfig), hosts ...string) *controller.Client {
	t.Helper()
	cfg := controller.ClientConfig{Clock: clk, Transport: transport}
	for _, h := range hosts {
		cfg.Endpoints = append(cfg.Endpoints, controller.Endpoint{Name: h, URL: "http://" + h + ":9200"})
	}
	if change != nil {
		change(&cfg)
	}
	c, err := controller.NewClient(cfg)
	require.NoError(t, err)
	return c
}

// rig is a controller on a fake cluster, to be used inside a synctest bubble.
type rig struct {
	*controller.Controller
	fake  *fakeCluster
	log   *lines
	heard []controller.Decision // every call of OnDecision
	done  chan error
}

// run starts a controller. It is stopped when the test ends.
func run(t *testing.T, fake *fakeCluster, change func(*controller.Config)) *rig {
	t.Helper()
	clk := clock.NewReal(1)
	r := &rig{fake: fake, log: &lines{}, done: make(chan error, 1)}
	var mu sync.Mutex
	cfg := controller.Config{
		Clock: clk, Client: newClient(t, clk, fake, nil, "n1"), Log: controller.NewLineHandler(r.log.add),
		OnDecision: func(d controller.Decision) {
			mu.Lock()
			defer mu.Unlock()
			r.heard = append(r.heard, d)
		},
	}
	if change != nil {
		change(&cfg)
	}
	c, err := controller.New(cfg)
	require.NoError(t, err)
	r.Controller = c
	ctx, cancel := context.WithCancel(context.Background())
	go func() { r.done <- c.Run(ctx) }()
	t.Cleanup(func() { cancel() })
	return r
}

// end stops the controller and returns what Run returned.
func (r *rig) end() error {
	r.Stop()
	return <-r.done
}

// acted are the decisions that changed the cluster.
func (r *rig) acted() []controller.Decision {
	var out []controller.Decision
	for _, d := range r.Decisions() {
		if d.Acted() {
			out = append(out, d)
		}
	}
	return out
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, json.NewEncoder(&b).Encode(v))
	return b.String()
}

const second = time.Second
