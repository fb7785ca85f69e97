package controller_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/internal/clock"
)

// wire notes the requests that are sent, and answers like a cluster that has nothing.
type wire struct{ sent []string }

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(b)
	}
	w.sent = append(w.sent, fmt.Sprintf("%s %s %d [%s] [%s] %s", r.Method, r.URL, r.ContentLength, r.Header.Get("Content-Type"), r.Header.Get("Authorization"), body))
	a := httptest.NewRecorder()
	a.Header().Set("X-Elastic-Product", "Elasticsearch")
	answer := `{"acknowledged":true,"id":"x","snapshots":[]}`
	if strings.HasPrefix(r.URL.Path, "/base/_cat/") {
		answer = `[]`
	}
	if r.URL.Path == "/base/_nodes/shutdown" {
		answer = `{"nodes":[]}`
	}
	if r.URL.Path == "/base/_recovery" || r.URL.Path == "/base/_snapshot" || strings.HasPrefix(r.URL.Path, "/base/_all/_settings") {
		answer = `{}`
	}
	a.WriteString(answer)
	return a.Result(), nil
}

// The client builds its requests itself; go-elasticsearch's own say what they have to be.
func TestRequestsAreThoseOfGoElasticsearch(t *testing.T) {
	yes, no := true, false
	seqNo, term := 7, 2
	columns := []string{"index", "shard", "prirep", "state", "node", "unassigned.reason"}
	details := append(columns, "docs", "store", "seq_no.max", "seq_no.local_checkpoint", "seq_no.global_checkpoint",
		"search.query_total", "search.query_time", "get.total", "get.time", "indexing.index_total", "indexing.index_time")
	for name, c := range map[string]struct {
		call func(ctx context.Context, c *controller.Client) error
		same esapi.Request
	}{
		"allocation of shards": {
			func(ctx context.Context, c *controller.Client) error { _, err := c.GetShardAllocation(ctx); return err },
			esapi.CatShardsRequest{Format: "json", H: columns},
		},
		"details of two indices": {
			func(ctx context.Context, c *controller.Client) error {
				_, err := c.GetShardDetails(ctx, "b", "a")
				return err
			},
			esapi.CatShardsRequest{Index: []string{"b", "a"}, Format: "json", H: details, Bytes: "b", Time: "ms"},
		},
		"recoveries": {
			func(ctx context.Context, c *controller.Client) error { _, err := c.GetRecoveryStatus(ctx); return err },
			esapi.IndicesRecoveryRequest{ActiveOnly: &yes, FilterPath: []string{
				"*.shards.id", "*.shards.type", "*.shards.stage", "*.shards.primary", "*.shards.total_time_in_millis",
				"*.shards.source.name", "*.shards.target.name", "*.shards.index.size", "*.shards.index.files",
				"*.shards.index.*_throttle_time_in_millis", "*.shards.translog.recovered", "*.shards.translog.total",
			}},
		},
		"totals": {
			func(ctx context.Context, c *controller.Client) error { _, err := c.GetClusterStats(ctx); return err },
			esapi.ClusterStatsRequest{FilterPath: []string{
				"cluster_name", "status", "nodes.count", "indices.count", "indices.shards.total", "indices.shards.primaries",
				"indices.docs.count", "indices.store.size_in_bytes",
			}},
		},
		"health": {
			func(ctx context.Context, c *controller.Client) error { _, err := c.GetClusterHealth(ctx); return err },
			esapi.ClusterHealthRequest{},
		},
		"a look for a master": {
			func(ctx context.Context, c *controller.Client) error { return c.FindMaster(ctx) },
			esapi.ClusterHealthRequest{MasterTimeout: time.Second},
		},
		"an explanation of one copy": {
			func(ctx context.Context, c *controller.Client) error {
				_, err := c.ExplainCopy(ctx, "logs", 3, false, "n1")
				return err
			},
			esapi.ClusterAllocationExplainRequest{Body: strings.NewReader(`{"current_node":"n1","index":"logs","primary":false,"shard":3}`)},
		},
		"shutdowns": {
			func(ctx context.Context, c *controller.Client) error { _, err := c.GetShutdowns(ctx); return err },
			esapi.ShutdownGetNodeRequest{},
		},
		"settings": {
			func(ctx context.Context, c *controller.Client) error { _, err := c.GetClusterSettings(ctx); return err },
			esapi.ClusterGetSettingsRequest{FlatSettings: &yes, IncludeDefaults: &yes},
		},
		"a change of settings": {
			func(ctx context.Context, c *controller.Client) error {
				return c.UpdateClusterSettings(ctx, controller.ClusterSettings{Transient: map[string]*string{"a": nil}})
			},
			esapi.ClusterPutSettingsRequest{Body: strings.NewReader(`{"transient":{"a":null}}`)},
		},
		"an explanation": {
			func(ctx context.Context, c *controller.Client) error {
				_, err := c.ExplainAllocation(ctx, "logs", 3, true)
				return err
			},
			esapi.ClusterAllocationExplainRequest{Body: strings.NewReader(`{"index":"logs","primary":true,"shard":3}`)},
		},
		"settings of indices": {
			func(ctx context.Context, c *controller.Client) error {
				_, err := c.GetIndexSettings(ctx, "index.routing.*", "index.blocks.*")
				return err
			},
			esapi.IndicesGetSettingsRequest{Index: []string{"_all"}, Name: []string{"index.routing.*", "index.blocks.*"}, FlatSettings: &yes},
		},
		"a change of an index": {
			func(ctx context.Context, c *controller.Client) error {
				return c.UpdateIndexSettings(ctx, "<logs>é", map[string]*string{"a": nil})
			},
			esapi.IndicesPutSettingsRequest{Index: []string{"<logs>é"}, Body: strings.NewReader(`{"a":null}`)},
		},
		"a document": {
			func(ctx context.Context, c *controller.Client) error {
				_, err := c.GetDocument(ctx, "i", "a b")
				return err
			},
			esapi.GetRequest{Index: "i", DocumentID: "a b"},
		},
		"a new document": {
			func(ctx context.Context, c *controller.Client) error {
				_, err := c.PutDocument(ctx, "i", "d", controller.Document{}, []byte(`{}`))
				return err
			},
			esapi.IndexRequest{Index: "i", DocumentID: "d", OpType: "create", Body: strings.NewReader(`{}`)},
		},
		"a changed document": {
			func(ctx context.Context, c *controller.Client) error {
				_, err := c.PutDocument(ctx, "i", "d", controller.Document{Found: true, SeqNo: 7, PrimaryTerm: 2}, []byte(`{}`))
				return err
			},
			esapi.IndexRequest{Index: "i", DocumentID: "d", IfSeqNo: &seqNo, IfPrimaryTerm: &term, Body: strings.NewReader(`{}`)},
		},
		"a new index": {
			func(ctx context.Context, c *controller.Client) error { return c.CreateIndex(ctx, "i", nil) },
			esapi.IndicesCreateRequest{Index: "i", Body: strings.NewReader(`{"settings":null}`)},
		},
		"a refresh": {
			func(ctx context.Context, c *controller.Client) error { return c.Refresh(ctx, "i") },
			esapi.IndicesRefreshRequest{Index: []string{"i"}},
		},
		"a point in time": {
			func(ctx context.Context, c *controller.Client) error {
				_, err := c.OpenPointInTime(ctx, "i", 2, "n1", "1m")
				return err
			},
			esapi.OpenPointInTimeRequest{Index: []string{"i"}, KeepAlive: "1m", Preference: "_shards:2|_only_nodes:n1"},
		},
		"the end of a point in time": {
			func(ctx context.Context, c *controller.Client) error { return c.ClosePointInTime(ctx, "x") },
			esapi.ClosePointInTimeRequest{Body: strings.NewReader(`{"id":"x"}`)},
		},
		"a page of a scan": {
			func(ctx context.Context, c *controller.Client) error {
				_, err := c.ScanNext(ctx, controller.Scan{PointInTime: "p", KeepAlive: "1m", Size: 5})
				return err
			},
			esapi.SearchRequest{
				AllowPartialSearchResults: &no,
				FilterPath:                []string{"pit_id", "hits.hits._id", "hits.hits._seq_no", "hits.hits._primary_term", "hits.hits._source", "hits.hits.sort"},
				Body: strings.NewReader(`{"_source":true,"pit":{"id":"p","keep_alive":"1m"},"query":{"match_all":{}},"seq_no_primary_term":true,` +
					`"size":5,"sort":["_shard_doc"],"track_total_hits":false}`),
			},
		},
		"repositories": {
			func(ctx context.Context, c *controller.Client) error { _, err := c.GetRepositories(ctx); return err },
			esapi.SnapshotGetRepositoryRequest{},
		},
		"a repository verified": {
			func(ctx context.Context, c *controller.Client) error { return c.VerifyRepository(ctx, "r") },
			esapi.SnapshotVerifyRepositoryRequest{Repository: "r"},
		},
		"snapshots": {
			func(ctx context.Context, c *controller.Client) error { _, err := c.GetSnapshots(ctx, "r"); return err },
			esapi.SnapshotGetRequest{Repository: "r", Snapshot: []string{"_all"}},
		},
		"a restore": {
			func(ctx context.Context, c *controller.Client) error {
				return c.RestoreIndex(ctx, controller.Snapshot{Repository: "r", Name: "s"}, "i")
			},
			esapi.SnapshotRestoreRequest{Repository: "r", Snapshot: "s", Body: strings.NewReader(`{"include_global_state":false,"indices":["i"]}`)},
		},
		"an index deleted": {
			func(ctx context.Context, c *controller.Client) error { return c.DeleteIndex(ctx, "i") },
			esapi.IndicesDeleteRequest{Index: []string{"i"}},
		},
		"nodes": {
			func(ctx context.Context, c *controller.Client) error { _, err := c.GetNodeStats(ctx); return err },
			esapi.NodesStatsRequest{Metric: []string{"os", "jvm", "fs", "transport"}, FilterPath: []string{
				"nodes.*.name", "nodes.*.roles", "nodes.*.attributes", "nodes.*.os.cpu.percent", "nodes.*.jvm.mem.heap_used_in_bytes",
				"nodes.*.jvm.mem.heap_max_in_bytes", "nodes.*.fs.total.total_in_bytes", "nodes.*.fs.total.available_in_bytes",
				"nodes.*.fs.io_stats.total.io_time_in_millis", "nodes.*.transport.rx_size_in_bytes", "nodes.*.transport.tx_size_in_bytes",
			}},
		},
		"a reroute tried": {
			func(ctx context.Context, c *controller.Client) error {
				_, err := c.Reroute(ctx, nil, controller.RerouteOptions{DryRun: true, RetryFailed: true})
				return err
			},
			esapi.ClusterRerouteRequest{Body: strings.NewReader(`{"commands":[]}`), Explain: &yes, DryRun: &yes, RetryFailed: &yes, Metric: []string{"none"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := &wire{}, &wire{}
			client, err := controller.NewClient(controller.ClientConfig{
				Clock: clock.NewReal(1), Transport: ours, Credentials: controller.Credentials{APIKey: "a2V5"},
				Endpoints: []controller.Endpoint{{URL: "http://n1:9200/base/"}},
			})
			require.NoError(t, err)
			require.NoError(t, c.call(t.Context(), client))
			es, err := elasticsearch.NewBaseClient(elasticsearch.Config{Addresses: []string{"http://n1:9200/base/"}, Transport: theirs, APIKey: "a2V5"})
			require.NoError(t, err)
			res, err := c.same.Do(t.Context(), es)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			assert.Equal(t, theirs.sent, ours.sent)
		})
	}
}
