package restapi

// documentsRoutes are the endpoints of documents: writing, reading and searching them.
func documentsRoutes() []*route {
	return []*route{
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
}
