package failover

import (
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// open reports whether a node may get new copies.
func (m *Manager) open(n *wire.Member) bool {
	return n.State == wire.Active && m.up(n.ID) && !m.nodes[n.ID].full
}

// Lost reports whether a node has been given up for so long that its copies are to be
// made elsewhere, or has come with another disk.
func (m *Manager) Lost(id shardmap.NodeID) bool {
	n := m.nodes[id]
	if n == nil {
		return true
	}
	if !n.down {
		return false
	}
	member := m.state.Member(id)
	return m.now-n.wellAt >= m.set.ReplaceAfter || member != nil && m.replaced(member)
}

// healthy reports whether a shard's copies may be changed: its last change is complete,
// its primary acts, and all copies but those that are lost have what it has.
func (m *Manager) healthy(s *shardmap.Shard) bool {
	r, ok := m.report(s.Primary, s.ID)
	if !ok || !r.Acting || r.Promised != s.Epoch || !s.Settled() || m.missedAny(s) {
		return false
	}
	for _, id := range s.Replicas {
		if !slices.Contains(r.InSync, id) && !m.Lost(id) {
			return false
		}
	}
	return true
}

// missedAny reports whether a copy's node is late with its heartbeats, but not yet
// lost: that had better be decided first.
func (m *Manager) missedAny(s *shardmap.Shard) bool {
	return slices.ContainsFunc(s.Replicas, func(id shardmap.NodeID) bool { return !m.up(id) && !m.Lost(id) })
}

// placeable is the nodes as shardmap sees them, with a load of one per copy.
func (m *Manager) placeable() []shardmap.Node {
	var nodes []shardmap.Node
	for i := range m.state.Members() {
		n := &m.state.Members()[i]
		if n.State != wire.Removed {
			nodes = append(nodes, shardmap.Node{ID: n.ID, Zone: n.Zone, Weight: int(n.Weight), Closed: !m.open(n)})
		}
	}
	for i := range m.state.Map().Len() {
		for _, id := range m.state.Map().At(i).Replicas {
			addLoad(nodes, id, 1)
		}
	}
	return nodes
}

func addLoad(nodes []shardmap.Node, id shardmap.NodeID, load int64) {
	for i := range nodes {
		if nodes[i].ID == id {
			nodes[i].Load += load
		}
	}
}

// place changes the copies of shards that don't have as many as they should, or have
// some where they should not be: on nodes that are lost or leave, or too many in a zone.
// Copies change one at a time, and no more shards than MaxMoves at once.
func (m *Manager) place() {
	room := int(m.set.MaxMoves)
	var ready []*shardmap.Shard
	for i := range m.state.Map().Len() {
		if s := m.state.Map().At(i); m.healthy(s) {
			ready = append(ready, s)
		} else if !s.Settled() {
			room--
		}
	}
	nodes := m.placeable()
	if sign := m.sign(len(ready), nodes); sign == m.placed {
		return // nothing was to be done when it was so before
	} else if room > 0 {
		m.placed = sign
	}
	for _, s := range ready {
		if room <= 0 {
			m.placed = 0
			return
		}
		next := m.next(s, nodes)
		if next == nil {
			continue
		}
		m.placed = 0
		room--
		for _, id := range next {
			if !s.HasReplica(id) {
				addLoad(nodes, id, 1)
			}
		}
		m.command(wire.Command{Kind: wire.SetReplicas, Shard: s.ID, Nodes: next, IfEpoch: s.Epoch})
	}
}

// sign is a hash of what place rests on: placing is much work to do again and again.
func (m *Manager) sign(ready int, nodes []shardmap.Node) uint64 {
	what := fmt.Sprint(m.state.Revision(), ready)
	for _, n := range nodes {
		what += fmt.Sprint(" ", n.ID, n.Closed, m.Lost(n.ID), m.up(n.ID))
	}
	return shardmap.Hash(what)
}

// next is the copies of a shard after the next step towards where they should be, or
// nil if they are there.
func (m *Manager) next(s *shardmap.Shard, nodes []shardmap.Node) []shardmap.NodeID {
	// Those in front stay if some have to go.
	keep := slices.Clone(s.Replicas)
	slices.SortStableFunc(keep, func(a, b shardmap.NodeID) int { return m.merit(s, b) - m.merit(s, a) })
	want := shardmap.Place(s.ID, 1, keep, nodes, shardmap.Placement{Replicas: int(m.set.Replicas)})
	add := slices.DeleteFunc(slices.Clone(want), s.HasReplica)
	drop := slices.DeleteFunc(keep, func(id shardmap.NodeID) bool { return slices.Contains(want, id) })
	next := slices.Clone(s.Replicas)
	switch {
	case len(add) > 0 && len(next) < int(m.set.Replicas):
		return append(next, add[0])
	case len(add) > 0 && len(drop) > 0:
		next[slices.Index(next, drop[len(drop)-1])] = add[0]
		return next
	case len(drop) > 0 && len(next) > int(m.set.Replicas):
		return slices.DeleteFunc(next, func(id shardmap.NodeID) bool { return id == drop[len(drop)-1] })
	}
	return nil
}

// rescued is the copies of a shard of which half are lost for good, one or more on other
// nodes in their place; nil if there is no way. Half of the copies have everything that
// was acknowledged by a majority, and can't be overruled by the others; but to act a
// primary needs more than half, and so new ones. Without other nodes there is no way: one
// copy less than asked for would be safe, but not kept safe.
func (m *Manager) rescued(s *shardmap.Shard) []shardmap.NodeID {
	if s.Origin != "" || len(s.Parts) > 0 {
		return nil // the map allows no other copies
	}
	var alive []shardmap.NodeID
	for _, id := range s.Replicas {
		if m.up(id) {
			alive = append(alive, id)
		} else if !m.Lost(id) {
			return nil
		}
	}
	for _, set := range append([][]shardmap.NodeID{s.Replicas}, s.Fence...) {
		n := 0
		for _, id := range set {
			if m.up(id) {
				n++
			}
		}
		if n < (len(set)+1)/2 {
			return nil
		}
	}
	next := shardmap.Place(s.ID, 1, alive, m.placeable(), shardmap.Placement{Replicas: len(s.Replicas)})
	stay := 0
	for _, id := range next {
		if slices.Contains(alive, id) {
			stay++
		}
	}
	if stay < len(alive) || len(next) < len(s.Replicas) {
		return nil
	}
	return next
}

// merit is how much there is to be said for leaving a copy where it is.
func (m *Manager) merit(s *shardmap.Shard, id shardmap.NodeID) int {
	merit := 0
	if m.up(id) {
		merit += 4
	}
	if m.state.Member(id).State == wire.Active {
		merit += 2
	}
	if id == s.Primary {
		merit++
	}
	return merit
}

// vacate makes copies elsewhere the primaries of shards whose primary's node is to hold
// nothing any more: it may be stopped soon, and a primary that is called off is missed for a
// shorter time than one that is lost.
func (m *Manager) vacate() {
	for i := range m.state.Map().Len() {
		s := m.state.Map().At(i)
		member := m.state.Member(s.Primary)
		if member == nil || member.State != wire.Draining && member.State != wire.Leaving || !m.healthy(s) {
			continue
		}
		var best shardmap.NodeID
		r, _ := m.report(s.Primary, s.ID)
		for _, id := range s.Replicas {
			if slices.Contains(r.InSync, id) && m.open(m.state.Member(id)) && (best == "" || m.primaries[id] < m.primaries[best]) {
				best = id
			}
		}
		if best == "" {
			continue
		}
		m.primaries[best]++
		m.command(wire.Command{Kind: wire.SetPrimary, Shard: s.ID, Node: best, IfEpoch: s.Epoch})
	}
}

// balance splits, merges and moves what the measurements call for, and spreads
// primaries.
func (m *Manager) balance() {
	if !m.forced && (m.set.ManualBalance || m.now-m.balancedAt < m.set.BalanceEvery) {
		return
	}
	stats := make(map[shardmap.ID]shardmap.Stats)
	for i := range m.state.Map().Len() {
		s := m.state.Map().At(i)
		// Shards without measurements are left alone, and so are those that recover.
		if r, ok := m.report(s.Primary, s.ID); ok && r.Measured && m.healthy(s) {
			stats[s.ID] = shardmap.Stats{Bytes: int64(r.Bytes), QPS: int64(r.QPS), Middle: r.Middle, LoadMiddle: r.LoadMiddle}
		}
	}
	m.balancedAt, m.forced = m.now, false
	changes, err := shardmap.Plan(m.state.Map(), stats, m.placeable(), meta.Thresholds(&m.set))
	if err != nil {
		return // the settings were validated; a plan that fails is no plan
	}
	for _, c := range changes {
		m.command(change(m.state.Map(), c))
	}
	if len(changes) == 0 {
		m.spread()
	}
}

// change is the command that makes a change of a plan.
func change(now *shardmap.Map, c shardmap.Change) wire.Command {
	cmd := wire.Command{Shard: c.Shard, IfEpoch: now.Get(c.Shard).Epoch}
	switch c.Action {
	case shardmap.SplitShard:
		cmd.Kind, cmd.Start = wire.SplitShard, c.Key
	case shardmap.MergeShards:
		cmd.Kind, cmd.Other = wire.MergeShards, c.Other
	case shardmap.MoveCopy:
		cmd.Kind, cmd.Node, cmd.To = wire.MoveCopy, c.From, c.To
	}
	return cmd
}

// spread makes copies on nodes with few primaries the primaries of shards whose primary
// has many.
func (m *Manager) spread() {
	moves := 0
	for i := range m.state.Map().Len() {
		s := m.state.Map().At(i)
		best := s.Primary
		if !m.healthy(s) {
			continue
		}
		for _, id := range s.Replicas {
			if m.open(m.state.Member(id)) && m.primaries[id] < m.primaries[best] {
				best = id
			}
		}
		if m.primaries[s.Primary]-m.primaries[best] < 2 || moves == int(m.set.MaxMoves) {
			continue
		}
		m.primaries[s.Primary]--
		m.primaries[best]++
		moves++
		m.command(wire.Command{Kind: wire.SetPrimary, Shard: s.ID, Node: best, IfEpoch: s.Epoch})
	}
}
