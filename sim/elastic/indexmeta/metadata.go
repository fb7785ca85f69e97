package indexmeta

import (
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

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

// WithBlock adds a block to those of an index.
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
