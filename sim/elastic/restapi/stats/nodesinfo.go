package stats

import (
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/restapi/cluster"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
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
	started  int64  // milliseconds since 1970
	http     string // address of the REST API
}

// askInfo asks a node what it is.
type askInfo struct{}

func (askInfo) Ask(n *elastic.Node) (nodeInfo, error) {
	stats := figures.LocalNodeStats(n)
	return nodeInfo{
		self: n.Self(), settings: n.Settings(), heap: stats.HeapMax, cpus: stats.CPUs,
		started: stats.AtMillis - stats.Uptime.Milliseconds(),
	}, nil
}

func prepareNodesInfo(r *rest.Request) rest.Action {
	filters, metrics := r.ListParam("nodeId"), r.ListParam("metrics")
	if metrics == nil && slices.ContainsFunc(filters, func(f string) bool { return slices.Contains(infoMetrics, f) || f == "_all" }) &&
		!r.Has("metrics") && allMetrics(filters) {
		filters, metrics = nil, filters
	}
	if slices.Contains(metrics, "_all") {
		metrics = nil
	}
	timeout := r.TimeParam("timeout", 0)
	flat := r.BoolParam("flat_settings", false)
	return func(c *rest.Call) *rest.Response {
		st := c.State(true, 0)
		targets := rest.NodesOf(st, c.Node.ID(), filters)
		infos, failures := rest.FanOut(c, targets, timeout, askInfo{})
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		rest.WriteNodesHeader(w, len(targets), failures)
		w.Str("cluster_name", c.Cluster.Name())
		w.Object("nodes")
		for i := range infos {
			w.Object(infos[i].Node.ID)
			infos[i].Value.http = HTTPAddress(c, infos[i].Value.self, infos[i].Value.settings)
			writeNodeInfo(w, &infos[i].Value, c.Cluster.Name(), metrics, flat)
			w.End()
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
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

// HTTPAddress is where clients reach the node's REST API.
func HTTPAddress(c *rest.Call, n *state.Node, s settings.Settings) string {
	if at := c.Published[n.Name]; at != "" {
		return at
	}
	port, ok := s.Get("http.port")
	if !ok {
		port = "9200"
	}
	return rest.Address(n) + ":" + port
}

// nodeSettings is the node's elasticsearch.yml with its name, its cluster and its attributes.
func nodeSettings(i *nodeInfo, clusterName string) settings.Settings {
	own := map[string]string{"node.name": i.self.Name, "cluster.name": clusterName}
	for _, a := range i.self.Attributes {
		own["node.attr."+a.Name] = a.Value
	}
	return i.settings.Merged(settings.Of(own))
}

func writeNodeInfo(w *rest.Writer, i *nodeInfo, clusterName string, metrics []string, flat bool) {
	n := i.self
	w.Str("name", n.Name)
	w.Str("transport_address", n.Address)
	w.Str("host", rest.Address(n))
	w.Str("ip", rest.Address(n))
	w.Str("version", n.Version())
	w.Int("transport_version", rest.TransportVersion)
	w.Int("index_version", rest.IndexVersion)
	w.Object("component_versions")
	w.End()
	w.Str("build_flavor", "default")
	w.Str("build_type", "docker")
	w.Str("build_hash", rest.BuildHash)
	if cluster.Wants(metrics, "indices") {
		// Elasticsearch has the two names the wrong way round.
		w.Size("total_indexing_buffer", "total_indexing_buffer_in_bytes", i.heap/10)
	}
	w.Strs("roles", n.Roles)
	cluster.WriteAttributes(w, "attributes", n)
	sections := map[string]func(){
		"settings": func() {
			own := nodeSettings(i, clusterName)
			cluster.WriteSettings(w, "settings", own, settings.ClusterRegistry(), flat)
		},
		"os":          func() { writeOSInfo(w, i) },
		"process":     func() { writeProcessInfo(w) },
		"jvm":         func() { writeJVMInfo(w, i) },
		"thread_pool": func() { writePools(w) },
		"transport": func() {
			w.Object("transport")
			w.Strs("bound_address", []string{n.Address})
			w.Str("publish_address", n.Address)
			w.Object("profiles")
			w.End()
			w.End()
		},
		"http": func() {
			w.Object("http")
			w.Strs("bound_address", []string{i.http})
			w.Str("publish_address", i.http)
			w.Size("max_content_length_in_bytes", "max_content_length", 100<<20)
			w.End()
		},
		"plugins": func() {
			for _, list := range []string{"plugins", "modules"} {
				w.Array(list)
				w.End()
			}
		},
		"ingest": func() {
			w.Object("ingest")
			w.Array("processors")
			w.End()
			w.End()
		},
		"aggregations": func() { writeAggregations(w) },
	}
	for _, m := range infoMetrics {
		if f := sections[m]; f != nil && cluster.Wants(metrics, m) {
			f()
		}
	}
}

func writeOSInfo(w *rest.Writer, i *nodeInfo) {
	w.Object("os")
	w.Millis("refresh_interval_in_millis", "refresh_interval", 1e9)
	w.Str("name", "Linux")
	w.Str("pretty_name", "simulated")
	w.Str("arch", "amd64")
	w.Str("version", "simulated")
	w.Int("available_processors", i.cpus)
	w.Int("allocated_processors", i.cpus)
	w.End()
}

func writeProcessInfo(w *rest.Writer) {
	w.Object("process")
	w.Millis("refresh_interval_in_millis", "refresh_interval", 1e9)
	w.Int("id", 1)
	w.Bool("mlockall", false)
	w.End()
}

// JVMVersion is that of the official image of the release.
const JVMVersion = "24.0.1"

func writeJVMInfo(w *rest.Writer, i *nodeInfo) {
	w.Object("jvm")
	w.Int("pid", 1)
	w.Str("version", JVMVersion)
	w.Str("vm_name", "simulated")
	w.Str("vm_version", JVMVersion)
	w.Str("vm_vendor", "simulated")
	w.Bool("using_bundled_jdk", true)
	w.Int64("start_time_in_millis", i.started)
	w.Object("mem")
	w.Size("heap_init_in_bytes", "heap_init", i.heap)
	w.Size("heap_max_in_bytes", "heap_max", i.heap)
	w.Size("non_heap_init_in_bytes", "non_heap_init", 0)
	w.Size("non_heap_max_in_bytes", "non_heap_max", 0)
	w.Size("direct_max_in_bytes", "direct_max", 0)
	w.End()
	for _, list := range []string{"gc_collectors", "memory_pools"} {
		w.Array(list)
		w.End()
	}
	w.Str("using_compressed_ordinary_object_pointers", "true")
	w.Array("input_arguments")
	w.End()
	w.End()
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

func writePools(w *rest.Writer) {
	def := func(name, what string) string {
		if e := settings.ClusterRegistry().Lookup("thread_pool." + name + "." + what); e != nil {
			return e.Default
		}
		return ""
	}
	w.Object("thread_pool")
	for _, name := range pools() {
		w.Object(name)
		if size := def(name, "size"); size != "" {
			w.Str("type", "fixed")
			w.Raw("size", []byte(size))
			w.Raw("queue_size", []byte(def(name, "queue_size")))
		} else {
			w.Str("type", "scaling")
			w.Raw("core", []byte(def(name, "core")))
			w.Raw("max", []byte(def(name, "max")))
			w.Str("keep_alive", def(name, "keep_alive"))
			w.Int("queue_size", -1)
		}
		w.End()
	}
	w.End()
}

// aggregations are those that the simulator computes, and of what types of values.
var aggregations = []struct {
	name  string
	types []string
}{
	{"avg", []string{"boolean", "date", "numeric"}},
	{"cardinality", []string{"boolean", "bytes", "date", "numeric"}},
	{"date_histogram", []string{"date"}},
	{"filter", []string{"other"}},
	{"filters", []string{"other"}},
	{"histogram", []string{"boolean", "date", "numeric"}},
	{"max", []string{"boolean", "date", "numeric"}},
	{"min", []string{"boolean", "date", "numeric"}},
	{"missing", []string{"boolean", "bytes", "date", "numeric"}},
	{"stats", []string{"boolean", "date", "numeric"}},
	{"sum", []string{"boolean", "date", "numeric"}},
	{"terms", []string{"boolean", "bytes", "date", "numeric"}},
	{"value_count", []string{"boolean", "bytes", "date", "numeric"}},
}

func writeAggregations(w *rest.Writer) {
	w.Object("aggregations")
	for _, a := range aggregations {
		w.Object(a.name)
		w.Strs("types", a.types)
		w.End()
	}
	w.End()
}
