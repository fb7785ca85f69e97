package cat

import (
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/restapi/stats"
)

// statColumns are the columns that _cat/shards, nodes and indices share, from the
// figures of a copy or of a sum of copies. A column that is not here is one of which
// the model has none.
var statColumns = map[string]func(t *stats.Totals) cell{
	"docs.count":            func(t *stats.Totals) cell { return count(t.DocsCount) },
	"docs.deleted":          func(t *stats.Totals) cell { return count(t.DocsDeleted) },
	"docs":                  func(t *stats.Totals) cell { return count(t.DocsCount) },
	"store":                 func(t *stats.Totals) cell { return size(t.StoreBytes) },
	"store.size":            func(t *stats.Totals) cell { return size(t.StoreBytes) },
	"dataset":               func(t *stats.Totals) cell { return size(t.DataSetBytes) },
	"dataset.size":          func(t *stats.Totals) cell { return size(t.DataSetBytes) },
	"flush.total":           func(t *stats.Totals) cell { return count(t.FlushTotal) },
	"flush.total_time":      func(t *stats.Totals) cell { return millisCell(t.FlushTime) },
	"get.time":              func(t *stats.Totals) cell { return millisCell(t.Get.Time) },
	"get.total":             func(t *stats.Totals) cell { return count(t.Get.Total) },
	"get.exists_total":      func(t *stats.Totals) cell { return count(t.Get.Exists) },
	"get.exists_time":       func(t *stats.Totals) cell { return millisCell(stats.Share(t.Get.Time, t.Get.Exists, t.Get.Total)) },
	"get.missing_total":     func(t *stats.Totals) cell { return count(t.Get.Missing) },
	"get.missing_time":      func(t *stats.Totals) cell { return millisCell(stats.Share(t.Get.Time, t.Get.Missing, t.Get.Total)) },
	"indexing.delete_time":  func(t *stats.Totals) cell { return millisCell(t.Indexing.DeleteTime) },
	"indexing.delete_total": func(t *stats.Totals) cell { return count(t.Indexing.DeleteTotal) },
	"indexing.index_time":   func(t *stats.Totals) cell { return millisCell(t.Indexing.Time) },
	"indexing.index_total":  func(t *stats.Totals) cell { return count(t.Indexing.Total) },
	"indexing.index_failed": func(t *stats.Totals) cell { return count(t.Indexing.Failed) },
	"indexing.index_current": func(t *stats.Totals) cell {
		return count(t.Indexing.Current)
	},
	"merges.total":      func(t *stats.Totals) cell { return count(t.Merges.Total) },
	"merges.total_docs": func(t *stats.Totals) cell { return count(t.Merges.Docs) },
	"merges.total_size": func(t *stats.Totals) cell { return size(t.Merges.Bytes) },
	"merges.total_time": func(t *stats.Totals) cell { return millisCell(t.Merges.Time) },
	"refresh.total":     func(t *stats.Totals) cell { return count(t.RefreshTotal) },
	"refresh.time":      func(t *stats.Totals) cell { return millisCell(t.RefreshTime) },
	"refresh.external_total": func(t *stats.Totals) cell {
		return count(t.RefreshTotal)
	},
	"refresh.external_time": func(t *stats.Totals) cell { return millisCell(t.RefreshTime) },
	"search.fetch_time":     func(t *stats.Totals) cell { return millisCell(t.Search.FetchTime) },
	"search.fetch_total":    func(t *stats.Totals) cell { return count(t.Search.FetchTotal) },
	"search.query_current":  func(t *stats.Totals) cell { return count(t.Search.QueryCurrent) },
	"search.query_time":     func(t *stats.Totals) cell { return millisCell(t.Search.QueryTime) },
	"search.query_total":    func(t *stats.Totals) cell { return count(t.Search.QueryTotal) },
	"segments.count":        func(t *stats.Totals) cell { return count(int64(t.SegmentsCount)) },
	"seq_no.max":            func(t *stats.Totals) cell { return count(t.MaxSeqNo) },
	"seq_no.local_checkpoint": func(t *stats.Totals) cell {
		return count(t.LocalCheckpoint)
	},
	"seq_no.global_checkpoint": func(t *stats.Totals) cell { return count(t.GlobalCheckpoint) },
	"bulk.total_operations":    func(t *stats.Totals) cell { return count(t.Indexing.Total + t.Indexing.DeleteTotal) },
	"bulk.total_time":          func(t *stats.Totals) cell { return millisCell(t.Indexing.Time + t.Indexing.DeleteTime) },
	"bulk.total_size_in_bytes": func(t *stats.Totals) cell { return count(t.DocsBytes) },
	"bulk.avg_time": func(t *stats.Totals) cell {
		return millisCell(stats.Share(t.Indexing.Time+t.Indexing.DeleteTime, 1, t.Indexing.Total+t.Indexing.DeleteTotal))
	},
	"bulk.avg_size_in_bytes": func(t *stats.Totals) cell {
		return count(t.DocsBytes / max(1, t.Indexing.Total+t.Indexing.DeleteTotal))
	},
	"shard_stats.total_count": func(t *stats.Totals) cell { return count(int64(t.Shards)) },
}

func millisCell(d time.Duration) cell { return duration(d.Truncate(time.Millisecond)) }

// statColumn is a shared column's value, zero for what the model has none of; a row
// without figures is empty.
func statColumn(columns []column, name string, of func(row int) *stats.Totals) func(row int) cell {
	c := findColumn(columns, name)
	if c == nil {
		return nil
	}
	get := statColumns[name]
	zero := c.zero()
	return func(row int) cell {
		t := of(row)
		switch {
		case t == nil:
			return cell{}
		case get == nil:
			return zero
		}
		return get(t)
	}
}

// needsStats reports whether a request shows or sorts by a column that comes from the
// figures of the copies.
func needsStats(r *rest.Request, columns []column, plain func(name string) bool) bool {
	for _, d := range display(r, columns) {
		if !plain(d.column.name) {
			return true
		}
	}
	for key := range strings.SplitSeq(r.Param("s"), ",") {
		key, _ = strings.CutSuffix(key, ":desc")
		key = strings.TrimSuffix(key, ":asc")
		for i := range columns {
			c := &columns[i]
			if (c.name == key || contains(c.aliases, key)) && !plain(c.name) {
				return true
			}
		}
	}
	return false
}

// asks reports whether a request shows or sorts by a column.
func asks(r *rest.Request, columns []column, name string) bool {
	return needsStats(r, columns, func(n string) bool { return n != name })
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}
