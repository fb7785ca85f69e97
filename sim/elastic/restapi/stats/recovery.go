package stats

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// RecoveriesOf asks the nodes that hold copies of the indices for their recoveries, in
// order of nodes; those that fail are counted.
func RecoveriesOf(c *rest.Call, st *state.State, names []string, active, detailed bool) (found []elastic.RecoveryInfo, failures []*elastic.Error) {
	targets := HoldersIn(c, st, names)
	results, failures := rest.FanOut(c, targets, 0, figures.AskRecoveries{Active: active, Detailed: detailed})
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

// HoldersIn remembers the nodes with a copy of any index for the latest state.
func HoldersIn(c *rest.Call, st *state.State, names []string) []*state.Node {
	if len(names) != len(st.Indices) {
		return holders(st, names)
	}
	return rest.Remember(c, "holders", st, func() []*state.Node { return holders(st, names) })
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

func prepareRecovery(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	detailed, active := r.BoolParam("detailed", false), r.BoolParam("active_only", false)
	opt := r.IndicesOptions(rest.ExpandOpen)
	return func(c *rest.Call) *rest.Response {
		st := c.State(true, 0)
		rest.CheckReadable(c, st)
		found, _ := RecoveriesOf(c, st, rest.Resolve(st, names, opt), active, detailed)
		slices.SortStableFunc(found, func(a, b elastic.RecoveryInfo) int { return strings.Compare(a.Index, b.Index) })
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		open := ""
		for i := range found {
			f := &found[i]
			if f.Index != open {
				if open != "" {
					w.End()
					w.End()
				}
				open = f.Index
				w.Object(f.Index)
				w.Array("shards")
			}
			writeRecovery(w, st, f, detailed)
		}
		if open != "" {
			w.End()
			w.End()
		}
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func writeRecovery(w *rest.Writer, st *state.State, f *elastic.RecoveryInfo, detailed bool) {
	w.Obj()
	w.Int("id", f.Shard)
	w.Str("type", f.Type)
	w.Str("stage", string(f.Stage))
	w.Bool("primary", f.Primary)
	w.Timestamp("start_time_in_millis", "start_time", f.Start)
	if !f.Stop.IsZero() {
		w.Timestamp("stop_time_in_millis", "stop_time", f.Stop)
	}
	w.Millis("total_time_in_millis", "total_time", f.Total)
	w.Object("source")
	if f.SourceNode != "" {
		writeRecoveryNode(w, st, f.SourceNode)
	} else if f.Restored != nil {
		rest.WriteRestored(w, f.Restored)
	} else if f.BootstrapNewHistoryUUID {
		w.Bool("bootstrap_new_history_uuid", true)
	} else if f.Type == "EXISTING_STORE" {
		w.Bool("bootstrap_new_history_uuid", false)
	}
	w.End()
	w.Object("target")
	writeRecoveryNode(w, st, f.TargetNode)
	w.End()
	writeRecoveryIndex(w, f, detailed)
	w.Object("translog")
	w.Int64("recovered", f.TranslogRecovered)
	w.Int64("total", f.TranslogTotal)
	w.Str("percent", TranslogPercent(f))
	w.Int64("total_on_start", f.TranslogOnStart)
	w.Millis("total_time_in_millis", "total_time", f.TranslogTime)
	w.End()
	w.Object("verify_index")
	w.Millis("check_index_time_in_millis", "check_index_time", f.VerifyCheck)
	w.Millis("total_time_in_millis", "total_time", f.VerifyTime)
	w.End()
	w.End()
}

func writeRecoveryNode(w *rest.Writer, st *state.State, id string) {
	w.Str("id", id)
	if n := st.Node(id); n != nil {
		w.Str("host", rest.Address(n))
		w.Str("transport_address", n.Address)
		w.Str("ip", rest.Address(n))
		w.Str("name", n.Name)
	}
}

func writeRecoveryIndex(w *rest.Writer, f *elastic.RecoveryInfo, detailed bool) {
	files, bytes := f.Files.Percent()
	w.Object("index")
	w.Object("size")
	w.Size("total_in_bytes", "total", f.Files.TotalBytes)
	w.Size("reused_in_bytes", "reused", f.Files.ReusedBytes)
	w.Size("recovered_in_bytes", "recovered", f.Files.RecoveredBytes)
	w.Size("recovered_from_snapshot_in_bytes", "recovered_from_snapshot", 0)
	w.Str("percent", Percent(bytes))
	w.End()
	w.Object("files")
	w.Int("total", f.Files.Total)
	w.Int("reused", f.Files.Reused)
	w.Int("recovered", f.Files.Recovered)
	w.Str("percent", Percent(files))
	if detailed {
		w.Array("details")
		for _, d := range f.Details {
			w.Obj()
			w.Str("name", d.Name)
			w.Size("length_in_bytes", "length", d.Length)
			w.Bool("reused", d.Reused)
			w.Size("recovered_in_bytes", "recovered", d.Recovered)
			w.Size("recovered_from_snapshot_in_bytes", "recovered_from_snapshot", 0)
			w.End()
		}
		w.End()
	}
	w.End()
	w.Millis("total_time_in_millis", "total_time", f.IndexTime)
	throttled(w, "source_throttle_time", f.SourceWait, f.SourceNode != "")
	throttled(w, "target_throttle_time", f.TargetWait, false)
	w.End()
}

// throttled writes a waiting time, whose readable form is -1 while it is unknown.
func throttled(w *rest.Writer, name string, d time.Duration, known bool) {
	if w.Human && d == 0 && !known {
		w.Str(name, "-1")
		w.Int(name+"_in_millis", 0)
		return
	}
	w.Millis(name+"_in_millis", name, d)
}

func Percent(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) + "%" }

// TranslogPercent is RecoveryState.Translog.recoveredPercent.
func TranslogPercent(f *elastic.RecoveryInfo) string {
	switch {
	case f.TranslogTotal < 0:
		return Percent(-1)
	case f.TranslogTotal == 0:
		return Percent(100)
	}
	return Percent(float64(f.TranslogRecovered) * 100 / float64(f.TranslogTotal))
}
