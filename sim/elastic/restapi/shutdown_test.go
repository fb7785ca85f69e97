package restapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/sim/elastic"
)

func TestCopiesLeaveANodeThatIsToBeRemoved(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 3)
	w.call("PUT", "/logs", `{"settings":{"number_of_replicas":1,"number_of_shards":3}}`)
	w.call("GET", "/_cluster/health?wait_for_status=green&timeout=20s", "")
	id := w.c.Nodes()[1].ID()
	assert.Contains(t, w.call("PUT", "/_nodes/"+id+"/shutdown", `{"type":"remove"}`).body, "the reason for shutdown is required")
	assert.Contains(t, w.call("PUT", "/_nodes/"+id+"/shutdown", `{"type":"sigterm","reason":"r","grace_period":"1m"}`).body, "the simulated node does not support")
	assert.Contains(t, w.call("PUT", "/_nodes/"+id+"/shutdown", `{"type":"replace","reason":"r"}`).body, "target node name is required for REPLACE type shutdowns")
	assert.Equal(t, ok, w.call("PUT", "/_nodes/"+id+"/shutdown", `{"type":"remove","reason":"too old"}`).body)
	assert.Contains(t, w.call("GET", "/_nodes/"+id+"/shutdown", "").body, `"type":"REMOVE","reason":"too old"`)
	assert.Contains(t, w.call("GET", "/_nodes/shutdown", "").body, `"status":"IN_PROGRESS"`)
	w.call("GET", "/_cluster/health?wait_for_nodes=9&timeout=20s", "") // it takes its time
	assert.Contains(t, w.call("GET", "/_nodes/shutdown", "").body, `"shard_migration":{"status":"COMPLETE","shard_migrations_remaining":0}`)
	assert.NotContains(t, w.call("GET", "/_cat/shards", "").body, "n2")
	why := w.call("POST", "/_cluster/allocation/explain", `{"index":"logs","shard":0,"primary":true}`).body
	assert.Contains(t, why, `"decider":"node_shutdown","decision":"NO","explanation":"node [`+id+`] is preparing to be removed from the cluster"`)
	assert.Equal(t, ok, w.call("DELETE", "/_nodes/"+id+"/shutdown", "").body)
	assert.Contains(t, w.call("DELETE", "/_nodes/"+id+"/shutdown", "").body, "is currently not shutting down")
	assert.Equal(t, `{"nodes":[]}`, w.call("GET", "/_nodes/shutdown", "").body)
}

func TestANodeThatIsRestartedIsWaitedForLonger(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 3)
	w.call("PUT", "/logs", `{"settings":{"number_of_replicas":1,"number_of_shards":3,"index.unassigned.node_left.delayed_timeout":"1s"}}`)
	w.call("GET", "/_cluster/health?wait_for_status=green&timeout=20s", "")
	id := w.c.Nodes()[2].ID()
	assert.Equal(t, ok, w.call("PUT", "/_nodes/"+id+"/shutdown", `{"type":"restart","reason":"new kernel","allocation_delay":"2m"}`).body)
	assert.NoError(t, w.c.Kill("n3"))
	w.call("GET", "/_cluster/health?wait_for_nodes=2&timeout=20s", "")
	assert.Contains(t, w.call("GET", "/_cat/shards?h=unassigned.reason", "").body, "NODE_RESTARTING")
	w.call("GET", "/_cluster/health?wait_for_status=green&timeout=100s", "")
	assert.Contains(t, w.call("GET", "/_cluster/health", "").body, `"status":"yellow"`, "after 100 s")
	assert.Contains(t, w.call("GET", "/_cluster/health?wait_for_status=green&timeout=60s", "").body, `"status":"green"`)
}

func TestCopiesOfAReplacedNodeGoToItsReplacementOnly(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 4)
	w.call("PUT", "/_cluster/settings", `{"persistent":{"cluster.routing.rebalance.enable":"none"}}`)
	w.call("PUT", "/logs", `{"settings":{"number_of_replicas":0,"number_of_shards":8}}`)
	w.call("GET", "/_cluster/health?wait_for_status=green&timeout=20s", "")
	where := func() string { return w.call("GET", "/_cat/shards?h=node&s=node", "").body }
	before := where()
	id := w.c.Nodes()[1].ID()
	assert.Equal(t, ok, w.call("PUT", "/_nodes/"+id+"/shutdown", `{"type":"replace","reason":"a new disk","target_node_name":"n4"}`).body)
	assert.Contains(t, w.call("GET", "/_nodes/shutdown", "").body, `"target_node_name":"n4"`)
	w.call("GET", "/_cluster/health?wait_for_nodes=9&timeout=60s", "") // it takes its time
	assert.Contains(t, w.call("GET", "/_nodes/shutdown", "").body, `"shard_migration":{"status":"COMPLETE","shard_migrations_remaining":0`)
	assert.NotContains(t, where(), "n2")
	for _, n := range []string{"n1", "n3"} {
		assert.Equal(t, strings.Count(before, n), strings.Count(where(), n), n)
	}
	why := w.call("POST", "/_cluster/allocation/explain", `{"index":"logs","shard":0,"primary":true}`).body
	assert.Contains(t, why, "is being replaced by [n4], so no data may be allocated to it")
	w.call("PUT", "/more", `{"settings":{"number_of_replicas":0,"number_of_shards":4}}`)
	w.call("GET", "/_cluster/health?wait_for_status=green&timeout=20s", "")
	assert.NotContains(t, w.call("GET", "/_cat/shards/more?h=node", "").body, "n4", "nothing but what the node had that it replaces")
}

func TestAServerWithoutXPackHasNoShutdowns(t *testing.T) {
	w := newWorld(t, 1)
	assert.NotEqual(t, 200, w.call("PUT", "/_nodes/n1/shutdown", `{"type":"remove","reason":"r"}`).status)
}
