package restapi

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func prepareClusterStats(r *request) action {
	r.boolParam("include_remotes", false)
	filters := r.listParam("nodeId")
	timeout := r.timeParam("timeout", 0)
	look := statsOf
	if onlyBelow(r.param("filter_path"), cheapStats) {
		look = sizesOf
	}
	return func(c *call) *response {
		st := c.state(true, 0)
		targets := nodesOf(st, c.node.ID(), filters)
		stats, failures := fanOut(c, targets, timeout, look)
		w := newJSON(c.req.human())
		w.obj()
		writeNodesHeader(w, len(targets), failures)
		w.str("cluster_name", c.cluster.Name())
		w.str("cluster_uuid", st.ClusterUUID)
		w.int64("timestamp", c.wall().UnixMilli())
		if st.Master != "" {
			w.str("status", countsOf(c, st, nil).status.String())
		}
		writeClusterIndices(w, st, stats)
		writeClusterNodes(w, stats)
		writeClusterRest(w)
		w.end()
		return &response{json: w.bytes()}
	}
}

// cheapStats are the parts of _cluster/stats that come from counting copies and adding
// their sizes.
var cheapStats = []string{
	"_nodes", "cluster_name", "cluster_uuid", "timestamp", "status", "nodes", "indices.count", "indices.shards", "indices.docs", "indices.store",
}

// onlyBelow reports whether filter_path selects nothing but parts of these.
func onlyBelow(expression string, parts []string) bool {
	includes, _ := parsePathFilters(expression)
	for _, f := range includes {
		path := strings.Join(f, ".")
		if !slices.ContainsFunc(parts, func(p string) bool { return path == p || strings.HasPrefix(path, p+".") }) {
			return false
		}
	}
	return len(includes) > 0
}

func writeClusterIndices(w *jsonWriter, st *state.State, stats []elastic.NodeResult[nodeStats]) {
	sums := mergeSums(stats)
	var primaries, total totals
	for i := range sums {
		primaries.join(&sums[i].primaries)
		total.join(&sums[i].all)
	}
	w.object("indices")
	w.int("count", len(sums))
	writeShardCounts(w, sums)
	writeTotals(w, &primaries, []string{"docs"})
	writeTotals(w, &total, []string{"store"})
	writeTotals(w, &total, []string{"fielddata"})
	writeTotals(w, &total, []string{"query_cache"})
	writeTotals(w, &total, []string{"completion"})
	writeTotals(w, &total, []string{"segments"})
	writeMappingStats(w, st)
	w.object("analysis")
	for _, f := range []string{
		"char_filter_types", "tokenizer_types", "filter_types", "analyzer_types", "built_in_char_filters", "built_in_tokenizers",
		"built_in_filters", "built_in_analyzers",
	} {
		w.array(f)
		w.end()
	}
	w.object("synonyms")
	w.end()
	w.end()
	w.array("versions")
	if len(st.Indices) > 0 {
		shards := 0
		for _, m := range st.Indices {
			shards += m.Shards
		}
		w.obj()
		w.str("version", version)
		w.int("index_count", len(st.Indices))
		w.int("primary_shard_count", shards)
		w.size("total_primary_bytes", "total_primary_size", primaries.StoreBytes)
		w.end()
	}
	w.end()
	w.object("search")
	w.int64("total", total.Search.QueryTotal)
	for _, f := range []string{"queries", "rescorers", "sections", "retrievers"} {
		w.object(f)
		w.end()
	}
	w.end()
	writeTotals(w, &total, []string{"dense_vector"})
	writeTotals(w, &total, []string{"sparse_vector"})
	w.end()
}

// mergeSums sums what the nodes hold by index, in order of names.
func mergeSums(stats []elastic.NodeResult[nodeStats]) []indexSum {
	at := map[string]int{}
	var out []indexSum
	sum := func(index string) *indexSum {
		n, ok := at[index]
		if !ok {
			n = len(out)
			at[index] = n
			out = append(out, indexSum{index: index})
		}
		return &out[n]
	}
	for i := range stats {
		for k := range stats[i].Value.indices {
			s := &stats[i].Value.indices[k]
			to := sum(s.index)
			to.all.join(&s.all)
			to.primaries.join(&s.primaries)
		}
		for k := range stats[i].Value.sizes {
			s := &stats[i].Value.sizes[k]
			to := sum(s.Index)
			to.all.joinSizes(&s.All)
			to.primaries.joinSizes(&s.Primaries)
		}
	}
	slices.SortStableFunc(out, func(a, b indexSum) int { return cmp.Compare(a.index, b.index) })
	return out
}

// spread is minimum, maximum and average over indices.
type spread struct {
	lo, hi, sum float64
	n           int
}

func (s *spread) add(v float64) {
	if s.n == 0 || v < s.lo {
		s.lo = v
	}
	s.hi = max(s.hi, v)
	s.sum = float64(s.sum + v)
	s.n++
}

// writeShardCounts writes how shards spread over indices (ClusterStatsIndices.ShardStats).
func writeShardCounts(w *jsonWriter, sums []indexSum) {
	w.object("shards")
	defer w.end()
	if len(sums) == 0 {
		return
	}
	sum := struct{ total, primaries int }{}
	var shards, primaries, replication spread
	for i := range sums {
		all, first := sums[i].all.shards, sums[i].primaries.shards
		sum.total += all
		sum.primaries += first
		shards.add(float64(all))
		primaries.add(float64(first))
		replication.add(ratio(all-first, first))
	}
	w.int("total", sum.total)
	w.int("primaries", sum.primaries)
	w.float("replication", ratio(sum.total-sum.primaries, sum.primaries))
	w.object("index")
	for _, s := range []struct {
		name  string
		s     *spread
		whole bool
	}{{"shards", &shards, true}, {"primaries", &primaries, true}, {"replication", &replication, false}} {
		w.object(s.name)
		if s.whole {
			w.int("min", int(s.s.lo))
			w.int("max", int(s.s.hi))
		} else {
			w.float("min", s.s.lo)
			w.float("max", s.s.hi)
		}
		w.float("avg", float64(s.s.sum/float64(s.s.n)))
		w.end()
	}
	w.end()
}

func ratio(part, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(part) / float64(of)
}

// fieldCount is how often a field type is mapped.
type fieldCount struct {
	kind            string
	fields, indices int
}

// countFields counts the mapped fields of all indices by type.
func countFields(st *state.State) (types []fieldCount, total, bytes int) {
	byKind := map[string]*fieldCount{}
	for _, m := range st.Indices {
		if len(m.Mapping) == 0 {
			continue
		}
		bytes += len(mappingObject(m)) + len(`{"_doc":}`)
		v, err := parseJSON(m.Mapping)
		if err != nil {
			continue // it was checked when it was set
		}
		seen := map[string]bool{}
		var walk func(v *jsonValue)
		walk = func(v *jsonValue) {
			for i := range v.members {
				f := &v.members[i].value
				kind := "object"
				if t := f.member("type"); t != nil {
					kind = t.text
				}
				total++
				c := byKind[kind]
				if c == nil {
					c = &fieldCount{kind: kind}
					byKind[kind] = c
					types = append(types, fieldCount{kind: kind})
				}
				c.fields++
				if !seen[kind] {
					seen[kind] = true
					c.indices++
				}
				if inner := f.member("properties"); inner != nil {
					walk(inner)
				}
			}
		}
		walk(&v)
	}
	for i := range types {
		types[i] = *byKind[types[i].kind]
	}
	slices.SortStableFunc(types, func(a, b fieldCount) int { return cmp.Compare(a.kind, b.kind) })
	return types, total, bytes
}

func writeMappingStats(w *jsonWriter, st *state.State) {
	types, total, bytes := countFields(st)
	w.object("mappings")
	w.int("total_field_count", total)
	w.int("total_deduplicated_field_count", total)
	w.size("total_deduplicated_mapping_size_in_bytes", "total_deduplicated_mapping_size", int64(bytes))
	w.array("field_types")
	for _, t := range types {
		w.obj()
		w.str("name", t.kind)
		w.int("count", t.fields)
		w.int("index_count", t.indices)
		w.int("script_count", 0)
		w.end()
	}
	w.end()
	w.array("runtime_field_types")
	w.end()
	w.object("source_modes")
	if len(st.Indices) > 0 {
		w.int("stored", len(st.Indices))
	}
	w.end()
	w.end()
}

// roleNames are all roles that _cluster/stats counts, in its order.
var roleNames = strings.Fields(`coordinating_only data data_cold data_content data_frozen data_hot data_warm index ingest master ml
	remote_cluster_client search transform voting_only`)

func writeClusterNodes(w *jsonWriter, stats []elastic.NodeResult[nodeStats]) {
	sum := elastic.NodeStats{}
	percent, uptime := 0, time.Duration(0)
	for i := range stats {
		n := &stats[i].Value.node
		sum.CPUs += n.CPUs
		sum.MemTotal += n.MemTotal
		sum.MemFree += n.MemFree
		sum.HeapUsed += n.HeapUsed
		sum.HeapMax += n.HeapMax
		sum.DiskTotal += n.DiskTotal
		sum.DiskFree += n.DiskFree
		sum.DiskAvailable += n.DiskAvailable
		percent += n.CPUPercent
		uptime = max(uptime, n.Uptime)
	}
	w.object("nodes")
	writeRoleCounts(w, stats)
	w.strs("versions", []string{version})
	writeClusterOS(w, &sum, len(stats))
	w.object("process")
	w.object("cpu")
	w.int("percent", percent)
	w.end()
	w.object("open_file_descriptors")
	for _, f := range []string{"min", "max", "avg"} {
		w.int(f, -1)
	}
	w.end()
	w.end()
	writeClusterJVM(w, &sum, uptime, len(stats))
	w.object("fs")
	w.size("total_in_bytes", "total", sum.DiskTotal)
	w.size("free_in_bytes", "free", sum.DiskFree)
	w.size("available_in_bytes", "available", sum.DiskAvailable)
	w.end()
	w.array("plugins")
	w.end()
	w.object("network_types")
	for _, f := range []string{"transport_types", "http_types"} {
		w.object(f)
		w.int("netty4", len(stats))
		w.end()
	}
	w.end()
	w.object("discovery_types")
	w.int("multi-node", len(stats))
	w.end()
	w.array("packaging_types")
	w.obj()
	w.str("flavor", "default")
	w.str("type", "docker")
	w.int("count", len(stats))
	w.end()
	w.end()
	w.object("ingest")
	w.int("number_of_pipelines", 0)
	w.object("processor_stats")
	w.end()
	w.end()
	writePressure(w, 0)
	w.end()
}

func writeRoleCounts(w *jsonWriter, stats []elastic.NodeResult[nodeStats]) {
	w.object("count")
	w.int("total", len(stats))
	for _, role := range roleNames {
		n := 0
		for i := range stats {
			self := stats[i].Value.self
			if self.HasRole(role) || role == "coordinating_only" && len(self.Roles) == 0 {
				n++
			}
		}
		w.int(role, n)
	}
	w.end()
}

func writeClusterOS(w *jsonWriter, sum *elastic.NodeStats, nodes int) {
	w.object("os")
	w.int("available_processors", sum.CPUs)
	w.int("allocated_processors", sum.CPUs)
	for _, f := range []struct{ list, key, value string }{
		{"names", "name", "Linux"}, {"pretty_names", "pretty_name", "simulated"}, {"architectures", "arch", "amd64"},
	} {
		w.array(f.list)
		w.obj()
		w.str(f.key, f.value)
		w.int("count", nodes)
		w.end()
		w.end()
	}
	w.object("mem")
	w.size("total_in_bytes", "total", sum.MemTotal)
	w.size("adjusted_total_in_bytes", "adjusted_total", sum.MemTotal)
	w.size("free_in_bytes", "free", sum.MemFree)
	w.size("used_in_bytes", "used", sum.MemTotal-sum.MemFree)
	w.int64("free_percent", percentage(sum.MemFree, sum.MemTotal))
	w.int64("used_percent", 100-percentage(sum.MemFree, sum.MemTotal))
	w.end()
	w.end()
}

func writeClusterJVM(w *jsonWriter, sum *elastic.NodeStats, uptime time.Duration, nodes int) {
	w.object("jvm")
	w.millis("max_uptime_in_millis", "max_uptime", uptime)
	w.array("versions")
	w.obj()
	w.str("version", jvmVersion)
	w.str("vm_name", "simulated")
	w.str("vm_version", jvmVersion)
	w.str("vm_vendor", "simulated")
	w.bool("bundled_jdk", true)
	w.bool("using_bundled_jdk", true)
	w.int("count", nodes)
	w.end()
	w.end()
	w.object("mem")
	w.size("heap_used_in_bytes", "heap_used", sum.HeapUsed)
	w.size("heap_max_in_bytes", "heap_max", sum.HeapMax)
	w.end()
	w.int("threads", 0)
	w.end()
}

// clusterRest is what the model has none of: snapshots, repositories, cross-cluster search.
const clusterRest = `{"snapshots":{"current_counts":{"snapshots":0,"shard_snapshots":0,"snapshot_deletions":0,"concurrent_operations":0,
"cleanups":0},"repositories":{}},"repositories":{},"ccs":{"_search":{"total":0,"success":0,"skipped":0,"took":{"max":0,"avg":0,"p90":0},
"took_mrt_true":{"max":0,"avg":0,"p90":0},"took_mrt_false":{"max":0,"avg":0,"p90":0},"remotes_per_search_max":0,
"remotes_per_search_avg":0.0,"failure_reasons":{},"features":{},"clients":{},"clusters":{}}}}`

func writeClusterRest(w *jsonWriter) {
	v, err := parseJSON([]byte(clusterRest))
	if err != nil {
		panic("restapi: " + err.Error())
	}
	for i := range v.members {
		writeValue(w, v.members[i].name, &v.members[i].value)
	}
}
