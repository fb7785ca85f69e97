package controller_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/internal/clock"
)

// oneNode is a client for a cluster behind a real server on loopback.
func oneNode(t *testing.T, h http.Handler, change func(*controller.ClientConfig)) *controller.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	cfg := controller.ClientConfig{Clock: clock.NewReal(1), Transport: srv.Client().Transport, Endpoints: []controller.Endpoint{{URL: srv.URL}}}
	if change != nil {
		change(&cfg)
	}
	c, err := controller.NewClient(cfg)
	require.NoError(t, err)
	return c
}

// answers serves one fixed answer, as Elasticsearch would.
func answers(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func TestShardAllocationIsReadAndSorted(t *testing.T) {
	c := oneNode(t, answers(200, `[
		{"index":"b","shard":"0","prirep":"r","state":"UNASSIGNED","node":null,"unassigned.reason":"NODE_LEFT"},
		{"index":"b","shard":"0","prirep":"p","state":"RELOCATING","node":"n 1 -> 172.18.0.4 aBc n 2","unassigned.reason":null},
		{"index":"a","shard":"10","prirep":"p","state":"STARTED","node":"n1"},
		{"index":"a","shard":"9","prirep":"p","state":"INITIALIZING","node":"n\u00fc\"2","docs":"7","store":"12"}]`), nil)
	shards, err := c.GetShardAllocation(t.Context())
	require.NoError(t, err)
	blank := controller.ShardInfo{Docs: -1, StoreBytes: -1, MaxSeqNo: -2, LocalCheckpoint: -2, GlobalCheckpoint: -2}
	with := func(f func(*controller.ShardInfo)) controller.ShardInfo { s := blank; f(&s); return s }
	assert.Equal(t, []controller.ShardInfo{
		with(func(s *controller.ShardInfo) {
			s.Index, s.Shard, s.Primary, s.State, s.Node, s.Docs, s.StoreBytes = "a", 9, true, "INITIALIZING", `nü"2`, 7, 12
		}),
		with(func(s *controller.ShardInfo) {
			s.Index, s.Shard, s.Primary, s.State, s.Node = "a", 10, true, "STARTED", "n1"
		}),
		with(func(s *controller.ShardInfo) {
			s.Index, s.Primary, s.State, s.Node, s.RelocatingTo = "b", true, "RELOCATING", "n 1", "n 2"
		}),
		with(func(s *controller.ShardInfo) { s.Index, s.State, s.UnassignedReason = "b", "UNASSIGNED", "NODE_LEFT" }),
	}, shards)
}

func TestAnUnchangedAnswerIsNotParsedAgain(t *testing.T) {
	c := oneNode(t, newFakeCluster(3, started("logs", 2, 2, 2)...), nil)
	first, err := c.GetShardAllocation(t.Context())
	require.NoError(t, err)
	second, err := c.GetShardAllocation(t.Context())
	require.NoError(t, err)
	assert.Same(t, &first[0], &second[0])
	assert.Equal(t, int64(1), c.Stats().Unchanged)
}

func TestSettingsThatAreAsTheyWereAreNotParsedAgain(t *testing.T) {
	c := oneNode(t, answers(200, `{"persistent":{"a.b":"1"},"transient":{},"defaults":{"c.d":["x","y"]}}`), nil)
	first, err := c.GetClusterSettings(t.Context())
	require.NoError(t, err)
	again, err := c.GetClusterSettings(t.Context())
	require.NoError(t, err)
	assert.Equal(t, first, again)
	assert.Equal(t, "1", again.Effective("a.b"))
	assert.Equal(t, int64(1), c.Stats().Unchanged)
}

func TestRecoveriesAreReadWithStagesAndPercentages(t *testing.T) {
	c := oneNode(t, answers(200, `{"z":{"shards":[{"id":1,"type":"EXISTING_STORE","stage":"TRANSLOG","primary":true,"source":{},"target":{"name":"n3"},
		"index":{"size":{"total_in_bytes":10,"reused_in_bytes":10,"recovered_in_bytes":0}},"translog":{"recovered":30,"total":40}}]},"a":`+
		strings.TrimPrefix(oneRecovery, `{"index_1":`)), nil)
	rs, err := c.GetRecoveryStatus(t.Context())
	require.NoError(t, err)
	require.Len(t, rs, 2)
	assert.Equal(t, "index", rs[0].Stage)
	assert.InDelta(t, 45.2, rs[0].Percent(), 1e-9, "452 of the 1000 bytes that were not there yet")
	assert.Equal(t, "node-1", rs[0].From())
	assert.Equal(t, 1500*time.Millisecond, rs[0].Elapsed)
	assert.Zero(t, rs[0].OpsPercent(), "how many operations there will be is not known")
	assert.InDelta(t, 75, rs[1].Percent(), 1e-9, "in stage translog operations count")
	assert.InDelta(t, 100, rs[1].BytesPercent(), 1e-9, "nothing to copy")
	assert.Equal(t, "EXISTING_STORE", rs[1].From())
	assert.Zero(t, controller.ShardRecovery{Stage: "init", BytesTotal: 5}.Percent())
}

func TestClusterStatsCountNodesThatHoldData(t *testing.T) {
	c := oneNode(t, answers(200, `{"cluster_name":"c","status":"yellow","nodes":{"count":{"total":5,"master":3,"data_hot":2,"data_warm":1,"ingest":5}},
		"indices":{"count":2,"shards":{"total":7,"primaries":4,"replication":0.75},"docs":{"count":99},"store":{"size_in_bytes":1024}}}`), nil)
	s, err := c.GetClusterStats(t.Context())
	require.NoError(t, err)
	assert.Equal(t, controller.ClusterStats{Cluster: "c", Status: "yellow", Nodes: 5, DataNodes: 2, Indices: 2, Shards: 7, Primaries: 4, Docs: 99, StoreBytes: 1024}, s)
}

func TestAStateThatIsNotRecoveredIsRed(t *testing.T) {
	c := oneNode(t, answers(200, `{"cluster_name":"c","status":"green","number_of_nodes":1,"number_of_data_nodes":1,"active_shards_percent_as_number":"NaN"}`), nil)
	h, err := c.GetClusterHealth(t.Context())
	require.NoError(t, err)
	assert.Equal(t, controller.ClusterHealth{Cluster: "c", Status: "red", Nodes: 1, DataNodes: 1}, h)
	c = oneNode(t, answers(200, `{"status":"yellow","active_shards_percent_as_number":62.5}`), nil)
	h, err = c.GetClusterHealth(t.Context())
	require.NoError(t, err)
	assert.InDelta(t, 62.5, h.ActiveShardsPercent, 0)
	c = oneNode(t, answers(200, `{"status":"yellow","active_shards_percent_as_number":"many"}`), nil)
	_, err = c.GetClusterHealth(t.Context())
	assert.ErrorContains(t, err, "active_shards_percent_as_number")
}

func TestSettingsInForceAreTransientBeforePersistentBeforeDefault(t *testing.T) {
	c := oneNode(t, answers(200, `{"persistent":{"a":"1","b":"1"},"transient":{"a":"2"},"defaults":{"a":"0","b":"0","c":"0","d":["x","y"]}}`), nil)
	s, err := c.GetClusterSettings(t.Context())
	require.NoError(t, err)
	got := map[string]string{}
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		got[key] = s.Effective(key)
	}
	assert.Equal(t, map[string]string{"a": "2", "b": "1", "c": "0", "d": `["x","y"]`, "e": ""}, got)
}

func TestSettingsNotAcknowledgedAreAnError(t *testing.T) {
	c := oneNode(t, answers(200, `{"acknowledged":false,"persistent":{},"transient":{}}`), nil)
	assert.ErrorContains(t, c.UpdateClusterSettings(t.Context(), controller.ClusterSettings{}), "not acknowledged")
}

func TestErrorsOfElasticsearchKeepTheirTypeAndReason(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":{"root_cause":[],"type":"illegal_argument_exception","reason":"no such setting"},"status":400}`: "cluster.stats: status 400 illegal_argument_exception: no such setting",
		`{"error":"Incorrect HTTP method","status":405}`:                                                          "cluster.stats: status 400: Incorrect HTTP method",
		`<html>bad gateway`: "cluster.stats: status 400: <html>bad gateway",
		``:                  "cluster.stats: status 400: Bad Request",
	} {
		_, err := oneNode(t, answers(400, body), nil).GetClusterStats(t.Context())
		assert.EqualError(t, err, want)
		assert.True(t, controller.HasStatus(err, 400))
	}
}

func TestAnAnswerThatIsNotElasticsearchsIsRefused(t *testing.T) {
	c := oneNode(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }), func(cfg *controller.ClientConfig) { cfg.Retries = -1 })
	_, err := c.GetClusterHealth(t.Context())
	assert.ErrorContains(t, err, "not Elasticsearch")
}

func TestMalformedAndOversizedAnswersAreErrors(t *testing.T) {
	_, err := oneNode(t, answers(200, `[{"index":"a"`), nil).GetShardAllocation(t.Context())
	require.ErrorContains(t, err, "malformed _cat answer")
	_, err = oneNode(t, answers(200, `{"a":`), nil).GetRecoveryStatus(t.Context())
	require.Error(t, err)
	_, err = oneNode(t, answers(200, strings.Repeat(" ", 100)), func(cfg *controller.ClientConfig) { cfg.MaxAnswer = 99 }).GetClusterStats(t.Context())
	require.ErrorIs(t, err, controller.ErrTooLarge)
}

func TestCredentialsAreSentWithEveryCall(t *testing.T) {
	var got string
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		answers(200, "{}").ServeHTTP(w, r)
	})
	_, err := oneNode(t, h, func(c *controller.ClientConfig) { c.APIKey = "a2V5" }).GetClusterHealth(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "APIKey a2V5", got)
	_, err = oneNode(t, h, func(c *controller.ClientConfig) { c.Username, c.Password = "elastic", "secret" }).GetClusterHealth(t.Context())
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(got, "Basic "), got)
}

func TestACallGoesOnToTheNextNodeAndStaysThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, clock.NewReal(1), newFakeCluster(1), nil, "dead1", "dead2", "n3")
		_, err := c.GetClusterHealth(t.Context())
		require.NoError(t, err)
		assert.Equal(t, controller.ClientStats{Calls: 3, Failures: 2, Retries: 2, Endpoint: "n3"}, c.Stats())
		_, err = c.GetClusterHealth(t.Context())
		require.NoError(t, err)
		assert.Equal(t, int64(4), c.Stats().Calls, "the second call began where the first succeeded")
	})
}

func TestASilentNodeCostsOneTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, clock.NewReal(1), newFakeCluster(1), func(cfg *controller.ClientConfig) { cfg.CallTimeout = 4 * second }, "silent", "n2")
		start := time.Now()
		_, err := c.GetClusterHealth(t.Context())
		require.NoError(t, err)
		took := time.Since(start)
		assert.GreaterOrEqual(t, took, 4*second+100*time.Millisecond)
		assert.LessOrEqual(t, took, 4*second+200*time.Millisecond)
	})
}

func TestABusyNodeIsAskedAgainLaterAsItWishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(1)
		refusals := 2
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			if refusals--; refusals >= 0 {
				rec := httptest.NewRecorder()
				rec.Header().Set("Retry-After", "3")
				rec.WriteHeader(http.StatusTooManyRequests)
				return rec.Result(), nil
			}
			return fake.RoundTrip(r)
		})
		c := newClient(t, clock.NewReal(1), transport, nil, "n1")
		start := time.Now()
		_, err := c.GetClusterHealth(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 6*second, time.Since(start))
	})
}

func TestRetriesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, clock.NewReal(1), newFakeCluster(1), func(cfg *controller.ClientConfig) { cfg.Retries = 5 }, "dead")
		start := time.Now()
		_, err := c.GetClusterHealth(t.Context())
		require.ErrorContains(t, err, "gave up after 6 attempts")
		assert.Equal(t, int64(6), c.Stats().Calls)
		total := time.Since(start)
		assert.GreaterOrEqual(t, total, 3100*time.Millisecond)
		assert.LessOrEqual(t, total, 6200*time.Millisecond, "0.2 + 0.4 + 0.8 + 1.6 + 3.2 s, each halved at most")
	})
}

func TestARefusedCallIsNotRepeated(t *testing.T) {
	fake := newFakeCluster(1)
	fake.fail = func(*http.Request) (int, string) {
		return 403, `{"error":{"type":"security_exception","reason":"no"},"status":403}`
	}
	c := newClient(t, clock.NewReal(1), fake, nil, "n1", "n2")
	_, err := c.GetClusterHealth(t.Context())
	assert.ErrorContains(t, err, "security_exception")
	assert.Equal(t, int64(1), c.Stats().Calls)
}

func TestACallEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, clock.NewReal(1), newFakeCluster(1), nil, "silent")
		ctx, cancel := context.WithTimeout(t.Context(), second)
		defer cancel()
		_, err := c.GetClusterHealth(ctx)
		require.True(t, errors.Is(err, context.DeadlineExceeded), "%v", err)
		assert.Equal(t, int64(1), c.Stats().Calls)
	})
}

func TestAClientConfigurationThatMakesNoSenseIsRefused(t *testing.T) {
	clk, transport := clock.NewReal(1), newFakeCluster(1)
	at := func(url string) []controller.Endpoint { return []controller.Endpoint{{URL: url}} }
	for want, cfg := range map[string]controller.ClientConfig{
		"no clock":         {Transport: transport, Endpoints: at("http://a:1")},
		"no transport":     {Clock: clk, Endpoints: at("http://a:1")},
		"no endpoint":      {Clock: clk, Transport: transport},
		"want http://":     {Clock: clk, Transport: transport, Endpoints: at("a:9200")},
		"http://a:b:c":     {Clock: clk, Transport: transport, Endpoints: at("http://a:b:c")},
		"from 1 to 65535":  {Clock: clk, Transport: transport, Endpoints: at("http://a:99999")},
		"both an API key":  {Clock: clk, Transport: transport, Endpoints: at("http://a:1"), Credentials: controller.Credentials{APIKey: "k", Username: "u"}},
		"password without": {Clock: clk, Transport: transport, Endpoints: at("http://a:1"), Credentials: controller.Credentials{Password: "p"}},
		"negative limit":   {Clock: clk, Transport: transport, Endpoints: at("http://a:1"), CallTimeout: -1},
	} {
		_, err := controller.NewClient(cfg)
		assert.ErrorContains(t, err, want)
	}
}

func TestAProxysPageIsToldOnOneLine(t *testing.T) {
	_, err := oneNode(t, answers(404, "<html>\n  <h1>not\tfound</h1>\n</html>\n"), nil).GetClusterHealth(t.Context())
	assert.EqualError(t, err, "cluster.health: status 404: <html> <h1>not found</h1> </html>")
	_, err = oneNode(t, answers(404, " \n"), nil).GetClusterHealth(t.Context())
	assert.EqualError(t, err, "cluster.health: status 404: Not Found")
}

func TestSomethingElseThanElasticsearchIsNotTakenForIt(t *testing.T) {
	_, err := oneNode(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }), func(c *controller.ClientConfig) { c.Retries = -1 }).GetClusterHealth(t.Context())
	assert.ErrorContains(t, err, "not Elasticsearch")
}

func TestAPasswordInAnAddressIsNotTold(t *testing.T) {
	for _, url := range []string{"http://u:geheim@127.0.0.1:99999", "http://u:geheim@127.0.0.1:x"} {
		_, err := controller.NewClient(controller.ClientConfig{Clock: clock.NewReal(1), Transport: newFakeCluster(1), Endpoints: []controller.Endpoint{{URL: url}}})
		require.ErrorContains(t, err, "127.0.0.1")
		assert.NotContains(t, err.Error(), "geheim")
	}
	c := oneNode(t, answers(200, "{}"), func(cfg *controller.ClientConfig) {
		cfg.Endpoints[0].URL = "http://u:geheim@127.0.0.1:9"
		cfg.Transport = roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("refused") })
		cfg.Retries = -1
	})
	_, err := c.GetClusterHealth(t.Context())
	require.ErrorContains(t, err, "u:xxxxx@127.0.0.1:9: refused")
	assert.NotContains(t, c.Stats().Endpoint, "geheim")
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
