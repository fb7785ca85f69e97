package stats

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/restapi/cluster"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// NodeStats is what a node answers to _nodes/stats and the requests built on it.
type NodeStats struct {
	Self    *state.Node
	Set     settings.Settings
	Node    elastic.NodeStats
	indices []IndexSum           // by index name, when asked for
	sizes   []figures.IndexSize  // the same with no more than documents and bytes
	shards  []elastic.ShardStats // when asked for
	which   *shown
	// undesired copies on the node, in the eyes of the master.
	undesired int
}

// IndexSum is what a node holds of an index: all copies, and the primaries among them.
type IndexSum struct {
	Index          string
	All, Primaries Totals
}

// Look is how much nodes are asked of themselves.
type Look uint8

const (
	// Machine is without a look at their copies, Sums with these summed by index, Copies with
	// each of them too.
	Machine Look = iota
	Sums
	Copies
	// Sizes is with documents and bytes of the copies by index, and nothing else of them.
	Sizes
)

// Ask looks at the node itself.
func (l Look) Ask(n *elastic.Node) (NodeStats, error) {
	out := NodeStats{Self: n.Self(), Set: n.ClusterSettings(), Node: figures.LocalNodeStats(n)}
	if l == Sums || l == Copies {
		out.indices = sumsOf(n)
	}
	if l == Copies {
		out.shards = localShardStats(n)
	}
	if l == Sizes {
		out.sizes = figures.IndexSizes(n)
	}
	return out, nil
}

// sumsOf sums the copies on a node by index.
func sumsOf(n *elastic.Node) []IndexSum {
	var out []IndexSum
	c := newCompleter(n)
	figures.EachShardStats(n, func(s *elastic.ShardStats) {
		c.add(s)
		out = addToSums(out, s)
	})
	return out
}

func (s *NodeStats) Totals() *Totals {
	var t Totals
	for i := range s.indices {
		t.join(&s.indices[i].All)
	}
	for i := range s.sizes {
		t.joinSizes(&s.sizes[i].All)
	}
	return &t
}

// statSections of _nodes/stats in the order of the answer.
var statSections = []struct {
	metric string
	write  func(w *rest.Writer, c *rest.Call, s *NodeStats)
}{
	{"os", writeOSStats}, {"process", writeProcessStats}, {"jvm", writeJVMStats}, {"thread_pool", writePoolStats},
	{"fs", writeFSStats}, {"transport", writeTransportStats}, {"http", writeHTTPStats}, {"breaker", writeBreakers},
	{"script", func(w *rest.Writer, _ *rest.Call, _ *NodeStats) {
		w.Object("script")
		for _, f := range []string{"compilations", "cache_evictions", "compilation_limit_triggered"} {
			w.Int(f, 0)
		}
		w.Array("contexts")
		w.End()
		w.End()
	}},
	{"discovery", writeDiscovery},
	{"ingest", func(w *rest.Writer, _ *rest.Call, _ *NodeStats) {
		w.Object("ingest")
		w.Object("total")
		for _, f := range []string{"count", "time_in_millis", "current", "failed"} {
			writeZero(w, f)
		}
		w.End()
		w.Object("pipelines")
		w.End()
		w.End()
	}},
	{"adaptive_selection", func(w *rest.Writer, _ *rest.Call, _ *NodeStats) { w.Object("adaptive_selection"); w.End() }},
	{"script_cache", func(w *rest.Writer, _ *rest.Call, _ *NodeStats) {
		w.Object("script_cache")
		w.Object("sum")
		for _, f := range []string{"compilations", "cache_evictions", "compilation_limit_triggered"} {
			w.Int(f, 0)
		}
		w.End()
		w.End()
	}},
	{"indexing_pressure", func(w *rest.Writer, _ *rest.Call, s *NodeStats) { writePressure(w, s.Node.HeapMax/10) }},
	{"repositories", func(w *rest.Writer, _ *rest.Call, _ *NodeStats) { w.Object("repositories"); w.End() }},
	{"allocations", func(w *rest.Writer, _ *rest.Call, s *NodeStats) {
		t := s.Totals()
		w.Object("allocations")
		w.Int("shards", t.Shards)
		w.Int("undesired_shards", s.undesired)
		w.Float("forecasted_ingest_load", 0)
		w.Size("forecasted_disk_usage_in_bytes", "forecasted_disk_usage", t.StoreBytes)
		w.Size("current_disk_usage_in_bytes", "current_disk_usage", t.StoreBytes)
		w.End()
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

func prepareNodesStats(r *rest.Request) rest.Action {
	filters, metrics, parts := r.ListParam("nodeId"), r.ListParam("metric"), r.ListParam("index_metric")
	timeout := r.TimeParam("timeout", 0)
	checkStatMetrics(r, metrics)
	all := metrics == nil || slices.Contains(metrics, "_all")
	if parts != nil {
		if !slices.Contains(metrics, "indices") && !all {
			rest.Raise(rest.IllegalArgument("request [%s] contains index metrics [%s] but indices stats not requested", r.Path(), strings.Join(parts, ",")))
		}
		parts = statsMetrics(r, "index_metric", "index metric", isSection)
	}
	which := shownParams(r)
	level := r.ParamOr("level", "node")
	r.BoolParam("include_segment_file_sizes", false)
	r.BoolParam("include_unloaded_segments", false)
	if !slices.Contains([]string{"node", "indices", "shards"}, level) {
		rest.Raise(rest.IllegalArgument("level parameter must be one of [node] or [indices] or [shards] but was [%s]", level))
	}
	look := Machine
	if all || slices.Contains(metrics, "indices") || slices.Contains(metrics, "allocations") {
		look = Sums
		if level == "shards" {
			look = Copies
		}
	}
	return func(c *rest.Call) *rest.Response {
		st := c.State(true, 0)
		targets := rest.NodesOf(st, c.Node.ID(), filters)
		stats, failures := rest.FanOut(c, targets, timeout, look)
		for i := range stats {
			stats[i].Value.which = which
		}
		if all || slices.Contains(metrics, "allocations") {
			masters := c.Allocations(30 * time.Second)
			for i := range stats {
				stats[i].Value.undesired = masters[stats[i].Node.ID].Undesired
			}
		}
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		rest.WriteNodesHeader(w, len(targets), failures)
		w.Str("cluster_name", c.Cluster.Name())
		w.Object("nodes")
		for i := range stats {
			s := &stats[i].Value
			w.Object(stats[i].Node.ID)
			writeNodeHead(w, s)
			if all || slices.Contains(metrics, "indices") {
				writeNodeIndices(w, s, parts, level)
			}
			for _, section := range statSections {
				if all || slices.Contains(metrics, section.metric) {
					section.write(w, c, s)
				}
			}
			w.End()
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func checkStatMetrics(r *rest.Request, metrics []string) {
	if len(metrics) > 1 && slices.Contains(metrics, "_all") {
		rest.Raise(rest.IllegalArgument("request [%s] contains _all and individual metrics [%s]", r.Path(), strings.Join(metrics, ",")))
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
	rest.Raise(rest.IllegalArgument("%s", strings.Replace(rest.Unrecognized(r.Path(), unknown, candidates), "unrecognized parameter", "unrecognized metric", 1)))
}

func writeNodeHead(w *rest.Writer, s *NodeStats) {
	n := s.Self
	w.Int64("timestamp", s.Node.AtMillis)
	w.Str("name", n.Name)
	w.Str("transport_address", n.Address)
	w.Str("host", rest.Address(n))
	w.Str("ip", n.Address)
	w.Strs("roles", n.Roles)
	if len(n.Attributes) > 0 {
		cluster.WriteAttributes(w, "attributes", n)
	}
}

func writeNodeIndices(w *rest.Writer, s *NodeStats, parts []string, level string) {
	w.Object("indices")
	t := s.Totals()
	t.shown = s.which
	writeTotals(w, t, parts, "dense_vector", "sparse_vector")
	if parts == nil || slices.Contains(parts, "mappings") {
		w.Object("mappings")
		w.Int("total_count", 0)
		w.Size("total_estimated_overhead_in_bytes", "total_estimated_overhead", 0)
		w.Int("total_segments", t.SegmentsCount)
		w.Int("total_segment_fields", 0)
		w.Int("average_fields_per_segment", 0)
		w.End()
	}
	for _, v := range []string{"dense_vector", "sparse_vector"} {
		if parts == nil || slices.Contains(parts, v) {
			w.Object(v)
			w.Int("value_count", 0)
			w.End()
		}
	}
	if level != "node" {
		writeNodeLevels(w, s, parts, level)
	}
	w.End()
}

// writeNodeLevels writes the node's figures by index or by shard.
func writeNodeLevels(w *rest.Writer, s *NodeStats, parts []string, level string) {
	w.Object(level)
	if level == "indices" {
		for i := range s.indices {
			w.Object(s.indices[i].Index)
			s.indices[i].show(s.which)
			writeTotals(w, &s.indices[i].All, parts)
			w.End()
		}
	} else {
		open := ""
		for i := range s.shards {
			sh := &s.shards[i]
			if sh.Index != open {
				if open != "" {
					w.End()
				}
				open = sh.Index
				w.Array(sh.Index)
			}
			w.Obj()
			w.Object(strconv.Itoa(sh.Shard))
			writeShardBody(w, sh, s.Self.ID, parts, s.which)
			w.End()
			w.End()
		}
		if open != "" {
			w.End()
		}
	}
	w.End()
}

func Percentage(part, of int64) int64 {
	if of <= 0 {
		return 0
	}
	return (part*100 + of/2) / of
}

func writeOSStats(w *rest.Writer, _ *rest.Call, s *NodeStats) {
	n := &s.Node
	w.Object("os")
	w.Int64("timestamp", n.AtMillis)
	w.Object("cpu")
	w.Int("percent", n.CPUPercent)
	w.Object("load_average")
	for i, f := range []string{"1m", "5m", "15m"} {
		w.Float(f, n.LoadAverages[i])
	}
	w.End()
	w.End()
	w.Object("mem")
	w.Size("total_in_bytes", "total", n.MemTotal)
	w.Size("adjusted_total_in_bytes", "adjusted_total", n.MemTotal)
	w.Size("free_in_bytes", "free", n.MemFree)
	w.Size("used_in_bytes", "used", n.MemTotal-n.MemFree)
	w.Int64("free_percent", Percentage(n.MemFree, n.MemTotal))
	w.Int64("used_percent", 100-Percentage(n.MemFree, n.MemTotal))
	w.End()
	w.Object("swap")
	for _, f := range []string{"total", "free", "used"} {
		w.Size(f+"_in_bytes", f, 0)
	}
	w.End()
	w.End()
}

func writeProcessStats(w *rest.Writer, _ *rest.Call, s *NodeStats) {
	w.Object("process")
	w.Int64("timestamp", s.Node.AtMillis)
	w.Int("open_file_descriptors", -1)
	w.Int("max_file_descriptors", -1)
	w.Object("cpu")
	w.Int("percent", s.Node.CPUPercent)
	w.Millis("total_in_millis", "total", s.Node.CPUTime)
	w.End()
	w.Object("mem")
	w.Size("total_virtual_in_bytes", "total_virtual", s.Node.HeapMax)
	w.End()
	w.End()
}

func writeJVMStats(w *rest.Writer, _ *rest.Call, s *NodeStats) {
	n := &s.Node
	w.Object("jvm")
	w.Int64("timestamp", n.AtMillis)
	w.Millis("uptime_in_millis", "uptime", n.Uptime)
	w.Object("mem")
	w.Size("heap_used_in_bytes", "heap_used", n.HeapUsed)
	w.Int64("heap_used_percent", n.HeapUsed*100/max(1, n.HeapMax))
	w.Size("heap_committed_in_bytes", "heap_committed", n.HeapMax)
	w.Size("heap_max_in_bytes", "heap_max", n.HeapMax)
	w.Size("non_heap_used_in_bytes", "non_heap_used", 0)
	w.Size("non_heap_committed_in_bytes", "non_heap_committed", 0)
	w.Object("pools")
	w.End()
	w.End()
	w.Object("threads")
	w.Int("count", 0)
	w.Int("peak_count", 0)
	w.End()
	w.Object("gc")
	w.Object("collectors")
	w.Object("young")
	w.Int64("collection_count", n.GCCount)
	w.Millis("collection_time_in_millis", "collection_time", n.GCTime)
	w.End()
	w.Object("old")
	w.Int("collection_count", 0)
	w.Millis("collection_time_in_millis", "collection_time", 0)
	w.End()
	w.End()
	w.End()
	w.Object("buffer_pools")
	for _, pool := range []string{"mapped", "direct", "mapped - 'non-volatile memory'"} {
		w.Object(pool)
		w.Int("count", 0)
		w.Size("used_in_bytes", "used", 0)
		w.Size("total_capacity_in_bytes", "total_capacity", 0)
		w.End()
	}
	w.End()
	w.Object("classes")
	for _, f := range []string{"current_loaded_count", "total_loaded_count", "total_unloaded_count"} {
		w.Int(f, 0)
	}
	w.End()
	w.End()
}

func writePoolStats(w *rest.Writer, _ *rest.Call, s *NodeStats) {
	w.Object("thread_pool")
	for _, p := range PoolFigures(&s.Node) {
		w.Object(p.Name)
		w.Int("threads", p.Threads)
		w.Int("queue", p.Queue)
		w.Int("active", p.Active)
		w.Int64("rejected", p.Rejected)
		w.Int("largest", p.Largest)
		w.Int64("completed", p.Completed)
		w.End()
	}
	w.End()
}

func writeTransportStats(w *rest.Writer, _ *rest.Call, s *NodeStats) {
	n := &s.Node
	w.Object("transport")
	w.Int("server_open", n.OpenTransport)
	w.Int("total_outbound_connections", n.OpenTransport)
	w.Int64("rx_count", n.TransportRxCount)
	w.Size("rx_size_in_bytes", "rx_size", n.TransportRxBytes)
	w.Int64("tx_count", n.TransportTxCount)
	w.Size("tx_size_in_bytes", "tx_size", n.TransportTxBytes)
	for _, f := range []string{"inbound_handling_time_histogram", "outbound_handling_time_histogram"} {
		w.Array(f)
		w.End()
	}
	w.Object("actions")
	w.End()
	w.End()
}

func writeHTTPStats(w *rest.Writer, _ *rest.Call, s *NodeStats) {
	w.Object("http")
	w.Int("current_open", s.Node.HTTPCurrent)
	w.Int64("total_opened", s.Node.HTTPTotal)
	w.Array("clients")
	w.End()
	w.Object("routes")
	w.End()
	w.End()
}

// breakers are the circuit breakers with their parts of the heap (indices.breaker.*).
var breakers = []struct {
	name     string
	percent  int64
	overhead float64
}{{"inflight_requests", 100, 2}, {"request", 60, 1}, {"fielddata", 40, 1.03}, {"parent", 95, 1}}

func writeBreakers(w *rest.Writer, _ *rest.Call, s *NodeStats) {
	w.Object("breakers")
	for _, b := range breakers {
		limit := s.Node.HeapMax * b.percent / 100
		used := int64(0)
		if b.name == "parent" {
			used = s.Node.HeapUsed
		}
		w.Object(b.name)
		w.Int64("limit_size_in_bytes", limit)
		w.Str("limit_size", settings.HumanBytes(limit))
		w.Int64("estimated_size_in_bytes", used)
		w.Str("estimated_size", settings.HumanBytes(used))
		w.Float("overhead", b.overhead)
		w.Int("tripped", 0)
		w.End()
	}
	w.End()
}

func writeDiscovery(w *rest.Writer, _ *rest.Call, _ *NodeStats) {
	group := func(key string, fields ...string) {
		w.Object(key)
		for _, f := range fields {
			writeZero(w, f)
		}
		w.End()
	}
	w.Object("discovery")
	group("cluster_state_queue", "total", "pending", "committed")
	w.Object("serialized_cluster_states")
	group("full_states", "count", "uncompressed_size_in_bytes", "compressed_size_in_bytes")
	group("diffs", "count", "uncompressed_size_in_bytes", "compressed_size_in_bytes")
	w.End()
	group("published_cluster_states", "full_states", "incompatible_diffs", "compatible_diffs")
	w.Object("cluster_state_update")
	w.Object("unchanged")
	for _, f := range []string{"count", "computation_time_millis", "notification_time_millis"} {
		w.Int(f, 0)
	}
	w.End()
	for _, outcome := range []string{"success", "failure"} {
		w.Object(outcome)
		for _, f := range []string{
			"count", "computation_time_millis", "publication_time_millis", "context_construction_time_millis", "commit_time_millis",
			"completion_time_millis", "master_apply_time_millis", "notification_time_millis",
		} {
			w.Int(f, 0)
		}
		w.End()
	}
	w.End()
	w.Object("cluster_applier_stats")
	w.Array("recordings")
	w.End()
	w.End()
	w.End()
}

func writePressure(w *rest.Writer, limit int64) {
	now := []string{
		"combined_coordinating_and_primary_in_bytes", "coordinating_in_bytes", "primary_in_bytes", "replica_in_bytes", "all_in_bytes",
	}
	w.Object("indexing_pressure")
	w.Object("memory")
	w.Object("current")
	for _, f := range now {
		writeZero(w, f)
	}
	w.End()
	w.Object("total")
	for _, f := range append(now, "coordinating_rejections", "primary_rejections", "replica_rejections", "primary_document_rejections") {
		writeZero(w, f)
	}
	w.End()
	w.Size("limit_in_bytes", "limit", limit)
	w.End()
	w.End()
}
