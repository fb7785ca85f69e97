package cat

import "github.com/shardquake/shardquake/sim/elastic/restapi/rest"

// Routes are the endpoints of the _cat API.
func Routes() []*rest.Route {
	return []*rest.Route{
		{On: []string{"GET /_cat/health"}, Prepare: prepareCatHealth, Rendering: catRendering},
		{On: []string{"GET /_cat/nodes"}, Prepare: prepareCatNodes, Rendering: catRendering},
		{On: []string{"GET /_cat/shards", "GET /_cat/shards/{index}"}, Prepare: prepareCatShards, Rendering: catRendering},
		{On: []string{"GET /_cat/recovery", "GET /_cat/recovery/{index}"}, Prepare: prepareCatRecovery, Rendering: catRendering},
		{On: []string{"GET /_cat/allocation", "GET /_cat/allocation/{nodes}"}, Prepare: prepareCatAllocation, Rendering: catRendering},
		{On: []string{"GET /_cat/aliases", "GET /_cat/aliases/{alias}"}, Prepare: prepareCatAliases, Rendering: catRendering},
		{On: []string{"GET /_cat/indices", "GET /_cat/indices/{index}"}, Prepare: prepareCatIndices, Rendering: catRendering},
	}
}
