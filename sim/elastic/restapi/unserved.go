package restapi

import (
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// unserved are paths that Elasticsearch 8 has and the model lacks. They stand among the
// routes so that none is taken for a node filter or for the name of an index, which would
// give an answer that looks right and isn't.
type unserved struct {
	on      string // methods, separated by commas, and path; those of modules are theirs only
	nearest string // what tells the most of the same; "" where nothing does
}

// unservedTable is what clients, dashboards and runbooks are known to ask for.
var unservedTable = []unserved{ //nolint:gochecknoglobals // a table, never written to
	// Nodes and tasks.
	{"GET /_nodes/usage", "GET /_nodes/stats/indices"},
	{"GET /_nodes/usage/{metric}", "GET /_nodes/stats/indices"},
	{"GET /_nodes/{nodeId}/usage", "GET /_nodes/{nodeId}/stats/indices"},
	{"GET /_nodes/{nodeId}/usage/{metric}", "GET /_nodes/{nodeId}/stats/indices"},
	{"POST /_nodes/reload_secure_settings", ""},
	{"POST /_nodes/{nodeId}/reload_secure_settings", ""},
	{"GET /_tasks", "GET /_cluster/pending_tasks"},
	{"GET /_tasks/{task_id}", "GET /_cluster/pending_tasks"},
	{"POST /_tasks/_cancel", ""},
	{"POST /_tasks/{task_id}/_cancel", ""},
	// The cluster.
	{"GET /_internal/desired_balance", "GET /_cluster/allocation/explain"},
	{"GET /_xpack", ""},
	{"GET /_xpack/usage", "GET /_cluster/stats"},
	{"GET /_license", ""},
	{"GET /_security/_authenticate", ""},
	{"POST /{index}/_ilm/retry", "GET /{index}/_ilm/explain; a failed step is tried again by itself"},
	{"POST /_ilm/move/{index}", "indices.lifecycle.poll_interval and short ages in a policy"},
	{"POST /{index}/_ilm/remove", "PUT /{index}/_settings with index.lifecycle.name set to null"},
	{"GET,PUT,DELETE /_slm/policy/{name}", "PUT /_snapshot/{repository}/{snapshot}"},
	{"GET /_ingest/pipeline", ""},
	{"GET,PUT,DELETE /_ingest/pipeline/{id}", ""},
	{"GET,PUT,DELETE,POST /_scripts/{id}", ""},
	// Indices.
	{"GET,POST /_analyze", ""},
	{"GET,POST /{index}/_analyze", ""},
	// Documents.
	{"POST /_reindex", "POST /_bulk"},
	{"POST /{index}/_update_by_query", "POST /_bulk"},
	{"POST /{index}/_delete_by_query", "POST /_bulk"},
	{"POST /{index}/_async_search", "POST /{index}/_search"},
	{"GET,POST /_sql", "POST /_search"},
}

// unservedRoutes are the routes of what the model lacks.
func unservedRoutes() []*rest.Route {
	var out []*rest.Route
	for _, u := range unservedTable {
		verbs, path, _ := strings.Cut(u.on, " ")
		route := &rest.Route{Prepare: u.refuse}
		for verb := range strings.SplitSeq(verbs, ",") {
			route.On = append(route.On, verb+" "+path)
		}
		out = append(out, route)
	}
	return out
}

// refuse says what is lacking, and what comes nearest.
func (u unserved) refuse(r *rest.Request) rest.Action {
	what := r.Method + " " + r.Path()
	if u.nearest != "" {
		what += "; the nearest that it has is " + u.nearest
	}
	rest.Raise(rest.NotModelled(what))
	return nil
}
