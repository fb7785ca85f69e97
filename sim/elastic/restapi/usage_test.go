package restapi_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/sim/elastic"
)

func TestANodeCountsWhatItWasAskedFromItsStartOn(t *testing.T) {
	w := newWorld(t, 2)
	w.call("PUT", "/docs?wait_for_active_shards=all", `{"mappings":{"properties":{"k":{"type":"keyword"},"n":{"type":"long"}}}}`)
	w.call("POST", "/docs/_doc?refresh", `{"k":"a","n":1}`)
	w.call("GET", "/docs/_search?nope=1", "")
	w.call("GET", "http://n2:9200/docs/_search", `{"aggs":{"by":{"terms":{"field":"k"},"aggs":{"s":{"sum":{"field":"n"}}}}}}`)
	one := w.call("GET", "/_nodes/n1/usage", "").body
	assert.Contains(t, one, `"rest_actions":{"create_index_action":1,"document_create_action_auto_id":1,"nodes_usage_action":1}`, "what it refused to read does not count")
	assert.Contains(t, w.call("GET", "/_nodes/n2/usage/rest_actions", "").body, `"rest_actions":{"search_action":1}`, "each node counts what it was asked itself")
	assert.Contains(t, w.call("GET", "/_nodes/usage/aggregations", "").body, `"aggregations":{"sum":{"numeric":1},"terms":{"keyword":1}}`, "where the copy was searched")
	assert.NoError(t, w.c.Kill("n2"))
	w.pass(time.Minute)
	assert.NoError(t, w.c.StartNode("n2"))
	w.pass(time.Minute)
	assert.Contains(t, w.call("GET", "/_nodes/n2/usage/rest_actions", "").body, `"rest_actions":{}`, "a new process begins anew")
}

func TestTheDesiredBalanceIsToldWithWhatIsNotAsItShouldBe(t *testing.T) {
	w := newWorld(t, 2)
	w.call("PUT", "/_cluster/settings", `{"persistent":{"cluster.routing.rebalance.enable":"none"}}`)
	w.call("PUT", "/a?wait_for_active_shards=all", `{"settings":{"number_of_shards":2}}`)
	got := w.call("GET", "/_internal/desired_balance", "").body
	assert.Contains(t, got, `"unassigned_shards":0,"total_allocations":4,"undesired_allocations":0,"undesired_allocations_ratio":0.0`)
	assert.Contains(t, got, `"cluster_balance_stats":{"shard_count":4,"undesired_shard_allocation_count":0,"tiers":{"data":{"shard_count":{"total":4.0,"min":2.0,"max":2.0,"average":2.0,"std_dev":0.0}`)
	assert.Contains(t, got, `"desired":{"node_ids":["`)
	assert.NoError(t, w.c.Kill("n2"))
	w.pass(2 * time.Minute)
	got = w.call("GET", "/_internal/desired_balance?filter_path=stats,routing_table", "").body
	assert.Contains(t, got, `"unassigned_shards":2,"total_allocations":2`)
	assert.Contains(t, got, `"state":"UNASSIGNED","primary":false,"node":null,"node_is_desired":false`)

	balanced := newWorld(t, 1, "cluster.routing.allocation.type", "balanced")
	assert.Equal(t, 404, balanced.call("GET", "/_internal/desired_balance", "").status)
}

func TestTheDefaultDistributionSaysWhatItHas(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 1)
	w.call("PUT", "/_ilm/policy/p", `{"policy":{"phases":{"hot":{"actions":{"rollover":{"max_docs":1}}}}}}`)
	w.call("PUT", "/a?wait_for_active_shards=1", `{"settings":{"number_of_replicas":0,"index.lifecycle.name":"p"}}`)
	info := w.call("GET", "/_xpack", "").body
	assert.Contains(t, info, `"type":"basic","mode":"basic","status":"active"`)
	assert.Contains(t, info, `"ilm":{"available":true,"enabled":true}`)
	assert.Contains(t, info, `"eql":{"available":true,"enabled":false}`, "what the simulated node lacks is switched off")
	assert.Contains(t, info, `"ml":{"available":false,"enabled":false}`, "what a basic licence lacks")
	assert.NotContains(t, w.call("GET", "/_xpack?categories=license", "").body, "features")
	assert.Equal(t, 400, w.call("GET", "/_xpack?categories=nope", "").status)
	use := w.call("GET", "/_xpack/usage", "").body
	assert.Contains(t, use, `"ilm":{"available":true,"enabled":true,"policy_count":1,"policy_stats":[{"indices_managed":1,"phases":{"hot":{"min_age":0,"actions":["rollover"]}}}]}`)
	assert.Contains(t, use, `"data_content":{"node_count":1,"index_count":1,"total_shard_count":1,"primary_shard_count":1`)
	assert.Contains(t, w.call("GET", "/_license", "").body, `"type":"basic"`)
}
