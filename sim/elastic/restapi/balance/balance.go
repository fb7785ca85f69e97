package balance

import (
	"slices"
	"strconv"

	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/reroute"
	"github.com/shardquake/shardquake/sim/elastic/restapi/cluster"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func prepareGet(r *rest.Request) rest.Action {
	master := r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		b, err := reroute.DesiredBalance(c.Node, c.Ctx, master)
		c.Check(err)
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		writeStats(w, &b)
		writeNodes(w, &b)
		w.Object("routing_table")
		for _, t := range b.State.Routing.Indices {
			writeIndex(w, &b, t)
		}
		w.End()
		info := b.Info
		if info == nil {
			info = &allocation.ClusterInfo{}
		}
		cluster.WriteClusterInfo(w, b.State, info)
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

// misplaced reports whether a copy has started where it should not be.
func misplaced(b *reroute.Balance, meta *state.Index, c *state.Copy) bool {
	a := b.Of(meta, c.Shard)
	return c.State == state.Started && a != nil && !slices.Contains(a.Nodes, c.Node)
}

// writeStats writes how the balance was computed, and what of the cluster is not as it should
// be. Reconciling is part of the master's tasks, so that it has no time of its own.
func writeStats(w *rest.Writer, b *reroute.Balance) {
	unassigned, placed, undesired := 0, 0, 0
	for _, t := range b.State.Routing.Indices {
		meta := b.State.Index(t.Index)
		for _, s := range t.Shards {
			for _, c := range s.Copies {
				switch c.State {
				case state.Unassigned:
					unassigned++
					continue
				case state.Relocating:
					placed++ // its target counts too
				}
				placed++
				if misplaced(b, meta, c) {
					undesired++
				}
			}
		}
	}
	w.Object("stats")
	w.Int64("computation_converged_index", b.Stats.ConvergedIndex)
	w.Bool("computation_active", b.Active)
	w.Int64("computation_submitted", b.Stats.Submitted)
	w.Int64("computation_executed", b.Stats.Executed)
	w.Int64("computation_converged", b.Stats.Converged)
	w.Int64("computation_iterations", b.Stats.Iterations)
	w.Int64("computed_shard_movements", b.Stats.Moves)
	w.Millis("computation_time_in_millis", "computation_time", b.Stats.Computing)
	w.Millis("reconciliation_time_in_millis", "reconciliation_time", 0)
	w.Int("unassigned_shards", unassigned)
	w.Int("total_allocations", placed)
	w.Int("undesired_allocations", undesired)
	w.Float("undesired_allocations_ratio", float64(undesired)/float64(max(1, placed)))
	w.End()
}

// writeIndex writes where the copies of an index are, and where they should be.
func writeIndex(w *rest.Writer, b *reroute.Balance, t *state.IndexTable) {
	meta := b.State.Index(t.Index)
	w.Object(t.Index)
	for _, s := range t.Shards {
		a := b.Of(meta, s.Shard)
		w.Object(strconv.Itoa(s.Shard))
		w.Array("current")
		for _, c := range s.Copies {
			writeCopy(w, meta, c, a)
		}
		w.End()
		w.Key("desired")
		if a == nil {
			w.Buf = append(w.Buf, "null"...)
		} else {
			w.Begin('{', '}')
			w.Strs("node_ids", a.Nodes)
			w.Int("total", a.Total)
			w.Int("unassigned", a.Unassigned)
			w.Int("ignored", a.Ignored)
			w.End()
		}
		w.End()
	}
	w.End()
}

func writeCopy(w *rest.Writer, meta *state.Index, c *state.Copy, a *allocation.Assignment) {
	desired := func(node string) bool { return node != "" && a != nil && slices.Contains(a.Nodes, node) }
	w.Obj()
	w.Str("state", c.State.String())
	w.Bool("primary", c.Primary)
	w.StrOrNull("node", c.Node)
	w.Bool("node_is_desired", desired(c.Node))
	w.StrOrNull("relocating_node", c.Other)
	if c.Other == "" {
		w.Null("relocating_node_is_desired")
	} else {
		w.Bool("relocating_node_is_desired", desired(c.Other))
	}
	w.Int("shard_id", c.Shard)
	w.Str("index", c.Index)
	if meta.ForecastWriteLoad == nil {
		w.Null("forecast_write_load")
	} else {
		w.Float("forecast_write_load", *meta.ForecastWriteLoad)
	}
	if meta.ForecastShardBytes == nil {
		w.Null("forecast_shard_size_in_bytes")
	} else {
		w.Size("forecast_shard_size_in_bytes", "forecast_shard_size", *meta.ForecastShardBytes)
	}
	w.Strs("tier_preference", settings.IndexTierPreference.Get(meta.Settings))
	w.End()
}
