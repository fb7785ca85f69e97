package restapi

// catRoutes are the endpoints of the _cat API.
func catRoutes() []*route {
	return []*route{
		{on: []string{"GET /_cat/health"}, prepare: prepareCatHealth, rendering: catRendering},
		{on: []string{"GET /_cat/nodes"}, prepare: prepareCatNodes, rendering: catRendering},
		{on: []string{"GET /_cat/shards", "GET /_cat/shards/{index}"}, prepare: prepareCatShards, rendering: catRendering},
		{on: []string{"GET /_cat/recovery", "GET /_cat/recovery/{index}"}, prepare: prepareCatRecovery, rendering: catRendering},
		{on: []string{"GET /_cat/allocation", "GET /_cat/allocation/{nodes}"}, prepare: prepareCatAllocation, rendering: catRendering},
		{on: []string{"GET /_cat/indices", "GET /_cat/indices/{index}"}, prepare: prepareCatIndices, rendering: catRendering},
	}
}
