package restapi

// routeTable is every path that the simulator serves. An endpoint lists only methods
// that Elasticsearch has there, because a wrong one is answered with those that exist.
var routeTable = []*route{
	{on: []string{"GET /", "HEAD /"}, prepare: prepareRoot},
	{on: []string{"DELETE /", "DELETE /{index}"}, prepare: prepareDeleteIndex},

	{on: []string{"GET /_cluster/health", "GET /_cluster/health/{index}"}, prepare: prepareHealth, rendering: []string{"level"}},
	{on: []string{"GET /_cluster/stats", "GET /_cluster/stats/nodes/{nodeId}"}, prepare: prepareClusterStats},
	{on: []string{"GET /_cluster/settings"}, prepare: prepareGetClusterSettings, rendering: settingsRendering},
	{on: []string{"PUT /_cluster/settings"}, prepare: prepareUpdateClusterSettings, rendering: settingsRendering},
	{
		on:      []string{"GET /_cluster/state", "GET /_cluster/state/{metric}", "GET /_cluster/state/{metric}/{indices}"},
		prepare: prepareState, rendering: []string{"flat_settings", "external_values_only", "settings_filter", "metric"},
	},
	{on: []string{"POST /_cluster/reroute"}, prepare: prepareReroute, rendering: []string{"flat_settings", "metric"}},
	{on: []string{"GET /_cluster/allocation/explain", "POST /_cluster/allocation/explain"}, prepare: prepareExplain},
	{on: []string{"GET /_cluster/pending_tasks"}, prepare: preparePendingTasks},

	{on: []string{"GET /_snapshot", "GET /_snapshot/{repository}"}, prepare: prepareGetRepositories},
	{on: []string{"PUT /_snapshot/{repository}", "POST /_snapshot/{repository}"}, prepare: preparePutRepository},
	{on: []string{"DELETE /_snapshot/{repository}"}, prepare: prepareDeleteRepository},
	{on: []string{"POST /_snapshot/{repository}/_verify"}, prepare: prepareVerifyRepository},
	{
		on:      []string{"GET /_snapshot/_status", "GET /_snapshot/{repository}/_status", "GET /_snapshot/{repository}/{snapshot}/_status"},
		prepare: prepareSnapshotStatus,
	},
	{on: []string{"PUT /_snapshot/{repository}/{snapshot}", "POST /_snapshot/{repository}/{snapshot}"}, prepare: prepareCreateSnapshot},
	{on: []string{"GET /_snapshot/{repository}/{snapshot}"}, prepare: prepareGetSnapshots},
	{on: []string{"DELETE /_snapshot/{repository}/{snapshot}"}, prepare: prepareDeleteSnapshot},
	{on: []string{"POST /_snapshot/{repository}/{snapshot}/_restore"}, prepare: prepareRestoreSnapshot},

	{on: []string{"GET /_cat"}, prepare: prepareCatList},
	{on: []string{"GET /_cat/health"}, prepare: prepareCatHealth, rendering: catRendering},
	{on: []string{"GET /_cat/nodes"}, prepare: prepareCatNodes, rendering: catRendering},
	{on: []string{"GET /_cat/shards", "GET /_cat/shards/{index}"}, prepare: prepareCatShards, rendering: catRendering},
	{on: []string{"GET /_cat/recovery", "GET /_cat/recovery/{index}"}, prepare: prepareCatRecovery, rendering: catRendering},
	{on: []string{"GET /_cat/allocation", "GET /_cat/allocation/{nodes}"}, prepare: prepareCatAllocation, rendering: catRendering},
	{on: []string{"GET /_cat/indices", "GET /_cat/indices/{index}"}, prepare: prepareCatIndices, rendering: catRendering},

	{
		on: []string{
			"GET /_nodes", "GET /_nodes/{nodeId}", "GET /_nodes/{nodeId}/{metrics}", "GET /_nodes/{nodeId}/info/{metrics}",
		},
		prepare: prepareNodesInfo, rendering: settingsRendering,
	},
	{
		on: []string{
			"GET /_nodes/stats", "GET /_nodes/{nodeId}/stats", "GET /_nodes/stats/{metric}", "GET /_nodes/{nodeId}/stats/{metric}",
			"GET /_nodes/stats/{metric}/{index_metric}", "GET /_nodes/{nodeId}/stats/{metric}/{index_metric}",
		},
		prepare: prepareNodesStats, rendering: []string{"level"},
	},

	{on: []string{"GET /_recovery", "GET /{index}/_recovery"}, prepare: prepareRecovery},
	{
		on:      []string{"GET /_stats", "GET /_stats/{metric}", "GET /{index}/_stats", "GET /{index}/_stats/{metric}"},
		prepare: prepareStats, rendering: statsRendering,
	},
	{on: []string{"PUT /{index}"}, prepare: prepareCreateIndex},
	{on: []string{"GET /{index}", "HEAD /{index}"}, prepare: prepareGetIndex, rendering: settingsRendering},
	{
		on: []string{
			"GET /_settings", "GET /_settings/{name}", "GET /{index}/_settings", "GET /{index}/_settings/{name}", "GET /{index}/_setting/{name}",
		},
		prepare: prepareGetSettings, rendering: settingsRendering,
	},
	{on: []string{"PUT /_settings", "PUT /{index}/_settings"}, prepare: prepareUpdateSettings, rendering: settingsRendering},
	{
		on:      []string{"GET /_mapping", "GET /_mappings", "GET /{index}/_mapping", "GET /{index}/_mappings"},
		prepare: prepareGetMapping,
	},
	{
		on:      []string{"GET /_refresh", "POST /_refresh", "GET /{index}/_refresh", "POST /{index}/_refresh"},
		prepare: prepareRefresh,
	},
	{on: []string{"GET /_flush", "POST /_flush", "GET /{index}/_flush", "POST /{index}/_flush"}, prepare: prepareFlush},

	{on: []string{"POST /{index}/_doc", "POST /{index}/_doc/{id}", "PUT /{index}/_doc/{id}"}, prepare: prepareIndex(false)},
	{on: []string{"POST /{index}/_create/{id}", "PUT /{index}/_create/{id}"}, prepare: prepareIndex(true)},
	{on: []string{"GET /{index}/_doc/{id}", "HEAD /{index}/_doc/{id}"}, prepare: prepareGet},
	{on: []string{"DELETE /{index}/_doc/{id}"}, prepare: prepareDelete},
	{on: []string{"GET /{index}/_source/{id}", "HEAD /{index}/_source/{id}"}, prepare: prepareGetSource},
	{on: []string{"POST /{index}/_update/{id}"}, prepare: prepareUpdate},
	{
		on:      []string{"POST /_bulk", "PUT /_bulk", "POST /{index}/_bulk", "PUT /{index}/_bulk"},
		prepare: prepareBulk, bulk: true,
	},
	{
		on:      []string{"GET /_search", "POST /_search", "GET /{index}/_search", "POST /{index}/_search"},
		prepare: prepareSearch, rendering: []string{"typed_keys", "rest_total_hits_as_int"},
	},
	{on: []string{"POST /_pit", "POST /{index}/_pit"}, prepare: prepareOpenPIT},
	{on: []string{"DELETE /_pit"}, prepare: prepareClosePIT},
	{on: []string{"GET /_count", "POST /_count", "GET /{index}/_count", "POST /{index}/_count"}, prepare: prepareCount},
}
