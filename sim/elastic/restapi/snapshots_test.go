package restapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/inplace"
)

// backedWorld is a world whose nodes may keep snapshots under /backup, with a repository
// r and an index logs of 100 documents.
func backedWorld(t *testing.T) *world {
	w := newWorld(t, 2, "path.repo", "/backup")
	w.ok(http.MethodPut, "/_snapshot/r", `{"type":"fs","settings":{"location":"/backup/r"}}`)
	w.ok(http.MethodPut, "/logs", `{"settings":{"number_of_shards":2,"number_of_replicas":1},"mappings":{"properties":{"n":{"type":"long"}}}}`)
	w.ok(http.MethodGet, "/_cluster/health/logs?wait_for_status=green&timeout=1m", "")
	var bulk strings.Builder
	for i := range 100 {
		fmt.Fprintf(&bulk, "{\"index\":{\"_id\":\"%d\"}}\n{\"n\":%d}\n", i, i)
	}
	w.ok(http.MethodPost, "/logs/_bulk", bulk.String())
	return w
}

// ok sends a request that must succeed and decodes its answer.
func (w *world) ok(method, uri, body string) map[string]any {
	w.t.Helper()
	r := w.call(method, uri, body)
	require.NoError(w.t, r.err)
	require.Less(w.t, r.status, 300, "%s %s: %s", method, uri, r.body)
	var out map[string]any
	require.NoError(w.t, json.Unmarshal([]byte(r.body), &out))
	return out
}

// path looks a value up by its keys.
func path(v any, keys ...any) any {
	for _, k := range keys {
		switch k := k.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[k]
		case int:
			list, _ := v.([]any)
			if k >= len(list) {
				return nil
			}
			v = list[k]
		}
	}
	return v
}

func TestAnIndexIsSnapshottedDeletedAndRestoredOverTheAPI(t *testing.T) {
	w := backedWorld(t)
	assert.Equal(t, "/backup/r", path(w.ok(http.MethodGet, "/_snapshot/r", ""), "r", "settings", "location"))
	assert.Len(t, path(w.ok(http.MethodPost, "/_snapshot/r/_verify", ""), "nodes"), 2)
	taken := w.ok(http.MethodPut, "/_snapshot/r/s1?wait_for_completion=true", `{"indices":"log*","include_global_state":false}`)
	assert.Equal(t, "SUCCESS", path(taken, "snapshot", "state"))
	assert.Equal(t, map[string]any{"total": 2.0, "failed": 0.0, "successful": 2.0}, path(taken, "snapshot", "shards"))
	assert.Equal(t, []any{"logs"}, path(taken, "snapshot", "indices"))
	status := w.ok(http.MethodGet, "/_snapshot/r/s1/_status", "")
	assert.EqualValues(t, 2, path(status, "snapshots", 0, "shards_stats", "done"))
	assert.Equal(t, "DONE", path(status, "snapshots", 0, "indices", "logs", "shards", "1", "stage"))

	w.ok(http.MethodPut, "/logs/_doc/new?refresh=true", `{"n":1}`)
	w.ok(http.MethodPut, "/_snapshot/r/s2?wait_for_completion=true", "")
	listed := w.ok(http.MethodGet, "/_snapshot/r/_all", "")
	assert.EqualValues(t, 2, path(listed, "total"))
	assert.Equal(t, "s2", path(listed, "snapshots", 1, "snapshot"))

	w.ok(http.MethodDelete, "/logs", "")
	restored := w.ok(http.MethodPost, "/_snapshot/r/s1/_restore?wait_for_completion=true", `{"indices":"logs","rename_pattern":"(.+)","rename_replacement":"back-$1"}`)
	assert.Equal(t, []any{"back-logs"}, path(restored, "snapshot", "indices"))
	w.ok(http.MethodGet, "/_cluster/health/back-logs?wait_for_status=green&timeout=1m", "")
	assert.EqualValues(t, 100, path(w.ok(http.MethodGet, "/back-logs/_count", ""), "count"), "the document written after the snapshot is not there")
	recoveries := w.ok(http.MethodGet, "/back-logs/_recovery", "")
	kinds := map[any]int{}
	for i := range 4 {
		kinds[path(recoveries, "back-logs", "shards", i, "type")]++
		if path(recoveries, "back-logs", "shards", i, "type") == "SNAPSHOT" {
			assert.Equal(t, "s1", path(recoveries, "back-logs", "shards", i, "source", "snapshot"))
			assert.Equal(t, "logs", path(recoveries, "back-logs", "shards", i, "source", "index"))
		}
	}
	assert.Equal(t, map[any]int{"SNAPSHOT": 2, "PEER": 2}, kinds)
	cat := w.call(http.MethodGet, "/_cat/recovery/back-logs?h=type,repository,snapshot", "")
	assert.Contains(t, cat.body, "snapshot r   s1")
	w.ok(http.MethodDelete, "/_snapshot/r/s*", "")
	assert.EqualValues(t, 0, path(w.ok(http.MethodGet, "/_snapshot/r/_all", ""), "total"))
	w.ok(http.MethodDelete, "/_snapshot/r", "")
	assert.Equal(t, http.StatusNotFound, w.call(http.MethodGet, "/_snapshot/r", "").status)
}

func TestASnapshotUnderWayShowsItsProgress(t *testing.T) {
	w := backedWorld(t)
	require.NoError(t, inplace.Fill(w.c, inplace.IndexSpec{Name: "logs", Shards: 2, Bytes: 400 << 20, Docs: 1000}))
	assert.Equal(t, true, w.ok(http.MethodPut, "/_snapshot/r/s", "")["accepted"])
	require.NoError(t, w.engine.Run(w.engine.Now().Add(2*time.Second)))
	status := w.ok(http.MethodGet, "/_snapshot/_status", "")
	assert.Equal(t, "STARTED", path(status, "snapshots", 0, "state"))
	assert.EqualValues(t, 2, path(status, "snapshots", 0, "shards_stats", "started"))
	done, _ := path(status, "snapshots", 0, "stats", "processed", "size_in_bytes").(float64)
	whole, _ := path(status, "snapshots", 0, "stats", "incremental", "size_in_bytes").(float64)
	assert.Greater(t, done, 0.1*whole)
	assert.Less(t, done, 0.6*whole)
	assert.Equal(t, "IN_PROGRESS", path(w.ok(http.MethodGet, "/_snapshot/r/s", ""), "snapshots", 0, "state"))
	assert.Equal(t, http.StatusConflict, w.call(http.MethodDelete, "/_snapshot/r", "").status)
	w.ok(http.MethodDelete, "/_snapshot/r/s", "")
	assert.EqualValues(t, 0, path(w.ok(http.MethodGet, "/_snapshot/r/_all", ""), "total"), "aborted")
}

func TestWrongSnapshotRequestsGetElasticsearchsErrors(t *testing.T) {
	w := backedWorld(t)
	w.ok(http.MethodPut, "/_snapshot/r/s?wait_for_completion=true", "")
	for _, c := range []struct {
		method, uri, body string
		status            int
		kind              string
	}{
		{"GET", "/_snapshot/nope", "", 404, "repository_missing_exception"},
		{"DELETE", "/_snapshot/nope", "", 404, "repository_missing_exception"},
		{"GET", "/_snapshot/nope/_all", "", 404, "repository_missing_exception"},
		{"GET", "/_snapshot/r/nope", "", 404, "snapshot_missing_exception"},
		{"GET", "/_snapshot/r/nope/_status", "", 404, "snapshot_missing_exception"},
		{"DELETE", "/_snapshot/r/nope", "", 404, "snapshot_missing_exception"},
		{"PUT", "/_snapshot/r/s", "", 400, "snapshot_name_already_in_use_exception"},
		{"PUT", "/_snapshot/r/Caps", "", 400, "invalid_snapshot_name_exception"},
		{"PUT", "/_snapshot/r/t", `{"indices":"nope"}`, 404, "index_not_found_exception"},
		{"POST", "/_snapshot/r/s/_restore", `{"nonsense":1}`, 400, "illegal_argument_exception"},
		{"PUT", "/_snapshot/x", `{"type":"fs","settings":{"location":"/elsewhere"}}`, 500, "repository_exception"},
		{"PUT", "/_snapshot/x", `{"settings":{}}`, 400, "action_request_validation_exception"},
		{"PUT", "/_snapshot/x", `{"type":"s3"}`, 500, "repository_exception"},
		{"POST", "/_snapshot/r/s/_restore", "", 500, "snapshot_restore_exception"},
		{"POST", "/_snapshot/r/nope/_restore", "", 500, "snapshot_restore_exception"},
		{"POST", "/_snapshot/r/s/_restore", `{"indices":"nope"}`, 404, "index_not_found_exception"},
	} {
		r := w.call(c.method, c.uri, c.body)
		require.NoError(t, r.err)
		assert.Equal(t, c.status, r.status, "%s %s: %s", c.method, c.uri, r.body)
		assert.Contains(t, r.body, `"type":"`+c.kind+`"`, "%s %s", c.method, c.uri)
	}
}

func TestTheTypedClientReadsSnapshots(t *testing.T) {
	w := backedWorld(t)
	es, err := elasticsearch.NewTypedClient(elasticsearch.Config{Addresses: []string{"http://n1:9200"}, Transport: w.client.Transport, DisableRetry: true})
	require.NoError(t, err)
	w.run(func(ctx context.Context) {
		taken, err := es.Snapshot.Create("r", "s").WaitForCompletion(true).Do(ctx)
		if !assert.NoError(t, err) {
			return
		}
		assert.Equal(t, []string{"logs"}, taken.Snapshot.Indices)
		list, err := es.Snapshot.Get("r", "_all").Do(ctx)
		if !assert.NoError(t, err) {
			return
		}
		assert.Len(t, list.Snapshots, 1)
		status, err := es.Snapshot.Status().Repository("r").Snapshot("s").Do(ctx)
		assert.NoError(t, err)
		assert.Len(t, status.Snapshots, 1)
		_, err = es.Snapshot.GetRepository().Do(ctx)
		assert.NoError(t, err)
		_, err = es.Snapshot.VerifyRepository("r").Do(ctx)
		assert.NoError(t, err)
	})
}
