package shardmap

import (
	"fmt"
	"slices"
	"strconv"
)

// Map is an immutable set of shards that tile the key space. Its methods may be
// called by many at once.
type Map struct {
	version uint64
	shards  []Shard
	starts  []string // of shards, apart so that a search touches little memory
	byID    map[ID]int
}

// New is a map of one shard that covers everything. The first node is its primary.
func New(id ID, nodes []NodeID) (*Map, error) {
	s := Shard{ID: id, Replicas: slices.Clone(nodes), Epoch: 1, Since: 1}
	if len(nodes) > 0 {
		s.Primary = nodes[0]
	}
	return FromShards(1, []Shard{s})
}

// FromShards makes a map of shards in any order, as they come from disk or network.
// It returns an error if they break an invariant.
func FromShards(version uint64, shards []Shard) (*Map, error) {
	list := make([]Shard, len(shards))
	for i := range shards {
		list[i] = shards[i].Clone()
	}
	slices.SortStableFunc(list, func(a, b Shard) int {
		if a.Start != b.Start {
			if a.Start < b.Start {
				return -1
			}
			return 1
		}
		if a.ID < b.ID {
			return -1
		}
		if a.ID > b.ID {
			return 1
		}
		return 0
	})
	m := build(version, list)
	if err := m.Check(); err != nil {
		return nil, err
	}
	return m, nil
}

func build(version uint64, shards []Shard) *Map {
	m := &Map{version: version, shards: shards}
	m.starts = make([]string, len(shards))
	m.byID = make(map[ID]int, len(shards))
	for i := range shards {
		m.starts[i] = shards[i].Start
		m.byID[shards[i].ID] = i
	}
	return m
}

// Version grows by one with every change of the map.
func (m *Map) Version() uint64 { return m.version }

// Len is the number of shards.
func (m *Map) Len() int { return len(m.shards) }

// At is the i-th shard in the order of keys. It must not be modified.
func (m *Map) At(i int) *Shard { return &m.shards[i] }

// Get is the shard of that name, or nil. It must not be modified.
func (m *Map) Get(id ID) *Shard {
	i, ok := m.byID[id]
	if !ok {
		return nil
	}
	return &m.shards[i]
}

// GetShardForKey is the name of the shard that covers key.
func (m *Map) GetShardForKey(key string) ID { return m.shards[m.find(key)].ID }

// Lookup is the shard that covers key. It must not be modified.
func (m *Map) Lookup(key string) *Shard { return &m.shards[m.find(key)] }

// Range calls f for the shards that hold keys of [start, end), in order, until f
// returns false. An end of "" has no bound.
func (m *Map) Range(start, end string, f func(*Shard) bool) {
	for i := m.find(start); i < len(m.shards); i++ {
		s := &m.shards[i]
		if end != "" && s.Start >= end {
			return
		}
		if !f(s) {
			return
		}
	}
}

// find is the index of the last shard that starts at or before key. The first one
// starts at "", so there always is one.
func (m *Map) find(key string) int {
	lo, hi := 0, len(m.starts)
	for hi-lo > 1 {
		mid := int(uint(lo+hi) >> 1)
		if m.starts[mid] <= key {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// Nodes are the nodes that hold copies, sorted.
func (m *Map) Nodes() []NodeID {
	seen := make(map[NodeID]bool)
	var nodes []NodeID
	for i := range m.shards {
		for _, n := range m.shards[i].Replicas {
			if !seen[n] {
				seen[n] = true
				nodes = append(nodes, n)
			}
		}
	}
	slices.Sort(nodes)
	return nodes
}

// draft is a copy of the list of shards that a change may rearrange. Shards
// themselves are cloned by edit only when they change.
type draft struct {
	from   *Map
	shards []Shard
}

func (m *Map) draft() *draft {
	return &draft{from: m, shards: slices.Clone(m.shards)}
}

// edit makes the i-th shard the draft's own and raises its epoch to the new map's
// version: larger than any epoch of any shard so far, so that even a name that is
// used again never comes with an epoch that its earlier bearer had.
func (d *draft) edit(i int) *Shard {
	d.shards[i] = d.shards[i].Clone()
	d.shards[i].Epoch = d.from.version + 1
	return &d.shards[i]
}

// freshID is a name that no shard has, nor the one in taken. It contains the map's
// version, so that names aren't used again.
func (d *draft) freshID(taken ID) ID {
	id := ID("s" + strconv.FormatUint(d.from.version+1, 10))
	for d.from.Get(id) != nil || id == taken {
		id += "x"
	}
	return id
}

func (d *draft) done() *Map { return build(d.from.version+1, d.shards) }

func (m *Map) index(id ID) (int, error) {
	i, ok := m.byID[id]
	if !ok {
		return 0, fmt.Errorf("shard %q: %w", id, ErrUnknownShard)
	}
	return i, nil
}
