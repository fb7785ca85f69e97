package stats

import (
	"github.com/shardquake/shardquake/sim/elastic/restapi/cluster"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// Routes are the endpoints of statistics, node information and recoveries.
func Routes() []*rest.Route {
	return []*rest.Route{
		{On: []string{"GET /_cluster/stats", "GET /_cluster/stats/nodes/{nodeId}"}, Prepare: prepareClusterStats},
		{
			On: []string{
				"GET /_nodes", "GET /_nodes/{nodeId}", "GET /_nodes/{nodeId}/{metrics}", "GET /_nodes/{nodeId}/info/{metrics}",
			},
			Prepare: prepareNodesInfo, Rendering: cluster.SettingsRendering,
		},
		{
			On: []string{
				"GET /_nodes/stats", "GET /_nodes/{nodeId}/stats", "GET /_nodes/stats/{metric}", "GET /_nodes/{nodeId}/stats/{metric}",
				"GET /_nodes/stats/{metric}/{index_metric}", "GET /_nodes/{nodeId}/stats/{metric}/{index_metric}",
			},
			Prepare: prepareNodesStats, Rendering: []string{"level"},
		},
		{
			On: []string{
				"GET /_nodes/hot_threads", "GET /_nodes/hotthreads", "GET /_nodes/{nodeId}/hot_threads", "GET /_nodes/{nodeId}/hotthreads",
			},
			Prepare: prepareHotThreads,
		},
		{On: []string{"GET /_recovery", "GET /{index}/_recovery"}, Prepare: prepareRecovery},
		{
			On:      []string{"GET /_stats", "GET /_stats/{metric}", "GET /{index}/_stats", "GET /{index}/_stats/{metric}"},
			Prepare: prepareStats, Rendering: statsRendering,
		},
	}
}
