package restapi_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic"
)

// at finds a number in an answer by its path.
func at(t *testing.T, body string, path ...string) float64 {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal([]byte(body), &v))
	for _, p := range path {
		switch x := v.(type) {
		case map[string]any:
			if p == "*" {
				for _, only := range x {
					v = only
				}
				continue
			}
			require.Contains(t, x, p)
			v = x[p]
		case []any:
			require.Len(t, x, 1)
			v = x[0]
		}
	}
	n, ok := v.(float64)
	require.True(t, ok, "%v is a number: %v", path, v)
	return n
}

func TestALoadShowsWhereElasticsearchShowsIt(t *testing.T) {
	w := newWorld(t, 1)
	var stats, shards, later, pool string
	w.run(func(ctx context.Context) {
		w.do(ctx, "PUT", "/logs", `{"settings":{"number_of_shards":1,"number_of_replicas":0,"refresh_interval":"1s"}}`)
		w.c.SetLoad([]elastic.Load{{Index: "logs", WritesPerSec: 2000, ReadsPerSec: 3000, DocBytes: 500}})
		assert.NoError(t, w.engine.Sleep(ctx, 2*time.Minute))
		stats, shards = w.do(ctx, "GET", "/_nodes/stats", "").body, w.do(ctx, "GET", "/_stats?level=shards", "").body
		assert.NoError(t, w.engine.Sleep(ctx, 10*time.Second))
		later = w.do(ctx, "GET", "/_stats?level=shards", "").body
		w.c.SetLoad([]elastic.Load{{Index: "logs", WritesPerSec: 50_000, ReadsPerSec: 50_000, DocBytes: 500}})
		assert.NoError(t, w.engine.Sleep(ctx, 30*time.Second))
		pool = w.do(ctx, "GET", "/_nodes/stats/thread_pool,os", "").body
	})
	node := func(path ...string) float64 { return at(t, stats, append([]string{"nodes", "*"}, path...)...) }
	assert.InDelta(t, 54, node("os", "cpu", "percent"), 8, "2000 × 100 µs, 3000 × 200 µs, coordination and merges, of 2 processors")
	assert.InDelta(t, 1, node("os", "cpu", "load_average", "1m"), 0.6)
	assert.InDelta(t, 120*2*0.54, node("process", "cpu", "total_in_millis")/1000, 25)
	assert.InDelta(t, 240_000, node("indices", "indexing", "index_total"), 2500)
	assert.InDelta(t, 360_000, node("indices", "search", "query_total"), 3500)
	assert.Greater(t, node("indices", "search", "query_time_in_millis"), 360_000*0.2)
	assert.Positive(t, node("indices", "merges", "total_size_in_bytes"))
	assert.Positive(t, node("indices", "segments", "index_writer_memory_in_bytes"))
	assert.Greater(t, node("fs", "io_stats", "total", "write_kilobytes"), 2*240_000*500./1024*0.95)
	assert.Positive(t, node("fs", "io_stats", "total", "io_time_in_millis"))
	assert.Greater(t, node("transport", "rx_size_in_bytes"), 240_000*500*0.95)
	assert.Positive(t, node("thread_pool", "write", "completed"))
	assert.Zero(t, node("thread_pool", "write", "rejected"))

	shard := func(body string, path ...string) float64 {
		return at(t, body, append([]string{"indices", "logs", "shards", "0", ""}, path...)...)
	}
	ops := shard(later, "search", "query_total") - shard(shards, "search", "query_total")
	assert.InEpsilon(t, 3000*10, ops, 0.02, "from two looks comes the rate")
	spent := shard(later, "search", "query_time_in_millis") - shard(shards, "search", "query_time_in_millis")
	assert.InDelta(t, 0.27, spent/ops, 0.08, "and the mean time: 0.2 ms and the wait for a processor")
	assert.InDelta(t, 2000*130e-6, shard(later, "indexing", "write_load"), 0.15)

	assert.EqualValues(t, 100, at(t, pool, "nodes", "*", "os", "cpu", "percent"))
	for name, queue := range map[string]float64{"write": 10_000, "search": 1000} {
		assert.InDelta(t, queue, at(t, pool, "nodes", "*", "thread_pool", name, "queue"), queue/50, name)
		assert.Positive(t, at(t, pool, "nodes", "*", "thread_pool", name, "rejected"), name)
	}
	assert.EqualValues(t, 2, at(t, pool, "nodes", "*", "thread_pool", "write", "active"))
	assert.EqualValues(t, 4, at(t, pool, "nodes", "*", "thread_pool", "search", "active"))
}

func TestAnOverloadedNodeAnswersTooManyRequests(t *testing.T) {
	w := newWorld(t, 1)
	statuses := map[int]int{}
	var refused string
	w.run(func(ctx context.Context) {
		w.do(ctx, "PUT", "/logs", `{"settings":{"number_of_shards":1,"number_of_replicas":0}}`)
		w.c.SetLoad([]elastic.Load{{Index: "logs", WritesPerSec: 100_000, ReadsPerSec: 100_000, DocBytes: 500}})
		assert.NoError(t, w.engine.Sleep(ctx, 30*time.Second))
		for range 10 {
			r := w.do(ctx, "GET", "/logs/_search", "")
			statuses[r.status]++
			if r = w.do(ctx, "PUT", "/logs/_doc/1", `{"n":1}`); r.status == 429 {
				refused = r.body
			}
		}
	})
	assert.NotZero(t, statuses[429])
	assert.Zero(t, statuses[503])
	assert.Contains(t, refused, `"type":"es_rejected_execution_exception"`)
}
