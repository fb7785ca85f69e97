package documents

import "github.com/shardquake/shardquake/sim/elastic/restapi/rest"

// Routes are the endpoints of documents: writing, reading and searching them.
func Routes() []*rest.Route {
	return []*rest.Route{
		{
			On:      []string{"GET /_refresh", "POST /_refresh", "GET /{index}/_refresh", "POST /{index}/_refresh"},
			Prepare: prepareRefresh,
		},
		{On: []string{"GET /_flush", "POST /_flush", "GET /{index}/_flush", "POST /{index}/_flush"}, Prepare: prepareFlush},
		{On: []string{"POST /_forcemerge", "POST /{index}/_forcemerge"}, Prepare: prepareForceMerge},
		{On: []string{"POST /_cache/clear", "POST /{index}/_cache/clear"}, Prepare: prepareClearCache},
		{On: []string{"POST /{index}/_doc", "POST /{index}/_doc/{id}", "PUT /{index}/_doc/{id}"}, Prepare: prepareIndex(false)},
		{On: []string{"POST /{index}/_create/{id}", "PUT /{index}/_create/{id}"}, Prepare: prepareIndex(true)},
		{On: []string{"GET /{index}/_doc/{id}", "HEAD /{index}/_doc/{id}"}, Prepare: prepareGet},
		{On: []string{"DELETE /{index}/_doc/{id}"}, Prepare: prepareDelete},
		{On: []string{"GET /{index}/_source/{id}", "HEAD /{index}/_source/{id}"}, Prepare: prepareGetSource},
		{On: []string{"POST /{index}/_update/{id}"}, Prepare: prepareUpdate},
		{
			On:      []string{"POST /_bulk", "PUT /_bulk", "POST /{index}/_bulk", "PUT /{index}/_bulk"},
			Prepare: prepareBulk, Bulk: true,
		},
		{
			On:      []string{"GET /_search", "POST /_search", "GET /{index}/_search", "POST /{index}/_search"},
			Prepare: prepareSearch, Rendering: []string{"typed_keys", "rest_total_hits_as_int"},
		},
		{On: []string{"GET /_mget", "POST /_mget", "GET /{index}/_mget", "POST /{index}/_mget"}, Prepare: prepareMultiGet},
		{
			On:      []string{"GET /_msearch", "POST /_msearch", "GET /{index}/_msearch", "POST /{index}/_msearch"},
			Prepare: prepareMultiSearch, Rendering: []string{"typed_keys", "rest_total_hits_as_int"}, Bulk: true,
		},
		{
			On: []string{
				"GET /_search/scroll", "POST /_search/scroll", "GET /_search/scroll/{scroll_id}", "POST /_search/scroll/{scroll_id}",
			},
			Prepare: prepareScroll, Rendering: []string{"rest_total_hits_as_int"},
		},
		{On: []string{"DELETE /_search/scroll", "DELETE /_search/scroll/{scroll_id}"}, Prepare: prepareClearScroll},
		{
			On:      []string{"GET /_validate/query", "POST /_validate/query", "GET /{index}/_validate/query", "POST /{index}/_validate/query"},
			Prepare: prepareValidate,
		},
		{On: []string{"POST /_pit", "POST /{index}/_pit"}, Prepare: prepareOpenPIT},
		{On: []string{"DELETE /_pit"}, Prepare: prepareClosePIT},
		{On: []string{"GET /_count", "POST /_count", "GET /{index}/_count", "POST /{index}/_count"}, Prepare: prepareCount},
	}
}
