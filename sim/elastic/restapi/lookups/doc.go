// Package lookups are the endpoints that say what a search would find: which fields
// (_field_caps) and which shards (_search_shards).
package lookups

import "github.com/shardquake/shardquake/sim/elastic/restapi/rest"

// Routes are the endpoints.
func Routes() []*rest.Route {
	return []*rest.Route{
		{
			On:      []string{"GET /_field_caps", "POST /_field_caps", "GET /{index}/_field_caps", "POST /{index}/_field_caps"},
			Prepare: prepareFieldCaps,
		},
		{
			On:      []string{"GET /_search_shards", "POST /_search_shards", "GET /{index}/_search_shards", "POST /{index}/_search_shards"},
			Prepare: prepareSearchShards,
		},
	}
}
