package delta

import (
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// Change is a shard whose table, or whose index's metadata, differs between
// two states.
type Change struct {
	Meta     *state.Index
	Old, New *state.ShardTable // old nil: the index is new
}

// Delta is what differs between two states. It is computed once for all nodes that
// apply the same step and never changes.
type Delta struct {
	Old, New *state.State
	Changes  []Change
	// ByNode are the changes that concern a node, before or after: indices into changes.
	ByNode  map[string][]int
	Removed []*state.Index
	Metas   []*state.Index // changed metadata of indices that were there before
	created []*state.Index
	Joined  []*state.Node
	Left    []*state.Node
}

// RoutingChanged reports whether any shard moved or any index came or went.
func (d *Delta) RoutingChanged() bool {
	return len(d.Changes) > 0 || len(d.Removed) > 0
}

// Cache keeps the deltas asked for last: nodes apply the same steps at about
// the same time.
type Cache struct {
	at   [16]*Delta
	next int
}

func (k *Cache) Between(old, new *state.State) *Delta {
	for _, d := range k.at {
		if d != nil && d.Old == old && d.New == new {
			return d
		}
	}
	d := Compute(old, new)
	k.at[k.next] = d
	k.next = (k.next + 1) % len(k.at)
	return d
}

func Compute(old, new *state.State) *Delta {
	d := &Delta{Old: old, New: new}
	d.compareNodes()
	if old.Routing == new.Routing && sameIndices(old.Indices, new.Indices) {
		return d
	}
	d.compareIndices()
	d.ByNode = make(map[string][]int)
	for i := range d.Changes {
		d.file(i, d.Changes[i].Old)
		d.file(i, d.Changes[i].New)
	}
	return d
}

func sameIndices(a, b []*state.Index) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func (d *Delta) compareNodes() {
	a, b := d.Old.Nodes, d.New.Nodes
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || (len(a) > 0 && a[0].ID < b[0].ID):
			d.Left = append(d.Left, a[0])
			a = a[1:]
		case len(a) == 0 || b[0].ID < a[0].ID:
			d.Joined = append(d.Joined, b[0])
			b = b[1:]
		default:
			if a[0].EphemeralID != b[0].EphemeralID {
				d.Left, d.Joined = append(d.Left, a[0]), append(d.Joined, b[0])
			}
			a, b = a[1:], b[1:]
		}
	}
}

func (d *Delta) compareIndices() {
	before := make(map[string]*state.Index, len(d.Old.Indices))
	tables := make(map[string]*state.IndexTable, len(d.Old.Routing.Indices))
	for _, m := range d.Old.Indices {
		before[m.Name] = m
	}
	for _, t := range d.Old.Routing.Indices {
		tables[t.Index] = t
	}
	metas := make(map[string]*state.Index, len(d.New.Indices))
	for _, m := range d.New.Indices {
		metas[m.Name] = m
		was := before[m.Name]
		switch {
		case was == nil:
			d.created = append(d.created, m)
		case was.UUID != m.UUID:
			d.Removed, d.created = append(d.Removed, was), append(d.created, m)
		case was != m:
			d.Metas = append(d.Metas, m)
		}
	}
	for _, m := range d.Old.Indices {
		if metas[m.Name] == nil {
			d.Removed = append(d.Removed, m)
		}
	}
	for _, t := range d.New.Routing.Indices {
		m, was := metas[t.Index], tables[t.Index]
		if was == t && before[t.Index] != nil && before[t.Index].UUID == m.UUID {
			continue
		}
		if was != nil && (before[t.Index] == nil || before[t.Index].UUID != m.UUID) {
			was = nil // another index of that name
		}
		d.compareTables(m, was, t)
	}
}

func (d *Delta) compareTables(m *state.Index, old, new *state.IndexTable) {
	for i, sh := range new.Shards {
		var was *state.ShardTable
		if old != nil && i < len(old.Shards) {
			was = old.Shards[i]
		}
		if was != sh {
			d.Changes = append(d.Changes, Change{Meta: m, Old: was, New: sh})
		}
	}
}

// file enters a change under every node that the table names.
func (d *Delta) file(i int, t *state.ShardTable) {
	if t == nil {
		return
	}
	add := func(node string) {
		if list := d.ByNode[node]; node != "" && (len(list) == 0 || list[len(list)-1] != i) {
			d.ByNode[node] = append(list, i)
		}
	}
	for _, c := range t.Copies {
		add(c.Node)
		if c.State == state.Relocating {
			add(c.Other)
		}
	}
}

// TableOf finds a shard's table and metadata in a state, or nil.
func TableOf(st *state.State, k store.Key) (*state.ShardTable, *state.Index) {
	for _, m := range st.Indices {
		if m.UUID == k.UUID {
			if t := st.Routing.Index(m.Name); t != nil && k.Shard < len(t.Shards) {
				return t.Shards[k.Shard], m
			}
		}
	}
	return nil, nil
}
