package stats

import (
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// Totals are the figures of one copy or the sum of several (CommonStats).
type Totals struct {
	Shards int
	elastic.ShardStats
	// shown are the parts that are told by name; nil: none.
	shown *shown
}

// add counts a copy in.
func (t *Totals) add(s *elastic.ShardStats) {
	t.Shards++
	t.include(s)
}

// join counts another sum in.
func (t *Totals) join(o *Totals) {
	t.Shards += o.Shards
	t.include(&o.ShardStats)
}

// joinSizes counts documents and bytes of copies in.
func (t *Totals) joinSizes(o *figures.CopySizes) {
	t.Shards += o.Copies
	t.DocsCount += o.DocsCount
	t.DocsDeleted += o.DocsDeleted
	t.DocsBytes += o.DocsBytes
	t.StoreBytes += o.StoreBytes
	t.DataSetBytes += o.DataSetBytes
}

func (t *Totals) include(s *elastic.ShardStats) {
	t.DocsCount += s.DocsCount
	t.DocsDeleted += s.DocsDeleted
	t.DocsBytes += s.DocsBytes
	t.StoreBytes += s.StoreBytes
	t.ReservedBytes += s.ReservedBytes
	t.DataSetBytes += s.DataSetBytes
	t.SegmentsCount += s.SegmentsCount
	t.BufferBytes += s.BufferBytes
	addIndexing(&t.Indexing, &s.Indexing)
	t.Get.Total += s.Get.Total
	t.Get.Exists += s.Get.Exists
	t.Get.Missing += s.Get.Missing
	t.Get.Time += s.Get.Time
	t.Search.QueryTotal += s.Search.QueryTotal
	t.Search.QueryCurrent += s.Search.QueryCurrent
	t.Search.QueryTime += s.Search.QueryTime
	t.Search.FetchTotal += s.Search.FetchTotal
	t.Search.FetchTime += s.Search.FetchTime
	t.Merges.Total += s.Merges.Total
	t.Merges.Docs += s.Merges.Docs
	t.Merges.Bytes += s.Merges.Bytes
	t.Merges.Time += s.Merges.Time
	t.RefreshTotal += s.RefreshTotal
	t.RefreshTime += s.RefreshTime
	t.FlushTotal += s.FlushTotal
	t.FlushTime += s.FlushTime
	t.TranslogOps += s.TranslogOps
	t.TranslogBytes += s.TranslogBytes
	t.TranslogUncOps += s.TranslogUncOps
	t.TranslogUncBytes += s.TranslogUncBytes
	t.RecoveryAsSource += s.RecoveryAsSource
	t.RecoveryAsTarget += s.RecoveryAsTarget
	t.RecoveryThrottle += s.RecoveryThrottle
	t.Fielddata = addBytes(t.Fielddata, s.Fielddata)
	t.Completion = addBytes(t.Completion, s.Completion)
	t.Search.Groups = addGroups(t.Search.Groups, s.Search.Groups)
}

func addIndexing(t, s *elastic.IndexingStats) {
	t.Total += s.Total
	t.Failed += s.Failed
	t.Current += s.Current
	t.Time += s.Time
	t.DeleteTotal += s.DeleteTotal
	t.DeleteTime += s.DeleteTime
	t.NoopUpdates += s.NoopUpdates
	t.WriteLoad = float64(t.WriteLoad + s.WriteLoad)
}

// section is a part of the index statistics, by its name in a request.
type section struct {
	metric string
	write  func(w *rest.Writer, t *Totals)
}

// zeros is a section that the model has none of.
func zeros(key string, fields ...string) func(w *rest.Writer, t *Totals) {
	return func(w *rest.Writer, _ *Totals) {
		w.Object(key)
		for _, f := range fields {
			writeZero(w, f)
		}
		w.End()
	}
}

// writeZero writes a figure that is always zero; sizes and times have readable forms.
func writeZero(w *rest.Writer, field string) {
	if readable, ok := strings.CutSuffix(field, "_in_bytes"); ok {
		w.Size(field, readable, 0)
	} else if readable, ok := strings.CutSuffix(field, "_in_millis"); ok {
		w.Millis(field, readable, 0)
	} else {
		w.Int(field, 0)
	}
}

// sections in the order of the answer.
var sections = []section{
	{"docs", func(w *rest.Writer, t *Totals) {
		w.Object("docs")
		w.Int64("count", t.DocsCount)
		w.Int64("deleted", t.DocsDeleted)
		w.Size("total_size_in_bytes", "total_size", t.DocsBytes)
		w.End()
	}},
	{"shard_stats", func(w *rest.Writer, t *Totals) {
		w.Object("shard_stats")
		w.Int("total_count", t.Shards)
		w.End()
	}},
	{"store", func(w *rest.Writer, t *Totals) {
		w.Object("store")
		w.Size("size_in_bytes", "size", t.StoreBytes)
		w.Size("total_data_set_size_in_bytes", "total_data_set_size", t.DataSetBytes)
		w.Size("reserved_in_bytes", "reserved", t.ReservedBytes)
		w.End()
	}},
	{"indexing", writeIndexing},
	{"get", func(w *rest.Writer, t *Totals) {
		w.Object("get")
		w.Int64("total", t.Get.Total)
		w.Millis("time_in_millis", "getTime", t.Get.Time)
		w.Int64("exists_total", t.Get.Exists)
		w.Millis("exists_time_in_millis", "exists_time", Share(t.Get.Time, t.Get.Exists, t.Get.Total))
		w.Int64("missing_total", t.Get.Missing)
		w.Millis("missing_time_in_millis", "missing_time", Share(t.Get.Time, t.Get.Missing, t.Get.Total))
		w.Int("current", 0)
		w.End()
	}},
	{"search", writeSearchStats},
	{"merge", func(w *rest.Writer, t *Totals) {
		w.Object("merges")
		w.Int("current", 0)
		w.Int("current_docs", 0)
		w.Size("current_size_in_bytes", "current_size", 0)
		w.Int64("total", t.Merges.Total)
		w.Millis("total_time_in_millis", "total_time", t.Merges.Time)
		w.Int64("total_docs", t.Merges.Docs)
		w.Size("total_size_in_bytes", "total_size", t.Merges.Bytes)
		w.Millis("total_stopped_time_in_millis", "total_stopped_time", 0)
		w.Millis("total_throttled_time_in_millis", "total_throttled_time", 0)
		w.Size("total_auto_throttle_in_bytes", "total_auto_throttle", int64(t.Shards)*20<<20)
		w.End()
	}},
	{"refresh", func(w *rest.Writer, t *Totals) {
		w.Object("refresh")
		w.Int64("total", t.RefreshTotal)
		w.Millis("total_time_in_millis", "total_time", t.RefreshTime)
		w.Int64("external_total", t.RefreshTotal)
		w.Millis("external_total_time_in_millis", "external_total_time", t.RefreshTime)
		w.Int("listeners", 0)
		w.End()
	}},
	{"flush", func(w *rest.Writer, t *Totals) {
		w.Object("flush")
		w.Int64("total", t.FlushTotal)
		w.Int("periodic", 0)
		w.Millis("total_time_in_millis", "total_time", t.FlushTime)
		w.Millis("total_time_excluding_waiting_on_lock_in_millis", "total_time_excluding_waiting", t.FlushTime)
		w.End()
	}},
	{"warmer", zeros("warmer", "current", "total", "total_time_in_millis")},
	{"query_cache", zeros("query_cache", "memory_size_in_bytes", "total_count", "hit_count", "miss_count", "cache_size", "cache_count", "evictions")},
	{"fielddata", writeFielddata},
	{"completion", writeCompletion},
	{"segments", writeSegments},
	{"translog", func(w *rest.Writer, t *Totals) {
		w.Object("translog")
		w.Int64("operations", t.TranslogOps)
		w.Size("size_in_bytes", "size", t.TranslogBytes)
		w.Int64("uncommitted_operations", t.TranslogUncOps)
		w.Size("uncommitted_size_in_bytes", "uncommitted_size", t.TranslogUncBytes)
		w.Int("earliest_last_modified_age", 0)
		w.End()
	}},
	{"request_cache", zeros("request_cache", "memory_size_in_bytes", "evictions", "hit_count", "miss_count")},
	{"recovery", func(w *rest.Writer, t *Totals) {
		w.Object("recovery")
		w.Int("current_as_source", t.RecoveryAsSource)
		w.Int("current_as_target", t.RecoveryAsTarget)
		w.Millis("throttle_time_in_millis", "throttle_time", t.RecoveryThrottle)
		w.End()
	}},
	{"bulk", func(w *rest.Writer, t *Totals) {
		ops := t.Indexing.Total + t.Indexing.DeleteTotal
		w.Object("bulk")
		w.Int64("total_operations", ops)
		w.Millis("total_time_in_millis", "total_time", t.Indexing.Time+t.Indexing.DeleteTime)
		w.Size("total_size_in_bytes", "total_size", t.DocsBytes)
		w.Millis("avg_time_in_millis", "avg_time", Share(t.Indexing.Time+t.Indexing.DeleteTime, 1, ops))
		w.Size("avg_size_in_bytes", "avg_size", t.DocsBytes/max(1, ops))
		w.End()
	}},
	{"mappings", nil}, // of nodes only
	{"dense_vector", zeros("dense_vector", "value_count")},
	{"sparse_vector", zeros("sparse_vector", "value_count")},
}

// Share is a part of a duration in proportion to counts.
func Share(d time.Duration, part, of int64) time.Duration {
	if of == 0 {
		return 0
	}
	return d / time.Duration(of) * time.Duration(part)
}

func writeIndexing(w *rest.Writer, t *Totals) {
	x := &t.Indexing
	w.Object("indexing")
	w.Int64("index_total", x.Total)
	w.Millis("index_time_in_millis", "index_time", x.Time)
	w.Int64("index_current", x.Current)
	w.Int64("index_failed", x.Failed)
	w.Int64("index_failed_due_to_version_conflict", 0)
	w.Int64("delete_total", x.DeleteTotal)
	w.Millis("delete_time_in_millis", "delete_time", x.DeleteTime)
	w.Int("delete_current", 0)
	w.Int64("noop_update_total", x.NoopUpdates)
	w.Bool("is_throttled", false)
	w.Millis("throttle_time_in_millis", "throttle_time", 0)
	w.Float("write_load", x.WriteLoad)
	w.End()
}

// searchZeros are figures of searches that the model has none of.
var searchZeros = []string{
	"fetch_current", "fetch_failure", "scroll_total", "scroll_time_in_millis", "scroll_current",
	"suggest_total", "suggest_time_in_millis", "suggest_current",
}

func writeSearchStats(w *rest.Writer, t *Totals) {
	s := &t.Search
	w.Object("search")
	w.Int("open_contexts", 0)
	w.Int64("query_total", s.QueryTotal)
	w.Millis("query_time_in_millis", "query_time", s.QueryTime)
	w.Int64("query_current", s.QueryCurrent)
	w.Int("query_failure", 0)
	w.Int64("fetch_total", s.FetchTotal)
	w.Millis("fetch_time_in_millis", "fetch_time", s.FetchTime)
	for _, f := range searchZeros {
		writeZero(w, f)
	}
	writeGroups(w, t)
	w.End()
}

func writeFielddata(w *rest.Writer, t *Totals) {
	w.Object("fielddata")
	w.Size("memory_size_in_bytes", "memory_size", sumOf(t.Fielddata))
	w.Int("evictions", 0)
	if t.shown != nil {
		writeByField(w, t.Fielddata, t.shown.fielddata, "memory_size_in_bytes", "memory_size")
	}
	w.Object("global_ordinals")
	w.Millis("build_time_in_millis", "build_time", 0)
	w.End()
	w.End()
}

func writeSegments(w *rest.Writer, t *Totals) {
	w.Object("segments")
	w.Int("count", t.SegmentsCount)
	for _, f := range []string{
		"memory_in_bytes", "terms_memory_in_bytes", "stored_fields_memory_in_bytes", "term_vectors_memory_in_bytes",
		"norms_memory_in_bytes", "points_memory_in_bytes", "doc_values_memory_in_bytes",
	} {
		writeZero(w, f)
	}
	w.Size("index_writer_memory_in_bytes", "index_writer_memory", t.BufferBytes)
	writeZero(w, "version_map_memory_in_bytes")
	w.Size("fixed_bit_set_memory_in_bytes", "fixed_bit_set", 0)
	w.Int("max_unsafe_auto_id_timestamp", -1)
	w.Object("file_sizes")
	w.End()
	w.End()
}

// writeTotals writes the chosen sections into the open object; nil means all.
func writeTotals(w *rest.Writer, t *Totals, metrics []string, skip ...string) {
	for _, s := range sections {
		if s.write != nil && (metrics == nil || slices.Contains(metrics, s.metric)) && !slices.Contains(skip, s.metric) {
			s.write(w, t)
		}
	}
}

// statsMetrics reads the metric part of a path and refuses unknown names.
func statsMetrics(r *rest.Request, name, what string, known func(string) bool) []string {
	metrics := r.ListParam(name)
	if metrics == nil || slices.Contains(metrics, "_all") && len(metrics) == 1 {
		return nil
	}
	if slices.Contains(metrics, "_all") {
		rest.Raise(rest.IllegalArgument("request [%s] contains _all and individual metrics [%s]", r.Path(), strings.Join(metrics, ",")))
	}
	var unknown, candidates []string
	for _, s := range sections {
		candidates = append(candidates, s.metric)
	}
	for _, m := range metrics {
		if !known(m) {
			unknown = append(unknown, m)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		rest.Raise(rest.IllegalArgument("%s", strings.Replace(rest.Unrecognized(r.Path(), unknown, candidates), "unrecognized parameter", "unrecognized "+what, 1)))
	}
	return metrics
}

func isSection(name string) bool {
	return slices.ContainsFunc(sections, func(s section) bool { return s.metric == name })
}
