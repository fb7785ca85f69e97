package restapi_test

// knownDifference is what the simulator answers otherwise than the recorded cluster,
// and why. Every one must still occur.
type knownDifference struct {
	uri    string   // the request's begins so; "" any
	parts  []string // what the difference contains one of
	reason string
}

var knownDifferences = []knownDifference{
	{
		parts:  []string{"uri [/] and method [PUT]", `header Allow: real "DELETE"`},
		reason: "the recorded nodes lack the module rest-root, which serves GET / and HEAD /",
	},
	{
		uri: "/_cluster/settings?include_defaults",
		parts: []string{
			".defaults.cluster·initial_master_nodes", ".defaults.discovery·seed_hosts", ".defaults.http·port", ".defaults.network·",
			".defaults.transport·port",
		},
		reason: "the recorded nodes' elasticsearch.yml names ports, addresses and first masters",
	},
	{
		uri: "/_nodes",
		parts: []string{
			"settings.cluster.initial_master_nodes", "settings.discovery", "settings.http", "settings.network", "settings.path",
			"settings.transport",
		},
		reason: "the recorded nodes' elasticsearch.yml names ports, addresses, paths and first masters",
	},
	{
		uri:    "/_cluster/stats",
		parts:  []string{".indices.search.queries", ".indices.search.sections"},
		reason: "how often each feature of searches was used is not counted",
	},
	{
		uri:    "/_cluster/state",
		parts:  []string{".nodes_features[]", ".nodes_versions[].mappings_versions"},
		reason: "there are no rolling upgrades: neither features nor versions of system indices' mappings",
	},
	{
		uri:    "/ix/_recovery?human&detailed",
		parts:  []string{".files.details[]"},
		reason: "files are segments in the model; an empty shard's commit has no name",
	},
	{
		uri:    "/_nodes",
		parts:  []string{".jvm.gc_collectors", ".jvm.input_arguments", ".jvm.memory_pools", ".jvm.buffer_pools", ".jvm.mem.pools"},
		reason: "there is no Java virtual machine",
	},
	{
		uri:    "/_nodes",
		parts:  []string{".aggregations", ".modules"},
		reason: "a simulated node has no modules and computes no aggregations",
	},
	{
		uri:    "/_nodes",
		parts:  []string{".os.cgroup."},
		reason: "simulated machines have no control groups",
	},
	{
		uri: "/_nodes/stats",
		parts: []string{
			".adaptive_selection.", ".discovery.cluster_applier_stats.recordings", ".http.clients[]", ".http.routes", ".transport.actions",
			".transport.inbound_handling_time_histogram", ".transport.outbound_handling_time_histogram",
		},
		reason: "traffic is counted by node, not by kind of request, connection or listener",
	},
}
