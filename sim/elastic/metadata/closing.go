package metadata

import (
	"context"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/oncopies"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// CloseIndices closes indices (MetadataIndexStateService): a block comes first, then every
// copy commits what it has, then the copies are opened anew for nobody to read or write. They
// are still allocated and replicated. It waits for the active copies asked for.
func CloseIndices(ctx context.Context, n *elastic.Node, names []string, wait string, masterTimeout, ackTimeout time.Duration) (acked, shards bool, err error) {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		meta := n.Applied().Index(name)
		return meta != nil && meta.Closed
	})
	if len(names) == 0 {
		return true, false, nil
	}
	acked, _, err = n.MasterTask(ctx, "add-block-index-to-close", elastic.Urgent, masterTimeout, ackTimeout, blockToClose{names})
	if err != nil || !acked {
		return acked, false, err
	}
	if _, err := oncopies.Broadcast(n, ctx, names, oncopies.VerifyClosing{}); err != nil {
		return true, false, err
	}
	acked, _, err = n.MasterTask(ctx, "close-indices", elastic.Urgent, masterTimeout, ackTimeout, openOrClose{names, false})
	return openness(ctx, n, names, wait, ackTimeout, acked, err)
}

// openOrClose opens or closes indices.
type openOrClose struct {
	names []string
	open  bool
}

func (c openOrClose) Change(m *elastic.Master, st *state.State) (*state.State, error) {
	return opened(m, st, c.names, c.open)
}

// blockToClose blocks indices that are about to be closed.
type blockToClose struct {
	names []string
}

func (c blockToClose) Change(_ *elastic.Master, st *state.State) (*state.State, error) {
	for _, name := range c.names {
		meta := st.Index(name)
		if meta == nil {
			return nil, elastic.IndexNotFound(name)
		}
		st = indexmeta.WithBlock(st, name, indexmeta.ClosedBlock(true))
	}
	return st, nil
}

// OpenIndices opens closed indices.
func OpenIndices(ctx context.Context, n *elastic.Node, names []string, wait string, masterTimeout, ackTimeout time.Duration) (acked, shards bool, err error) {
	acked, _, err = n.MasterTask(ctx, "open-indices", elastic.Urgent, masterTimeout, ackTimeout, openOrClose{names, true})
	return openness(ctx, n, names, wait, ackTimeout, acked, err)
}

// openness waits until indices that were opened or closed have the copies asked for.
func openness(ctx context.Context, n *elastic.Node, names []string, wait string, timeout time.Duration, acked bool, err error) (bool, bool, error) {
	if err != nil || !acked {
		return acked, false, err
	}
	shards, err := n.WhenState(ctx, timeout, func(st *state.State) bool {
		for _, name := range names {
			if meta := st.Index(name); meta != nil && !indexmeta.EnoughActive(st, meta, wait) {
				return false
			}
		}
		return true
	})
	return acked, shards, err
}

// opened is the state with indices open, or closed: every copy is without a node and finds
// its data where it was.
func opened(m *elastic.Master, st *state.State, names []string, open bool) (*state.State, error) {
	changed := false
	for _, name := range names {
		meta := st.Index(name)
		switch {
		case meta == nil:
			return nil, elastic.IndexNotFound(name)
		case meta.Closed != open && !open:
			continue // closed already
		case !meta.Closed && open:
			st = indexmeta.WithBlocks(st, meta) // one that was about to be closed
			continue
		}
		if open {
			if err := m.CheckShardLimit(st, meta.Shards*(1+meta.Replicas)); err != nil {
				return nil, err
			}
		}
		st, changed = reset(m, st, meta, open), true
	}
	if !changed {
		return st, nil
	}
	return m.Rerouted(st), nil
}

// reset takes every copy of an index from its node, for the index is another one then: open
// or closed (IndexRoutingTable.Builder.initializeAsFromOpenToClose, …FromCloseToOpen).
func reset(m *elastic.Master, st *state.State, meta *state.Index, open bool) *state.State {
	next := *meta
	next.Closed, next.Version, next.SettingsVersion = !open, meta.Version+1, meta.SettingsVersion+1
	reason, yes := state.IndexClosed, "true"
	verified := &yes
	if open {
		reason, verified = state.IndexReopened, nil
	}
	next.Settings = meta.Settings.With(map[string]*string{"index.verified_before_close": verified})
	st = indexmeta.WithBlocks(indexmeta.ReplaceIndex(st, &next), &next)
	in := m.Input()
	info := &state.UnassignedInfo{Reason: reason, AtNanos: in.NowNanos, AtMillis: in.NowMillis, LastStatus: state.NoAttempt}
	table := &state.IndexTable{Index: next.Name, Shards: make([]*state.ShardTable, next.Shards)}
	for num := range table.Shards {
		t := &state.ShardTable{Index: next.Name, Shard: num}
		for i := range 1 + next.Replicas {
			cp := &state.Copy{Index: next.Name, Shard: num, Primary: i == 0, Source: state.Peer, Info: info, ExpectedBytes: -1}
			if cp.Primary {
				cp.Source = state.ExistingStore
				if len(next.InSync[num]) == 0 {
					cp.Source = state.EmptyStore
				}
			}
			t.Copies = append(t.Copies, cp)
		}
		table.Shards[num] = t
	}
	routing := *st.Routing
	routing.Version++
	routing.Indices = slices.Clone(routing.Indices)
	for i, t := range routing.Indices {
		if t.Index == next.Name {
			routing.Indices[i] = table
		}
	}
	st.Routing = &routing
	return st
}
