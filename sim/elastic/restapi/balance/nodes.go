package balance

import (
	"math"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/reroute"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// share is what of the cluster a node holds (ClusterBalanceStats.NodeBalanceStats).
type share struct {
	node                *state.Node
	copies, undesired   int
	load                float64
	forecasted, present int64 // bytes
}

// shares are those of the nodes that may hold copies, by id.
func shares(b *reroute.Balance) []*share {
	var list []*share
	of := map[string]*share{}
	for _, n := range b.State.Nodes {
		if rest.IsData(n) {
			s := &share{node: n}
			list, of[n.ID] = append(list, s), s
		}
	}
	for _, t := range b.State.Routing.Indices {
		meta := b.State.Index(t.Index)
		for _, sh := range t.Shards {
			for _, c := range sh.Copies {
				if s := of[c.Node]; s != nil {
					s.add(b, meta, c)
				}
				if s := of[c.Other]; s != nil && c.State == state.Relocating {
					s.add(b, meta, c)
				}
			}
		}
	}
	return list
}

func (s *share) add(b *reroute.Balance, meta *state.Index, c *state.Copy) {
	var bytes int64
	if b.Info != nil {
		bytes = b.Info.ShardBytes[allocation.ShardKey{Index: c.Index, Shard: c.Shard, Primary: c.Primary}]
	}
	s.copies++
	s.present += bytes
	if misplaced(b, meta, c) {
		s.undesired++
	}
	if meta.ForecastWriteLoad != nil {
		s.load += *meta.ForecastWriteLoad
	}
	if meta.ForecastShardBytes != nil {
		bytes = *meta.ForecastShardBytes
	}
	s.forecasted += bytes
}

// figures are those told of a tier, by name.
var figures = []struct {
	name string
	of   func(s *share) float64
}{
	{"shard_count", func(s *share) float64 { return float64(s.copies) }},
	{"undesired_shard_allocation_count", func(s *share) float64 { return float64(s.undesired) }},
	{"forecast_write_load", func(s *share) float64 { return s.load }},
	{"forecast_disk_usage", func(s *share) float64 { return float64(s.forecasted) }},
	{"actual_disk_usage", func(s *share) float64 { return float64(s.present) }},
}

// writeNodes writes what the nodes hold, and how evenly those of a tier do.
func writeNodes(w *rest.Writer, b *reroute.Balance) {
	list := shares(b)
	copies, undesired := 0, 0
	tiers := map[string][]*share{}
	var names []string
	for _, s := range list {
		copies += s.copies
		undesired += s.undesired
		for _, role := range s.node.Roles {
			if role == "data" || strings.HasPrefix(role, "data_") {
				tiers[role] = append(tiers[role], s)
				names = rest.AddNew(names, role)
			}
		}
	}
	slices.Sort(names)
	w.Object("cluster_balance_stats")
	w.Int("shard_count", copies)
	w.Int("undesired_shard_allocation_count", undesired)
	w.Object("tiers")
	for _, tier := range names {
		w.Object(tier)
		for _, f := range figures {
			writeSpread(w, f.name, tiers[tier], f.of)
		}
		w.End()
	}
	w.End()
	w.Object("nodes")
	for _, s := range list {
		w.Object(s.node.Name)
		w.Str("node_id", s.node.ID)
		w.Strs("roles", s.node.Roles)
		w.Int("shard_count", s.copies)
		w.Int("undesired_shard_allocation_count", s.undesired)
		w.Float("forecast_write_load", s.load)
		w.Size("forecast_disk_usage_bytes", "forecast_disk_usage", s.forecasted)
		w.Size("actual_disk_usage_bytes", "actual_disk_usage", s.present)
		w.End()
	}
	w.End()
	w.End()
}

// writeSpread writes a figure of several nodes in short (MetricStats).
func writeSpread(w *rest.Writer, name string, list []*share, of func(*share) float64) {
	total, least, most := 0.0, math.Inf(1), math.Inf(-1)
	for _, s := range list {
		v := of(s)
		total += v
		least, most = min(least, v), max(most, v)
	}
	average, off := total/float64(len(list)), 0.0
	for _, s := range list {
		off += float64((of(s) - average) * (of(s) - average))
	}
	w.Object(name)
	w.Float("total", total)
	w.Float("min", least)
	w.Float("max", most)
	w.Float("average", average)
	w.Float("std_dev", math.Sqrt(off/float64(len(list))))
	w.End()
}
