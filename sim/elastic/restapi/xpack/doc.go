// Package xpack says what of the default distribution a node has: _xpack, _xpack/usage and
// _license, of a cluster with a basic licence. The answers come from documented ones.
//
// Every feature of the distribution is named. "available" is what the basic licence says;
// "enabled" are only those that the simulated node has, as though the others had been switched
// off, so that whoever asks does not go on to use them.
package xpack

import "github.com/shardquake/shardquake/sim/elastic/restapi/rest"

// Routes are the endpoints.
func Routes() []*rest.Route {
	return []*rest.Route{
		{On: []string{"GET /_xpack", "HEAD /_xpack"}, Prepare: prepareInfo, Modules: true},
		{On: []string{"GET /_xpack/usage"}, Prepare: prepareUsage, Modules: true},
		{On: []string{"GET /_license"}, Prepare: prepareLicense, Modules: true},
	}
}

// feature is a part of the distribution.
type feature struct {
	name  string
	basic bool // the basic licence has it
	here  bool // so has the simulated node
}

// features are those of 8.19, by name.
var features = []feature{
	{"aggregate_metric", true, false}, {"analytics", true, false}, {"archive", false, false}, {"ccr", false, false}, {"data_lifecycle", true, false},
	{"data_streams", true, true}, {"data_tiers", true, true}, {"enrich", true, false}, {"enterprise_search", false, false}, {"eql", true, false},
	{"esql", true, false}, {"frozen_indices", true, false}, {"graph", false, false}, {"health_api", true, true}, {"ilm", true, true},
	{"logsdb", true, false}, {"logstash", false, false}, {"ml", false, false}, {"monitoring", true, false}, {"rollup", true, false},
	{"searchable_snapshots", false, false}, {"security", true, false}, {"slm", true, true}, {"spatial", true, false}, {"sql", true, false},
	{"transform", true, false}, {"universal_profiling", false, false}, {"voting_only", true, false}, {"watcher", false, false},
}
