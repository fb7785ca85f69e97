package restapi

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// recoveries asks the nodes that hold copies of the indices for their recoveries, in
// order of nodes; those that fail are counted.
func (c *call) recoveries(st *state.State, names []string, active, detailed bool) (found []elastic.RecoveryInfo, failures []*elastic.Error) {
	targets := c.api.holders(st, names)
	results, failures := fanOut(c, targets, 0, func(n *elastic.Node) ([]elastic.RecoveryInfo, error) { return n.Recoveries(active, detailed), nil })
	all := len(names) == len(st.Indices)
	for _, r := range results {
		for _, i := range r.Value {
			if all || slices.Contains(names, i.Index) {
				found = append(found, i)
			}
		}
	}
	return found, failures
}

// holders remembers the nodes with a copy of any index for the latest state.
func (a *API) holders(st *state.State, names []string) []*state.Node {
	if len(names) != len(st.Indices) {
		return holders(st, names)
	}
	if a.cache.heldIn != st {
		a.cache.heldIn, a.cache.holders = st, holders(st, names)
	}
	return a.cache.holders
}

// holders are the nodes with a copy of the indices, relocation targets included.
func holders(st *state.State, names []string) []*state.Node {
	on := map[string]bool{}
	all := len(names) == len(st.Indices)
	for _, t := range st.Routing.Indices {
		if !all && !slices.Contains(names, t.Index) {
			continue
		}
		for _, s := range t.Shards {
			for _, cp := range s.Copies {
				if cp.Node != "" {
					on[cp.Node] = true
				}
				if cp.State == state.Relocating {
					on[cp.Other] = true
				}
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(st.Nodes), func(n *state.Node) bool { return !on[n.ID] })
}

func prepareRecovery(r *request) action {
	names := r.listParam("index")
	detailed, active := r.boolParam("detailed", false), r.boolParam("active_only", false)
	opt := r.indicesOptions(expandOpen)
	return func(c *call) *response {
		st := c.state(true, 0)
		c.readable(st)
		found, _ := c.recoveries(st, resolve(st, names, opt), active, detailed)
		slices.SortStableFunc(found, func(a, b elastic.RecoveryInfo) int { return strings.Compare(a.Index, b.Index) })
		w := newJSON(c.req.human())
		w.obj()
		open := ""
		for i := range found {
			f := &found[i]
			if f.Index != open {
				if open != "" {
					w.end()
					w.end()
				}
				open = f.Index
				w.object(f.Index)
				w.array("shards")
			}
			writeRecovery(w, st, f, detailed)
		}
		if open != "" {
			w.end()
			w.end()
		}
		w.end()
		return &response{json: w.bytes()}
	}
}

// readable raises the global block of reads, as a node without a recovered state answers.
func (c *call) readable(st *state.State) {
	for _, b := range st.Global {
		if slices.Contains(b.Levels, "read") || slices.Contains(b.Levels, "metadata_read") {
			raise(clusterBlocked(b))
		}
	}
}

func clusterBlocked(b state.Block) *elastic.Error {
	name := map[int]string{503: "SERVICE_UNAVAILABLE", 403: "FORBIDDEN", 429: "TOO_MANY_REQUESTS"}[b.Status]
	return &elastic.Error{
		Status: b.Status, Type: "cluster_block_exception",
		Reason: "blocked by: [" + name + "/" + itoa(b.ID) + "/" + b.Description + "];",
	}
}

func writeRecovery(w *jsonWriter, st *state.State, f *elastic.RecoveryInfo, detailed bool) {
	w.obj()
	w.int("id", f.Shard)
	w.str("type", f.Type)
	w.str("stage", string(f.Stage))
	w.bool("primary", f.Primary)
	w.timestamp("start_time_in_millis", "start_time", f.Start)
	if !f.Stop.IsZero() {
		w.timestamp("stop_time_in_millis", "stop_time", f.Stop)
	}
	w.millis("total_time_in_millis", "total_time", f.Total)
	w.object("source")
	if f.SourceNode != "" {
		writeRecoveryNode(w, st, f.SourceNode)
	} else if f.Restored != nil {
		writeRestored(w, f.Restored)
	} else if f.BootstrapNewHistoryUUID {
		w.bool("bootstrap_new_history_uuid", true)
	} else if f.Type == "EXISTING_STORE" {
		w.bool("bootstrap_new_history_uuid", false)
	}
	w.end()
	w.object("target")
	writeRecoveryNode(w, st, f.TargetNode)
	w.end()
	writeRecoveryIndex(w, f, detailed)
	w.object("translog")
	w.int64("recovered", f.TranslogRecovered)
	w.int64("total", f.TranslogTotal)
	w.str("percent", translogPercent(f))
	w.int64("total_on_start", f.TranslogOnStart)
	w.millis("total_time_in_millis", "total_time", f.TranslogTime)
	w.end()
	w.object("verify_index")
	w.millis("check_index_time_in_millis", "check_index_time", f.VerifyCheck)
	w.millis("total_time_in_millis", "total_time", f.VerifyTime)
	w.end()
	w.end()
}

// writeRestored is SnapshotRecoverySource.addAdditionalFields.
func writeRestored(w *jsonWriter, from *state.Restored) {
	w.str("repository", from.Repository)
	w.str("snapshot", from.Snapshot)
	w.str("version", version)
	w.str("index", from.Index)
	w.str("restoreUUID", from.RestoreUUID)
}

func writeRecoveryNode(w *jsonWriter, st *state.State, id string) {
	w.str("id", id)
	if n := st.Node(id); n != nil {
		w.str("host", address(n))
		w.str("transport_address", n.Address)
		w.str("ip", address(n))
		w.str("name", n.Name)
	}
}

// address is the node's address without its port.
func address(n *state.Node) string {
	if i := strings.LastIndexByte(n.Address, ':'); i >= 0 {
		return n.Address[:i]
	}
	return n.Address
}

func writeRecoveryIndex(w *jsonWriter, f *elastic.RecoveryInfo, detailed bool) {
	files, bytes := f.Files.Percent()
	w.object("index")
	w.object("size")
	w.size("total_in_bytes", "total", f.Files.TotalBytes)
	w.size("reused_in_bytes", "reused", f.Files.ReusedBytes)
	w.size("recovered_in_bytes", "recovered", f.Files.RecoveredBytes)
	w.size("recovered_from_snapshot_in_bytes", "recovered_from_snapshot", 0)
	w.str("percent", percent(bytes))
	w.end()
	w.object("files")
	w.int("total", f.Files.Total)
	w.int("reused", f.Files.Reused)
	w.int("recovered", f.Files.Recovered)
	w.str("percent", percent(files))
	if detailed {
		w.array("details")
		for _, d := range f.Details {
			w.obj()
			w.str("name", d.Name)
			w.size("length_in_bytes", "length", d.Length)
			w.bool("reused", d.Reused)
			w.size("recovered_in_bytes", "recovered", d.Recovered)
			w.size("recovered_from_snapshot_in_bytes", "recovered_from_snapshot", 0)
			w.end()
		}
		w.end()
	}
	w.end()
	w.millis("total_time_in_millis", "total_time", f.IndexTime)
	throttled(w, "source_throttle_time", f.SourceWait, f.SourceNode != "")
	throttled(w, "target_throttle_time", f.TargetWait, false)
	w.end()
}

// throttled writes a waiting time, whose readable form is -1 while it is unknown.
func throttled(w *jsonWriter, name string, d time.Duration, known bool) {
	if w.human && d == 0 && !known {
		w.str(name, "-1")
		w.int(name+"_in_millis", 0)
		return
	}
	w.millis(name+"_in_millis", name, d)
}

func percent(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) + "%" }

// translogPercent is RecoveryState.Translog.recoveredPercent.
func translogPercent(f *elastic.RecoveryInfo) string {
	switch {
	case f.TranslogTotal < 0:
		return percent(-1)
	case f.TranslogTotal == 0:
		return percent(100)
	}
	return percent(float64(f.TranslogRecovered) * 100 / float64(f.TranslogTotal))
}

func prepareCatRecovery(r *request) action {
	names := r.listParam("index")
	active := r.boolParam("active_only", false)
	r.boolParam("detailed", false)
	opt := r.indicesOptions(expandOpen)
	return catAction(r, "recovery", func(c *call) *table {
		st := c.state(true, 0)
		c.readable(st)
		rows, _ := c.recoveries(st, resolve(st, names, opt), active, false)
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
	host := address
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
		return func(f *elastic.RecoveryInfo) cell { return text(isoMillis(f.Start)) }
	case "start_time_millis":
		return func(f *elastic.RecoveryInfo) cell { return count(f.Start.UnixMilli()) }
	case "stop_time":
		return func(f *elastic.RecoveryInfo) cell { return text(isoMillis(stopOf(f))) }
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
		return func(f *elastic.RecoveryInfo) cell { files, _ := f.Files.Percent(); return text(percent(files)) }
	case "files_total":
		return func(f *elastic.RecoveryInfo) cell { return count(int64(f.Files.Total)) }
	case "bytes":
		return func(f *elastic.RecoveryInfo) cell { return size(f.Files.TotalBytes - f.Files.ReusedBytes) }
	case "bytes_recovered":
		return func(f *elastic.RecoveryInfo) cell { return size(f.Files.RecoveredBytes) }
	case "bytes_percent":
		return func(f *elastic.RecoveryInfo) cell { _, b := f.Files.Percent(); return text(percent(b)) }
	case "bytes_total":
		return func(f *elastic.RecoveryInfo) cell { return size(f.Files.TotalBytes) }
	case "translog_ops":
		return func(f *elastic.RecoveryInfo) cell { return count(f.TranslogTotal) }
	case "translog_ops_recovered":
		return func(f *elastic.RecoveryInfo) cell { return count(f.TranslogRecovered) }
	case "translog_ops_percent":
		return func(f *elastic.RecoveryInfo) cell { return text(translogPercent(f)) }
	}
	return nil
}
