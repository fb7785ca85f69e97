package allocation

import (
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// This file changes routing as org.elasticsearch.cluster.routing.RoutingNodes does;
// the order of its steps decides the order of lists, and so ties.

const unknownSize = -1

// fillTarget makes the initializing end of a relocation.
func (p *draft) fillTarget(target, source *routed) {
	*target = routed{
		shard: source.shard, node: source.other, other: source.node, primary: source.primary,
		state: state.Initializing, source: state.Peer, expected: source.expected,
		failures: source.failures, id: source.otherID, otherID: source.id,
	}
}

// changing and done enclose a change of a copy's state.
func (r *routed) changing() {
	r.orig = nil
	if r.node != nil {
		r.node.uncount(r)
	}
}

func (r *routed) done() {
	if r.node != nil {
		r.node.count(r)
	}
}

// initialize puts an unassigned copy on a node. An empty id asks for a new one.
func (p *draft) initialize(r *routed, n *node, id string, expected int64) {
	if id == "" {
		id = p.newID()
	}
	r.orig = nil
	r.node, r.state, r.id, r.otherID, r.expected, r.failures = n, state.Initializing, id, "", expected, 0
	n.add(r)
	p.inactiveShards++
	if r.primary {
		p.inactivePrimaries++
	}
	p.addRecovery(r, 1)
	r.shard.assigned = append(r.shard.assigned, r)
	p.changed = true
	if r.primary {
		u := p.updateOf(r.shard)
		u.raiseTerm = true
		u.initialized = r
		u.initializedID = r.id
	}
}

// newID makes an allocation id; simulations need none that lasts.
func (p *draft) newID() string {
	if p.simulating {
		return ""
	}
	return p.src.newID()
}

// relocate starts moving a started copy to a node and returns the target.
func (p *draft) relocate(r *routed, to *node, expected int64) *routed {
	p.relocatingShards++
	r.changing()
	r.state, r.other, r.expected = state.Relocating, to, expected
	r.otherID = p.newID()
	r.done()
	target := p.newRouted()
	p.fillTarget(target, r)
	p.place(target)
	p.addRecovery(target, 1)
	p.changed = true
	return target
}

// addRecovery counts a recovery that begins (by = 1) or ends (-1) on both its nodes.
func (p *draft) addRecovery(r *routed, by int) {
	r.node.incoming += by
	if r.source != state.Peer {
		return
	}
	r.shard.recoverySource().node.outgoing += by
	if by < 0 && r.primary && r.other != nil {
		// The primary has moved: its replicas recover from the new place.
		moved := 0
		for _, c := range r.shard.assigned {
			if !c.primary && c.initializing() && c.source == state.Peer {
				moved++
			}
		}
		r.other.outgoing -= moved
		r.node.outgoing += moved
	}
}

// recoverySource is the primary that a peer recovery reads from.
func (s *shard) recoverySource() *routed {
	var primary *routed
	for _, r := range s.assigned {
		if !r.primary {
			continue
		}
		if r.active() {
			return r
		}
		if primary == nil || primary.other != nil {
			primary = r
		}
	}
	return primary
}

// start makes an initializing copy started and ends its relocation, if it was one.
func (p *draft) start(r *routed, expected int64) {
	source := r.other
	if source == nil {
		p.inactiveShards--
		if r.primary {
			p.inactivePrimaries--
		}
	}
	p.addRecovery(r, -1)
	forced := r.forceStale
	r.changing()
	r.state, r.other, r.otherID, r.source, r.info = state.Started, nil, "", state.NoSource, nil
	r.expected, r.failures, r.forceStale = expected, 0, false
	r.done()
	p.changed = true
	p.startedChange(r, forced)
	if source == nil {
		return
	}
	old := r.shard.on(source)
	p.removedChange(old)
	p.remove(old)
	if r.primary {
		p.restartReplicas(r)
	}
}

// restartReplicas starts over the recoveries that read from a primary that moved.
func (p *draft) restartReplicas(primary *routed) {
	for _, r := range slices.Clone(primary.shard.assigned) {
		if !r.initializing() || r.primary {
			continue
		}
		if !r.isTarget() {
			r.changing()
			r.id = p.newID()
			r.done()
			continue
		}
		source := r.shard.on(r.other)
		to, expected := source.other, source.expected
		p.cancelRelocation(source)
		p.remove(r)
		p.relocate(source, to, expected)
	}
}

// cancelRelocation makes a relocating copy started again; its target remains.
func (p *draft) cancelRelocation(r *routed) {
	p.relocatingShards--
	r.changing()
	r.state, r.other, r.otherID, r.expected = state.Started, nil, "", unknownSize
	r.failures++
	r.done()
}

// remove takes a copy out of its node and its shard's list.
func (p *draft) remove(r *routed) {
	if r.initializing() && r.other == nil {
		p.inactiveShards--
		if r.primary {
			p.inactivePrimaries--
		}
	} else if r.relocating() {
		p.relocatingShards--
	}
	r.node.remove(r)
	s := r.shard
	s.assigned = slices.DeleteFunc(s.assigned, func(x *routed) bool { return x == r })
	if r.initializing() {
		p.addRecovery(r, -1)
	}
}

// fail handles a copy that failed or was cancelled (RoutingNodes.failShard).
func (p *draft) fail(r *routed, info *state.UnassignedInfo) {
	wasActivePrimary := r.active() && r.primary
	id := r.id
	if r.primary {
		p.failInitializingReplicas(r, info)
	}
	if r.relocating() {
		target := r.shard.byTarget(r)
		if r.primary {
			p.remove(target)
		} else {
			// The target goes on as an ordinary recovery: replicas recover from the primary.
			target.changing()
			target.other, target.otherID = nil, ""
			target.done()
			p.inactiveShards++
		}
	}
	switch {
	case r.isTarget():
		source := r.shard.on(r.other)
		p.cancelRelocation(source)
		p.remove(r)
	case r.primary:
		p.failPrimary(r, info)
	case r.relocating():
		p.remove(r)
	default:
		p.unassign(r, info)
	}
	p.changed = true
	if wasActivePrimary {
		u := p.updateOf(r.shard)
		if u.failedPrimaryID == "" {
			u.failedPrimaryID = id
		}
		u.raiseTerm = true
	}
}

// byTarget finds the initializing end of a relocation.
func (s *shard) byTarget(source *routed) *routed {
	for _, r := range s.assigned {
		if r.isTarget() && r.other == source.node {
			return r
		}
	}
	return nil
}

func (p *draft) failInitializingReplicas(primary *routed, info *state.UnassignedInfo) {
	for _, r := range slices.Clone(primary.shard.assigned) {
		if r.primary || !r.initializing() {
			continue
		}
		p.fail(r, &state.UnassignedInfo{
			Reason: state.PrimaryFailed, Message: "primary failed while replica initializing",
			AtNanos: info.AtNanos, AtMillis: info.AtMillis, LastStatus: state.NoAttempt, LastNode: r.node.id,
		})
	}
}

// failPrimary unassigns a primary; if an active replica exists, the replica becomes
// primary and the failed copy a replica.
func (p *draft) failPrimary(r *routed, info *state.UnassignedInfo) {
	heir := r.shard.heir()
	if heir == nil {
		p.unassign(r, info)
		return
	}
	p.unassignAs(r, info, false)
	heir.changing()
	heir.primary = true
	heir.done()
	p.changed = true
}

// heir is the replica to promote: the first active one on a node that is in the
// routing nodes (all nodes have one version).
func (s *shard) heir() *routed {
	for _, r := range s.assigned {
		if !r.primary && r.active() && r.node.disco != nil {
			return r
		}
	}
	for _, r := range s.assigned {
		if !r.primary && r.active() {
			return r
		}
	}
	return nil
}

// unassign takes a copy off its node and lists it as unassigned.
func (p *draft) unassign(r *routed, info *state.UnassignedInfo) { p.unassignAs(r, info, r.primary) }

func (p *draft) unassignAs(r *routed, info *state.UnassignedInfo, primary bool) {
	wasActive := r.active()
	p.remove(r)
	r.orig = nil
	if wasActive {
		r.source, r.forceStale = state.Peer, false
		if r.primary {
			r.source = state.ExistingStore
		}
	}
	if r.primary && !primary {
		r.source, r.forceStale = state.Peer, false
	}
	r.primary = primary
	r.state, r.node, r.other, r.id, r.otherID = state.Unassigned, nil, nil, "", ""
	r.info, r.expected, r.failures = info, unknownSize, 0
	p.addUnassigned(r)
}

func (p *draft) addUnassigned(r *routed) {
	if r.primary {
		p.primaries++
	}
	p.unassigned = append(p.unassigned, r)
}

// ignore sets an unassigned copy aside for the rest of the pass.
func (p *draft) ignore(r *routed, status state.AllocationStatus) {
	if r.primary {
		p.ignoredPrimaries++
		if r.info.LastStatus != status {
			info := *r.info
			info.LastStatus = status
			p.updateInfo(r, &info)
		}
	}
	p.ignored = append(p.ignored, r)
}

func (p *draft) updateInfo(r *routed, info *state.UnassignedInfo) {
	r.orig, r.info = nil, info
	p.changed = true
}

// drain empties the list of unassigned copies and returns it.
func (p *draft) drain() []*routed {
	list := p.unassigned
	p.unassigned, p.primaries = nil, 0
	return list
}

// filterUnassigned walks the unassigned copies that want concerns; f says whether it
// took the copy off the list (it initialized or ignored it).
func (p *draft) filterUnassigned(wants func(*routed) bool, f func(*routed) (taken bool)) {
	kept := p.unassigned[:0]
	for _, r := range p.unassigned {
		if !wants(r) {
			kept = append(kept, r)
			continue
		}
		if f(r) {
			if r.primary {
				p.primaries--
			}
			continue
		}
		kept = append(kept, r)
	}
	clear(p.unassigned[len(kept):])
	p.unassigned = kept
}
