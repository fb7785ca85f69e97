package restapi

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// nodeStats is what a node answers to _nodes/stats and the requests built on it.
type nodeStats struct {
	self    *state.Node
	set     settings.Settings
	node    elastic.NodeStats
	indices []indexSum           // by index name, when asked for
	sizes   []elastic.IndexSize  // the same with no more than documents and bytes
	shards  []elastic.ShardStats // when asked for
	// undesired copies on the node, in the eyes of the master.
	undesired int
}

// indexSum is what a node holds of an index: all copies, and the primaries among them.
type indexSum struct {
	index          string
	all, primaries totals
}

// machineOf answers without looking at shards. It runs on the node.
func machineOf(n *elastic.Node) (nodeStats, error) {
	return nodeStats{self: n.Self(), set: n.ClusterSettings(), node: n.LocalNodeStats()}, nil
}

// statsOf also sums the copies by index. It runs on the node.
func statsOf(n *elastic.Node) (nodeStats, error) {
	out, err := machineOf(n)
	out.indices = sumsOf(n)
	return out, err
}

// shardsOf also lists the copies. It runs on the node.
func shardsOf(n *elastic.Node) (nodeStats, error) {
	out, err := statsOf(n)
	out.shards = n.LocalShardStats()
	return out, err
}

// sizesOf also sums documents and bytes of the copies by index, and nothing else of
// them. It runs on the node.
func sizesOf(n *elastic.Node) (nodeStats, error) {
	out, err := machineOf(n)
	out.sizes = n.IndexSizes()
	return out, err
}

// sumsOf sums the copies on a node by index.
func sumsOf(n *elastic.Node) []indexSum {
	var out []indexSum
	n.EachShardStats(func(s *elastic.ShardStats) { out = addToSums(out, s) })
	return out
}

func (s *nodeStats) totals() *totals {
	var t totals
	for i := range s.indices {
		t.join(&s.indices[i].all)
	}
	for i := range s.sizes {
		t.joinSizes(&s.sizes[i].All)
	}
	return &t
}

// statSections of _nodes/stats in the order of the answer.
var statSections = []struct {
	metric string
	write  func(w *jsonWriter, c *call, s *nodeStats)
}{
	{"os", writeOSStats}, {"process", writeProcessStats}, {"jvm", writeJVMStats}, {"thread_pool", writePoolStats},
	{"fs", writeFSStats}, {"transport", writeTransportStats}, {"http", writeHTTPStats}, {"breaker", writeBreakers},
	{"script", func(w *jsonWriter, _ *call, _ *nodeStats) {
		w.object("script")
		for _, f := range []string{"compilations", "cache_evictions", "compilation_limit_triggered"} {
			w.int(f, 0)
		}
		w.array("contexts")
		w.end()
		w.end()
	}},
	{"discovery", writeDiscovery},
	{"ingest", func(w *jsonWriter, _ *call, _ *nodeStats) {
		w.object("ingest")
		w.object("total")
		for _, f := range []string{"count", "time_in_millis", "current", "failed"} {
			writeZero(w, f)
		}
		w.end()
		w.object("pipelines")
		w.end()
		w.end()
	}},
	{"adaptive_selection", func(w *jsonWriter, _ *call, _ *nodeStats) { w.object("adaptive_selection"); w.end() }},
	{"script_cache", func(w *jsonWriter, _ *call, _ *nodeStats) {
		w.object("script_cache")
		w.object("sum")
		for _, f := range []string{"compilations", "cache_evictions", "compilation_limit_triggered"} {
			w.int(f, 0)
		}
		w.end()
		w.end()
	}},
	{"indexing_pressure", func(w *jsonWriter, _ *call, s *nodeStats) { writePressure(w, s.node.HeapMax/10) }},
	{"repositories", func(w *jsonWriter, _ *call, _ *nodeStats) { w.object("repositories"); w.end() }},
	{"allocations", func(w *jsonWriter, _ *call, s *nodeStats) {
		t := s.totals()
		w.object("allocations")
		w.int("shards", t.shards)
		w.int("undesired_shards", s.undesired)
		w.float("forecasted_ingest_load", 0)
		w.size("forecasted_disk_usage_in_bytes", "forecasted_disk_usage", t.StoreBytes)
		w.size("current_disk_usage_in_bytes", "current_disk_usage", t.StoreBytes)
		w.end()
	}},
}

func isStatMetric(m string) bool {
	if m == "indices" || m == "_all" {
		return true
	}
	for _, s := range statSections {
		if s.metric == m {
			return true
		}
	}
	return false
}

func prepareNodesStats(r *request) action {
	filters, metrics, parts := r.listParam("nodeId"), r.listParam("metric"), r.listParam("index_metric")
	timeout := r.timeParam("timeout", 0)
	checkStatMetrics(r, metrics)
	all := metrics == nil || slices.Contains(metrics, "_all")
	if parts != nil {
		if !slices.Contains(metrics, "indices") && !all {
			raise(illegalArgument("request [%s] contains index metrics [%s] but indices stats not requested", r.path(), strings.Join(parts, ",")))
		}
		parts = statsMetrics(r, "index_metric", "index metric", isSection)
	}
	for _, p := range []string{"fields", "completion_fields", "fielddata_fields", "groups"} {
		r.param(p)
	}
	level := r.paramOr("level", "node")
	r.boolParam("include_segment_file_sizes", false)
	r.boolParam("include_unloaded_segments", false)
	if !slices.Contains([]string{"node", "indices", "shards"}, level) {
		raise(illegalArgument("level parameter must be one of [node] or [indices] or [shards] but was [%s]", level))
	}
	look := machineOf
	if all || slices.Contains(metrics, "indices") || slices.Contains(metrics, "allocations") {
		look = statsOf
		if level == "shards" {
			look = shardsOf
		}
	}
	return func(c *call) *response {
		st := c.state(true, 0)
		targets := nodesOf(st, c.node.ID(), filters)
		stats, failures := fanOut(c, targets, timeout, look)
		if all || slices.Contains(metrics, "allocations") {
			masters := c.allocations(30 * time.Second)
			for i := range stats {
				stats[i].Value.undesired = masters[stats[i].Node.ID].Undesired
			}
		}
		w := newJSON(c.req.human())
		w.obj()
		writeNodesHeader(w, len(targets), failures)
		w.str("cluster_name", c.cluster.Name())
		w.object("nodes")
		for i := range stats {
			s := &stats[i].Value
			w.object(stats[i].Node.ID)
			writeNodeHead(w, s)
			if all || slices.Contains(metrics, "indices") {
				writeNodeIndices(w, s, parts, level)
			}
			for _, section := range statSections {
				if all || slices.Contains(metrics, section.metric) {
					section.write(w, c, s)
				}
			}
			w.end()
		}
		w.end()
		w.end()
		return &response{json: w.bytes()}
	}
}

func checkStatMetrics(r *request, metrics []string) {
	if len(metrics) > 1 && slices.Contains(metrics, "_all") {
		raise(illegalArgument("request [%s] contains _all and individual metrics [%s]", r.path(), strings.Join(metrics, ",")))
	}
	var unknown []string
	for _, m := range metrics {
		if !isStatMetric(m) {
			unknown = append(unknown, m)
		}
	}
	if len(unknown) == 0 {
		return
	}
	candidates := []string{"indices"}
	for _, s := range statSections {
		candidates = append(candidates, s.metric)
	}
	slices.Sort(unknown)
	raise(illegalArgument("%s", strings.Replace(unrecognized(r.path(), unknown, candidates), "unrecognized parameter", "unrecognized metric", 1)))
}

func writeNodeHead(w *jsonWriter, s *nodeStats) {
	n := s.self
	w.int64("timestamp", s.node.AtMillis)
	w.str("name", n.Name)
	w.str("transport_address", n.Address)
	w.str("host", address(n))
	w.str("ip", n.Address)
	w.strs("roles", n.Roles)
	if len(n.Attributes) > 0 {
		writeAttributes(w, "attributes", n)
	}
}

func writeNodeIndices(w *jsonWriter, s *nodeStats, parts []string, level string) {
	w.object("indices")
	t := s.totals()
	writeTotals(w, t, parts, "dense_vector", "sparse_vector")
	if parts == nil || slices.Contains(parts, "mappings") {
		w.object("mappings")
		w.int("total_count", 0)
		w.size("total_estimated_overhead_in_bytes", "total_estimated_overhead", 0)
		w.int("total_segments", t.SegmentsCount)
		w.int("total_segment_fields", 0)
		w.int("average_fields_per_segment", 0)
		w.end()
	}
	for _, v := range []string{"dense_vector", "sparse_vector"} {
		if parts == nil || slices.Contains(parts, v) {
			w.object(v)
			w.int("value_count", 0)
			w.end()
		}
	}
	if level != "node" {
		writeNodeLevels(w, s, parts, level)
	}
	w.end()
}

// writeNodeLevels writes the node's figures by index or by shard.
func writeNodeLevels(w *jsonWriter, s *nodeStats, parts []string, level string) {
	w.object(level)
	if level == "indices" {
		for i := range s.indices {
			w.object(s.indices[i].index)
			writeTotals(w, &s.indices[i].all, parts)
			w.end()
		}
	} else {
		open := ""
		for i := range s.shards {
			sh := &s.shards[i]
			if sh.Index != open {
				if open != "" {
					w.end()
				}
				open = sh.Index
				w.array(sh.Index)
			}
			w.obj()
			w.object(strconv.Itoa(sh.Shard))
			writeShardBody(w, sh, s.self.ID, parts)
			w.end()
			w.end()
		}
		if open != "" {
			w.end()
		}
	}
	w.end()
}

func percentage(part, of int64) int64 {
	if of <= 0 {
		return 0
	}
	return (part*100 + of/2) / of
}

func writeOSStats(w *jsonWriter, _ *call, s *nodeStats) {
	n := &s.node
	w.object("os")
	w.int64("timestamp", n.AtMillis)
	w.object("cpu")
	w.int("percent", n.CPUPercent)
	w.object("load_average")
	for i, f := range []string{"1m", "5m", "15m"} {
		w.float(f, n.LoadAverages[i])
	}
	w.end()
	w.end()
	w.object("mem")
	w.size("total_in_bytes", "total", n.MemTotal)
	w.size("adjusted_total_in_bytes", "adjusted_total", n.MemTotal)
	w.size("free_in_bytes", "free", n.MemFree)
	w.size("used_in_bytes", "used", n.MemTotal-n.MemFree)
	w.int64("free_percent", percentage(n.MemFree, n.MemTotal))
	w.int64("used_percent", 100-percentage(n.MemFree, n.MemTotal))
	w.end()
	w.object("swap")
	for _, f := range []string{"total", "free", "used"} {
		w.size(f+"_in_bytes", f, 0)
	}
	w.end()
	w.end()
}

func writeProcessStats(w *jsonWriter, _ *call, s *nodeStats) {
	w.object("process")
	w.int64("timestamp", s.node.AtMillis)
	w.int("open_file_descriptors", -1)
	w.int("max_file_descriptors", -1)
	w.object("cpu")
	w.int("percent", s.node.CPUPercent)
	w.millis("total_in_millis", "total", s.node.CPUTime)
	w.end()
	w.object("mem")
	w.size("total_virtual_in_bytes", "total_virtual", s.node.HeapMax)
	w.end()
	w.end()
}

func writeJVMStats(w *jsonWriter, _ *call, s *nodeStats) {
	n := &s.node
	w.object("jvm")
	w.int64("timestamp", n.AtMillis)
	w.millis("uptime_in_millis", "uptime", n.Uptime)
	w.object("mem")
	w.size("heap_used_in_bytes", "heap_used", n.HeapUsed)
	w.int64("heap_used_percent", n.HeapUsed*100/max(1, n.HeapMax))
	w.size("heap_committed_in_bytes", "heap_committed", n.HeapMax)
	w.size("heap_max_in_bytes", "heap_max", n.HeapMax)
	w.size("non_heap_used_in_bytes", "non_heap_used", 0)
	w.size("non_heap_committed_in_bytes", "non_heap_committed", 0)
	w.object("pools")
	w.end()
	w.end()
	w.object("threads")
	w.int("count", 0)
	w.int("peak_count", 0)
	w.end()
	w.object("gc")
	w.object("collectors")
	w.object("young")
	w.int64("collection_count", n.GCCount)
	w.millis("collection_time_in_millis", "collection_time", n.GCTime)
	w.end()
	w.object("old")
	w.int("collection_count", 0)
	w.millis("collection_time_in_millis", "collection_time", 0)
	w.end()
	w.end()
	w.end()
	w.object("buffer_pools")
	w.end()
	w.object("classes")
	for _, f := range []string{"current_loaded_count", "total_loaded_count", "total_unloaded_count"} {
		w.int(f, 0)
	}
	w.end()
	w.end()
}

func writePoolStats(w *jsonWriter, _ *call, s *nodeStats) {
	w.object("thread_pool")
	for _, name := range pools() {
		var p elastic.PoolStats // of other pools than these the model has none
		if i := slices.IndexFunc(s.node.Pools, func(p elastic.PoolStats) bool { return p.Name == name }); i >= 0 {
			p = s.node.Pools[i]
		}
		w.object(name)
		w.int("threads", p.Threads)
		w.int("queue", p.Queue)
		w.int("active", p.Active)
		w.int64("rejected", p.Rejected)
		w.int("largest", p.Largest)
		w.int64("completed", p.Completed)
		w.end()
	}
	w.end()
}

func writeTransportStats(w *jsonWriter, _ *call, s *nodeStats) {
	n := &s.node
	w.object("transport")
	w.int("server_open", n.OpenTransport)
	w.int("total_outbound_connections", n.OpenTransport)
	w.int64("rx_count", n.TransportRxCount)
	w.size("rx_size_in_bytes", "rx_size", n.TransportRxBytes)
	w.int64("tx_count", n.TransportTxCount)
	w.size("tx_size_in_bytes", "tx_size", n.TransportTxBytes)
	for _, f := range []string{"inbound_handling_time_histogram", "outbound_handling_time_histogram"} {
		w.array(f)
		w.end()
	}
	w.object("actions")
	w.end()
	w.end()
}

func writeHTTPStats(w *jsonWriter, _ *call, s *nodeStats) {
	w.object("http")
	w.int("current_open", s.node.HTTPCurrent)
	w.int64("total_opened", s.node.HTTPTotal)
	w.array("clients")
	w.end()
	w.object("routes")
	w.end()
	w.end()
}

// breakers are the circuit breakers with their parts of the heap (indices.breaker.*).
var breakers = []struct {
	name     string
	percent  int64
	overhead float64
}{{"inflight_requests", 100, 2}, {"request", 60, 1}, {"fielddata", 40, 1.03}, {"parent", 95, 1}}

func writeBreakers(w *jsonWriter, _ *call, s *nodeStats) {
	w.object("breakers")
	for _, b := range breakers {
		limit := s.node.HeapMax * b.percent / 100
		used := int64(0)
		if b.name == "parent" {
			used = s.node.HeapUsed
		}
		w.object(b.name)
		w.int64("limit_size_in_bytes", limit)
		w.str("limit_size", settings.HumanBytes(limit))
		w.int64("estimated_size_in_bytes", used)
		w.str("estimated_size", settings.HumanBytes(used))
		w.float("overhead", b.overhead)
		w.int("tripped", 0)
		w.end()
	}
	w.end()
}

func writeDiscovery(w *jsonWriter, _ *call, _ *nodeStats) {
	group := func(key string, fields ...string) {
		w.object(key)
		for _, f := range fields {
			writeZero(w, f)
		}
		w.end()
	}
	w.object("discovery")
	group("cluster_state_queue", "total", "pending", "committed")
	w.object("serialized_cluster_states")
	group("full_states", "count", "uncompressed_size_in_bytes", "compressed_size_in_bytes")
	group("diffs", "count", "uncompressed_size_in_bytes", "compressed_size_in_bytes")
	w.end()
	group("published_cluster_states", "full_states", "incompatible_diffs", "compatible_diffs")
	w.object("cluster_state_update")
	w.object("unchanged")
	for _, f := range []string{"count", "computation_time_millis", "notification_time_millis"} {
		w.int(f, 0)
	}
	w.end()
	for _, outcome := range []string{"success", "failure"} {
		w.object(outcome)
		for _, f := range []string{
			"count", "computation_time_millis", "publication_time_millis", "context_construction_time_millis", "commit_time_millis",
			"completion_time_millis", "master_apply_time_millis", "notification_time_millis",
		} {
			w.int(f, 0)
		}
		w.end()
	}
	w.end()
	w.object("cluster_applier_stats")
	w.array("recordings")
	w.end()
	w.end()
	w.end()
}

func writePressure(w *jsonWriter, limit int64) {
	now := []string{
		"combined_coordinating_and_primary_in_bytes", "coordinating_in_bytes", "primary_in_bytes", "replica_in_bytes", "all_in_bytes",
	}
	w.object("indexing_pressure")
	w.object("memory")
	w.object("current")
	for _, f := range now {
		writeZero(w, f)
	}
	w.end()
	w.object("total")
	for _, f := range append(now, "coordinating_rejections", "primary_rejections", "replica_rejections", "primary_document_rejections") {
		writeZero(w, f)
	}
	w.end()
	w.size("limit_in_bytes", "limit", limit)
	w.end()
	w.end()
}
