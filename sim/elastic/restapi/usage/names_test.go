package usage_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/sim/elastic/restapi/usage"
)

func TestAPathBelowAnothersIsCountedAsItUnlessItHasANameOfItsOwn(t *testing.T) {
	for on, name := range map[string]string{
		"GET /_cat/shards/{index}":          "cat_shards_action",
		"GET /_cluster/state/{m}/{indices}": "cluster_state_action",
		"POST /{index}/_doc":                "document_create_action_auto_id",
		"POST /{index}/_doc/{id}":           "document_index_action",
		"GET /_nodes/{nodeId}":              "nodes_info_action",
		"GET /_nodes/{nodeId}/stats/{m}":    "nodes_stats_action",
		"GET /_nodes/usage/{metric}":        "nodes_usage_action",
		"POST /_aliases":                    "indices_aliases_action",
		"POST /_aliases/{name}":             "index_put_alias_action",
		"GET /":                             "main_action",
		"PUT /_template/{name}":             "", // nodes do not count it
		"GET /_nope":                        "",
	} {
		assert.Equal(t, name, usage.NameOf(on), on)
	}
}
