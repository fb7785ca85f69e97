package yamlrest

// Unserved are the areas of tests about what the simulator does not serve, by the folder of
// their suites.
var Unserved = []string{
	"explain", "indices.analyze", "indices.sort", "indices.upgrade", "ingest", "mlt", "mtermvectors", "nodes.reload_secure_settings", "range",
	"scripts", "search.aggregation", "search.highlight", "search.inner_hits", "snapshot.clone", "suggest", "termvectors",
}
