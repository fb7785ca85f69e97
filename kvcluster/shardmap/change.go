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
// unless nothing remains left of it. Both ends of the range are Kept.
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
	if !whole.divisible() || m.isHeir(whole.ID) {
		return nil, fmt.Errorf("shard %q: %w", whole.ID, ErrUnsettled)
	}
	d := m.draft()
	rest := d.edit(i).Clone()
	cut := rest.partOf()
	cut.ID, cut.Start, cut.End, cut.Kept = id, start, end, true
	var parts []Shard
	if rest.Start < start {
		left := rest.Clone()
		left.End = start
		parts = append(parts, left)
	}
	parts = append(parts, cut)
	if end != rest.End {
		right := rest.Clone()
		if len(parts) == 2 {
			right = rest.partOf()
			right.ID = d.freshID(id)
		}
		right.Start, right.Kept = end, true
		parts = append(parts, right)
	}
	note(parts, rest.ID)
	d.shards = slices.Replace(d.shards, i, i+1, parts...)
	return d.done(), nil
}

// partOf is a shard that is split off from s, which has got its new epoch, but for its
// name and range.
func (s *Shard) partOf() Shard {
	p := s.Clone()
	p.Origin, p.Parts, p.Since, p.Kept = s.ID, nil, s.Epoch, false
	return p
}

// asPart is how its origin knows a shard.
func (s *Shard) asPart() Part { return Part{s.ID, s.Start, s.End, s.Since} }

// note lets the shard that has been split, one of those listed, know of its new parts.
func note(parts []Shard, whole ID) {
	at := slices.IndexFunc(parts, func(s Shard) bool { return s.ID == whole })
	for i := range parts {
		if i != at {
			parts[at].Parts = append(parts[at].Parts, parts[i].asPart())
		}
	}
}

// isHeir reports whether a shard is being merged into the one named.
func (m *Map) isHeir(id ID) bool {
	return slices.ContainsFunc(m.shards, func(s Shard) bool { return s.Heir == id })
}

// quiet reports whether nothing is under way that concerns a shard.
func (m *Map) quiet(i int) bool { return m.shards[i].Settled() && !m.isHeir(m.shards[i].ID) }

// Delete begins to remove a shard: its range goes to a neighbour, the one before it if
// possible, otherwise the one after it. It returns the neighbour's name. As with Merge,
// the shard is gone when it has been Activated.
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
		case !m.quiet(i) || !m.quiet(j):
			err = fmt.Errorf("shards %q and %q: %w", id, heir.ID, ErrUnsettled)
		case fate == KeepData && !gone.Colocated(heir):
			err = fmt.Errorf("shards %q and %q: %w", id, heir.ID, ErrNotColocated)
		default:
			return m.bequeath(i, j, fate), heir.ID, nil
		}
	}
	return nil, "", err
}

// bequeath begins to merge the shard at gone into its neighbour at heir.
func (m *Map) bequeath(gone, heir int, fate DataFate) *Map {
	d := m.draft()
	s := d.edit(gone)
	s.Heir, s.Drop = d.shards[heir].ID, fate == DropData
	return d.done()
}

// absorb lets the shard at heir take the range of its neighbour at gone.
func (m *Map) absorb(heir, gone int) *Map {
	d := m.draft()
	old := d.shards[gone]
	s := d.edit(heir)
	if old.Start < s.Start {
		s.Start, s.Kept = old.Start, old.Kept
	}
	s.End = maxEnd(s.End, old.End)
	d.shards = slices.Delete(d.shards, gone, gone+1)
	return d.done()
}

// Split divides a shard at a key, which becomes the first of the right half. The
// left half keeps the name; the right one is called right, or gets a name of the
// map's choice if that is "". It returns the right half's name.
func (m *Map) Split(id ID, at string, right ID) (*Map, ID, error) {
	return m.split(id, at, right, false)
}

// SplitKept is Split for good: the right half is Kept.
func (m *Map) SplitKept(id ID, at string, right ID) (*Map, ID, error) {
	return m.split(id, at, right, true)
}

func (m *Map) split(id ID, at string, right ID, kept bool) (*Map, ID, error) {
	i, err := m.index(id)
	if err != nil {
		return nil, "", err
	}
	s := &m.shards[i]
	if at <= s.Start || !s.Covers(at) {
		return nil, "", fmt.Errorf("shard %q: can't split [%q, %q) at %q: %w", id, s.Start, s.End, at, ErrBadRange)
	}
	if !s.divisible() || m.isHeir(id) {
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
	half := left.partOf()
	half.ID, half.Start, half.Kept = right, at, kept
	left.End = at
	left.Parts = append(left.Parts, half.asPart())
	d.shards = slices.Insert(d.shards, i+1, half)
	return d.done(), right, nil
}

// Merge begins to make one shard of two adjacent ones. The one with the smaller keys
// keeps its name, copies and primary. Both must be settled and have their copies on the
// same nodes. The other one serves no more; when its primary is Activated, the heir has
// its content, and it is gone.
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
	case !m.quiet(i) || !m.quiet(j):
		return nil, fmt.Errorf("shards %q and %q: %w", a, b, ErrUnsettled)
	case !m.shards[i].Colocated(&m.shards[j]):
		return nil, fmt.Errorf("shards %q and %q: %w", a, b, ErrNotColocated)
	}
	return m.bequeath(j, i, KeepData), nil
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
	if !m.meets(i, nodes) {
		return nil, fmt.Errorf("shard %q: %w", id, ErrUnsettled)
	}
	d := m.draft()
	d.edit(i).setReplicas(nodes)
	return d.done(), nil
}

// meets reports whether a shard may have its copies on some nodes as far as unfinished
// splits are concerned: a part is made where its origin has copies, so at least half of
// the nodes must hold the other one as well.
func (m *Map) meets(i int, nodes []NodeID) bool {
	s := &m.shards[i]
	others := []ID{s.Origin}
	for _, p := range s.Parts {
		others = append(others, p.ID)
	}
	for _, id := range others {
		o := m.Get(id)
		if o == nil {
			continue
		}
		shared := 0
		for _, n := range nodes {
			if o.HasReplica(n) {
				shared++
			}
		}
		if shared < (len(nodes)+1)/2 {
			return false
		}
	}
	return true
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
// no fence any more, a shard that was split off needs its origin no more, one that was
// to be merged has been and is gone. It changes nothing, and returns m, when the epoch
// is not the shard's current one. The shard's epoch stays; that of an heir grows.
func (m *Map) Activated(id ID, epoch uint64) (*Map, error) {
	i, err := m.index(id)
	if err != nil {
		return nil, err
	}
	s := &m.shards[i]
	if s.Epoch != epoch || len(s.Fence) == 0 && s.Origin == "" && s.Heir == "" {
		return m, nil
	}
	if s.Heir != "" {
		heir, err := m.index(s.Heir)
		if err != nil {
			return nil, err
		}
		return m.absorb(heir, i), nil
	}
	d := m.draft()
	if from, ok := m.byID[s.Origin]; ok {
		d.shards[from] = d.shards[from].Clone()
		d.shards[from].Parts = slices.DeleteFunc(d.shards[from].Parts, func(p Part) bool { return p.ID == id })
		if len(d.shards[from].Parts) == 0 {
			d.shards[from].Parts = nil
		}
	}
	d.shards[i] = d.shards[i].Clone()
	d.shards[i].Fence, d.shards[i].Origin = nil, ""
	return d.done(), nil
}
