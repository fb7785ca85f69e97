package restapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pitPage is what a page of a point in time is read into.
type pitPage struct {
	PIT  string `json:"pit_id"`
	Hits struct {
		Hits []struct {
			ID     string          `json:"_id"`
			SeqNo  *int64          `json:"_seq_no"`
			Source json.RawMessage `json:"_source"`
			Sort   []int64         `json:"sort"`
		} `json:"hits"`
	} `json:"hits"`
}

func TestAPointInTimeShowsWhatWasThereWhenItWasOpened(t *testing.T) {
	w := newWorld(t, 2)
	w.run(func(ctx context.Context) {
		must := func(r reply) reply {
			assert.NoError(t, r.err)
			assert.Less(t, r.status, 300, r.body)
			return r
		}
		must(w.do(ctx, "PUT", "/logs?wait_for_active_shards=all", `{"settings":{"number_of_shards":1,"number_of_replicas":1}}`))
		for i := range 25 {
			must(w.do(ctx, "PUT", fmt.Sprintf("/logs/_doc/%d", i), `{"v":1}`))
		}
		must(w.do(ctx, "POST", "/logs/_refresh", ""))
		var opened struct{ ID string }
		r := must(w.do(ctx, "POST", "/logs/_pit?keep_alive=1m&preference=_shards:0%7C_only_nodes:n2", ""))
		assert.NoError(t, json.Unmarshal([]byte(r.body), &opened))
		must(w.do(ctx, "DELETE", "/logs/_doc/3", ""))
		must(w.do(ctx, "PUT", "/logs/_doc/4?refresh", `{"v":2}`))

		seen := map[string]string{}
		after := ""
		for pages := 0; pages < 10; pages++ {
			r := must(w.do(ctx, "POST", "/_search", fmt.Sprintf(
				`{"pit":{"id":%q,"keep_alive":"1m"},"size":10,"sort":["_shard_doc"],"track_total_hits":false,"seq_no_primary_term":true%s}`, opened.ID, after)))
			var page pitPage
			assert.NoError(t, json.Unmarshal([]byte(r.body), &page))
			assert.NotContains(t, r.body, `"total":{`)
			for _, h := range page.Hits.Hits {
				assert.NotContains(t, seen, h.ID, "no document comes twice")
				assert.NotNil(t, h.SeqNo)
				seen[h.ID] = string(h.Source)
			}
			if len(page.Hits.Hits) < 10 {
				break
			}
			after = fmt.Sprintf(`,"search_after":[%d]`, page.Hits.Hits[9].Sort[0])
		}
		assert.Len(t, seen, 25)
		assert.Equal(t, `{"v":1}`, seen["4"])

		assert.JSONEq(t, `{"succeeded":true,"num_freed":1}`, w.do(ctx, "DELETE", "/_pit", `{"id":"`+opened.ID+`"}`).body)
		assert.Equal(t, 404, w.do(ctx, "DELETE", "/_pit", `{"id":"`+opened.ID+`"}`).status)
		gone := w.do(ctx, "POST", "/_search", `{"pit":{"id":"`+opened.ID+`"}}`)
		assert.Equal(t, 404, gone.status)
		assert.Contains(t, gone.body, "search_context_missing_exception")
	})
}

func TestAPointInTimeExpiresWhenNobodyUsesIt(t *testing.T) {
	w := newWorld(t, 1)
	var status int
	w.run(func(ctx context.Context) {
		w.do(ctx, "PUT", "/logs", `{"settings":{"number_of_replicas":0}}`)
		var opened struct{ ID string }
		r := w.do(ctx, "POST", "/logs/_pit?keep_alive=10s", "")
		assert.NoError(t, json.Unmarshal([]byte(r.body), &opened))
		assert.NoError(t, w.engine.Sleep(ctx, 11*time.Second))
		status = w.do(ctx, "POST", "/_search", `{"pit":{"id":"`+opened.ID+`"}}`).status
	})
	require.Equal(t, 404, status)
}
