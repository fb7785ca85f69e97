package restapi_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/typedapi/core/bulk"
	"github.com/elastic/go-elasticsearch/v8/typedapi/types"
	"github.com/elastic/go-elasticsearch/v8/typedapi/types/enums/healthstatus"
	"github.com/elastic/go-elasticsearch/v8/typedapi/types/enums/level"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi"
)

// The typed client of go-elasticsearch decodes every answer: it checks the product
// header, sends vendor media types and is strict about types.
func TestTheTypedClientDecodesEveryAnswer(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 3)
	es, err := elasticsearch.NewTypedClient(elasticsearch.Config{
		Addresses: []string{"http://n1:9200"}, Transport: restapi.New(w.c).RoundTripper("client"), DisableRetry: true,
	})
	require.NoError(t, err)
	step := func(name string, f func(ctx context.Context) (any, error)) any {
		var got any
		var err error
		w.run(func(ctx context.Context) { got, err = f(ctx) })
		require.NoError(t, err, name)
		require.NotNil(t, got, name)
		return got
	}
	shards, replicas := "2", "1"
	step("create", func(ctx context.Context) (any, error) {
		return es.Indices.Create("logs").Settings(&types.IndexSettings{NumberOfShards: &shards, NumberOfReplicas: &replicas}).Do(ctx)
	})
	health := step("health", func(ctx context.Context) (any, error) {
		return es.Cluster.Health().WaitForStatus(healthstatus.Green).Level(level.Shards).Do(ctx)
	})
	assert.Contains(t, marshalled(t, health), `"status":"green"`)
	step("index", func(ctx context.Context) (any, error) {
		return es.Index("logs").Id("1").Document(map[string]int{"n": 1}).Do(ctx)
	})
	step("bulk", func(ctx context.Context) (any, error) {
		b := es.Bulk().Index("logs")
		if err := b.IndexOp(types.IndexOperation{}, map[string]int{"n": 2}); err != nil {
			return nil, err
		}
		id := "1"
		if err := b.UpdateOp(types.UpdateOperation{Id_: &id}, map[string]int{"n": 3}, nil); err != nil {
			return nil, err
		}
		var answer *bulk.Response
		answer, err := b.Do(ctx)
		if err == nil {
			assert.False(t, answer.Errors)
		}
		return answer, err
	})
	step("get", func(ctx context.Context) (any, error) { return es.Get("logs", "1").Do(ctx) })
	step("refresh", func(ctx context.Context) (any, error) { return es.Indices.Refresh().Index("logs").Do(ctx) })
	step("flush", func(ctx context.Context) (any, error) { return es.Indices.Flush().Index("logs").Do(ctx) })
	found := step("search", func(ctx context.Context) (any, error) {
		return es.Search().Index("logs").Query(&types.Query{MatchAll: &types.MatchAllQuery{}}).Do(ctx)
	})
	assert.Contains(t, marshalled(t, found), `"value":2`)
	step("count", func(ctx context.Context) (any, error) { return es.Count().Index("logs").Do(ctx) })
	for name, f := range map[string]func(ctx context.Context) (any, error){
		"info":             func(ctx context.Context) (any, error) { return es.Info().Do(ctx) },
		"cluster.stats":    func(ctx context.Context) (any, error) { return es.Cluster.Stats().Do(ctx) },
		"cluster.settings": func(ctx context.Context) (any, error) { return es.Cluster.GetSettings().IncludeDefaults(true).Do(ctx) },
		"cluster.state":    func(ctx context.Context) (any, error) { return es.Cluster.State().Do(ctx) },
		"pending":          func(ctx context.Context) (any, error) { return es.Cluster.PendingTasks().Do(ctx) },
		"reroute":          func(ctx context.Context) (any, error) { return es.Cluster.Reroute().Metric("none").Do(ctx) },
		"explain": func(ctx context.Context) (any, error) {
			return es.Cluster.AllocationExplain().Index("logs").Shard(0).Primary(true).Do(ctx)
		},
		"recovery":   func(ctx context.Context) (any, error) { return es.Indices.Recovery().Do(ctx) },
		"stats":      func(ctx context.Context) (any, error) { return es.Indices.Stats().Level(level.Shards).Do(ctx) },
		"nodes":      func(ctx context.Context) (any, error) { return es.Nodes.Info().Do(ctx) },
		"nodes.stat": func(ctx context.Context) (any, error) { return es.Nodes.Stats().Do(ctx) },
		"index":      func(ctx context.Context) (any, error) { return es.Indices.Get("logs").Do(ctx) },
		"settings":   func(ctx context.Context) (any, error) { return es.Indices.GetSettings().Index("logs").Do(ctx) },
		"mapping":    func(ctx context.Context) (any, error) { return es.Indices.GetMapping().Index("logs").Do(ctx) },
		"cat.health": func(ctx context.Context) (any, error) { return es.Cat.Health().Do(ctx) },
		"cat.nodes":  func(ctx context.Context) (any, error) { return es.Cat.Nodes().Do(ctx) },
		"cat.shards": func(ctx context.Context) (any, error) { return es.Cat.Shards().Do(ctx) },
		"cat.recov":  func(ctx context.Context) (any, error) { return es.Cat.Recovery().Do(ctx) },
		"cat.alloc":  func(ctx context.Context) (any, error) { return es.Cat.Allocation().Do(ctx) },
		"cat.index":  func(ctx context.Context) (any, error) { return es.Cat.Indices().Do(ctx) },
	} {
		step(name, f)
	}
	step("put settings", func(ctx context.Context) (any, error) {
		return es.Cluster.PutSettings().Persistent(map[string]jsonRaw{"indices.recovery.max_bytes_per_sec": jsonRaw(`"50mb"`)}).Do(ctx)
	})
	var failed error
	w.run(func(ctx context.Context) { _, failed = es.Indices.Get("nope").Do(ctx) })
	var typed *types.ElasticsearchError
	require.ErrorAs(t, failed, &typed)
	assert.Equal(t, 404, typed.Status)
	assert.Equal(t, "index_not_found_exception", typed.ErrorCause.Type)
	step("delete", func(ctx context.Context) (any, error) { return es.Indices.Delete("logs").Do(ctx) })
}

type jsonRaw = json.RawMessage

func marshalled(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}
