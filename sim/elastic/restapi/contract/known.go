package contract

import (
	"maps"
	"slices"
	"strings"
)

// known is what the simulator answers otherwise than the recorded cluster, and why.
type known struct {
	uri    string   // the request's begins so; "" any
	parts  []string // what the difference contains one of
	reason string
}

var simulated = []known{
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

// containers is what nodes in containers answer otherwise than the recorded ones, which
// ran without.
var containers = []known{
	{
		uri:    "/_cluster/settings?include_defaults",
		parts:  []string{".defaults.http·", ".defaults.network·", ".defaults.remote_cluster·", ".defaults.transport·"},
		reason: "nodes in containers bind to an address of their network, and publish none of their own",
	},
	{
		uri:    "/_nodes",
		parts:  []string{".settings.http.", ".settings.network.", ".settings.transport.", ".settings.node.store.allow_mmap"},
		reason: "nodes in containers bind to an address of their network, and may map files",
	},
	{
		uri:    "/_nodes",
		parts:  []string{".fs.io_stats"},
		reason: "the disk of a container is a device or a file system without one",
	},
	{
		uri:    "/_nodes",
		parts:  []string{".os.cgroup."},
		reason: "containers have control groups, whose files differ with their version",
	},
	{
		uri:    "/_nodes/stats",
		parts:  []string{".http.clients", ".http.routes", ".transport.actions.<name>."},
		reason: "which requests and connections are counted hangs on the moment",
	},
	{
		uri:    "/ix/_doc/1",
		parts:  []string{"Unexpected end of file"},
		reason: "where the primary is on the other node, the exception loses its class on the way",
	},
}

// OfContainers are the differences of real nodes in containers, with their reasons.
// Not each shows on every machine.
func OfContainers() *Reasons { return &Reasons{containers, map[string]bool{}} }

// Reasons keeps count of the differences that are known, and why they are there. The
// zero value knows none.
type Reasons struct {
	known []known
	used  map[string]bool
}

// OfSimulator are the differences of the simulator, with their reasons.
func OfSimulator() *Reasons { return &Reasons{simulated, map[string]bool{}} }

// For finds why a difference in the answer to a request is there, or "".
func (r *Reasons) For(q Request, difference string) string {
	for _, k := range r.known {
		if k.uri != "" && !strings.HasPrefix(q.URI, k.uri) {
			continue
		}
		for _, part := range k.parts {
			if strings.Contains(difference, part) {
				r.used[k.reason] = true
				return k.reason
			}
		}
	}
	return ""
}

// Unused are the reasons for which nothing has differed: they are out of date.
func (r *Reasons) Unused() []string {
	left := map[string]bool{}
	for _, k := range r.known {
		if !r.used[k.reason] {
			left[k.reason] = true
		}
	}
	return slices.Sorted(maps.Keys(left))
}
