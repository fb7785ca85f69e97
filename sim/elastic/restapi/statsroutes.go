package restapi

// statsRoutes are the endpoints of statistics, node information and recoveries.
func statsRoutes() []*route {
	return []*route{
		{on: []string{"GET /_cluster/stats", "GET /_cluster/stats/nodes/{nodeId}"}, prepare: prepareClusterStats},
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
	}
}
