package elastic

import (
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// ActingMaster is the master whose task is being computed: tasks are functions of the
// state, and the allocator that they need is that of the node that computes them.
func (c *Cluster) ActingMaster() *Master { return c.computing }

// CheckShardLimit refuses more copies than cluster.max_shards_per_node allows.
func (m *Master) CheckShardLimit(st *state.State, more int) error {
	limit, open, data := settings.MaxShardsPerNode.Get(m.Process.Conf), 0, 0
	for _, n := range st.Nodes {
		if n.CanContainData() {
			data++
		}
	}
	for _, meta := range st.Indices {
		if !meta.Closed {
			open += meta.Shards * (1 + meta.Replicas)
		}
	}
	if data > 0 && open+more > limit*data {
		return api.Validation("this action would add [%d] shards, but this cluster currently has [%d]/[%d] maximum normal shards open;", more, open, limit*data)
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
