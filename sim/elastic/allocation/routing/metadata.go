package routing

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
	added, Removed  []string // allocation ids, for the in-sync set
	initialized     *Copy    // the primary that was initialized
	initializedID   string
	failedPrimaryID string // of the first active primary that failed
}

// UpdateOf is the shard's update, made on first use. Simulations keep none that counts.
func (p *Draft) UpdateOf(s *Shard) *metadataUpdate {
	if s.update == nil {
		s.update = &metadataUpdate{}
		p.updates = append(p.updates, s)
	}
	return s.update
}

func (p *Draft) startedChange(r *Copy, forced bool) {
	if p.Simulating {
		return
	}
	u := p.UpdateOf(r.Shard)
	u.added = append(u.added, r.ID)
	if r.Primary && forced {
		u.Removed = append(u.Removed, state.ForcedAllocationID)
	}
}

// RemovedChange takes an active copy that goes away out of the in-sync set.
func (p *Draft) RemovedChange(r *Copy) {
	if p.Simulating || !r.Active() {
		return
	}
	u := p.UpdateOf(r.Shard)
	u.Removed = append(u.Removed, r.ID)
}

// applyUpdates returns the metadata of all indices after all changes
// (IndexMetadataUpdater.applyChanges).
func (p *Draft) applyUpdates() []*state.Index {
	if len(p.updates) == 0 {
		return p.State.Indices
	}
	fresh := make(map[string]*state.Index)
	for _, s := range p.updates {
		name := s.Index.Meta.Name
		m := fresh[name]
		if m == nil {
			m = s.Index.Meta
		}
		if next := p.updateShard(m, s); next != m {
			fresh[name] = next
		}
	}
	out := slices.Clone(p.State.Indices)
	for i, m := range out {
		if next := fresh[m.Name]; next != nil {
			next.Version++
			out[i] = next
		}
	}
	return out
}

// updateShard returns m itself when nothing changes.
func (p *Draft) updateShard(m *state.Index, s *Shard) *state.Index {
	before := s.Index.Meta
	out := m
	edit := func() *state.Index {
		if out == before {
			c := *before
			c.InSync, c.PrimaryTerms = slices.Clone(before.InSync), slices.Clone(before.PrimaryTerms)
			out = &c
		}
		return out
	}
	old := InSync(before, s.Number)
	if ids := s.update.inSyncAfter(old, s); !slices.Equal(ids, old) {
		setInSync(edit(), s.Number, ids)
	}
	if s.update.raiseTerm {
		e := edit()
		for len(e.PrimaryTerms) <= s.Number {
			e.PrimaryTerms = append(e.PrimaryTerms, 0)
		}
		e.PrimaryTerms[s.Number]++
	}
	return out
}

func InSync(m *state.Index, shard int) []string {
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
func (u *metadataUpdate) inSyncAfter(old []string, s *Shard) []string {
	if u.initialized != nil && len(old) > 0 && !slices.Contains(old, u.initializedID) {
		// An empty or stale primary is forced: nothing but it may come back.
		switch {
		case u.initialized.Source == state.EmptyStore:
			return nil
		case u.initialized.ForceStale:
			return []string{state.ForcedAllocationID}
		}
		return []string{u.initializedID}
	}
	ids := slices.Clone(old)
	ids = append(ids, u.added...)
	ids = slices.DeleteFunc(ids, func(id string) bool { return slices.Contains(u.Removed, id) })
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if limit := s.Index.Copies; len(ids) > len(old) && len(ids) > limit {
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
func trimInSync(ids []string, s *Shard, limit int) []string {
	table := javaorder.NewTable()
	table.Grow(len(ids))
	javaorder.Sort(table, ids, javaorder.StringHash)
	assigned := func(id string) bool {
		r := s.ByID(id)
		return r != nil && !r.IsTarget()
	}
	slices.SortStableFunc(ids, func(a, b string) int {
		return cmp.Compare(AbsentLast(assigned(a)), AbsentLast(assigned(b)))
	})
	return ids[:limit]
}

// AbsentLast is 0 for ids with a copy, which come first, and 1 for those without.
func AbsentLast(has bool) int {
	if has {
		return 0
	}
	return 1
}

func (s *Shard) anyActive() bool {
	return slices.ContainsFunc(s.Assigned, (*Copy).Active)
}

// Result is the state after the pass, or the state before it when nothing changed.
func (p *Draft) Result() *state.State {
	if !p.Changed {
		return p.State
	}
	next := p.State.Clone()
	next.Routing = p.Table()
	next.Indices = p.applyUpdates()
	return next
}

// Table builds the routing table (RoutingTable.of): of every shard the assigned
// copies by node, then the unassigned ones.
func (p *Draft) Table() *state.RoutingTable {
	for _, list := range [][]*Copy{p.Unassigned, p.Ignored} {
		for _, r := range list {
			r.Shard.unassigned = append(r.Shard.unassigned, r)
		}
	}
	out := &state.RoutingTable{Version: p.State.Routing.Version + 1, Indices: make([]*state.IndexTable, len(p.Indices))}
	var copies []*Copy
	for i, idx := range p.Indices {
		before := p.State.Routing.Indices[i]
		out.Indices[i] = before
		for num, s := range idx.Shards {
			copies = copies[:0]
			for _, r := range s.Assigned {
				if !r.IsTarget() {
					copies = append(copies, r)
				}
			}
			slices.SortStableFunc(copies, func(a, b *Copy) int { return cmp.Compare(a.Node.Pos, b.Node.Pos) })
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
	if mix := p.src.Mix; mix != nil {
		mixed := make([]*state.IndexTable, len(out.Indices))
		for i, from := range mix(len(mixed)) {
			mixed[i] = out.Indices[from]
		}
		out.Indices = mixed
	}
	return out
}

func sameCopies(copies []*Copy, table []*state.Copy) bool {
	return slices.EqualFunc(copies, table, func(r *Copy, c *state.Copy) bool { return r.Orig == c })
}

func shardTable(s *Shard, copies []*Copy) *state.ShardTable {
	t := &state.ShardTable{Index: s.table.Index, Shard: s.Number, Copies: make([]*state.Copy, len(copies))}
	for i, r := range copies {
		t.Copies[i] = r.copy()
	}
	return t
}

// copy is the routing table's entry for a copy.
func (r *Copy) copy() *state.Copy {
	if r.Orig != nil {
		return r.Orig
	}
	c := &state.Copy{
		Index: r.Shard.Index.Meta.Name, Shard: r.Shard.Number, Primary: r.Primary, State: r.State,
		AllocationID: r.ID, OtherID: r.OtherID, Source: r.Source, ForceStale: r.ForceStale, Info: r.Info,
		ExpectedBytes: r.Expected, RelocationFailures: r.Failures,
	}
	if r.Node != nil {
		c.Node = r.Node.ID
	}
	if r.Other != nil {
		c.Other = r.Other.ID
	}
	r.Orig = c
	return c
}
