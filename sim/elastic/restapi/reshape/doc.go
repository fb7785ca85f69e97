// Package reshape are the endpoints that make an index read-only and make another from it:
// _block, _shrink, _split and _clone.
package reshape

import (
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// Routes are the endpoints.
func Routes() []*rest.Route {
	return []*rest.Route{
		{On: []string{"PUT /{index}/_block/{block}"}, Prepare: prepareBlock},
		{On: []string{"PUT /{index}/_shrink/{target}", "POST /{index}/_shrink/{target}"}, Prepare: prepareResize(metadata.Shrinking)},
		{On: []string{"PUT /{index}/_split/{target}", "POST /{index}/_split/{target}"}, Prepare: prepareResize(metadata.Splitting)},
		{On: []string{"PUT /{index}/_clone/{target}", "POST /{index}/_clone/{target}"}, Prepare: prepareResize(metadata.Cloning)},
	}
}
