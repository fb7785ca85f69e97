package yamlrest

import "strings"

// Unserved are the areas of tests about what the simulator does not serve, by the folder of
// their suites.
var Unserved = []string{
	"explain", "indices.analyze", "indices.sort", "indices.upgrade", "ingest", "mlt", "mtermvectors", "nodes.reload_secure_settings", "range",
	"scripts", "search.aggregation", "search.highlight", "search.inner_hits", "snapshot.clone", "suggest", "termvectors",
}

// unservedSuites are single suites that are wholly about kinds of query, or ways to show hits,
// that the simulator refuses by name.
var unservedSuites = map[string]string{
	"search/110_field_collapsing":          "[collapse] in a search",
	"search/115_multiple_field_collapsing": "[collapse] in a search",
	"search/190_index_prefix_search":       "index.prefixes and span queries",
	"search/200_index_phrase_search":       "phrases with slop in ?q",
	"search/210_rescore_explain":           "[rescore] and [explain] in a search",
	"search/230_interval_query":            "query [intervals]",
	"search/250_distance_feature":          "query [distance_feature]",
	"search/310_match_bool_prefix":         "query [match_bool_prefix]",
	"search/320_disallow_queries":          "query_string, fuzzy, regexp, nested, geo and script queries",
}

// LeftOut says of what the simulator lacks a suite is; "": it is to pass.
func LeftOut(suite string) string {
	area, _, _ := strings.Cut(suite, "/")
	for _, a := range Unserved {
		if area == a {
			return "the area " + a
		}
	}
	return unservedSuites[suite]
}

// Sample are suites that together ask a node for a bit of everything, in seconds. They are played
// on a live node beside the simulator wherever there is one; all suites only by order.
var Sample = []string{
	"bulk/10_basic", "cat.shards/10_basic", "cluster.health/10_basic", "cluster.put_settings/10_basic", "cluster.reroute/10_basic",
	"cluster.voting_config_exclusions/10_basic", "count/10_basic", "create/10_with_id", "delete/10_basic", "field_caps/10_basic", "get/40_routing",
	"index/12_result", "indices.create/10_basic", "indices.open/10_basic", "indices.put_mapping/10_basic", "indices.rollover/10_basic",
	"indices.stats/10_index", "mget/70_source_filtering", "nodes.stats/10_basic", "scroll/10_basic", "search/30_limits", "snapshot.create/10_basic", "update/20_doc_upsert",
}
