package stats

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/cluster"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// copyStats are the figures of a copy and the node that told them.
type copyStats struct {
	node string
	elastic.ShardStats
}

// shardStats asks the nodes that hold copies of the indices for their figures.
// failed counts the copies on nodes that did not answer.
func shardStats(c *rest.Call, st *state.State, names []string) (stats []copyStats, failed int) {
	all := len(names) == len(st.Indices)
	results, _ := rest.FanOut(c, HoldersIn(c, st, names), 0, askCopies{})
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

// askCopies asks nodes for the figures of their copies, askSums for these summed by index.
type (
	askCopies struct{}
	askSums   struct{}
)

func (askCopies) Ask(n *elastic.Node) ([]elastic.ShardStats, error) { return localShardStats(n), nil }
func (askSums) Ask(n *elastic.Node) (NodeStats, error)              { return NodeStats{indices: sumsOf(n)}, nil }

// IndexSums is shardStats summed by index.
func IndexSums(c *rest.Call, st *state.State, names []string) (sums []IndexSum, failed int) {
	results, _ := rest.FanOut(c, HoldersIn(c, st, names), 0, askSums{})
	answered := map[string]bool{}
	for i := range results {
		answered[results[i].Node.ID] = true
	}
	sums = mergeSums(results)
	if len(names) != len(st.Indices) {
		sums = slices.DeleteFunc(sums, func(s IndexSum) bool { return !slices.Contains(names, s.Index) })
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
func sumsByIndex(stats []copyStats) []IndexSum {
	sorted := slices.Clone(stats)
	slices.SortStableFunc(sorted, func(a, b copyStats) int { return cmp.Compare(a.Index, b.Index) })
	var out []IndexSum
	for i := range sorted {
		out = addToSums(out, &sorted[i].ShardStats)
	}
	return out
}

// addToSums counts a copy in; copies come in order of indices.
func addToSums(sums []IndexSum, s *elastic.ShardStats) []IndexSum {
	if len(sums) == 0 || sums[len(sums)-1].Index != s.Index {
		sums = append(sums, IndexSum{Index: s.Index})
	}
	last := &sums[len(sums)-1]
	last.All.add(s)
	if s.Primary {
		last.Primaries.add(s)
	}
	return sums
}

// statsRendering are the parameters that only the answer reads.
var statsRendering = []string{"level"}

func prepareStats(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	opt := r.IndicesOptions(rest.ExpandOpen)
	forbid := r.BoolParam("forbid_closed_indices", true)
	metrics := statsMetrics(r, "metric", "metric", isSection)
	which := shownParams(r)
	r.BoolParam("include_segment_file_sizes", false)
	unloaded := r.BoolParam("include_unloaded_segments", false)
	level := r.ParamOr("level", "indices")
	return func(c *rest.Call) *rest.Response {
		if !slices.Contains([]string{"cluster", "indices", "shards"}, strings.ToLower(level)) {
			rest.Raise(rest.IllegalArgument("level parameter must be one of [cluster] or [indices] or [shards] but was [%s]", level))
		}
		st := c.State(true, 0)
		rest.CheckReadable(c, st)
		chosen := rest.Resolve(st, names, opt)
		if forbid {
			chosen = rest.OpenOnly(st, chosen, opt)
		}
		var copies []copyStats
		var sums []IndexSum
		failed := 0
		if level == "shards" {
			copies, failed = shardStats(c, st, chosen)
			sums = sumsByIndex(copies)
		} else {
			sums, failed = IndexSums(c, st, chosen)
		}
		if !unloaded {
			unload(st, sums, copies)
		}
		whole := wholeOf(sums)
		whole.show(which)
		for i := range sums {
			sums[i].show(which)
		}
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		w.Object("_shards")
		total := 0
		for _, t := range st.Routing.Indices {
			if slices.Contains(chosen, t.Index) {
				total += indexHealthTotal(t)
			}
		}
		w.Int("total", total)
		w.Int("successful", whole.All.Shards)
		w.Int("failed", failed)
		w.End()
		w.Object("_all")
		writePrimariesAndTotal(w, &whole, metrics)
		w.End()
		if level != "cluster" {
			w.Object("indices")
			for i := range sums {
				writeIndexStats(w, st, &sums[i], copies, metrics)
			}
			w.End()
		}
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

// wholeOf sums all indices.
func wholeOf(sums []IndexSum) IndexSum {
	var out IndexSum
	for i := range sums {
		out.All.join(&sums[i].All)
		out.Primaries.join(&sums[i].Primaries)
	}
	return out
}

// unload takes the segments of closed indices out: nobody has them open.
func unload(st *state.State, sums []IndexSum, copies []copyStats) {
	closed := func(name string) bool { m := st.Index(name); return m != nil && m.Closed }
	for i := range sums {
		if closed(sums[i].Index) {
			sums[i].All.SegmentsCount, sums[i].Primaries.SegmentsCount = 0, 0
		}
	}
	for i := range copies {
		if closed(copies[i].Index) {
			copies[i].SegmentsCount = 0
		}
	}
}

// show has parts told by name.
func (s *IndexSum) show(which *shown) { s.All.shown, s.Primaries.shown = which, which }

func indexHealthTotal(t *state.IndexTable) int {
	n := 0
	for _, s := range t.Shards {
		n += len(s.Copies)
	}
	return n
}

func writePrimariesAndTotal(w *rest.Writer, s *IndexSum, metrics []string) {
	w.Object("primaries")
	if s.All.Shards > 0 {
		writeTotals(w, &s.Primaries, metrics)
	}
	w.End()
	w.Object("total")
	if s.All.Shards > 0 {
		writeTotals(w, &s.All, metrics)
	}
	w.End()
}

// writeIndexStats writes an index, with the copies that are given of it.
func writeIndexStats(w *rest.Writer, st *state.State, s *IndexSum, copies []copyStats, metrics []string) {
	m, t := st.Index(s.Index), st.Routing.Index(s.Index)
	if m == nil {
		return
	}
	h := cluster.IndexHealth(t)
	w.Object(s.Index)
	w.Str("uuid", m.UUID)
	w.Str("health", h.Status.String())
	w.Str("status", m.OpenOrClosed())
	writePrimariesAndTotal(w, s, metrics)
	if copies != nil {
		writeShardStats(w, s.Index, copies, metrics, s.All.shown)
	}
	w.End()
}

func writeShardStats(w *rest.Writer, index string, copies []copyStats, metrics []string, which *shown) {
	var own []*copyStats
	for i := range copies {
		if copies[i].Index == index {
			own = append(own, &copies[i])
		}
	}
	slices.SortStableFunc(own, func(a, b *copyStats) int { return cmp.Compare(a.Shard, b.Shard) })
	w.Object("shards")
	open := -1
	for _, s := range own {
		if s.Shard != open {
			if open >= 0 {
				w.End()
			}
			open = s.Shard
			w.Array(strconv.Itoa(s.Shard))
		}
		w.Obj()
		writeShardBody(w, &s.ShardStats, s.node, metrics, which)
		w.End()
	}
	if open >= 0 {
		w.End()
	}
	w.End()
}

// writeShardBody writes one copy's figures into the open object.
func writeShardBody(w *rest.Writer, s *elastic.ShardStats, node string, metrics []string, which *shown) {
	w.Object("routing")
	w.Str("state", s.State)
	w.Bool("primary", s.Primary)
	w.Str("node", node)
	w.StrOrNull("relocating_node", s.RelocatingNode)
	w.End()
	t := Totals{shown: which}
	t.add(s)
	writeTotals(w, &t, metrics)
	w.Object("commit")
	w.Str("id", commitID(s))
	w.Int64("generation", s.CommitGeneration)
	w.Object("user_data")
	w.Str("history_uuid", s.HistoryUUID)
	w.Str("max_seq_no", strconv.FormatInt(s.MaxSeqNo, 10))
	if s.MaxSeqNo >= 0 { // the commit that an empty shard begins with has none
		w.Str("min_retained_seq_no", strconv.FormatInt(minRetained(s), 10))
	}
	w.Str("es_version", strconv.Itoa(rest.IndexVersion))
	w.Str("local_checkpoint", strconv.FormatInt(s.LocalCheckpoint, 10))
	w.Str("translog_uuid", s.HistoryUUID)
	w.Str("max_unsafe_auto_id_timestamp", "-1")
	w.End()
	w.Int64("num_docs", s.DocsCount)
	w.End()
	w.Object("seq_no")
	w.Int64("max_seq_no", s.MaxSeqNo)
	w.Int64("local_checkpoint", s.LocalCheckpoint)
	w.Int64("global_checkpoint", s.GlobalCheckpoint)
	w.End()
	w.Object("retention_leases")
	w.Int64("primary_term", s.RetentionLeases.PrimaryTerm)
	w.Int64("version", s.RetentionLeases.Version)
	w.Array("leases")
	for _, l := range s.RetentionLeases.Leases {
		w.Obj()
		w.Str("id", l.ID)
		w.Int64("retaining_seq_no", l.RetainingSeqNo)
		w.Int64("timestamp", l.AtMillis)
		w.Str("source", l.Source)
		w.End()
	}
	w.End()
	w.End()
	w.Object("shard_path")
	w.Str("state_path", rest.DataPath)
	w.Str("data_path", rest.DataPath)
	w.Bool("is_custom_data_path", false)
	w.End()
	w.Bool("search_idle", false)
	w.Int("search_idle_time", 0)
}

// minRetained is the lowest operation that a lease retains.
func minRetained(s *elastic.ShardStats) int64 {
	lowest := s.GlobalCheckpoint + 1
	for _, l := range s.RetentionLeases.Leases {
		lowest = min(lowest, l.RetainingSeqNo)
	}
	return max(0, lowest)
}

// commitID is the id of the last commit: another one after every flush, as Lucene's is.
func commitID(s *elastic.ShardStats) string {
	sum := sha256.Sum256([]byte(s.HistoryUUID + s.AllocationID + strconv.FormatInt(s.CommitGeneration, 10)))
	return base64.StdEncoding.EncodeToString(sum[:16])
}
