package restapi

// clusterRoutes are the endpoints of the cluster, its indices and its snapshots.
func clusterRoutes() []*route {
	return []*route{
		{on: []string{"DELETE /", "DELETE /{index}"}, prepare: prepareDeleteIndex},
		{on: []string{"GET /_cluster/health", "GET /_cluster/health/{index}"}, prepare: prepareHealth, rendering: []string{"level"}},
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
	}
}
