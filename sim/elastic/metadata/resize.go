package metadata

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Resizing is how an index is made from another.
type Resizing string

// The ways: fewer shards, more, or as many.
const (
	Shrinking Resizing = "shrink"
	Splitting Resizing = "split"
	Cloning   Resizing = "clone"
)

// ResizeRequest says what an index is made from. Settings carry the "index." prefix.
type ResizeRequest struct {
	How                       Resizing
	Source, Target            string
	Settings                  settings.Settings
	Without                   []string // settings of the source that the new index is not to have
	Aliases                   []state.Alias
	WaitForActiveShards       string
	MasterTimeout, AckTimeout time.Duration
}

// Resize makes an index from another one, whose primaries its own recover from
// (TransportResizeAction), and waits for its active shards up to the ack timeout.
func Resize(ctx context.Context, n *elastic.Node, q ResizeRequest) (acked, shardsAcked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "create-index ["+q.Target+"], cause ["+string(q.How)+"_index]", elastic.Urgent, q.MasterTimeout, q.AckTimeout, resize{q})
	if err != nil || !acked {
		return acked, false, err
	}
	shardsAcked, err = untilActive(ctx, n, q.Target, q.WaitForActiveShards, q.AckTimeout)
	return acked, shardsAcked, err
}

// resize makes an index from another one.
type resize struct {
	q ResizeRequest
}

func (c resize) Change(m *elastic.Master, st *state.State) (*state.State, error) {
	return resized(m, st, c.q)
}

func resized(m *elastic.Master, st *state.State, q ResizeRequest) (*state.State, error) {
	source := st.Index(q.Source)
	if source == nil {
		return nil, elastic.IndexNotFound(q.Source)
	}
	if have := st.Index(q.Target); have != nil {
		return nil, &elastic.Error{
			Status: 400, Type: "resource_already_exists_exception", Reason: "index [" + q.Target + "/" + have.UUID + "] already exists",
			Fields: []elastic.Field{{Name: "index_uuid", Value: have.UUID}, {Name: "index", Value: q.Target}},
		}
	}
	set, err := q.settings(st, source)
	if err != nil {
		return nil, err
	}
	p := m.Process
	meta := indexmeta.NewIndex(q.Target, state.NewID(p.Cluster.IDs), p.Clock.Now().UnixMilli(), set, source.Mapping)
	term := slices.Max(source.PrimaryTerms)
	for i := range meta.PrimaryTerms {
		meta.PrimaryTerms[i] = term
	}
	for _, a := range q.Aliases {
		meta = meta.WithAlias(a)
	}
	if err := m.CheckShardLimit(st, meta.Shards*(1+meta.Replicas)); err != nil {
		return nil, err
	}
	at := p.Cluster.Engine().Stream("elastic.index-order", p.Cluster.Name()).IntN(len(st.Routing.Indices) + 1)
	st = fromShards(allocation.AddIndex(st, meta, at, state.IndexCreated, m.Input()), at)
	if err := CheckAliases(st); err != nil {
		return nil, err
	}
	return m.Rerouted(indexmeta.WithBlocks(st, meta)), nil
}

// fromShards is the state with the primaries of an index to be made from those of another.
func fromShards(st *state.State, at int) *state.State {
	old := st.Routing.Indices[at]
	table := &state.IndexTable{Index: old.Index}
	for _, sh := range old.Shards {
		fresh := &state.ShardTable{Index: sh.Index, Shard: sh.Shard}
		for _, c := range sh.Copies {
			cp := *c
			if cp.Primary {
				cp.Source = state.LocalShards
			}
			fresh.Copies = append(fresh.Copies, &cp)
		}
		table.Shards = append(table.Shards, fresh)
	}
	routing := *st.Routing
	routing.Indices = slices.Clone(routing.Indices)
	routing.Indices[at] = table
	st.Routing = &routing
	return st
}

// settings are those of the new index: its source's, the request's over them, and what says
// where it came from.
func (q *ResizeRequest) settings(st *state.State, source *state.Index) (settings.Settings, error) {
	shards, err := q.shards(source)
	if err != nil {
		return settings.Settings{}, err
	}
	routing, err := q.routingShards(source, shards)
	if err != nil {
		return settings.Settings{}, err
	}
	if !settings.IndexBlockWrite.Get(source.Settings) && !settings.IndexBlockReadOnly.Get(source.Settings) {
		return settings.Settings{}, illegalState("index " + source.Name + ` must be read-only to resize index. use "index.blocks.write=true"`)
	}
	over := map[string]*string{}
	put := func(key, value string) { over[key] = &value }
	for _, key := range q.Settings.Keys() {
		v, _ := q.Settings.Get(key)
		put(key, v)
	}
	for _, key := range q.Without {
		over[key] = nil
	}
	put(settings.IndexShards.Key(), strconv.Itoa(shards))
	put(settings.IndexResizeSource.Key(), source.Name)
	put(settings.IndexResizeSourceUUID.Key(), source.UUID)
	if !settings.IndexReplicas.IsSet(q.Settings) {
		put(settings.IndexReplicas.Key(), "1") // the source's number of replicas is not taken over
	}
	if q.How == Shrinking {
		nodes := holders(st, source)
		if len(nodes) == 0 {
			return settings.Settings{}, illegalState("index " + source.Name + " must have all shards allocated on the same node to shrink index")
		}
		put(settings.IndexInitialRecovery.Key(), strings.Join(nodes, ","))
	}
	over[settings.IndexRoutingShards.Key()] = nil
	set := source.Settings.With(over)
	if settings.RoutingShards(set) != routing {
		text := strconv.Itoa(routing)
		set = set.With(map[string]*string{settings.IndexRoutingShards.Key(): &text})
	}
	return set, nil
}

// shards is how many the new index gets (IndexMetadata.selectShrinkShards, selectSplitShard).
func (q *ResizeRequest) shards(source *state.Index) (int, error) {
	given := settings.IndexShards.IsSet(q.Settings)
	n := settings.IndexShards.Get(q.Settings)
	switch {
	case q.How == Cloning && !given:
		n = source.Shards
	case q.How == Splitting && !given:
		return 0, &elastic.Error{Status: 400, Type: "action_request_validation_exception", Reason: "Validation Failed: 1: index.number_of_shards is required for split operations;"}
	}
	switch q.How {
	case Shrinking:
		if n >= source.Shards {
			return 0, api.IllegalArgument("the number of target shards [%d] must be less that the number of source shards [%d]", n, source.Shards)
		}
		if source.Shards%n != 0 {
			return 0, api.IllegalArgument("the number of source shards [%d] must be a multiple of [%d]", source.Shards, n)
		}
	case Splitting:
		if n <= source.Shards {
			return 0, api.IllegalArgument("the number of source shards [%d] must be less that the number of target shards [%d]", source.Shards, n)
		}
		if n%source.Shards != 0 {
			return 0, api.IllegalArgument("the number of source shards [%d] must be a factor of [%d]", source.Shards, n)
		}
	case Cloning:
		if n != source.Shards {
			return 0, api.IllegalArgument("the number of target shards (%d) must be the same as the number of source shards (%d)", n, source.Shards)
		}
	}
	return n, nil
}

// routingShards is into how many parts the hash of documents is cut: as in the source, so that
// they stay together. An index of one shard may be split into any number.
func (q *ResizeRequest) routingShards(source *state.Index, shards int) (int, error) {
	if settings.IndexRoutingShards.IsSet(q.Settings) && (q.How != Splitting || source.Shards != 1) {
		return 0, api.IllegalArgument("cannot provide index.number_of_routing_shards on resize")
	}
	n := settings.RoutingShards(source.Settings)
	if q.How == Splitting && source.Shards == 1 {
		n = settings.RoutingShards(q.Settings)
	}
	if n%shards != 0 {
		return 0, illegalState(fmt.Sprintf("the number of routing shards [%d] must be a multiple of the target shards [%d]", n, shards))
	}
	return n, nil
}

// holders are the nodes that hold an active copy of every shard of an index.
func holders(st *state.State, m *state.Index) []string {
	var out []string
	for _, n := range st.Nodes {
		all := true
		for _, sh := range st.Routing.Index(m.Name).Shards {
			all = all && slices.ContainsFunc(sh.Copies, func(c *state.Copy) bool { return c.Node == n.ID && c.Active() })
		}
		if all {
			out = append(out, n.ID)
		}
	}
	return out
}
