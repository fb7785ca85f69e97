package elastic

import (
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// CheckShardLimit refuses more copies than cluster.max_shards_per_node allows.
func (m *Master) CheckShardLimit(st *state.State, more int) error {
	limit := ShardLimit{PerNode: settings.MaxShardsPerNode.Get(m.Process.Conf)}
	for _, n := range st.Nodes {
		limit.AddNode(n)
	}
	for _, meta := range st.Indices {
		if !meta.Closed {
			limit.Open += meta.Shards * (1 + meta.Replicas)
		}
	}
	return limit.Check(more)
}

// ShardLimit is how many copies of open indices a cluster may have, and has
// (ShardLimitValidator, of what is not frozen).
type ShardLimit struct {
	PerNode, Nodes, Open int
}

// AddNode counts a node, if it may hold copies that are not frozen.
func (l *ShardLimit) AddNode(n *state.Node) {
	if n.CanContainData() && !n.DedicatedFrozen() {
		l.Nodes++
	}
}

// Check refuses so many copies more if they are too many.
func (l ShardLimit) Check(more int) error {
	if most := l.PerNode * l.Nodes; l.Nodes > 0 && l.Open+more > most {
		return api.Validation("this action would add [%d] shards, but this cluster currently has [%d]/[%d] maximum normal shards open;", more, l.Open, most)
	}
	return nil
}

// ChangeIndexSettings is the state with changed index settings, their effects on
// replicas and blocks, rerouted (MetadataUpdateSettingsService).
func (m *Master) ChangeIndexSettings(st *state.State, names []string, changes map[string]*string) (*state.State, error) {
	for _, name := range names {
		if st.Index(name) == nil {
			return nil, IndexNotFound(name)
		}
	}
	before := st
	if _, ok := changes[settings.IndexReplicas.Key()]; ok {
		replicas := settings.IndexReplicas.Get(settings.Settings{}.With(changes))
		var differ []string
		for _, name := range names {
			if st.Index(name).Replicas != replicas {
				differ = append(differ, name)
			}
		}
		more := 0
		for _, name := range differ {
			if meta := st.Index(name); !meta.Closed {
				more += meta.Shards * (replicas - meta.Replicas)
			}
		}
		if more > 0 {
			if err := m.CheckShardLimit(st, more); err != nil {
				return nil, err
			}
		}
		if len(differ) > 0 {
			st = allocation.SetReplicas(st, differ, replicas, m.Input())
		}
	}
	for _, name := range names {
		meta := st.Index(name)
		next := meta.Settings.With(changes)
		if next.Equal(meta.Settings) {
			continue
		}
		changed := *meta
		changed.Settings = next
		changed.Version++
		changed.SettingsVersion++
		st = indexmeta.ReplaceIndex(st, &changed)
		st = indexmeta.WithBlocks(st, &changed)
	}
	if st == before {
		return st, nil
	}
	return m.Rerouted(st), nil
}
