package restapi

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// copyStats are the figures of a copy and the node that told them.
type copyStats struct {
	node string
	elastic.ShardStats
}

// shardStats asks the nodes that hold copies of the indices for their figures.
// failed counts the copies on nodes that did not answer.
func shardStats(c *call, st *state.State, names []string) (stats []copyStats, failed int) {
	all := len(names) == len(st.Indices)
	results, _ := fanOut(c, holdersIn(c, st, names), 0, func(n *elastic.Node) ([]elastic.ShardStats, error) { return n.LocalShardStats(), nil })
	answered := map[string]bool{}
	for _, r := range results {
		answered[r.Node.ID] = true
		for _, s := range r.Value {
			if all || slices.Contains(names, s.Index) {
				stats = append(stats, copyStats{r.Node.ID, s})
			}
		}
	}
	return stats, unanswered(st, names, answered)
}

// indexSums is shardStats summed by index.
func indexSums(c *call, st *state.State, names []string) (sums []indexSum, failed int) {
	results, _ := fanOut(c, holdersIn(c, st, names), 0, func(n *elastic.Node) (nodeStats, error) { return nodeStats{indices: sumsOf(n)}, nil })
	answered := map[string]bool{}
	for i := range results {
		answered[results[i].Node.ID] = true
	}
	sums = mergeSums(results)
	if len(names) != len(st.Indices) {
		sums = slices.DeleteFunc(sums, func(s indexSum) bool { return !slices.Contains(names, s.index) })
	}
	return sums, unanswered(st, names, answered)
}

// unanswered counts the assigned copies on nodes that did not answer.
func unanswered(st *state.State, names []string, answered map[string]bool) int {
	failed := 0
	all := len(names) == len(st.Indices)
	for _, t := range st.Routing.Indices {
		if !all && !slices.Contains(names, t.Index) {
			continue
		}
		for _, s := range t.Shards {
			for _, cp := range s.Copies {
				if cp.Assigned() && !answered[cp.Node] {
					failed++
				}
			}
		}
	}
	return failed
}

// sumsByIndex sums copies by index, in order of names.
func sumsByIndex(stats []copyStats) []indexSum {
	sorted := slices.Clone(stats)
	slices.SortStableFunc(sorted, func(a, b copyStats) int { return cmp.Compare(a.Index, b.Index) })
	var out []indexSum
	for i := range sorted {
		out = addToSums(out, &sorted[i].ShardStats)
	}
	return out
}

// addToSums counts a copy in; copies come in order of indices.
func addToSums(sums []indexSum, s *elastic.ShardStats) []indexSum {
	if len(sums) == 0 || sums[len(sums)-1].index != s.Index {
		sums = append(sums, indexSum{index: s.Index})
	}
	last := &sums[len(sums)-1]
	last.all.add(s)
	if s.Primary {
		last.primaries.add(s)
	}
	return sums
}

// statsRendering are the parameters that only the answer reads.
var statsRendering = []string{"level"}

func prepareStats(r *request) action {
	names := r.listParam("index")
	opt := r.indicesOptions(expandOpen)
	r.boolParam("forbid_closed_indices", true)
	metrics := statsMetrics(r, "metric", "metric", isSection)
	for _, p := range []string{"groups", "completion_fields", "fielddata_fields", "fields"} {
		r.param(p)
	}
	r.boolParam("include_segment_file_sizes", false)
	r.boolParam("include_unloaded_segments", false)
	level := r.paramOr("level", "indices")
	return func(c *call) *response {
		if !slices.Contains([]string{"cluster", "indices", "shards"}, strings.ToLower(level)) {
			raise(illegalArgument("level parameter must be one of [cluster] or [indices] or [shards] but was [%s]", level))
		}
		st := c.state(true, 0)
		checkReadable(c, st)
		chosen := resolve(st, names, opt)
		var copies []copyStats
		var sums []indexSum
		failed := 0
		if level == "shards" {
			copies, failed = shardStats(c, st, chosen)
			sums = sumsByIndex(copies)
		} else {
			sums, failed = indexSums(c, st, chosen)
		}
		whole := wholeOf(sums)
		w := newJSON(c.req.human())
		w.obj()
		w.object("_shards")
		total := 0
		for _, t := range st.Routing.Indices {
			if slices.Contains(chosen, t.Index) {
				total += indexHealthTotal(t)
			}
		}
		w.int("total", total)
		w.int("successful", whole.all.shards)
		w.int("failed", failed)
		w.end()
		w.object("_all")
		writePrimariesAndTotal(w, &whole, metrics)
		w.end()
		if level != "cluster" {
			w.object("indices")
			for i := range sums {
				writeIndexStats(w, st, &sums[i], copies, metrics)
			}
			w.end()
		}
		w.end()
		return &response{json: w.bytes()}
	}
}

// wholeOf sums all indices.
func wholeOf(sums []indexSum) indexSum {
	var out indexSum
	for i := range sums {
		out.all.join(&sums[i].all)
		out.primaries.join(&sums[i].primaries)
	}
	return out
}

func indexHealthTotal(t *state.IndexTable) int {
	n := 0
	for _, s := range t.Shards {
		n += len(s.Copies)
	}
	return n
}

func writePrimariesAndTotal(w *jsonWriter, s *indexSum, metrics []string) {
	w.object("primaries")
	if s.all.shards > 0 {
		writeTotals(w, &s.primaries, metrics)
	}
	w.end()
	w.object("total")
	if s.all.shards > 0 {
		writeTotals(w, &s.all, metrics)
	}
	w.end()
}

// writeIndexStats writes an index, with the copies that are given of it.
func writeIndexStats(w *jsonWriter, st *state.State, s *indexSum, copies []copyStats, metrics []string) {
	m, t := st.Index(s.index), st.Routing.Index(s.index)
	if m == nil {
		return
	}
	h := indexHealth(t)
	w.object(s.index)
	w.str("uuid", m.UUID)
	w.str("health", h.status.String())
	w.str("status", "open")
	writePrimariesAndTotal(w, s, metrics)
	if copies != nil {
		writeShardStats(w, s.index, copies, metrics)
	}
	w.end()
}

func writeShardStats(w *jsonWriter, index string, copies []copyStats, metrics []string) {
	var own []*copyStats
	for i := range copies {
		if copies[i].Index == index {
			own = append(own, &copies[i])
		}
	}
	slices.SortStableFunc(own, func(a, b *copyStats) int { return cmp.Compare(a.Shard, b.Shard) })
	w.object("shards")
	open := -1
	for _, s := range own {
		if s.Shard != open {
			if open >= 0 {
				w.end()
			}
			open = s.Shard
			w.array(strconv.Itoa(s.Shard))
		}
		w.obj()
		writeShardBody(w, &s.ShardStats, s.node, metrics)
		w.end()
	}
	if open >= 0 {
		w.end()
	}
	w.end()
}

// writeShardBody writes one copy's figures into the open object.
func writeShardBody(w *jsonWriter, s *elastic.ShardStats, node string, metrics []string) {
	w.object("routing")
	w.str("state", s.State)
	w.bool("primary", s.Primary)
	w.str("node", node)
	w.strOrNull("relocating_node", s.RelocatingNode)
	w.end()
	t := totals{}
	t.add(s)
	writeTotals(w, &t, metrics)
	w.object("commit")
	w.str("id", s.CommitID)
	w.int64("generation", s.CommitGeneration)
	w.object("user_data")
	w.str("history_uuid", s.HistoryUUID)
	w.str("max_seq_no", strconv.FormatInt(s.MaxSeqNo, 10))
	w.str("min_retained_seq_no", strconv.FormatInt(minRetained(s), 10))
	w.str("es_version", strconv.Itoa(indexVersion))
	w.str("local_checkpoint", strconv.FormatInt(s.LocalCheckpoint, 10))
	w.str("translog_uuid", s.HistoryUUID)
	w.str("max_unsafe_auto_id_timestamp", "-1")
	w.end()
	w.int64("num_docs", s.DocsCount)
	w.end()
	w.object("seq_no")
	w.int64("max_seq_no", s.MaxSeqNo)
	w.int64("local_checkpoint", s.LocalCheckpoint)
	w.int64("global_checkpoint", s.GlobalCheckpoint)
	w.end()
	w.object("retention_leases")
	w.int64("primary_term", s.RetentionLeases.PrimaryTerm)
	w.int64("version", s.RetentionLeases.Version)
	w.array("leases")
	for _, l := range s.RetentionLeases.Leases {
		w.obj()
		w.str("id", l.ID)
		w.int64("retaining_seq_no", l.RetainingSeqNo)
		w.int64("timestamp", l.AtMillis)
		w.str("source", l.Source)
		w.end()
	}
	w.end()
	w.end()
	w.object("shard_path")
	w.str("state_path", dataPath)
	w.str("data_path", dataPath)
	w.bool("is_custom_data_path", false)
	w.end()
	w.bool("search_idle", false)
	w.int("search_idle_time", 0)
}

// minRetained is the lowest operation that a lease retains.
func minRetained(s *elastic.ShardStats) int64 {
	lowest := s.GlobalCheckpoint + 1
	for _, l := range s.RetentionLeases.Leases {
		lowest = min(lowest, l.RetainingSeqNo)
	}
	return max(0, lowest)
}
