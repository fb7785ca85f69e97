package restapi

import (
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// infoMetrics are the sections of _nodes, in the order of the answer.
var infoMetrics = []string{
	"settings", "os", "process", "jvm", "thread_pool", "remote_cluster_server", "transport", "http", "plugins", "ingest",
	"aggregations", "indices",
}

// nodeInfo is what a node tells about itself.
type nodeInfo struct {
	self     *state.Node
	settings settings.Settings
	heap     int64
	cpus     int
	started  int64 // milliseconds since 1970
}

// infoOf runs on the node.
func infoOf(n *elastic.Node) (nodeInfo, error) {
	stats := n.LocalNodeStats()
	return nodeInfo{
		self: n.Self(), settings: n.Settings(), heap: stats.HeapMax, cpus: stats.CPUs,
		started: stats.AtMillis - stats.Uptime.Milliseconds(),
	}, nil
}

func prepareNodesInfo(r *request) action {
	filters, metrics := r.listParam("nodeId"), r.listParam("metrics")
	if metrics == nil && slices.ContainsFunc(filters, func(f string) bool { return slices.Contains(infoMetrics, f) || f == "_all" }) &&
		!r.has("metrics") && allMetrics(filters) {
		filters, metrics = nil, filters
	}
	if slices.Contains(metrics, "_all") {
		metrics = nil
	}
	timeout := r.timeParam("timeout", 0)
	flat := r.boolParam("flat_settings", false)
	return func(c *call) *response {
		st := c.state(true, 0)
		targets := nodesOf(st, c.node.ID(), filters)
		infos, failures := fanOut(c, targets, timeout, infoOf)
		w := newJSON(c.req.human())
		w.obj()
		writeNodesHeader(w, len(targets), failures)
		w.str("cluster_name", c.cluster.Name())
		w.object("nodes")
		for i := range infos {
			w.object(infos[i].Node.ID)
			writeNodeInfo(w, &infos[i].Value, c.cluster.Name(), metrics, flat)
			w.end()
		}
		w.end()
		w.end()
		return &response{json: w.bytes()}
	}
}

// allMetrics reports whether /_nodes/{x} names metrics rather than nodes.
func allMetrics(names []string) bool {
	for _, n := range names {
		if !slices.Contains(infoMetrics, n) && n != "_all" {
			return false
		}
	}
	return len(names) > 0
}

// httpAddress is where the node's REST API listens.
func httpAddress(n *state.Node, s settings.Settings) string {
	port, ok := s.Get("http.port")
	if !ok {
		port = "9200"
	}
	return address(n) + ":" + port
}

// nodeSettings is the node's elasticsearch.yml with its name, its cluster and its attributes.
func nodeSettings(i *nodeInfo, cluster string) settings.Settings {
	own := map[string]string{"node.name": i.self.Name, "cluster.name": cluster}
	for _, a := range i.self.Attributes {
		own["node.attr."+a.Name] = a.Value
	}
	return i.settings.Merged(settings.Of(own))
}

func writeNodeInfo(w *jsonWriter, i *nodeInfo, cluster string, metrics []string, flat bool) {
	n := i.self
	w.str("name", n.Name)
	w.str("transport_address", n.Address)
	w.str("host", address(n))
	w.str("ip", address(n))
	w.str("version", version)
	w.int("transport_version", transportVersion)
	w.int("index_version", indexVersion)
	w.object("component_versions")
	w.end()
	w.str("build_flavor", "default")
	w.str("build_type", "docker")
	w.str("build_hash", buildHash)
	if wants(metrics, "indices") {
		// Elasticsearch has the two names the wrong way round.
		w.size("total_indexing_buffer", "total_indexing_buffer_in_bytes", i.heap/10)
	}
	w.strs("roles", n.Roles)
	writeAttributes(w, "attributes", n)
	sections := map[string]func(){
		"settings": func() {
			own := nodeSettings(i, cluster)
			writeSettings(w, "settings", own, settings.ClusterRegistry(), flat)
		},
		"os":          func() { writeOSInfo(w, i) },
		"process":     func() { writeProcessInfo(w) },
		"jvm":         func() { writeJVMInfo(w, i) },
		"thread_pool": func() { writePools(w) },
		"transport": func() {
			w.object("transport")
			w.strs("bound_address", []string{n.Address})
			w.str("publish_address", n.Address)
			w.object("profiles")
			w.end()
			w.end()
		},
		"http": func() {
			at := httpAddress(n, i.settings)
			w.object("http")
			w.strs("bound_address", []string{at})
			w.str("publish_address", at)
			w.size("max_content_length_in_bytes", "max_content_length", 100<<20)
			w.end()
		},
		"plugins": func() {
			for _, list := range []string{"plugins", "modules"} {
				w.array(list)
				w.end()
			}
		},
		"ingest": func() {
			w.object("ingest")
			w.array("processors")
			w.end()
			w.end()
		},
		"aggregations": func() { w.object("aggregations"); w.end() },
	}
	for _, m := range infoMetrics {
		if f := sections[m]; f != nil && wants(metrics, m) {
			f()
		}
	}
}

func writeOSInfo(w *jsonWriter, i *nodeInfo) {
	w.object("os")
	w.millis("refresh_interval_in_millis", "refresh_interval", 1e9)
	w.str("name", "Linux")
	w.str("pretty_name", "simulated")
	w.str("arch", "amd64")
	w.str("version", "simulated")
	w.int("available_processors", i.cpus)
	w.int("allocated_processors", i.cpus)
	w.end()
}

func writeProcessInfo(w *jsonWriter) {
	w.object("process")
	w.millis("refresh_interval_in_millis", "refresh_interval", 1e9)
	w.int("id", 1)
	w.bool("mlockall", false)
	w.end()
}

// jvmVersion is that of the official image of the release.
const jvmVersion = "24.0.1"

func writeJVMInfo(w *jsonWriter, i *nodeInfo) {
	w.object("jvm")
	w.int("pid", 1)
	w.str("version", jvmVersion)
	w.str("vm_name", "simulated")
	w.str("vm_version", jvmVersion)
	w.str("vm_vendor", "simulated")
	w.bool("using_bundled_jdk", true)
	w.int64("start_time_in_millis", i.started)
	w.object("mem")
	w.size("heap_init_in_bytes", "heap_init", i.heap)
	w.size("heap_max_in_bytes", "heap_max", i.heap)
	w.size("non_heap_init_in_bytes", "non_heap_init", 0)
	w.size("non_heap_max_in_bytes", "non_heap_max", 0)
	w.size("direct_max_in_bytes", "direct_max", 0)
	w.end()
	for _, list := range []string{"gc_collectors", "memory_pools"} {
		w.array(list)
		w.end()
	}
	w.str("using_compressed_ordinary_object_pointers", "true")
	w.array("input_arguments")
	w.end()
	w.end()
}

// pools are the thread pools of a node, from the defaults of their settings.
func pools() []string {
	var names []string
	for _, e := range settings.ClusterRegistry().Entries() {
		if rest, ok := strings.CutPrefix(e.Key, "thread_pool."); ok {
			name, _, _ := strings.Cut(rest, ".")
			// search_worker takes no threads unless it is given some.
			if !slices.Contains(names, name) && name != "search_worker" && name != "estimated_time_interval" && name != "scheduler" {
				names = append(names, name)
			}
		}
	}
	return names
}

func writePools(w *jsonWriter) {
	def := func(name, what string) string {
		if e := settings.ClusterRegistry().Lookup("thread_pool." + name + "." + what); e != nil {
			return e.Default
		}
		return ""
	}
	w.object("thread_pool")
	for _, name := range pools() {
		w.object(name)
		if size := def(name, "size"); size != "" {
			w.str("type", "fixed")
			w.raw("size", []byte(size))
			w.raw("queue_size", []byte(def(name, "queue_size")))
		} else {
			w.str("type", "scaling")
			w.raw("core", []byte(def(name, "core")))
			w.raw("max", []byte(def(name, "max")))
			w.str("keep_alive", def(name, "keep_alive"))
			w.int("queue_size", -1)
		}
		w.end()
	}
	w.end()
}
