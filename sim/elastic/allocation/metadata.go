package allocation

import (
	"cmp"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/javaorder"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// metadataUpdate is what changes of routing mean for a shard's metadata
// (IndexMetadataUpdater.Updates).
type metadataUpdate struct {
	raiseTerm       bool
	added, removed  []string // allocation ids, for the in-sync set
	initialized     *routed  // the primary that was initialized
	initializedID   string
	failedPrimaryID string // of the first active primary that failed
}

// updateOf is the shard's update, made on first use. Simulations keep none that counts.
func (p *draft) updateOf(s *shard) *metadataUpdate {
	if s.update == nil {
		s.update = &metadataUpdate{}
		p.updates = append(p.updates, s)
	}
	return s.update
}

func (p *draft) startedChange(r *routed, forced bool) {
	if p.simulating {
		return
	}
	u := p.updateOf(r.shard)
	u.added = append(u.added, r.id)
	if r.primary && forced {
		u.removed = append(u.removed, state.ForcedAllocationID)
	}
}

// removedChange takes an active copy that goes away out of the in-sync set.
func (p *draft) removedChange(r *routed) {
	if p.simulating || !r.active() {
		return
	}
	u := p.updateOf(r.shard)
	u.removed = append(u.removed, r.id)
}

// applyUpdates returns the metadata of all indices after the pass
// (IndexMetadataUpdater.applyChanges).
func (p *draft) applyUpdates() []*state.Index {
	if len(p.updates) == 0 {
		return p.st.Indices
	}
	fresh := make(map[string]*state.Index)
	for _, s := range p.updates {
		name := s.index.meta.Name
		m := fresh[name]
		if m == nil {
			m = s.index.meta
		}
		if next := p.updateShard(m, s); next != m {
			fresh[name] = next
		}
	}
	out := slices.Clone(p.st.Indices)
	for i, m := range out {
		if next := fresh[m.Name]; next != nil {
			next.Version++
			out[i] = next
		}
	}
	return out
}

// updateShard returns m itself when nothing changes.
func (p *draft) updateShard(m *state.Index, s *shard) *state.Index {
	before := s.index.meta
	out := m
	edit := func() *state.Index {
		if out == before {
			c := *before
			c.InSync, c.PrimaryTerms = slices.Clone(before.InSync), slices.Clone(before.PrimaryTerms)
			out = &c
		}
		return out
	}
	old := inSync(before, s.num)
	if ids := s.update.inSyncAfter(old, s); !slices.Equal(ids, old) {
		setInSync(edit(), s.num, ids)
	}
	if s.update.raiseTerm {
		e := edit()
		for len(e.PrimaryTerms) <= s.num {
			e.PrimaryTerms = append(e.PrimaryTerms, 0)
		}
		e.PrimaryTerms[s.num]++
	}
	return out
}

func inSync(m *state.Index, shard int) []string {
	if shard < len(m.InSync) {
		return m.InSync[shard]
	}
	return nil
}

func setInSync(m *state.Index, shard int, ids []string) {
	for len(m.InSync) <= shard {
		m.InSync = append(m.InSync, nil)
	}
	m.InSync[shard] = ids
}

// inSyncAfter is the in-sync set after the pass (IndexMetadataUpdater.updateInSyncAllocations).
func (u *metadataUpdate) inSyncAfter(old []string, s *shard) []string {
	if u.initialized != nil && len(old) > 0 && !slices.Contains(old, u.initializedID) {
		// An empty or stale primary is forced: nothing but it may come back.
		switch {
		case u.initialized.source == state.EmptyStore:
			return nil
		case u.initialized.forceStale:
			return []string{state.ForcedAllocationID}
		}
		return []string{u.initializedID}
	}
	ids := slices.Clone(old)
	ids = append(ids, u.added...)
	ids = slices.DeleteFunc(ids, func(id string) bool { return slices.Contains(u.removed, id) })
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if limit := s.index.copies; len(ids) > len(old) && len(ids) > limit {
		ids = trimInSync(ids, s, limit)
	}
	if u.failedPrimaryID != "" && !s.anyActive() && !slices.Contains(ids, u.failedPrimaryID) {
		// The last copy failed: forgetting it would let an empty one take its place.
		ids = append(ids, u.failedPrimaryID)
	}
	if len(ids) == 0 {
		return old
	}
	slices.Sort(ids)
	return ids
}

// trimInSync bounds the set, dropping ids without a copy in the routing table first.
func trimInSync(ids []string, s *shard, limit int) []string {
	table := javaorder.NewTable()
	table.Grow(len(ids))
	javaorder.Sort(table, ids, javaorder.StringHash)
	assigned := func(id string) bool {
		r := s.byID(id)
		return r != nil && !r.isTarget()
	}
	slices.SortStableFunc(ids, func(a, b string) int {
		return cmp.Compare(without01(assigned(a)), without01(assigned(b)))
	})
	return ids[:limit]
}

// without01 is 0 for ids with a copy, which come first, and 1 for those without.
func without01(has bool) int {
	if has {
		return 0
	}
	return 1
}

func (s *shard) anyActive() bool {
	return slices.ContainsFunc(s.assigned, (*routed).active)
}

// result is the state after the pass, or the state before it when nothing changed.
func (p *draft) result() *state.State {
	if !p.changed {
		return p.st
	}
	next := p.st.Clone()
	next.Routing = p.table()
	next.Indices = p.applyUpdates()
	return next
}

// table builds the routing table (RoutingTable.of): of every shard the assigned
// copies by node, then the unassigned ones.
func (p *draft) table() *state.RoutingTable {
	for _, list := range [][]*routed{p.unassigned, p.ignored} {
		for _, r := range list {
			r.shard.unassigned = append(r.shard.unassigned, r)
		}
	}
	out := &state.RoutingTable{Version: p.st.Routing.Version + 1, Indices: make([]*state.IndexTable, len(p.indices))}
	var copies []*routed
	for i, idx := range p.indices {
		before := p.st.Routing.Indices[i]
		out.Indices[i] = before
		for num, s := range idx.shards {
			copies = copies[:0]
			for _, r := range s.assigned {
				if !r.isTarget() {
					copies = append(copies, r)
				}
			}
			slices.SortStableFunc(copies, func(a, b *routed) int { return cmp.Compare(a.node.pos, b.node.pos) })
			copies = append(copies, s.unassigned...)
			s.unassigned = nil
			if sameCopies(copies, s.table.Copies) {
				continue
			}
			if out.Indices[i] == before {
				out.Indices[i] = &state.IndexTable{Index: before.Index, Shards: slices.Clone(before.Shards)}
			}
			out.Indices[i].Shards[num] = shardTable(s, copies)
		}
	}
	if mix := p.src.mix; mix != nil {
		mixed := make([]*state.IndexTable, len(out.Indices))
		for i, from := range mix(len(mixed)) {
			mixed[i] = out.Indices[from]
		}
		out.Indices = mixed
	}
	return out
}

func sameCopies(copies []*routed, table []*state.Copy) bool {
	return slices.EqualFunc(copies, table, func(r *routed, c *state.Copy) bool { return r.orig == c })
}

func shardTable(s *shard, copies []*routed) *state.ShardTable {
	t := &state.ShardTable{Index: s.table.Index, Shard: s.num, Copies: make([]*state.Copy, len(copies))}
	for i, r := range copies {
		t.Copies[i] = r.copy()
	}
	return t
}

// copy is the routing table's entry for a copy.
func (r *routed) copy() *state.Copy {
	if r.orig != nil {
		return r.orig
	}
	c := &state.Copy{
		Index: r.shard.index.meta.Name, Shard: r.shard.num, Primary: r.primary, State: r.state,
		AllocationID: r.id, OtherID: r.otherID, Source: r.source, ForceStale: r.forceStale, Info: r.info,
		ExpectedBytes: r.expected, RelocationFailures: r.failures,
	}
	if r.node != nil {
		c.Node = r.node.id
	}
	if r.other != nil {
		c.Other = r.other.id
	}
	r.orig = c
	return c
}
