package restapi

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// recoveriesOf asks the nodes that hold copies of the indices for their recoveries, in
// order of nodes; those that fail are counted.
func recoveriesOf(c *call, st *state.State, names []string, active, detailed bool) (found []elastic.RecoveryInfo, failures []*elastic.Error) {
	targets := holdersIn(c, st, names)
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

// holdersIn remembers the nodes with a copy of any index for the latest state.
func holdersIn(c *call, st *state.State, names []string) []*state.Node {
	if len(names) != len(st.Indices) {
		return holders(st, names)
	}
	return remember(c, "holders", st, func() []*state.Node { return holders(st, names) })
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
		checkReadable(c, st)
		found, _ := recoveriesOf(c, st, resolve(st, names, opt), active, detailed)
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

func writeRecoveryNode(w *jsonWriter, st *state.State, id string) {
	w.str("id", id)
	if n := st.Node(id); n != nil {
		w.str("host", address(n))
		w.str("transport_address", n.Address)
		w.str("ip", address(n))
		w.str("name", n.Name)
	}
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
