package cat

import (
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/restapi/stats"
	"github.com/shardquake/shardquake/sim/elastic/state"

	_ "embed"
)

func prepareCatRecovery(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	active := r.BoolParam("active_only", false)
	r.BoolParam("detailed", false)
	opt := r.IndicesOptions(rest.ExpandOpen)
	return catAction(r, "recovery", func(c *rest.Call) *table {
		st := c.State(true, 0)
		rest.CheckReadable(c, st)
		rows, _ := stats.RecoveriesOf(c, st, rest.Resolve(st, names, opt), active, false)
		slices.SortStableFunc(rows, func(a, b elastic.RecoveryInfo) int {
			if n := strings.Compare(a.Index, b.Index); n != 0 {
				return n
			}
			return a.Shard - b.Shard
		})
		return &table{name: "recovery", rows: len(rows), values: func(column string) func(int) cell {
			get := recoveryColumn(st, column)
			if get == nil {
				return nil
			}
			return func(i int) cell { return get(&rows[i]) }
		}}
	})
}

// recoveryColumn is a column of _cat/recovery.
func recoveryColumn(st *state.State, column string) func(f *elastic.RecoveryInfo) cell {
	node := func(id func(f *elastic.RecoveryInfo) string, show func(n *state.Node) string) func(f *elastic.RecoveryInfo) cell {
		return func(f *elastic.RecoveryInfo) cell {
			if n := st.Node(id(f)); n != nil {
				return text(show(n))
			}
			return text("n/a")
		}
	}
	source := func(f *elastic.RecoveryInfo) string { return f.SourceNode }
	target := func(f *elastic.RecoveryInfo) string { return f.TargetNode }
	host := rest.Address
	name := func(n *state.Node) string { return n.Name }
	restored := func(show func(from *state.Restored) string) func(f *elastic.RecoveryInfo) cell {
		return func(f *elastic.RecoveryInfo) cell {
			if f.Restored == nil {
				return text("n/a")
			}
			return text(show(f.Restored))
		}
	}
	switch column {
	case "index":
		return func(f *elastic.RecoveryInfo) cell { return text(f.Index) }
	case "shard":
		return func(f *elastic.RecoveryInfo) cell { return count(int64(f.Shard)) }
	case "start_time":
		return func(f *elastic.RecoveryInfo) cell { return text(rest.IsoMillis(f.Start)) }
	case "start_time_millis":
		return func(f *elastic.RecoveryInfo) cell { return count(f.Start.UnixMilli()) }
	case "stop_time":
		return func(f *elastic.RecoveryInfo) cell { return text(rest.IsoMillis(stopOf(f))) }
	case "stop_time_millis":
		return func(f *elastic.RecoveryInfo) cell { return count(stopOf(f).UnixMilli()) }
	case "time":
		return func(f *elastic.RecoveryInfo) cell { return duration(f.Total.Truncate(time.Millisecond)) }
	case "type":
		return func(f *elastic.RecoveryInfo) cell { return text(strings.ToLower(f.Type)) }
	case "stage":
		return func(f *elastic.RecoveryInfo) cell { return text(strings.ToLower(string(f.Stage))) }
	case "source_host":
		return node(source, host)
	case "source_node":
		return node(source, name)
	case "target_host":
		return node(target, host)
	case "target_node":
		return node(target, name)
	case "repository":
		return restored(func(from *state.Restored) string { return from.Repository })
	case "snapshot":
		return restored(func(from *state.Restored) string { return from.Snapshot })
	}
	return recoveryProgress(column)
}

// stopOf is when the recovery ended; the epoch while it runs, as Elasticsearch prints it.
func stopOf(f *elastic.RecoveryInfo) time.Time {
	if f.Stop.IsZero() {
		return time.UnixMilli(0).UTC()
	}
	return f.Stop
}

func recoveryProgress(column string) func(f *elastic.RecoveryInfo) cell {
	switch column {
	case "files":
		return func(f *elastic.RecoveryInfo) cell { return count(int64(f.Files.Total - f.Files.Reused)) }
	case "files_recovered":
		return func(f *elastic.RecoveryInfo) cell { return count(int64(f.Files.Recovered)) }
	case "files_percent":
		return func(f *elastic.RecoveryInfo) cell { files, _ := f.Files.Percent(); return text(stats.Percent(files)) }
	case "files_total":
		return func(f *elastic.RecoveryInfo) cell { return count(int64(f.Files.Total)) }
	case "bytes":
		return func(f *elastic.RecoveryInfo) cell { return size(f.Files.TotalBytes - f.Files.ReusedBytes) }
	case "bytes_recovered":
		return func(f *elastic.RecoveryInfo) cell { return size(f.Files.RecoveredBytes) }
	case "bytes_percent":
		return func(f *elastic.RecoveryInfo) cell { _, b := f.Files.Percent(); return text(stats.Percent(b)) }
	case "bytes_total":
		return func(f *elastic.RecoveryInfo) cell { return size(f.Files.TotalBytes) }
	case "translog_ops":
		return func(f *elastic.RecoveryInfo) cell { return count(f.TranslogTotal) }
	case "translog_ops_recovered":
		return func(f *elastic.RecoveryInfo) cell { return count(f.TranslogRecovered) }
	case "translog_ops_percent":
		return func(f *elastic.RecoveryInfo) cell { return text(stats.TranslogPercent(f)) }
	}
	return nil
}
