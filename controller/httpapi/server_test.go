package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/consistency"
	"github.com/shardquake/shardquake/controller/httpapi"
	"github.com/shardquake/shardquake/controller/recovery"
	"github.com/shardquake/shardquake/internal/clock"
)

// cluster is a transport that gives fixed answers by path.
type cluster struct {
	mu      sync.Mutex
	answers map[string]string
	silent  bool // nothing is answered
}

// lightRows matches the columns that nobody gets who doesn't ask for them.
var lightRows = regexp.MustCompile(`,"(docs|store|seq_no[a-z_.]*)":"[0-9]*"`)

func newCluster() *cluster {
	const shards = `[{"index":"my_index_1","shard":"0","prirep":"p","state":"STARTED","node":"n1","docs":"3","store":"100","seq_no.max":"2","seq_no.local_checkpoint":"2"},
			{"index":"my_index_1","shard":"0","prirep":"r","state":"INITIALIZING","node":"n2"}]`
	return &cluster{answers: map[string]string{
		"/_cat/shards": shards, "/_cat/shards/my_index_1": shards, "/my_index_1/_refresh": "{}",
		"/_cluster/stats":  `{"cluster_name":"c","indices":{"shards":{"total":2}},"nodes":{"count":{"total":2,"data":2}}}`,
		"/_cluster/health": `{"cluster_name":"c","status":"yellow","number_of_nodes":2,"number_of_data_nodes":2,"active_shards":1,"initializing_shards":1}`,
		"/_recovery": `{"my_index_1":{"shards":[{"id":0,"type":"PEER","stage":"INDEX","total_time_in_millis":1000,"source":{"name":"n1"},"target":{"name":"n2"},
			"index":{"size":{"total_in_bytes":1000,"recovered_in_bytes":250}},"translog":{"total":-1}}]}}`,
		"/_cluster/settings": `{"acknowledged":true,"persistent":{},"transient":{},"defaults":{"cluster.routing.rebalance.enable":"all"}}`,
		"/_nodes/stats/os,jvm,fs,transport": `{"nodes":{"a":{"name":"n1","roles":["data"],"os":{"cpu":{"percent":50}},"jvm":{"mem":{"heap_used_in_bytes":1,"heap_max_in_bytes":2}}},
			"b":{"name":"n2","roles":["data"]}}}`,
	}}
}

func (c *cluster) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	silent := c.silent
	c.mu.Unlock()
	if silent {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	rec := httptest.NewRecorder()
	rec.Header().Set("X-Elastic-Product", "Elasticsearch")
	body, ok := c.answers[r.URL.Path]
	if columns := r.URL.Query().Get("h"); columns != "" && !strings.Contains(columns, "docs") {
		body = lightRows.ReplaceAllString(body, "")
	}
	if !ok {
		rec.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = io.WriteString(rec, body)
	return rec.Result(), nil
}

func (c *cluster) set(path, body string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[path] = body
}

// api is a running controller and its API, inside a synctest bubble.
type api struct {
	*httpapi.Server
	t       *testing.T
	cluster *cluster
	token   string
}

func start(t *testing.T, change func(*httpapi.Config)) *api {
	t.Helper()
	return startUnder(t, nil, change)
}

// startUnder is start with a leadership.
func startUnder(t *testing.T, leadership controller.Leadership, change func(*httpapi.Config)) *api {
	t.Helper()
	clk, cl := clock.NewReal(1), newCluster()
	client, err := controller.NewClient(controller.ClientConfig{Clock: clk, Transport: cl, CallTimeout: 10 * time.Minute, Endpoints: []controller.Endpoint{{Name: "n1", URL: "http://n1:9200"}}})
	require.NoError(t, err)
	c, err := controller.New(controller.Config{Clock: clk, Client: client, PolicyName: "variance", Leadership: leadership})
	require.NoError(t, err)
	manager, err := recovery.New(recovery.Config{})
	require.NoError(t, err)
	checker, err := consistency.New(consistency.Config{Clock: clk, Client: client})
	require.NoError(t, err)
	cfg := httpapi.Config{Controller: c, Clock: clk, Recovery: manager, Consistency: checker}
	if change != nil {
		change(&cfg)
	}
	s, err := httpapi.New(cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	time.Sleep(time.Second)
	return &api{Server: s, t: t, cluster: cl, token: cfg.Token}
}

// call sends a request to a loopback host and returns status and body.
func (a *api) call(method, path, body string) (int, string) {
	a.t.Helper()
	r := httptest.NewRequest(method, "http://localhost:8080"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	rec := httptest.NewRecorder()
	a.ServeHTTP(rec, r)
	return rec.Code, rec.Body.String()
}

func TestReplicationStatusHasTheDocumentedForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, nil)
		one := `{"index":"my_index_1","total_shards":2,"replicated_shards":1,"unreplicated_shards":1,"replication_progress":50,
			"last_check_time":"2000-01-01T00:00:00Z","status":"syncing"}`
		status, body := a.call("GET", "/replication/status", "")
		assert.Equal(t, 200, status)
		assert.JSONEq(t, `{"my_index_1":`+one+`}`, body)
		status, body = a.call("GET", "/replication/status/my_index_1", "")
		assert.Equal(t, 200, status)
		assert.JSONEq(t, one, body)
	})
}

func TestMistakesGetClearErrorsInJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, func(c *httpapi.Config) { c.MaxBody = 40 })
		for _, c := range []struct {
			method, path, body string
			status             int
			says               string
		}{
			{"GET", "/replication/status/other", "", 404, `no such index: \"other\"`},
			{"GET", "/replication/health/other", "", 404, "index_not_found"},
			{"GET", "/replication/status/my_index_2", "", 404, `did you mean \"my_index_1\"?`},
			{"GET", "/nothing", "", 404, `"no such path: /nothing"`},
			{"GET", "/shard", "", 404, `no such path: /shard; did you mean \"/shards\"?`},
			{"DELETE", "/shards", "", 405, "/shards doesn't take DELETE; it takes GET, POST"},
			{"POST", "/replication/status", "{}", 405, "it takes GET"},
			{"POST", "/shards", "", 415, "wants Content-Type: application/json"},
			{"POST", "/shards", `{"action":"explode"}`, 400, `unknown action \"explode\"; there are rebalance and optimize`},
			{"POST", "/shards", `{"action":"optimise"}`, 400, `did you mean \"optimize\"?`},
			{"POST", "/shards", " ", 400, "body: there is none"},
			{"POST", "/shards", `{"acton":"rebalance"}`, 400, `unknown field \"acton\"`},
			{"POST", "/shards", `{"action":`, 400, "unexpected EOF"},
			{"POST", "/shards", `{"action":"optimize"} {}`, 400, "something follows the object"},
			{"POST", "/shards", `{"action":"` + strings.Repeat("x", 50) + `"}`, 413, "larger than 40 bytes"},
			{"POST", "/consistency", `{"index":"other"}`, 404, "no such index"},
			{"GET", "/consistency/other", "", 404, "among those checked"},
			{"POST", "/recovery/approvals", `{"approve":"wait"}`, 400, "bad_request"},
			{"POST", "/recovery/approvals", `{"approve":"raise-replicas:x"}`, 404, "no such index"},
			{"POST", "/recovery/approvals", `{"approve":"raise-replicas:"}`, 400, "no index follows the colon"},
			{"POST", "/recovery/approvals", `{"approve":"raise-replicas:*"}`, 400, "not a pattern"},
			{"GET", "/decisions?limit=none", "", 400, "want a positive number"},
			{"GET", "/decisions?limt=5", "", 400, `unknown query parameter \"limt\"; did you mean \"limit\"?`},
			{"GET", "/shards?pretty", "", 400, `unknown query parameter \"pretty\"`},
		} {
			status, body := a.call(c.method, c.path, c.body)
			assert.Equal(t, c.status, status, "%s %s", c.method, c.path)
			assert.Contains(t, body, c.says)
			var e struct {
				Error  struct{ Type, Reason string }
				Status int
			}
			require.NoError(t, json.Unmarshal([]byte(body), &e))
			assert.Equal(t, c.status, e.Status)
			assert.NotEmpty(t, e.Error.Type)
		}
	})
}

func TestShardsComeWithDocumentsAndSizes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, body := start(t, nil).call("GET", "/shards", "")
		var o controller.ShardOverview
		require.NoError(t, json.Unmarshal([]byte(body), &o))
		require.Len(t, o.Shards, 2)
		assert.Equal(t, []int64{3, 100, 2}, []int64{o.Shards[0].Docs, o.Shards[0].StoreBytes, o.Shards[0].MaxSeqNo})
		assert.Equal(t, int64(-1), o.Shards[1].Docs, "an initializing copy has no count yet")
	})
}

func TestAnOrderIsCarriedOutAndRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, nil)
		status, body := a.call("POST", "/shards", `{"action":"rebalance"}`)
		require.Equal(t, 200, status, body)
		assert.Contains(t, body, `"message": "Shard rebalancing triggered"`)
		_, body = a.call("GET", "/decisions?limit=1", "")
		assert.Contains(t, body, `"actor": "operator"`)
		status, body = a.call("POST", "/shards", `{"action":"optimize"}`)
		require.Equal(t, 200, status, body)
		assert.Contains(t, body, `"message": "Shard optimization triggered"`)

		a.cluster.set("/_cluster/settings", `{"acknowledged":false}`)
		status, body = a.call("POST", "/shards", `{"action":"optimize"}`)
		assert.Equal(t, 502, status)
		assert.Contains(t, body, "not acknowledged")
	})
}

func TestAPersonsWordIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, nil)
		_, body := a.call("GET", "/recovery/approvals", "")
		assert.JSONEq(t, "[]", body)
		status, body := a.call("POST", "/recovery/approvals", `{"approve":"raise-replicas:my_index_1"}`)
		require.Equal(t, 200, status, body)
		_, body = a.call("GET", "/recovery/approvals", "")
		assert.JSONEq(t, `["raise-replicas:my_index_1"]`, body)
		_, body = a.call("GET", "/decisions?limit=1", "")
		assert.Contains(t, body, `"actor": "operator"`)
		assert.Contains(t, body, "an operator allowed raise-replicas:my_index_1")
	})
}

func TestAConsistencyCheckRunsInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, nil)
		status, body := a.call("POST", "/consistency", `{"index":"my_index_1"}`)
		assert.Equal(t, 202, status)
		assert.Contains(t, body, "Consistency check of my_index_1 started")
		time.Sleep(time.Minute)
		status, body = a.call("GET", "/consistency/my_index_1", "")
		require.Equal(t, 200, status, body)
		assert.Contains(t, body, `"verdict": "unknown"`)
		status, body = a.call("GET", "/consistency/my_index_1?format=text", "")
		require.Equal(t, 200, status)
		assert.Contains(t, body, "[CONSISTENCY] my_index_1[0] on n2: copies, unknown: a copy is INITIALIZING: not compared")
		_, body = a.call("GET", "/metrics", "")
		assert.Contains(t, body, `shardquake_controller_index_consistency{index="my_index_1",verdict="unknown"} 1`)
	})
}

func TestShardsAreShownByNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, body := start(t, nil).call("GET", "/shards", "")
		var o controller.ShardOverview
		require.NoError(t, json.Unmarshal([]byte(body), &o))
		assert.Equal(t, []controller.NodeShards{{Name: "n1", Shards: 1}, {Name: "n2", Shards: 1}}, o.Nodes)
		assert.InDelta(t, 1, o.AvgShardsPerNode, 0)
		assert.Len(t, o.Shards, 2)
	})
}

func TestWithoutATokenOnlyLoopbackIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, nil)
		for host, want := range map[string]int{"localhost:8080": 200, "127.0.0.1:8080": 200, "[::1]:8080": 200, "LOCALHOST": 200, "evil.example:8080": 403, "10.0.0.1": 403} {
			r := httptest.NewRequest("GET", "http://"+host+"/shards", nil)
			rec := httptest.NewRecorder()
			a.ServeHTTP(rec, r)
			assert.Equal(t, want, rec.Code, host)
		}
	})
}

func TestWithATokenEverythingButHealthAsksForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, func(c *httpapi.Config) { c.Token = "secret" })
		status, _ := a.call("GET", "/shards", "")
		assert.Equal(t, 200, status)
		a.token = "wrong"
		for path, want := range map[string]int{"/shards": 401, "/metrics": 401, "/events": 401, "/decisions": 401, "/healthz": 200, "/readyz": 200, "/": 200, "/openapi.json": 200} {
			status, _ := a.call("GET", path, "")
			assert.Equal(t, want, status, path)
		}
		rec := httptest.NewRecorder()
		a.ServeHTTP(rec, httptest.NewRequest("GET", "http://localhost/shards", nil))
		assert.Equal(t, `Bearer realm="shardquake"`, rec.Header().Get("WWW-Authenticate"))
		_, body := a.call("GET", "/openapi.json", "")
		var doc struct {
			Paths      map[string]map[string]struct{ Security []map[string][]string }
			Components struct {
				SecuritySchemes map[string]struct{ Type, Scheme string }
			}
		}
		require.NoError(t, json.Unmarshal([]byte(body), &doc))
		assert.Equal(t, "bearer", doc.Components.SecuritySchemes["token"].Scheme)
		assert.Equal(t, []map[string][]string{{"token": {}}}, doc.Paths["/shards"]["post"].Security)
		assert.Empty(t, doc.Paths["/healthz"]["get"].Security)
	})
}

func TestMetricsHaveUnitsInTheirNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status, body := start(t, nil).call("GET", "/metrics", "")
		require.Equal(t, 200, status, body)
		for _, line := range []string{
			`shardquake_controller_ready 1`, `shardquake_controller_index_status{index="my_index_1",status="syncing"} 1`,
			`shardquake_controller_index_status{index="my_index_1",status="failed"} 0`, `shardquake_controller_index_replication_ratio{index="my_index_1"} 0.5`,
			`shardquake_controller_index_copies{index="my_index_1"} 2`, `shardquake_controller_cluster_active_copies{role="primary"} 1`,
			`shardquake_controller_cluster_active_copies{role="replica"} 0`, `shardquake_controller_node_cpu_ratio{node="n1"} 0.5`, `shardquake_controller_cluster_shards{state="initializing"} 1`,
			`shardquake_controller_decisions_total{acted="false",actor="shard-controller"} 1`, `shardquake_controller_recoveries 1`,
			`# TYPE shardquake_controller_client_requests_total counter`, `shardquake_controller_shard_sync_delay_operations{index="my_index_1",node="n1",shard="0"} 0`,
		} {
			assert.Contains(t, body, line+"\n")
		}
		assert.NotContains(t, body, `node_cpu_ratio{node="n2"}`, "what is not known is not reported")
	})
}

func TestListenersHearOfEveryChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		in, out := io.Pipe()
		r := httptest.NewRequest("GET", "http://localhost/events", nil).WithContext(ctx)
		go func() {
			a.ServeHTTP(pipeWriter{out, http.Header{}}, r)
			_ = out.Close()
		}()
		events := bufio.NewScanner(in)
		events.Buffer(nil, 1<<20)
		next := func() string {
			for events.Scan() {
				if text := events.Text(); text != "" && !strings.HasPrefix(text, "event:") {
					return text
				}
			}
			return ""
		}
		assert.Contains(t, next(), `"status":"syncing"`)
		assert.Equal(t, ": still here", next(), "nothing changes for a while")
		a.cluster.set("/_cat/shards", `[{"index":"my_index_1","shard":"0","prirep":"p","state":"STARTED","node":"n1"}]`)
		// What happens at one instant (a decision and the monitor's look) may be told in
		// one message or in two; what counts is that the change is told.
		changed := time.Now()
		told := skipComments(next)
		for strings.Contains(told, `"status":"syncing"`) && time.Since(changed) < time.Minute {
			told = skipComments(next)
		}
		assert.Contains(t, told, `"status":"healthy"`)
		cancel()
		for next() != "" {
			// the rest of what was sent before the listener went
		}
	})
}

func skipComments(next func() string) string {
	for {
		if text := next(); !strings.HasPrefix(text, ":") {
			return text
		}
	}
}

// pipeWriter is a response that can be read while it is written.
type pipeWriter struct {
	*io.PipeWriter
	header http.Header
}

func (p pipeWriter) Header() http.Header { return p.header }
func (p pipeWriter) WriteHeader(int)     {}
func (p pipeWriter) Flush()              {}

func TestTheDescriptionMatchesWhatTheHandlersAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, nil)
		_, text := a.call("GET", "/openapi.json", "")
		var doc struct {
			OpenAPI string
			Paths   map[string]map[string]struct {
				Summary   string
				Responses map[string]struct {
					Content map[string]struct{ Schema map[string]any }
				}
			}
		}
		require.NoError(t, json.Unmarshal([]byte(text), &doc))
		assert.Equal(t, "3.1.0", doc.OpenAPI)
		require.Contains(t, doc.Paths, "/replication/status/{index}")
		bodies := map[string]string{
			"/shards": `{"action":"rebalance"}`, "/consistency": `{"index":"my_index_1"}`, "/recovery/approvals": `{"approve":"allocate-stale-primary:my_index_1"}`,
		}
		a.call("POST", "/consistency", bodies["/consistency"])
		time.Sleep(time.Minute)
		checked := 0
		for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
			for method, op := range doc.Paths[path] {
				assert.NotEmpty(t, op.Summary)
				want := 200
				if _, later := op.Responses["202"]; later {
					want = 202
				}
				content, ok := op.Responses[strconv.Itoa(want)].Content["application/json"]
				if !ok {
					continue
				}
				body := ""
				if method == "post" {
					body = bodies[path]
				}
				status, answer := a.call(strings.ToUpper(method), strings.ReplaceAll(path, "{index}", "my_index_1"), body)
				require.Equal(t, want, status, "%s %s: %s", method, path, answer)
				var v any
				require.NoError(t, json.Unmarshal([]byte(answer), &v))
				conforms(t, method+" "+path, content.Schema, v)
				checked++
			}
		}
		assert.GreaterOrEqual(t, checked, 14)
	})
}

// conforms checks an answer against the parts of JSON schema that the description uses.
func conforms(t *testing.T, at string, schema map[string]any, v any) {
	t.Helper()
	types := map[string]bool{}
	switch x := v.(type) {
	case map[string]any:
		types["object"] = true
		props, _ := schema["properties"].(map[string]any)
		for key, value := range x {
			if p, ok := props[key].(map[string]any); ok {
				conforms(t, at+"."+key, p, value)
			} else if extra, ok := schema["additionalProperties"].(map[string]any); ok {
				conforms(t, at+"."+key, extra, value)
			} else if schema["additionalProperties"] == false {
				assert.Fail(t, "not described", "%s.%s", at, key)
			}
		}
		required, _ := schema["required"].([]any)
		for _, key := range required {
			assert.Contains(t, x, key, at)
		}
	case []any:
		types["array"] = true
		items, _ := schema["items"].(map[string]any)
		for _, value := range x {
			conforms(t, at+"[]", items, value)
		}
	case string:
		types["string"] = true
	case bool:
		types["boolean"] = true
	case float64:
		types["number"] = true
		types["integer"] = x == float64(int64(x))
	case nil:
		types["null"] = true
	}
	if want, ok := schema["type"].(string); ok {
		assert.True(t, types[want], "%s is %v, described as %s", at, v, want)
	}
}
