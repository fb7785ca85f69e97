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
	// Nodes.
	{"POST /_nodes/reload_secure_settings", ""},
	{"POST /_nodes/{nodeId}/reload_secure_settings", ""},
	// The cluster.
	{"GET /_security/_authenticate", ""},
	{"GET /_ingest/pipeline", ""},
	{"GET,PUT,DELETE /_ingest/pipeline/{id}", ""},
	{"GET,PUT,DELETE,POST /_scripts/{id}", ""},
	{"GET /_features", ""},
	{"POST /_features/_reset", ""},
	{"GET /_script_context", ""},
	{"GET /_script_language", ""},
	{"GET /_info/{target}", "GET /_nodes/stats"},
	{"GET /_capabilities", ""},
	{"GET,DELETE /_internal/desired_nodes/_latest", ""},
	{"GET /_synonyms", ""},
	{"GET,PUT,DELETE /_synonyms/{name}", ""},
	{"GET /_resolve/cluster", "GET /_remote/info"},
	{"GET /_resolve/cluster/{name}", "GET /_resolve/index/{name}"},
	// Indices.
	{"GET /_dangling", ""},
	{"POST,DELETE /_dangling/{uuid}", ""},
	{"GET,POST /_analyze", ""},
	{"GET,POST /{index}/_analyze", ""},
	// Documents.
	{"GET,POST /{index}/_explain/{id}", "POST /{index}/_search"},
	{"GET,POST /{index}/_termvectors", ""},
	{"GET,POST /{index}/_termvectors/{id}", ""},
	{"GET,POST /_mtermvectors", ""},
	{"GET,POST /{index}/_mtermvectors", ""},
	{"GET,POST /{index}/_knn_search", "POST /{index}/_search"},
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
