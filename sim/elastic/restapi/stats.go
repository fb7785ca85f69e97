package restapi

import (
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
)

// totals are the figures of one copy or the sum of several (CommonStats).
type totals struct {
	shards int
	elastic.ShardStats
}

// add counts a copy in.
func (t *totals) add(s *elastic.ShardStats) {
	t.shards++
	t.include(s)
}

// join counts another sum in.
func (t *totals) join(o *totals) {
	t.shards += o.shards
	t.include(&o.ShardStats)
}

// joinSizes counts documents and bytes of copies in.
func (t *totals) joinSizes(o *elastic.CopySizes) {
	t.shards += o.Copies
	t.DocsCount += o.DocsCount
	t.DocsDeleted += o.DocsDeleted
	t.DocsBytes += o.DocsBytes
	t.StoreBytes += o.StoreBytes
	t.DataSetBytes += o.DataSetBytes
}

func (t *totals) include(s *elastic.ShardStats) {
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
	write  func(w *jsonWriter, t *totals)
}

// zeros is a section that the model has none of.
func zeros(key string, fields ...string) func(w *jsonWriter, t *totals) {
	return func(w *jsonWriter, _ *totals) {
		w.object(key)
		for _, f := range fields {
			writeZero(w, f)
		}
		w.end()
	}
}

// writeZero writes a figure that is always zero; sizes and times have readable forms.
func writeZero(w *jsonWriter, field string) {
	if readable, ok := strings.CutSuffix(field, "_in_bytes"); ok {
		w.size(field, readable, 0)
	} else if readable, ok := strings.CutSuffix(field, "_in_millis"); ok {
		w.millis(field, readable, 0)
	} else {
		w.int(field, 0)
	}
}

// sections in the order of the answer.
var sections = []section{
	{"docs", func(w *jsonWriter, t *totals) {
		w.object("docs")
		w.int64("count", t.DocsCount)
		w.int64("deleted", t.DocsDeleted)
		w.size("total_size_in_bytes", "total_size", t.DocsBytes)
		w.end()
	}},
	{"shard_stats", func(w *jsonWriter, t *totals) {
		w.object("shard_stats")
		w.int("total_count", t.shards)
		w.end()
	}},
	{"store", func(w *jsonWriter, t *totals) {
		w.object("store")
		w.size("size_in_bytes", "size", t.StoreBytes)
		w.size("total_data_set_size_in_bytes", "total_data_set_size", t.DataSetBytes)
		w.size("reserved_in_bytes", "reserved", t.ReservedBytes)
		w.end()
	}},
	{"indexing", writeIndexing},
	{"get", func(w *jsonWriter, t *totals) {
		w.object("get")
		w.int64("total", t.Get.Total)
		w.millis("time_in_millis", "getTime", t.Get.Time)
		w.int64("exists_total", t.Get.Exists)
		w.millis("exists_time_in_millis", "exists_time", share(t.Get.Time, t.Get.Exists, t.Get.Total))
		w.int64("missing_total", t.Get.Missing)
		w.millis("missing_time_in_millis", "missing_time", share(t.Get.Time, t.Get.Missing, t.Get.Total))
		w.int("current", 0)
		w.end()
	}},
	{"search", writeSearchStats},
	{"merge", func(w *jsonWriter, t *totals) {
		w.object("merges")
		w.int("current", 0)
		w.int("current_docs", 0)
		w.size("current_size_in_bytes", "current_size", 0)
		w.int64("total", t.Merges.Total)
		w.millis("total_time_in_millis", "total_time", t.Merges.Time)
		w.int64("total_docs", t.Merges.Docs)
		w.size("total_size_in_bytes", "total_size", t.Merges.Bytes)
		w.millis("total_stopped_time_in_millis", "total_stopped_time", 0)
		w.millis("total_throttled_time_in_millis", "total_throttled_time", 0)
		w.size("total_auto_throttle_in_bytes", "total_auto_throttle", int64(t.shards)*20<<20)
		w.end()
	}},
	{"refresh", func(w *jsonWriter, t *totals) {
		w.object("refresh")
		w.int64("total", t.RefreshTotal)
		w.millis("total_time_in_millis", "total_time", t.RefreshTime)
		w.int64("external_total", t.RefreshTotal)
		w.millis("external_total_time_in_millis", "external_total_time", t.RefreshTime)
		w.int("listeners", 0)
		w.end()
	}},
	{"flush", func(w *jsonWriter, t *totals) {
		w.object("flush")
		w.int64("total", t.FlushTotal)
		w.int("periodic", 0)
		w.millis("total_time_in_millis", "total_time", t.FlushTime)
		w.millis("total_time_excluding_waiting_on_lock_in_millis", "total_time_excluding_waiting", t.FlushTime)
		w.end()
	}},
	{"warmer", zeros("warmer", "current", "total", "total_time_in_millis")},
	{"query_cache", zeros("query_cache", "memory_size_in_bytes", "total_count", "hit_count", "miss_count", "cache_size", "cache_count", "evictions")},
	{"fielddata", writeFielddata},
	{"completion", zeros("completion", "size_in_bytes")},
	{"segments", writeSegments},
	{"translog", func(w *jsonWriter, t *totals) {
		w.object("translog")
		w.int64("operations", t.TranslogOps)
		w.size("size_in_bytes", "size", t.TranslogBytes)
		w.int64("uncommitted_operations", t.TranslogUncOps)
		w.size("uncommitted_size_in_bytes", "uncommitted_size", t.TranslogUncBytes)
		w.int("earliest_last_modified_age", 0)
		w.end()
	}},
	{"request_cache", zeros("request_cache", "memory_size_in_bytes", "evictions", "hit_count", "miss_count")},
	{"recovery", func(w *jsonWriter, t *totals) {
		w.object("recovery")
		w.int("current_as_source", t.RecoveryAsSource)
		w.int("current_as_target", t.RecoveryAsTarget)
		w.millis("throttle_time_in_millis", "throttle_time", t.RecoveryThrottle)
		w.end()
	}},
	{"bulk", func(w *jsonWriter, t *totals) {
		ops := t.Indexing.Total + t.Indexing.DeleteTotal
		w.object("bulk")
		w.int64("total_operations", ops)
		w.millis("total_time_in_millis", "total_time", t.Indexing.Time+t.Indexing.DeleteTime)
		w.size("total_size_in_bytes", "total_size", t.DocsBytes)
		w.millis("avg_time_in_millis", "avg_time", share(t.Indexing.Time+t.Indexing.DeleteTime, 1, ops))
		w.size("avg_size_in_bytes", "avg_size", t.DocsBytes/max(1, ops))
		w.end()
	}},
	{"mappings", nil}, // of nodes only
	{"dense_vector", zeros("dense_vector", "value_count")},
	{"sparse_vector", zeros("sparse_vector", "value_count")},
}

// share is a part of a duration in proportion to counts.
func share(d time.Duration, part, of int64) time.Duration {
	if of == 0 {
		return 0
	}
	return d / time.Duration(of) * time.Duration(part)
}

func writeIndexing(w *jsonWriter, t *totals) {
	x := &t.Indexing
	w.object("indexing")
	w.int64("index_total", x.Total)
	w.millis("index_time_in_millis", "index_time", x.Time)
	w.int64("index_current", x.Current)
	w.int64("index_failed", x.Failed)
	w.int64("index_failed_due_to_version_conflict", 0)
	w.int64("delete_total", x.DeleteTotal)
	w.millis("delete_time_in_millis", "delete_time", x.DeleteTime)
	w.int("delete_current", 0)
	w.int64("noop_update_total", x.NoopUpdates)
	w.bool("is_throttled", false)
	w.millis("throttle_time_in_millis", "throttle_time", 0)
	w.float("write_load", x.WriteLoad)
	w.end()
}

func writeSearchStats(w *jsonWriter, t *totals) {
	s := &t.Search
	w.object("search")
	w.int("open_contexts", 0)
	w.int64("query_total", s.QueryTotal)
	w.millis("query_time_in_millis", "query_time", s.QueryTime)
	w.int64("query_current", s.QueryCurrent)
	w.int("query_failure", 0)
	w.int64("fetch_total", s.FetchTotal)
	w.millis("fetch_time_in_millis", "fetch_time", s.FetchTime)
	for _, f := range []string{
		"fetch_current", "fetch_failure", "scroll_total", "scroll_time_in_millis", "scroll_current",
		"suggest_total", "suggest_time_in_millis", "suggest_current",
	} {
		writeZero(w, f)
	}
	w.end()
}

func writeFielddata(w *jsonWriter, _ *totals) {
	w.object("fielddata")
	w.size("memory_size_in_bytes", "memory_size", 0)
	w.int("evictions", 0)
	w.object("global_ordinals")
	w.millis("build_time_in_millis", "build_time", 0)
	w.end()
	w.end()
}

func writeSegments(w *jsonWriter, t *totals) {
	w.object("segments")
	w.int("count", t.SegmentsCount)
	for _, f := range []string{
		"memory_in_bytes", "terms_memory_in_bytes", "stored_fields_memory_in_bytes", "term_vectors_memory_in_bytes",
		"norms_memory_in_bytes", "points_memory_in_bytes", "doc_values_memory_in_bytes",
	} {
		writeZero(w, f)
	}
	w.size("index_writer_memory_in_bytes", "index_writer_memory", t.BufferBytes)
	writeZero(w, "version_map_memory_in_bytes")
	w.size("fixed_bit_set_memory_in_bytes", "fixed_bit_set", 0)
	w.int("max_unsafe_auto_id_timestamp", -1)
	w.object("file_sizes")
	w.end()
	w.end()
}

// writeTotals writes the chosen sections into the open object; nil means all.
func writeTotals(w *jsonWriter, t *totals, metrics []string, skip ...string) {
	for _, s := range sections {
		if s.write != nil && (metrics == nil || slices.Contains(metrics, s.metric)) && !slices.Contains(skip, s.metric) {
			s.write(w, t)
		}
	}
}

// statsMetrics reads the metric part of a path and refuses unknown names.
func statsMetrics(r *request, name, what string, known func(string) bool) []string {
	metrics := r.listParam(name)
	if metrics == nil || slices.Contains(metrics, "_all") && len(metrics) == 1 {
		return nil
	}
	if slices.Contains(metrics, "_all") {
		raise(illegalArgument("request [%s] contains _all and individual metrics [%s]", r.path(), strings.Join(metrics, ",")))
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
		raise(illegalArgument("%s", strings.Replace(unrecognized(r.path(), unknown, candidates), "unrecognized parameter", "unrecognized "+what, 1)))
	}
	return metrics
}

func isSection(name string) bool {
	return slices.ContainsFunc(sections, func(s section) bool { return s.metric == name })
}
