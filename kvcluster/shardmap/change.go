package shardmap

import (
	"fmt"
	"slices"
)

// DataFate says what becomes of the keys of a shard that is deleted.
type DataFate uint8

const (
	// KeepData leaves them readable: the neighbour that takes the range takes them
	// over, for which it must have its copies on the same nodes.
	KeepData DataFate = iota
	// DropData deletes them with the shard.
	DropData
)

// Create cuts the range [start, end) out of the shard that covers it. The new shard
// has its copies where that one has, because the data is there; moving them is a
// change of its own. What remains right of the range gets a name of the map's choice
// unless nothing remains left of it.
func (m *Map) Create(id ID, start, end string) (*Map, error) {
	if id == "" {
		return nil, fmt.Errorf("a shard needs a name: %w", ErrBadRange)
	}
	if m.Get(id) != nil {
		return nil, fmt.Errorf("shard %q: %w", id, ErrShardExists)
	}
	if end != "" && start >= end {
		return nil, fmt.Errorf("shard %q: [%q, %q): %w", id, start, end, ErrBadRange)
	}
	i := m.find(start)
	whole := &m.shards[i]
	if minEnd(whole.End, end) != end {
		return nil, fmt.Errorf("shard %q: [%q, %q) reaches beyond shard %q: %w", id, start, end, whole.ID, ErrSpans)
	}
	if whole.Start == start && whole.End == end {
		return nil, fmt.Errorf("shard %q: shard %q is exactly [%q, %q): %w", id, whole.ID, start, end, ErrShardExists)
	}
	if !whole.Settled() {
		return nil, fmt.Errorf("shard %q: %w", whole.ID, ErrUnsettled)
	}
	d := m.draft()
	rest := d.edit(i).Clone()
	cut := rest.Clone()
	cut.ID, cut.Start, cut.End = id, start, end
	var parts []Shard
	if rest.Start < start {
		left := rest.Clone()
		left.End = start
		parts = append(parts, left)
	}
	parts = append(parts, cut)
	if end != rest.End {
		right := rest.Clone()
		right.Start = end
		if len(parts) == 2 {
			right.ID = d.freshID(id)
		}
		parts = append(parts, right)
	}
	d.shards = slices.Replace(d.shards, i, i+1, parts...)
	return d.done(), nil
}

// Delete removes a shard and gives its range to a neighbour: the one before it if
// possible, otherwise the one after it. It returns the neighbour's name.
func (m *Map) Delete(id ID, fate DataFate) (*Map, ID, error) {
	i, err := m.index(id)
	if err != nil {
		return nil, "", err
	}
	if len(m.shards) == 1 {
		return nil, "", fmt.Errorf("shard %q: %w", id, ErrLastShard)
	}
	gone := &m.shards[i]
	err = nil
	for _, j := range []int{i - 1, i + 1} {
		if j < 0 || j >= len(m.shards) {
			continue
		}
		heir := &m.shards[j]
		switch {
		case !gone.Settled() || !heir.Settled():
			err = fmt.Errorf("shards %q and %q: %w", id, heir.ID, ErrUnsettled)
		case fate == KeepData && !gone.Colocated(heir):
			err = fmt.Errorf("shards %q and %q: %w", id, heir.ID, ErrNotColocated)
		default:
			return m.absorb(j, i), heir.ID, nil
		}
	}
	return nil, "", err
}

// absorb lets the shard at heir take the range of its neighbour at gone.
func (m *Map) absorb(heir, gone int) *Map {
	d := m.draft()
	old := d.shards[gone]
	s := d.edit(heir)
	s.Start, s.End = min(s.Start, old.Start), maxEnd(s.End, old.End)
	d.shards = slices.Delete(d.shards, gone, gone+1)
	return d.done()
}

// Split divides a shard at a key, which becomes the first of the right half. The
// left half keeps the name; the right one is called right, or gets a name of the
// map's choice if that is "". It returns the right half's name.
func (m *Map) Split(id ID, at string, right ID) (*Map, ID, error) {
	i, err := m.index(id)
	if err != nil {
		return nil, "", err
	}
	s := &m.shards[i]
	if at <= s.Start || !s.Covers(at) {
		return nil, "", fmt.Errorf("shard %q: can't split [%q, %q) at %q: %w", id, s.Start, s.End, at, ErrBadRange)
	}
	if !s.Settled() {
		return nil, "", fmt.Errorf("shard %q: %w", id, ErrUnsettled)
	}
	if right != "" && m.Get(right) != nil {
		return nil, "", fmt.Errorf("shard %q: %w", right, ErrShardExists)
	}
	d := m.draft()
	left := d.edit(i)
	if right == "" {
		right = d.freshID("")
	}
	half := left.Clone()
	half.ID, half.Start = right, at
	left.End = at
	d.shards = slices.Insert(d.shards, i+1, half)
	return d.done(), right, nil
}

// Merge makes one shard of two adjacent ones. The one with the smaller keys keeps
// its name, copies and primary. Both must be settled and have their copies on the
// same nodes.
func (m *Map) Merge(a, b ID) (*Map, error) {
	i, err := m.index(a)
	if err != nil {
		return nil, err
	}
	j, err := m.index(b)
	if err != nil {
		return nil, err
	}
	i, j = min(i, j), max(i, j)
	switch {
	case j != i+1:
		return nil, fmt.Errorf("shards %q and %q: %w", a, b, ErrNotAdjacent)
	case !m.shards[i].Settled() || !m.shards[j].Settled():
		return nil, fmt.Errorf("shards %q and %q: %w", a, b, ErrUnsettled)
	case !m.shards[i].Colocated(&m.shards[j]):
		return nil, fmt.Errorf("shards %q and %q: %w", a, b, ErrNotColocated)
	}
	return m.absorb(i, j), nil
}

// Move replaces one copy by one on another node.
func (m *Map) Move(id ID, from, to NodeID) (*Map, error) {
	i, err := m.index(id)
	if err != nil {
		return nil, err
	}
	s := &m.shards[i]
	at := slices.Index(s.Replicas, from)
	if at < 0 {
		return nil, fmt.Errorf("shard %q, node %q: %w", id, from, ErrNotReplica)
	}
	if s.HasReplica(to) {
		return nil, fmt.Errorf("shard %q, node %q: %w", id, to, ErrIsReplica)
	}
	nodes := slices.Clone(s.Replicas)
	nodes[at] = to
	return m.SetReplicas(id, nodes)
}

// SetReplicas replaces the copies of a shard. The primary stays if it is among
// them.
func (m *Map) SetReplicas(id ID, nodes []NodeID) (*Map, error) {
	i, err := m.index(id)
	if err != nil {
		return nil, err
	}
	if len(nodes) == 0 {
		return nil, fmt.Errorf("shard %q: %w", id, ErrNoReplicas)
	}
	if n := firstRepeated(nodes); n != "" {
		return nil, fmt.Errorf("shard %q, node %q: %w", id, n, ErrIsReplica)
	}
	d := m.draft()
	d.edit(i).setReplicas(nodes)
	return d.done(), nil
}

// SetPrimary makes a copy the primary, or begins a new epoch of the one that is.
func (m *Map) SetPrimary(id ID, node NodeID) (*Map, error) {
	i, err := m.index(id)
	if err != nil {
		return nil, err
	}
	if !m.shards[i].HasReplica(node) {
		return nil, fmt.Errorf("shard %q, node %q: %w", id, node, ErrNotReplica)
	}
	d := m.draft()
	d.edit(i).Primary = node
	return d.done(), nil
}

// Activated records that the primary of this epoch acts: earlier sets of copies need
// no fence any more. It changes nothing, and returns m, when the epoch is not the
// shard's current one. The shard's epoch stays.
func (m *Map) Activated(id ID, epoch uint64) (*Map, error) {
	i, err := m.index(id)
	if err != nil {
		return nil, err
	}
	if m.shards[i].Epoch != epoch || m.shards[i].Settled() {
		return m, nil
	}
	d := m.draft()
	d.shards[i] = d.shards[i].Clone()
	d.shards[i].Fence = nil
	return d.done(), nil
}
