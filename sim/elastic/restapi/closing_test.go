package restapi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/sim/elastic"
)

func TestAClosedIndexIsThereButNobodyReadsOrWritesIt(t *testing.T) {
	w := newWorld(t, 2)
	w.call("PUT", "/logs", `{"settings":{"number_of_replicas":1,"number_of_shards":2}}`)
	w.call("PUT", "/logs/_doc/1?refresh", `{"n":1}`)
	assert.Equal(t, `{"acknowledged":true,"shards_acknowledged":true,"indices":{"logs":{"closed":true}}}`, w.call("POST", "/logs/_close", "").body)
	r := w.call("PUT", "/logs/_doc/2", `{"n":2}`)
	assert.Equal(t, 400, r.status)
	assert.Contains(t, r.body, `"type":"index_closed_exception","reason":"closed","index_uuid":`)
	assert.Contains(t, w.call("GET", "/logs/_search", "").body, `"type":"index_closed_exception"`)
	assert.Contains(t, w.call("GET", "/_search", "").body, `"total":{"value":0`, "a wildcard means what is open")
	assert.Contains(t, w.call("GET", "/_cat/indices?h=status,index", "").body, "close logs")
	assert.Contains(t, w.call("GET", "/_cluster/state/metadata/logs", "").body, `"state":"close"`)
	w.call("GET", "/_cluster/health?wait_for_status=green&timeout=20s", "")
	assert.Contains(t, w.call("GET", "/_cluster/health?level=indices", "").body, `"active_shards":4`, "its copies are still replicated")
	assert.Contains(t, w.call("GET", "/_cluster/state/blocks", "").body, `"4":{"description":"index closed","retryable":false,"levels":["read","write"]}`)

	assert.Equal(t, `{"acknowledged":true,"shards_acknowledged":true}`, w.call("POST", "/logs/_open", "").body)
	assert.Contains(t, w.call("GET", "/logs/_doc/1", "").body, `"found":true`, "what was written is there")
	assert.Equal(t, 201, w.call("PUT", "/logs/_doc/2", `{"n":2}`).status)
	assert.Contains(t, w.call("POST", "/gone/_close", "").body, "index_not_found_exception")
}

func TestReplicasAreNotRaisedBeyondTheShardsThatNodesMayHave(t *testing.T) {
	w := newWorld(t, 2)
	w.call("PUT", "/_cluster/settings", `{"persistent":{"cluster.max_shards_per_node":3}}`)
	assert.Equal(t, 200, w.call("PUT", "/logs", `{"settings":{"number_of_replicas":0,"number_of_shards":4}}`).status)
	assert.Contains(t, w.call("PUT", "/logs/_settings", `{"number_of_replicas":1}`).body, "this action would add [4] shards, but this cluster currently has [4]/[6] maximum normal shards open;")
	w.call("PUT", "/_cluster/settings", `{"persistent":{"cluster.max_shards_per_node":4}}`)
	assert.Equal(t, ok, w.call("PUT", "/logs/_settings", `{"number_of_replicas":1}`).body)
}

func TestAServerWithoutXPackDoesNotAnswerAtItsRoot(t *testing.T) {
	assert.Equal(t, 405, newWorld(t, 1).call("GET", "/", "").status, "that is a module")
	assert.Contains(t, newWorldOf(t, elastic.DefaultDistribution, 1).call("GET", "/", "").body, `"tagline"`)
}

func TestAnExcludedNodeVotesNoMore(t *testing.T) {
	w := newWorld(t, 3)
	assert.Contains(t, w.call("POST", "/_cluster/voting_config_exclusions", "").body, "You must set [node_names] or [node_ids] but not both")
	assert.Equal(t, 200, w.call("POST", "/_cluster/voting_config_exclusions?node_names=n3", "").status)
	got := w.call("GET", "/_cluster/state/metadata?filter_path=metadata.cluster_coordination.*", "").body
	assert.Contains(t, got, `"node_name":"n3"`)
	r := w.call("DELETE", "/_cluster/voting_config_exclusions?timeout=1s", "")
	assert.Equal(t, 503, r.status)
	assert.Contains(t, r.body, "timed out waiting for removal of nodes; if nodes should not be removed, set ?wait_for_removal=false.")
	assert.Equal(t, 200, w.call("DELETE", "/_cluster/voting_config_exclusions?wait_for_removal=false", "").status)
	assert.Contains(t, w.call("GET", "/_cluster/state/metadata?filter_path=metadata.cluster_coordination", "").body, `"voting_config_exclusions":[]`)
}
