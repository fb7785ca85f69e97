package cluster

import "github.com/shardquake/shardquake/sim/elastic/restapi/rest"

// Routes are the endpoints of the cluster, and its indices.
func Routes() []*rest.Route {
	return []*rest.Route{
		{On: []string{"DELETE /", "DELETE /{index}"}, Prepare: prepareDeleteIndex},
		{On: []string{"GET /_cluster/health", "GET /_cluster/health/{index}"}, Prepare: prepareHealth, Rendering: []string{"level"}},
		{On: []string{"GET /_cluster/settings"}, Prepare: prepareGetClusterSettings, Rendering: SettingsRendering},
		{On: []string{"PUT /_cluster/settings"}, Prepare: prepareUpdateClusterSettings, Rendering: SettingsRendering},
		{
			On:      []string{"GET /_cluster/state", "GET /_cluster/state/{metric}", "GET /_cluster/state/{metric}/{indices}"},
			Prepare: prepareState, Rendering: []string{"flat_settings", "external_values_only", "settings_filter", "metric"},
		},
		{On: []string{"POST /_cluster/reroute"}, Prepare: prepareReroute, Rendering: []string{"flat_settings", "metric"}},
		{On: []string{"GET /_cluster/allocation/explain", "POST /_cluster/allocation/explain"}, Prepare: prepareExplain},
		{On: []string{"GET /_cluster/pending_tasks"}, Prepare: preparePendingTasks},
		{On: []string{"PUT /{index}"}, Prepare: prepareCreateIndex},
		{On: []string{"POST /_close", "POST /{index}/_close"}, Prepare: prepareCloseIndex},
		{On: []string{"POST /_open", "POST /{index}/_open"}, Prepare: prepareOpenIndex},
		{On: []string{"PUT /_nodes/{nodeId}/shutdown"}, Prepare: preparePutShutdown, Modules: true},
		{On: []string{"GET /_nodes/shutdown", "GET /_nodes/{nodeId}/shutdown"}, Prepare: prepareGetShutdown, Modules: true},
		{On: []string{"DELETE /_nodes/{nodeId}/shutdown"}, Prepare: prepareDeleteShutdown, Modules: true},
		{On: []string{"POST /_cluster/voting_config_exclusions"}, Prepare: prepareExcludeVotes},
		{On: []string{"DELETE /_cluster/voting_config_exclusions"}, Prepare: prepareClearExclusions},
		{
			On: []string{
				"GET /_alias", "GET /_aliases", "GET /_alias/{name}", "HEAD /_alias/{name}",
				"GET /{index}/_alias", "HEAD /{index}/_alias", "GET /{index}/_alias/{name}", "HEAD /{index}/_alias/{name}",
			},
			Prepare: prepareGetAliases,
		},
		{
			On: []string{
				"PUT /{index}/_alias/{name}", "POST /{index}/_alias/{name}", "PUT /{index}/_aliases/{name}", "POST /{index}/_aliases/{name}",
				"PUT /_alias/{name}", "POST /_alias/{name}", "PUT /_aliases/{name}", "POST /_aliases/{name}",
				"PUT /{index}/_alias", "PUT /{index}/_aliases", "PUT /_alias",
			},
			Prepare: preparePutAlias,
		},
		{On: []string{"DELETE /{index}/_alias/{name}", "DELETE /{index}/_aliases/{name}"}, Prepare: prepareDeleteAlias},
		{On: []string{"POST /_aliases"}, Prepare: preparePostAliases},
		{On: []string{"GET /{index}", "HEAD /{index}"}, Prepare: prepareGetIndex, Rendering: SettingsRendering},
		{
			On: []string{
				"GET /_settings", "GET /_settings/{name}", "GET /{index}/_settings", "GET /{index}/_settings/{name}", "GET /{index}/_setting/{name}",
			},
			Prepare: prepareGetSettings, Rendering: SettingsRendering,
		},
		{On: []string{"PUT /_settings", "PUT /{index}/_settings"}, Prepare: prepareUpdateSettings, Rendering: SettingsRendering},
		{
			On: []string{
				"PUT /{index}/_mapping", "POST /{index}/_mapping", "PUT /{index}/_mappings", "POST /{index}/_mappings",
			},
			Prepare: preparePutMapping,
		},
		{On: []string{"GET /_segments", "GET /{index}/_segments"}, Prepare: prepareSegments},
		{On: []string{"GET /_shard_stores", "GET /{index}/_shard_stores"}, Prepare: prepareShardStores},
		{On: []string{"GET /_resolve/index/{name}"}, Prepare: prepareResolve},
		{
			On: []string{
				"GET /_mapping/field/{fields}", "GET /{index}/_mapping/field/{fields}",
			},
			Prepare: prepareFieldMapping,
		},
		{On: []string{"GET /_tasks"}, Prepare: prepareTasks},
		{On: []string{"GET /_tasks/{task_id}"}, Prepare: prepareTask},
		{On: []string{"POST /_tasks/_cancel", "POST /_tasks/{task_id}/_cancel"}, Prepare: prepareCancelTasks},
		{On: []string{"GET /_health_report", "GET /_health_report/{indicator}"}, Prepare: prepareHealthReport},
		{On: []string{"GET /_remote/info"}, Prepare: prepareRemoteInfo},
		{On: []string{"POST /{index}/_rollover", "POST /{index}/_rollover/{new_index}"}, Prepare: prepareRollover},
		{On: []string{"PUT /_component_template/{name}", "POST /_component_template/{name}"}, Prepare: preparePutComponent},
		{On: []string{"GET /_component_template", "GET /_component_template/{name}"}, Prepare: prepareGetComponents, Rendering: SettingsRendering},
		{On: []string{"HEAD /_component_template/{name}"}, Prepare: prepareHasTemplate(hasComponent)},
		{On: []string{"DELETE /_component_template/{name}"}, Prepare: prepareDeleteComponents},
		{On: []string{"PUT /_index_template/{name}", "POST /_index_template/{name}"}, Prepare: preparePutIndexTemplate},
		{On: []string{"GET /_index_template", "GET /_index_template/{name}"}, Prepare: prepareGetIndexTemplates, Rendering: SettingsRendering},
		{On: []string{"HEAD /_index_template/{name}"}, Prepare: prepareHasTemplate(hasIndexTemplate)},
		{On: []string{"DELETE /_index_template/{name}"}, Prepare: prepareDeleteIndexTemplates},
		{On: []string{"POST /_index_template/_simulate_index/{name}"}, Prepare: prepareSimulateIndex},
		{On: []string{"POST /_index_template/_simulate", "POST /_index_template/_simulate/{name}"}, Prepare: prepareSimulateTemplate},
		{On: []string{"PUT /_template/{name}", "POST /_template/{name}"}, Prepare: preparePutTemplate},
		{On: []string{"GET /_template", "GET /_template/{name}"}, Prepare: prepareGetTemplates, Rendering: SettingsRendering},
		{On: []string{"HEAD /_template/{name}"}, Prepare: prepareHasTemplate(hasTemplate)},
		{On: []string{"DELETE /_template/{name}"}, Prepare: prepareDeleteTemplate},
		{On: []string{"GET /_data_stream/_stats", "GET /_data_stream/{name}/_stats"}, Prepare: prepareStreamStats, Modules: true},
		{On: []string{"PUT /_data_stream/{name}"}, Prepare: prepareCreateStream, Modules: true},
		{On: []string{"GET /_data_stream", "GET /_data_stream/{name}"}, Prepare: prepareGetStreams, Modules: true},
		{On: []string{"DELETE /_data_stream/{name}"}, Prepare: prepareDeleteStreams, Modules: true},
		{
			On:      []string{"GET /_mapping", "GET /_mappings", "GET /{index}/_mapping", "GET /{index}/_mappings"},
			Prepare: prepareGetMapping,
		},
	}
}
