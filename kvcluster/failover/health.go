package failover

import (
	"slices"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// NodeState is the state of a node, as of the last Observe.
func (m *Manager) NodeState(id shardmap.NodeID) wire.FailoverState {
	member, n := m.state.Member(id), m.nodes[id]
	switch {
	case member == nil || n == nil:
		return wire.Normal
	case member.Down && m.primaries[id] > 0:
		return wire.Recovering
	case member.Down:
		return wire.Completed
	case m.missed(n) > 0:
		return wire.Detecting
	}
	return wire.Normal
}

// State is the state of the whole: that of what is worst, and Completed when all is
// well again after a failover.
func (m *Manager) State() wire.FailoverState {
	state := wire.Normal
	if m.done {
		state = wire.Completed
	}
	for _, id := range m.known() {
		if m.shards[id].under != nil {
			return wire.Recovering
		}
	}
	for i := range m.state.Members() {
		switch m.NodeState(m.state.Members()[i].ID) {
		case wire.Recovering:
			return wire.Recovering
		case wire.Detecting:
			state = wire.Detecting
		}
	}
	return state
}

// Health is what is known of each node, in the order in which they came.
func (m *Manager) Health() []wire.NodeHealth {
	var list []wire.NodeHealth
	for i := range m.state.Members() {
		id := m.state.Members()[i].ID
		n := m.nodes[id]
		if n == nil {
			continue
		}
		h := wire.NodeHealth{Node: id, State: m.NodeState(id), Missed: m.missed(n), Heard: n.row, Full: n.full, Note: n.note}
		ids := make([]shardmap.ID, 0, len(n.copies))
		for s := range n.copies {
			ids = append(ids, s)
		}
		slices.Sort(ids)
		for _, s := range ids {
			h.Copies = append(h.Copies, n.copies[s])
		}
		list = append(list, h)
	}
	return list
}

// Unavailable is the shards without an acting primary that reaches a majority, sorted.
func (m *Manager) Unavailable() []shardmap.ID {
	return slices.DeleteFunc(m.known(), func(id shardmap.ID) bool { return !m.shards[id].bad })
}

// Middle is the key at which a shard is to be split by size or by load, as its primary
// measured, or "" if there is none, or not yet.
func (m *Manager) Middle(id shardmap.ID, by wire.SplitBy) string {
	s := m.state.Map().Get(id)
	if s == nil {
		return ""
	}
	r, _ := m.report(s.Primary, id)
	key := r.Middle
	if by == wire.ByLoad {
		key = r.LoadMiddle
	}
	if key <= s.Start || !s.Covers(key) {
		return ""
	}
	return key
}
