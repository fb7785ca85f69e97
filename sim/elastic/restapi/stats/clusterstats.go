package stats

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/mapping"
	"github.com/shardquake/shardquake/sim/elastic/restapi/cluster"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func prepareClusterStats(r *rest.Request) rest.Action {
	r.BoolParam("include_remotes", false)
	filters := r.ListParam("nodeId")
	timeout := r.TimeParam("timeout", 0)
	look := Sums
	if onlyBelow(r.Param("filter_path"), cheapStats) {
		look = Sizes
	}
	return func(c *rest.Call) *rest.Response {
		st := c.State(true, 0)
		targets := rest.NodesOf(st, c.Node.ID(), filters)
		stats, failures := rest.FanOut(c, targets, timeout, look)
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		rest.WriteNodesHeader(w, len(targets), failures)
		w.Str("cluster_name", c.Cluster.Name())
		w.Str("cluster_uuid", st.ClusterUUID)
		w.Int64("timestamp", c.Wall().UnixMilli())
		if st.Master != "" {
			w.Str("status", cluster.CountsOf(c, st, nil).Status.String())
		}
		writeClusterIndices(w, st, stats)
		writeClusterNodes(w, stats)
		writeClusterRest(w)
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

// cheapStats are the parts of _cluster/stats that come from counting copies and adding
// their sizes.
var cheapStats = []string{
	"_nodes", "cluster_name", "cluster_uuid", "timestamp", "status", "nodes", "indices.count", "indices.shards", "indices.docs", "indices.store",
}

// onlyBelow reports whether filter_path selects nothing but parts of these.
func onlyBelow(expression string, parts []string) bool {
	includes, _ := rest.ParsePathFilters(expression)
	for _, f := range includes {
		path := strings.Join(f, ".")
		if !slices.ContainsFunc(parts, func(p string) bool { return path == p || strings.HasPrefix(path, p+".") }) {
			return false
		}
	}
	return len(includes) > 0
}

func writeClusterIndices(w *rest.Writer, st *state.State, stats []elastic.NodeResult[NodeStats]) {
	sums := mergeSums(stats)
	var primaries, total Totals
	for i := range sums {
		primaries.join(&sums[i].Primaries)
		total.join(&sums[i].All)
	}
	w.Object("indices")
	w.Int("count", len(sums))
	writeShardCounts(w, sums)
	writeTotals(w, &primaries, []string{"docs"})
	writeTotals(w, &total, []string{"store"})
	writeTotals(w, &total, []string{"fielddata"})
	writeTotals(w, &total, []string{"query_cache"})
	writeTotals(w, &total, []string{"completion"})
	writeTotals(w, &total, []string{"segments"})
	writeMappingStats(w, st)
	w.Object("analysis")
	for _, f := range []string{
		"char_filter_types", "tokenizer_types", "filter_types", "analyzer_types", "built_in_char_filters", "built_in_tokenizers",
		"built_in_filters", "built_in_analyzers",
	} {
		w.Array(f)
		w.End()
	}
	w.Object("synonyms")
	w.End()
	w.End()
	w.Array("versions")
	if len(st.Indices) > 0 {
		shards := 0
		for _, m := range st.Indices {
			shards += m.Shards
		}
		w.Obj()
		w.Str("version", rest.Version)
		w.Int("index_count", len(st.Indices))
		w.Int("primary_shard_count", shards)
		w.Size("total_primary_bytes", "total_primary_size", primaries.StoreBytes)
		w.End()
	}
	w.End()
	w.Object("search")
	w.Int64("total", total.Search.QueryTotal)
	for _, f := range []string{"queries", "rescorers", "sections", "retrievers"} {
		w.Object(f)
		w.End()
	}
	w.End()
	writeTotals(w, &total, []string{"dense_vector"})
	writeTotals(w, &total, []string{"sparse_vector"})
	w.End()
}

// mergeSums sums what the nodes hold by index, in order of names.
func mergeSums(stats []elastic.NodeResult[NodeStats]) []IndexSum {
	at := map[string]int{}
	var out []IndexSum
	sum := func(index string) *IndexSum {
		n, ok := at[index]
		if !ok {
			n = len(out)
			at[index] = n
			out = append(out, IndexSum{Index: index})
		}
		return &out[n]
	}
	for i := range stats {
		for k := range stats[i].Value.indices {
			s := &stats[i].Value.indices[k]
			to := sum(s.Index)
			to.All.join(&s.All)
			to.Primaries.join(&s.Primaries)
		}
		for k := range stats[i].Value.sizes {
			s := &stats[i].Value.sizes[k]
			to := sum(s.Index)
			to.All.joinSizes(&s.All)
			to.Primaries.joinSizes(&s.Primaries)
		}
	}
	slices.SortStableFunc(out, func(a, b IndexSum) int { return cmp.Compare(a.Index, b.Index) })
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
func writeShardCounts(w *rest.Writer, sums []IndexSum) {
	w.Object("shards")
	defer w.End()
	if len(sums) == 0 {
		return
	}
	sum := struct{ total, primaries int }{}
	var shards, primaries, replication spread
	for i := range sums {
		all, first := sums[i].All.Shards, sums[i].Primaries.Shards
		sum.total += all
		sum.primaries += first
		shards.add(float64(all))
		primaries.add(float64(first))
		replication.add(ratio(all-first, first))
	}
	w.Int("total", sum.total)
	w.Int("primaries", sum.primaries)
	w.Float("replication", ratio(sum.total-sum.primaries, sum.primaries))
	w.Object("index")
	for _, s := range []struct {
		name  string
		s     *spread
		whole bool
	}{{"shards", &shards, true}, {"primaries", &primaries, true}, {"replication", &replication, false}} {
		w.Object(s.name)
		if s.whole {
			w.Int("min", int(s.s.lo))
			w.Int("max", int(s.s.hi))
		} else {
			w.Float("min", s.s.lo)
			w.Float("max", s.s.hi)
		}
		w.Float("avg", float64(s.s.sum/float64(s.s.n)))
		w.End()
	}
	w.End()
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
		bytes += len(cluster.MappingObject(m)) + len(`{"_doc":}`)
		v, err := rest.ParseJSON(mapping.Properties(m.Mapping))
		if err != nil {
			continue // it was checked when it was set
		}
		seen := map[string]bool{}
		var walk func(v *rest.Value)
		walk = func(v *rest.Value) {
			for i := range v.Members {
				f := &v.Members[i].Value
				kind := "object"
				if t := f.Member("type"); t != nil {
					kind = t.Text
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
				if inner := f.Member("properties"); inner != nil {
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

func writeMappingStats(w *rest.Writer, st *state.State) {
	types, total, bytes := countFields(st)
	w.Object("mappings")
	w.Int("total_field_count", total)
	w.Int("total_deduplicated_field_count", total)
	w.Size("total_deduplicated_mapping_size_in_bytes", "total_deduplicated_mapping_size", int64(bytes))
	w.Array("field_types")
	for _, t := range types {
		w.Obj()
		w.Str("name", t.kind)
		w.Int("count", t.fields)
		w.Int("index_count", t.indices)
		w.Int("script_count", 0)
		w.End()
	}
	w.End()
	w.Array("runtime_field_types")
	w.End()
	w.Object("source_modes")
	if len(st.Indices) > 0 {
		w.Int("stored", len(st.Indices))
	}
	w.End()
	w.End()
}

// roleNames are all roles that _cluster/stats counts, in its order.
var roleNames = strings.Fields(`coordinating_only data data_cold data_content data_frozen data_hot data_warm index ingest master ml
	remote_cluster_client search transform voting_only`)

func writeClusterNodes(w *rest.Writer, stats []elastic.NodeResult[NodeStats]) {
	sum := elastic.NodeStats{}
	percent, uptime := 0, time.Duration(0)
	for i := range stats {
		n := &stats[i].Value.Node
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
	w.Object("nodes")
	writeRoleCounts(w, stats)
	w.Strs("versions", []string{rest.Version})
	writeClusterOS(w, &sum, len(stats))
	w.Object("process")
	w.Object("cpu")
	w.Int("percent", percent)
	w.End()
	w.Object("open_file_descriptors")
	for _, f := range []string{"min", "max", "avg"} {
		w.Int(f, -1)
	}
	w.End()
	w.End()
	writeClusterJVM(w, &sum, uptime, len(stats))
	w.Object("fs")
	w.Size("total_in_bytes", "total", sum.DiskTotal)
	w.Size("free_in_bytes", "free", sum.DiskFree)
	w.Size("available_in_bytes", "available", sum.DiskAvailable)
	w.End()
	w.Array("plugins")
	w.End()
	w.Object("network_types")
	for _, f := range []string{"transport_types", "http_types"} {
		w.Object(f)
		w.Int("netty4", len(stats))
		w.End()
	}
	w.End()
	w.Object("discovery_types")
	w.Int("multi-node", len(stats))
	w.End()
	w.Array("packaging_types")
	w.Obj()
	w.Str("flavor", "default")
	w.Str("type", "docker")
	w.Int("count", len(stats))
	w.End()
	w.End()
	w.Object("ingest")
	w.Int("number_of_pipelines", 0)
	w.Object("processor_stats")
	w.End()
	w.End()
	writePressure(w, 0)
	w.End()
}

func writeRoleCounts(w *rest.Writer, stats []elastic.NodeResult[NodeStats]) {
	w.Object("count")
	w.Int("total", len(stats))
	for _, role := range roleNames {
		n := 0
		for i := range stats {
			self := stats[i].Value.Self
			if self.HasRole(role) || role == "coordinating_only" && len(self.Roles) == 0 {
				n++
			}
		}
		w.Int(role, n)
	}
	w.End()
}

func writeClusterOS(w *rest.Writer, sum *elastic.NodeStats, nodes int) {
	w.Object("os")
	w.Int("available_processors", sum.CPUs)
	w.Int("allocated_processors", sum.CPUs)
	for _, f := range []struct{ list, key, value string }{
		{"names", "name", "Linux"}, {"pretty_names", "pretty_name", "simulated"}, {"architectures", "arch", "amd64"},
	} {
		w.Array(f.list)
		w.Obj()
		w.Str(f.key, f.value)
		w.Int("count", nodes)
		w.End()
		w.End()
	}
	w.Object("mem")
	w.Size("total_in_bytes", "total", sum.MemTotal)
	w.Size("adjusted_total_in_bytes", "adjusted_total", sum.MemTotal)
	w.Size("free_in_bytes", "free", sum.MemFree)
	w.Size("used_in_bytes", "used", sum.MemTotal-sum.MemFree)
	w.Int64("free_percent", Percentage(sum.MemFree, sum.MemTotal))
	w.Int64("used_percent", 100-Percentage(sum.MemFree, sum.MemTotal))
	w.End()
	w.End()
}

func writeClusterJVM(w *rest.Writer, sum *elastic.NodeStats, uptime time.Duration, nodes int) {
	w.Object("jvm")
	w.Millis("max_uptime_in_millis", "max_uptime", uptime)
	w.Array("versions")
	w.Obj()
	w.Str("version", JVMVersion)
	w.Str("vm_name", "simulated")
	w.Str("vm_version", JVMVersion)
	w.Str("vm_vendor", "simulated")
	w.Bool("bundled_jdk", true)
	w.Bool("using_bundled_jdk", true)
	w.Int("count", nodes)
	w.End()
	w.End()
	w.Object("mem")
	w.Size("heap_used_in_bytes", "heap_used", sum.HeapUsed)
	w.Size("heap_max_in_bytes", "heap_max", sum.HeapMax)
	w.End()
	w.Int("threads", 0)
	w.End()
}

// clusterRest is what the model has none of: snapshots, repositories, cross-cluster search.
const clusterRest = `{"snapshots":{"current_counts":{"snapshots":0,"shard_snapshots":0,"snapshot_deletions":0,"concurrent_operations":0,
"cleanups":0},"repositories":{}},"repositories":{},"ccs":{"_search":{"total":0,"success":0,"skipped":0,"took":{"max":0,"avg":0,"p90":0},
"took_mrt_true":{"max":0,"avg":0,"p90":0},"took_mrt_false":{"max":0,"avg":0,"p90":0},"remotes_per_search_max":0,
"remotes_per_search_avg":0.0,"failure_reasons":{},"features":{},"clients":{},"clusters":{}}}}`

func writeClusterRest(w *rest.Writer) {
	v, err := rest.ParseJSON([]byte(clusterRest))
	if err != nil {
		panic("restapi: " + err.Error())
	}
	for i := range v.Members {
		rest.WriteValue(w, v.Members[i].Name, &v.Members[i].Value)
	}
}
