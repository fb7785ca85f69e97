package elastic

import (
	"context"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/templates"
)

// CreateIndex is what an index is created from. Names, settings and mapping have been
// validated; settings carry the "index." prefix.
type CreateIndex struct {
	Name                      string
	Settings                  settings.Settings
	Mapping                   []byte
	Aliases                   []state.Alias
	WaitForActiveShards       string
	MasterTimeout, AckTimeout time.Duration
	// Stream is the data stream whose templates the index gets; "": those of its own name.
	Stream string
}

// CreateIndex creates an index and waits for its active shards up to the ack timeout.
func (n *Node) CreateIndex(ctx context.Context, req CreateIndex) (acked, shardsAcked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "create-index ["+req.Name+"], cause [api]", Urgent, req.MasterTimeout, req.AckTimeout,
		func(st *state.State) (*state.State, error) {
			m := n.c.ActingMaster()
			if m == nil {
				return nil, ErrNotMaster
			}
			return m.createIndex(st, req)
		})
	if err != nil || !acked {
		return acked, false, err
	}
	shardsAcked, err = n.WhenState(ctx, req.AckTimeout, func(st *state.State) bool {
		meta := st.Index(req.Name)
		return meta == nil || enoughActive(st, meta, req.WaitForActiveShards)
	})
	return acked, shardsAcked, err
}

// ActingMaster is the master whose task is being computed: tasks are functions of the
// state, and the allocator that they need is that of the node that computes them.
func (c *Cluster) ActingMaster() *Master { return c.computing }

// createIndex is the state with a new index, rerouted (MetadataCreateIndexService).
func (m *Master) createIndex(st *state.State, req CreateIndex) (*state.State, error) {
	name := req.Name
	if have := st.Index(name); have != nil {
		return nil, &Error{
			Status: 400, Type: "resource_already_exists_exception",
			Reason: "index [" + name + "/" + have.UUID + "] already exists",
			Fields: []Field{{Name: "index_uuid", Value: have.UUID}, {Name: "index", Value: name}},
		}
	}
	if taken := st.DataStream(name); taken != nil {
		return nil, streamExists(name)
	}
	p := m.Process
	begin, err := beginning(st, req)
	if err != nil {
		return nil, err
	}
	meta := NewIndex(name, state.NewID(p.Cluster.IDs), p.Clock.Now().UnixMilli(), begin.Settings, begin.Mapping)
	// Terms begin at 0: the first allocation of each primary raises its shard's to 1.
	meta.PrimaryTerms = make([]int64, meta.Shards)
	for _, a := range begin.Aliases {
		meta = meta.WithAlias(a)
	}
	if err := m.CheckShardLimit(st, meta.Shards*(1+meta.Replicas)); err != nil {
		return nil, err
	}
	// Elasticsearch's order of indices is that of a hash table with a salt of the run's.
	at := p.Cluster.e.Stream("elastic.index-order", p.Cluster.name).IntN(len(st.Routing.Indices) + 1)
	st = allocation.AddIndex(st, meta, at, state.IndexCreated, m.Input())
	if err := CheckAliases(st); err != nil {
		return nil, err
	}
	return m.Rerouted(WithBlocks(st, meta)), nil
}

// beginning is what an index begins with: what the request says over what the templates of
// its name, or of its data stream, say.
func beginning(st *state.State, req CreateIndex) (state.Template, error) {
	of := req.Name
	if req.Stream != "" {
		of = req.Stream
	}
	if t := templates.Find(st, of); t != nil && t.DataStream != nil && req.Stream == "" {
		return state.Template{}, api.IllegalArgument("cannot create index with name [%s], because it matches with template [%s] that creates data streams only, "+
			"use create data stream api instead", req.Name, t.Name)
	}
	below, err := templates.For(st, of)
	if err != nil {
		return below, err
	}
	below.Aliases = templates.AliasesOf(&below, req.Name)
	return templates.Overlaid(below, state.Template{Settings: req.Settings, Mapping: req.Mapping, Aliases: req.Aliases})
}

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
	limit, open, data := settings.MaxShardsPerNode.Get(m.Process.conf), 0, 0
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

// enoughActive reports whether every shard of an index has the active copies asked for.
func enoughActive(st *state.State, meta *state.Index, text string) bool {
	need := activeCount(meta, text)
	t := st.Routing.Index(meta.Name)
	if t == nil {
		return false
	}
	for _, sh := range t.Shards {
		if activeCopies(sh) < need {
			return false
		}
	}
	return true
}

// activeCount is wait_for_active_shards in copies; "" means the index's own setting.
func activeCount(meta *state.Index, text string) int {
	if text == "" {
		text = settings.IndexWaitForActiveShards.Get(meta.Settings)
	}
	n, err := settings.ParseActiveShards(text)
	if err != nil || n == settings.AllShards {
		return meta.Replicas + 1
	}
	return n
}

func activeCopies(t *state.ShardTable) int {
	n := 0
	for _, c := range t.Copies {
		if c.Active() {
			n++
		}
	}
	return n
}

// DeleteIndices deletes indices that exist.
func (n *Node) DeleteIndices(ctx context.Context, names []string, masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "delete-index", Urgent, masterTimeout, ackTimeout, func(st *state.State) (*state.State, error) {
		m := n.c.ActingMaster()
		if m == nil {
			return nil, ErrNotMaster
		}
		return m.deleteIndices(st, names)
	})
	return acked, err
}

// deleteIndices is the state without the indices, rerouted.
func (m *Master) deleteIndices(st *state.State, names []string) (*state.State, error) {
	for _, name := range names {
		if st.Index(name) == nil {
			return nil, IndexNotFound(name)
		}
		next, err := withoutBacking(st, name)
		if err != nil {
			return nil, err
		}
		st = allocation.RemoveIndex(next, name)
	}
	return m.Rerouted(st), nil
}

// UpdateIndexSettings changes "index." settings of indices, validated by the caller;
// a nil value resets one to its default.
func (n *Node) UpdateIndexSettings(ctx context.Context, names []string, changes map[string]*string,
	masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "update-settings", Urgent, masterTimeout, ackTimeout, func(st *state.State) (*state.State, error) {
		m := n.c.ActingMaster()
		if m == nil {
			return nil, ErrNotMaster
		}
		return m.changeIndexSettings(st, names, changes)
	})
	return acked, err
}

// changeIndexSettings is the state with changed index settings, their effects on
// replicas and blocks, rerouted (MetadataUpdateSettingsService).
func (m *Master) changeIndexSettings(st *state.State, names []string, changes map[string]*string) (*state.State, error) {
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

// UpdateClusterSettings changes cluster-wide settings, validated by the caller, and
// reroutes when that changed anything, as Elasticsearch does.
func (n *Node) UpdateClusterSettings(ctx context.Context, persistent, transient map[string]*string,
	masterTimeout, ackTimeout time.Duration) (acked bool, published *state.State, err error) {
	changed := false
	acked, published, err = n.MasterTask(ctx, "cluster_update_settings", Immediate, masterTimeout, ackTimeout,
		func(st *state.State) (*state.State, error) {
			next := st.Clone()
			next.Persistent = st.Persistent.With(persistent)
			next.Transient = st.Transient.With(transient)
			if next.Persistent.Equal(st.Persistent) && next.Transient.Equal(st.Transient) {
				changed = false
				return st, nil
			}
			changed = true
			return next, nil
		})
	if err != nil || !acked || !changed {
		return acked, published, err
	}
	_, _, err = n.MasterTask(ctx, "reroute_after_cluster_update_settings", Urgent, masterTimeout, ackTimeout,
		func(st *state.State) (*state.State, error) {
			m := n.c.ActingMaster()
			if m == nil {
				return nil, ErrNotMaster
			}
			return m.Rerouted(st), nil
		})
	return acked, published, err
}

// WithBlocks is the state with the blocks that an index has for its settings, or for being
// closed.
func WithBlocks(st *state.State, meta *state.Index) *state.State {
	return blockedBy(st, meta.Name, BlocksOf(meta))
}

// withBlock adds a block to those of an index.
func withBlock(st *state.State, name string, b state.Block) *state.State {
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
