package restapi

import (
	"cmp"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// shardStats asks the nodes that hold copies of the indices for their figures.
// failed counts the copies on nodes that did not answer.
func (c *call) shardStats(st *state.State, names []string) (stats []elastic.ShardStats, nodes []string, failed int) {
	targets := holders(st, names)
	results, _ := fanOut(c, targets, 0, func(n *elastic.Node) ([]elastic.ShardStats, error) { return n.LocalShardStats(), nil })
	all := len(names) == len(st.Indices)
	answered := map[string]bool{}
	for _, r := range results {
		answered[r.Node.ID] = true
		for _, s := range r.Value {
			if all || slices.Contains(names, s.Index) {
				stats = append(stats, s)
				nodes = append(nodes, r.Node.ID)
			}
		}
	}
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
	return stats, nodes, failed
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
		c.readable(st)
		chosen := resolve(st, names, opt)
		stats, on, failed := c.shardStats(st, chosen)
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
		w.int("successful", len(stats))
		w.int("failed", failed)
		w.end()
		w.object("_all")
		writePrimariesAndTotal(w, stats, metrics)
		w.end()
		if level != "cluster" {
			writeIndexStats(w, c, st, chosen, stats, on, metrics, level == "shards")
		}
		w.end()
		return &response{json: w.bytes()}
	}
}

func indexHealthTotal(t *state.IndexTable) int {
	n := 0
	for _, s := range t.Shards {
		n += len(s.Copies)
	}
	return n
}

func writePrimariesAndTotal(w *jsonWriter, stats []elastic.ShardStats, metrics []string) {
	if len(stats) == 0 {
		for _, key := range []string{"primaries", "total"} {
			w.object(key)
			w.end()
		}
		return
	}
	w.object("primaries")
	writeTotals(w, sumOf(stats, func(s *elastic.ShardStats) bool { return s.Primary }), metrics)
	w.end()
	w.object("total")
	writeTotals(w, sumOf(stats, func(*elastic.ShardStats) bool { return true }), metrics)
	w.end()
}

func writeIndexStats(w *jsonWriter, c *call, st *state.State, names []string, stats []elastic.ShardStats, on, metrics []string, shards bool) {
	w.object("indices")
	for _, name := range names {
		m := st.Index(name)
		var own []elastic.ShardStats
		var ownNodes []string
		for i := range stats {
			if stats[i].Index == name {
				own, ownNodes = append(own, stats[i]), append(ownNodes, on[i])
			}
		}
		if len(own) == 0 {
			continue
		}
		h := indexHealth(st.Routing.Index(name))
		w.object(name)
		w.str("uuid", m.UUID)
		w.str("health", h.status.String())
		w.str("status", "open")
		writePrimariesAndTotal(w, own, metrics)
		if shards {
			writeShardStats(w, own, ownNodes, metrics)
		}
		w.end()
	}
	w.end()
}

func writeShardStats(w *jsonWriter, own []elastic.ShardStats, on, metrics []string) {
	w.object("shards")
	order := make([]int, len(own))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(own[a].Shard, own[b].Shard) })
	open := -1
	for _, i := range order {
		s := &own[i]
		if s.Shard != open {
			if open >= 0 {
				w.end()
			}
			open = s.Shard
			w.array(itoa(s.Shard))
		}
		w.obj()
		writeShardBody(w, s, on[i], metrics)
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
	w.str("max_seq_no", itoa64(s.MaxSeqNo))
	w.str("min_retained_seq_no", itoa64(minRetained(s)))
	w.str("es_version", itoa(indexVersion))
	w.str("local_checkpoint", itoa64(s.LocalCheckpoint))
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

// dataPath is path.data as the official image has it.
const dataPath = "/usr/share/elasticsearch/data"
