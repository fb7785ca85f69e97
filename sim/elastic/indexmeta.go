package elastic

import (
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// ActingMaster is the master whose task is being computed: tasks are functions of the
// state, and the allocator that they need is that of the node that computes them.
func (c *Cluster) ActingMaster() *Master { return c.computing }

// DescribedMapping is that of an index that a scenario describes: what its tracers write.
const DescribedMapping = `{"properties":{"n":{"type":"long"},"tracer":{"type":"boolean"}}}`

// NewIndex is the metadata of an index that has never had a shard.
func NewIndex(name, uuid string, created int64, s settings.Settings, mapping []byte) *state.Index {
	shards := settings.IndexShards.Get(s)
	if !settings.IndexTierPreference.IsSet(s) {
		tier := settings.DefaultTier
		s = s.With(map[string]*string{settings.IndexTierPreference.Key(): &tier})
	}
	meta := &state.Index{
		Name: name, UUID: uuid, CreationDate: created, Shards: shards, Replicas: settings.IndexReplicas.Get(s),
		Settings: s, Mapping: mapping, PrimaryTerms: make([]int64, shards), InSync: make([][]string, shards),
		Version: 1, MappingVersion: 1, SettingsVersion: 1, AliasesVersion: 1,
	}
	for i := range meta.PrimaryTerms {
		meta.PrimaryTerms[i] = 1
	}
	return meta
}

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

// ActiveCount is wait_for_active_shards in copies; "" means the index's own setting.
func ActiveCount(meta *state.Index, text string) int {
	if text == "" {
		text = settings.IndexWaitForActiveShards.Get(meta.Settings)
	}
	n, err := settings.ParseActiveShards(text)
	if err != nil || n == settings.AllShards {
		return meta.Replicas + 1
	}
	return n
}

func ActiveCopies(t *state.ShardTable) int {
	n := 0
	for _, c := range t.Copies {
		if c.Active() {
			n++
		}
	}
	return n
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
		st = ReplaceIndex(st, &changed)
		st = WithBlocks(st, &changed)
	}
	if st == before {
		return st, nil
	}
	return m.Rerouted(st), nil
}

// ReplaceIndex is the state with other metadata of one index.
func ReplaceIndex(st *state.State, meta *state.Index) *state.State {
	st = st.Clone()
	st.Indices = slices.Clone(st.Indices)
	for i, m := range st.Indices {
		if m.Name == meta.Name {
			st.Indices[i] = meta
		}
	}
	return st
}

// WithBlocks is the state with the blocks that an index has for its settings, or for being
// closed.
func WithBlocks(st *state.State, meta *state.Index) *state.State {
	return blockedBy(st, meta.Name, BlocksOf(meta))
}

// withBlock adds a block to those of an index.
func WithBlock(st *state.State, name string, b state.Block) *state.State {
	return blockedBy(st, name, append(BlocksOf(st.Index(name)), b))
}

// blockedBy is the state with these blocks on an index.
func blockedBy(st *state.State, name string, blocks []state.Block) *state.State {
	at, have := slices.BinarySearchFunc(st.Blocks, name, func(b state.IndexBlocks, name string) int {
		switch {
		case b.Index < name:
			return -1
		case b.Index > name:
			return 1
		}
		return 0
	})
	if len(blocks) == 0 && !have {
		return st
	}
	st = st.Clone()
	st.Blocks = slices.Clone(st.Blocks)
	switch {
	case len(blocks) == 0:
		st.Blocks = slices.Delete(st.Blocks, at, at+1)
	case have:
		st.Blocks[at].Blocks = blocks
	default:
		st.Blocks = slices.Insert(st.Blocks, at, state.IndexBlocks{Index: name, Blocks: blocks})
	}
	return st
}

// EnoughActive reports whether every shard of an index has the active copies asked for.
func EnoughActive(st *state.State, meta *state.Index, text string) bool {
	need := ActiveCount(meta, text)
	t := st.Routing.Index(meta.Name)
	if t == nil {
		return false
	}
	for _, sh := range t.Shards {
		if ActiveCopies(sh) < need {
			return false
		}
	}
	return true
}
