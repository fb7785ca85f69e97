package metadata

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/templates"
)

// CreateIndexRequest is what an index is created from. Names, settings and mapping have been
// validated; settings carry the "index." prefix.
type CreateIndexRequest struct {
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
func CreateIndex(ctx context.Context, n *elastic.Node, req CreateIndexRequest) (acked, shardsAcked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "create-index ["+req.Name+"], cause [api]", elastic.Urgent, req.MasterTimeout, req.AckTimeout, createIndex{req})
	if err != nil || !acked {
		return acked, false, err
	}
	n.Cluster().Uses(req.Settings.Keys())
	shardsAcked, err = untilActive(ctx, n, req.Name, req.WaitForActiveShards, req.AckTimeout)
	return acked, shardsAcked, err
}

// untilActive waits until enough copies of an index are active, or it is gone again.
func untilActive(ctx context.Context, n *elastic.Node, name, enough string, timeout time.Duration) (bool, error) {
	return n.WhenState(ctx, timeout, func(st *state.State) bool {
		meta := st.Index(name)
		return meta == nil || indexmeta.EnoughActive(st, meta, enough)
	})
}

// createIndex adds an index.
type createIndex struct {
	req CreateIndexRequest
}

func (c createIndex) Change(m *elastic.Master, st *state.State) (*state.State, error) {
	return WithIndex(m, st, c.req)
}

// WithIndex is the state with a new index, rerouted (MetadataCreateIndexService).
func WithIndex(m *elastic.Master, st *state.State, req CreateIndexRequest) (*state.State, error) {
	name := req.Name
	if have := st.Index(name); have != nil {
		return nil, &elastic.Error{
			Status: 400, Type: "resource_already_exists_exception",
			Reason: "index [" + name + "/" + have.UUID + "] already exists",
			Fields: []elastic.Field{{Name: "index_uuid", Value: have.UUID}, {Name: "index", Value: name}},
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
	meta := indexmeta.NewIndex(name, state.NewID(p.Cluster.IDs), p.Clock.Now().UnixMilli(), begin.Settings, begin.Mapping)
	// Terms begin at 0: the first allocation of each primary raises its shard's to 1.
	meta.PrimaryTerms = make([]int64, meta.Shards)
	for _, a := range begin.Aliases {
		meta = meta.WithAlias(a)
	}
	if err := m.CheckShardLimit(st, meta.Shards*(1+meta.Replicas)); err != nil {
		return nil, err
	}
	// Elasticsearch's order of indices is that of a hash table with a salt of the run's.
	at := p.Cluster.Engine().Stream("elastic.index-order", p.Cluster.Name()).IntN(len(st.Routing.Indices) + 1)
	st = allocation.AddIndex(st, meta, at, state.IndexCreated, m.Input())
	if err := CheckAliases(st); err != nil {
		return nil, err
	}
	return m.Rerouted(indexmeta.WithBlocks(st, meta)), nil
}

// beginning is what an index begins with: what the request says over what the templates of
// its name, or of its data stream, say.
func beginning(st *state.State, req CreateIndexRequest) (state.Template, error) {
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

// DeleteIndices deletes indices that exist.
func DeleteIndices(ctx context.Context, n *elastic.Node, names []string, masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "delete-index", elastic.Urgent, masterTimeout, ackTimeout, deleteIndex{names})
	return acked, err
}

// deleteIndex takes indices away.
type deleteIndex struct {
	names []string
}

func (c deleteIndex) Change(m *elastic.Master, st *state.State) (*state.State, error) {
	return deleteIndices(m, st, c.names)
}

// deleteIndices is the state without the indices, rerouted.
func deleteIndices(m *elastic.Master, st *state.State, names []string) (*state.State, error) {
	for _, name := range names {
		if st.Index(name) == nil {
			return nil, elastic.IndexNotFound(name)
		}
		if err := indexmeta.DeletionBlock(st, name); err != nil {
			return nil, err
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
func UpdateIndexSettings(ctx context.Context, n *elastic.Node, names []string, changes map[string]*string,
	masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "update-settings", elastic.Urgent, masterTimeout, ackTimeout, changeSettings{names, changes})
	if err == nil {
		n.Cluster().Uses(given(changes))
	}
	return acked, err
}

// changeSettings changes settings of indices.
type changeSettings struct {
	names   []string
	changes map[string]*string
}

func (c changeSettings) Change(m *elastic.Master, st *state.State) (*state.State, error) {
	return m.ChangeIndexSettings(st, c.names, c.changes)
}

// given are the settings that changes give a value.
func given(changes ...map[string]*string) (keys []string) {
	for _, m := range changes {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if m[k] != nil {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// UpdateClusterSettings changes cluster-wide settings, validated by the caller, and
// reroutes when that changed anything, as Elasticsearch does.
func UpdateClusterSettings(ctx context.Context, n *elastic.Node, persistent, transient map[string]*string,
	masterTimeout, ackTimeout time.Duration) (acked bool, published *state.State, err error) {
	var changed bool
	changed, acked, published, err = elastic.TellingTask(ctx, n, "cluster_update_settings", elastic.Immediate, masterTimeout, ackTimeout,
		clusterSettings{persistent, transient})
	if err != nil || !acked || !changed {
		return acked, published, err
	}
	n.Cluster().Uses(given(persistent, transient))
	_, _, err = n.MasterTask(ctx, "reroute_after_cluster_update_settings", elastic.Urgent, masterTimeout, ackTimeout, rerouted{})
	return acked, published, err
}

// clusterSettings changes settings of the cluster; the master tells whether it has changed any.
type clusterSettings struct {
	persistent, transient map[string]*string
}

func (c clusterSettings) ChangeTelling(_ *elastic.Master, st *state.State) (next *state.State, changed bool, err error) {
	next = st.Clone()
	next.Persistent = st.Persistent.With(c.persistent)
	next.Transient = st.Transient.With(c.transient)
	if next.Persistent.Equal(st.Persistent) && next.Transient.Equal(st.Transient) {
		return st, false, nil
	}
	return next, true, nil
}

// rerouted reroutes.
type rerouted struct{}

func (rerouted) Change(m *elastic.Master, st *state.State) (*state.State, error) {
	return m.Rerouted(st), nil
}
