package restapi_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
)

// pass lets virtual time go by.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	p := w.engine.Go("wait", func(ctx context.Context) { _ = w.engine.Sleep(ctx, d) })
	require.NoError(w.t, w.engine.RunUntil(p.Done, w.engine.Now()+sim.Time(d+time.Second)))
}

// A policy rolls an alias over, moves the old index on, merges it and deletes it, at the ages
// that it names.
func TestIndicesAgeAsTheirPolicySays(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 2)
	w.call("PUT", "/_cluster/settings", `{"persistent":{"indices.lifecycle.poll_interval":"1m"}}`)
	assert.Equal(t, ok, w.call("PUT", "/_ilm/policy/logs", `{"policy":{"phases":{
		"hot":{"actions":{"set_priority":{"priority":100},"rollover":{"max_docs":1}}},
		"warm":{"min_age":"1h","actions":{"readonly":{},"forcemerge":{"max_num_segments":1},"allocate":{"number_of_replicas":0}}},
		"delete":{"min_age":"1d","actions":{"delete":{}}}}}}`).body)
	w.call("PUT", "/_index_template/logs", `{"index_patterns":["logs-*"],"template":{"settings":{"number_of_replicas":1,
		"index.lifecycle.name":"logs","index.lifecycle.rollover_alias":"logs"}}}`)
	w.call("PUT", "/logs-000001", `{"aliases":{"logs":{"is_write_index":true}}}`)
	w.pass(5 * time.Minute)
	assert.Contains(t, w.call("GET", "/logs-000001/_ilm/explain", "").body, `"phase":"hot"`)
	assert.Contains(t, w.call("GET", "/logs-000001/_ilm/explain", "").body, `"step":"check-rollover-ready"`, "an empty index is not rolled over")
	w.call("POST", "/logs/_doc?refresh", `{"n":1}`)
	w.pass(5 * time.Minute)
	assert.JSONEq(t, `{"logs-000001":{"aliases":{"logs":{"is_write_index":false}}},"logs-000002":{"aliases":{"logs":{"is_write_index":true}}}}`,
		w.call("GET", "/_alias/logs", "").body)
	assert.Contains(t, w.call("GET", "/logs-000001/_settings", "").body, `"priority":"100"`)
	assert.Contains(t, w.call("GET", "/logs-000001/_ilm/explain", "").body, `"action":"complete"`)

	w.pass(70 * time.Minute)
	old := w.call("GET", "/logs-000001/_settings?flat_settings", "").body
	assert.Contains(t, old, `"index.blocks.write":"true"`)
	assert.Contains(t, old, `"index.number_of_replicas":"0"`)
	assert.Contains(t, old, `"index.routing.allocation.include._tier_preference":"data_warm,data_hot"`)
	assert.Contains(t, w.call("GET", "/logs-000001/_ilm/explain", "").body, `"phase":"warm"`)
	assert.Contains(t, w.call("DELETE", "/_ilm/policy/logs", "").body, "It is in use by one or more indices: [logs-000001, logs-000002]")

	w.pass(25 * time.Hour)
	assert.Equal(t, 404, w.call("HEAD", "/logs-000001", "").status, "deleted a day after its rollover")
	assert.Equal(t, 200, w.call("HEAD", "/logs-000002", "").status, "nothing was written, so that it waits on")
}

func TestAPolicyThatCannotActSaysWhyAndGoesOnWhenItCan(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 1)
	w.call("PUT", "/_cluster/settings", `{"persistent":{"indices.lifecycle.poll_interval":"1m"}}`)
	w.call("PUT", "/_ilm/policy/p", `{"policy":{"phases":{"hot":{"actions":{"rollover":{"max_age":"1h"}}}}}}`)
	w.call("PUT", "/x-1", `{"settings":{"index.lifecycle.name":"p","index.lifecycle.rollover_alias":"x","number_of_replicas":0}}`)
	w.pass(3 * time.Minute)
	assert.Contains(t, w.call("GET", "/x-1/_ilm/explain", "").body, `"step":"ERROR"`)
	assert.Contains(t, w.call("GET", "/*/_ilm/explain?only_errors", "").body, `"reason":"resource_not_found_exception: rollover target [x] does not exist"`)
	w.call("PUT", "/x-1/_alias/x", "")
	w.call("POST", "/x/_doc?refresh", `{"n":1}`)
	w.pass(2 * time.Hour)
	assert.Equal(t, 200, w.call("HEAD", "/x-000002", "").status)
	assert.Contains(t, w.call("PUT", "/_ilm/policy/q", `{"policy":{"phases":{"hot":{"actions":{"shrink":{}}}}}}`).body,
		"the simulated node does not support the action [shrink] of a policy")
	assert.Equal(t, `{"operation_mode":"RUNNING"}`, w.call("GET", "/_ilm/status", "").body)
}
