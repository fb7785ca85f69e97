package allocation

import (
	"cmp"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/javaorder"
	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// AddIndex adds an index and its routing table, all copies unassigned with the
// reason (INDEX_CREATED, CLUSTER_RECOVERED, …); at is its place in the iteration
// order of indices, 0 to len(st.Routing.Indices). Primaries recover from disk when
// the metadata names in-sync copies, else they start empty.
func AddIndex(st *state.State, meta *state.Index, at int, reason state.Reason, in Input) *state.State {
	table := &state.IndexTable{Index: meta.Name, Shards: make([]*state.ShardTable, meta.Shards)}
	info := freshInfo(reason, in)
	for num := range table.Shards {
		source := state.EmptyStore
		if len(routing.InSync(meta, num)) > 0 {
			source = state.ExistingStore
		}
		s := &state.ShardTable{Index: meta.Name, Shard: num, Copies: make([]*state.Copy, meta.Replicas+1)}
		s.Copies[0] = unassignedCopy(meta.Name, num, true, source, info)
		for i := range meta.Replicas {
			s.Copies[i+1] = unassignedCopy(meta.Name, num, false, state.Peer, info)
		}
		table.Shards[num] = s
	}
	next := st.Clone()
	next.Indices = slices.Insert(slices.Clone(st.Indices), at, meta)
	next.Routing = &state.RoutingTable{
		Version: st.Routing.Version + 1, Indices: slices.Insert(slices.Clone(st.Routing.Indices), at, table),
	}
	return next
}

func freshInfo(reason state.Reason, in Input) *state.UnassignedInfo {
	return &state.UnassignedInfo{Reason: reason, AtNanos: in.NowNanos, AtMillis: in.NowMillis, LastStatus: state.NoAttempt}
}

func unassignedCopy(name string, num int, primary bool, source state.RecoverySource, info *state.UnassignedInfo) *state.Copy {
	return &state.Copy{Index: name, Shard: num, Primary: primary, Source: source, Info: info, ExpectedBytes: routing.UnknownSize}
}

// RemoveIndex removes an index, its routing table and its blocks.
func RemoveIndex(st *state.State, name string) *state.State {
	next := st.Clone()
	next.Indices = slices.DeleteFunc(slices.Clone(st.Indices), func(m *state.Index) bool { return m.Name == name })
	next.Blocks = slices.DeleteFunc(slices.Clone(st.Blocks), func(b state.IndexBlocks) bool { return b.Index == name })
	next.Routing = &state.RoutingTable{
		Version: st.Routing.Version + 1,
		Indices: slices.DeleteFunc(slices.Clone(st.Routing.Indices), func(t *state.IndexTable) bool { return t.Index == name }),
	}
	return next
}

// SetReplicas changes the number of replicas of indices: it adds unassigned copies
// (REPLICA_ADDED), or removes copies, the first unassigned, initializing or other one
// in the table's order each time (RoutingTable.Builder.updateNumberOfReplicas). The
// settings keep what they say; the caller updates them.
func SetReplicas(st *state.State, names []string, replicas int, in Input) *state.State {
	next := st.Clone()
	next.Indices = slices.Clone(st.Indices)
	next.Routing = &state.RoutingTable{Version: st.Routing.Version + 1, Indices: slices.Clone(st.Routing.Indices)}
	for i, m := range next.Indices {
		if m.Replicas == replicas || !slices.Contains(names, m.Name) {
			continue
		}
		c := *m
		c.Replicas = replicas
		c.Version++
		c.SettingsVersion++
		next.Indices[i] = &c
	}
	for i, t := range next.Routing.Indices {
		if !slices.Contains(names, t.Index) {
			continue
		}
		info := freshInfo(state.ReplicaAdded, in)
		table := &state.IndexTable{Index: t.Index, Shards: make([]*state.ShardTable, len(t.Shards))}
		for num, s := range t.Shards {
			table.Shards[num] = &state.ShardTable{Index: t.Index, Shard: num, Copies: resized(s, replicas+1, info)}
		}
		next.Routing.Indices[i] = table
	}
	return next
}

// resized is a shard's copies after replicas were added or removed.
func resized(s *state.ShardTable, want int, info *state.UnassignedInfo) []*state.Copy {
	copies := slices.Clone(s.Copies)
	for len(copies) < want {
		copies = append(copies, unassignedCopy(s.Index, s.Shard, false, state.Peer, info))
	}
	for len(copies) > want {
		i := slices.IndexFunc(copies, func(c *state.Copy) bool { return !c.Primary && c.State == state.Unassigned })
		if i < 0 {
			i = slices.IndexFunc(copies, func(c *state.Copy) bool { return !c.Primary && c.State == state.Initializing })
		}
		if i < 0 {
			i = slices.IndexFunc(copies, func(c *state.Copy) bool { return !c.Primary })
		}
		copies = slices.Delete(copies, i, i+1)
	}
	return copies
}

// NodeOrder is the order in which the allocator visits the data nodes: that of a
// java.util.HashMap over their ids, into which they came in the order put; those that put
// doesn't have came last, by id.
func NodeOrder(st *state.State, put []string) []string {
	var ids []string
	for _, n := range st.Nodes {
		if n.CanContainData() {
			ids = append(ids, n.ID)
		}
	}
	slices.SortStableFunc(ids, func(a, b string) int { return cmp.Compare(routing.Standing(put, a), routing.Standing(put, b)) })
	table := javaorder.NewTableFor(len(ids))
	table.Grow(len(ids))
	javaorder.Sort(table, ids, javaorder.StringHash)
	return ids
}
