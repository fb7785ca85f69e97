package routing

import (
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// This file changes routing as org.elasticsearch.cluster.routing.RoutingNodes does;
// the order of its steps decides the order of lists, and so ties.

const UnknownSize = -1

// fillTarget makes the initializing end of a relocation.
func (p *Draft) fillTarget(target, source *Copy) {
	*target = Copy{
		Shard: source.Shard, Node: source.Other, Other: source.Node, Primary: source.Primary,
		State: state.Initializing, Source: state.Peer, Expected: source.Expected,
		Failures: source.Failures, ID: source.OtherID, OtherID: source.ID,
	}
}

// changing and done enclose a change of a copy's state.
func (r *Copy) changing() {
	r.Orig = nil
	if r.Node != nil {
		r.Node.uncount(r)
	}
}

func (r *Copy) done() {
	if r.Node != nil {
		r.Node.count(r)
	}
}

// Initialize puts an unassigned copy on a node. An empty id asks for a new one.
func (p *Draft) Initialize(r *Copy, n *Node, id string, expected int64) {
	if id == "" {
		id = p.newID()
	}
	r.Orig = nil
	r.Node, r.State, r.ID, r.OtherID, r.Expected, r.Failures = n, state.Initializing, id, "", expected, 0
	n.add(r)
	p.InactiveShards++
	if r.Primary {
		p.InactivePrimaries++
	}
	p.addRecovery(r, 1)
	r.Shard.Assigned = append(r.Shard.Assigned, r)
	p.Changed = true
	if r.Primary {
		u := p.UpdateOf(r.Shard)
		u.raiseTerm = true
		u.initialized = r
		u.initializedID = r.ID
	}
}

// newID makes an allocation id; simulations need none that lasts.
func (p *Draft) newID() string {
	if p.Simulating {
		return ""
	}
	return p.src.NewID()
}

// Relocate starts moving a started copy to a node and returns the target.
func (p *Draft) Relocate(r *Copy, to *Node, expected int64) *Copy {
	p.RelocatingShards++
	r.changing()
	r.State, r.Other, r.Expected = state.Relocating, to, expected
	r.OtherID = p.newID()
	r.done()
	target := p.newRouted()
	p.fillTarget(target, r)
	p.place(target)
	p.addRecovery(target, 1)
	p.Changed = true
	return target
}

// addRecovery counts a recovery that begins (by = 1) or ends (-1) on both its nodes.
func (p *Draft) addRecovery(r *Copy, by int) {
	r.Node.Incoming += by
	if r.Source != state.Peer {
		return
	}
	r.Shard.recoverySource().Node.Outgoing += by
	if by < 0 && r.Primary && r.Other != nil {
		// The primary has moved: its replicas recover from the new place.
		moved := 0
		for _, c := range r.Shard.Assigned {
			if !c.Primary && c.Initializing() && c.Source == state.Peer {
				moved++
			}
		}
		r.Other.Outgoing -= moved
		r.Node.Outgoing += moved
	}
}

// recoverySource is the primary that a peer recovery reads from.
func (s *Shard) recoverySource() *Copy {
	var primary *Copy
	for _, r := range s.Assigned {
		if !r.Primary {
			continue
		}
		if r.Active() {
			return r
		}
		if primary == nil || primary.Other != nil {
			primary = r
		}
	}
	return primary
}

// Start makes an initializing copy started and ends its relocation, if it was one.
func (p *Draft) Start(r *Copy, expected int64) {
	source := r.Other
	if source == nil {
		p.InactiveShards--
		if r.Primary {
			p.InactivePrimaries--
		}
	}
	p.addRecovery(r, -1)
	forced := r.ForceStale
	r.changing()
	r.State, r.Other, r.OtherID, r.Source, r.Info = state.Started, nil, "", state.NoSource, nil
	r.Expected, r.Failures, r.ForceStale = expected, 0, false
	r.done()
	p.Changed = true
	p.startedChange(r, forced)
	if source == nil {
		return
	}
	old := r.Shard.On(source)
	p.RemovedChange(old)
	p.remove(old)
	if r.Primary {
		p.restartReplicas(r)
	}
}

// restartReplicas starts over the recoveries that read from a primary that moved.
func (p *Draft) restartReplicas(primary *Copy) {
	for _, r := range slices.Clone(primary.Shard.Assigned) {
		if !r.Initializing() || r.Primary {
			continue
		}
		if !r.IsTarget() {
			r.changing()
			r.ID = p.newID()
			r.done()
			continue
		}
		source := r.Shard.On(r.Other)
		to, expected := source.Other, source.Expected
		p.cancelRelocation(source)
		p.remove(r)
		p.Relocate(source, to, expected)
	}
}

// cancelRelocation makes a relocating copy started again; its target remains.
func (p *Draft) cancelRelocation(r *Copy) {
	p.RelocatingShards--
	r.changing()
	r.State, r.Other, r.OtherID, r.Expected = state.Started, nil, "", UnknownSize
	r.Failures++
	r.done()
}

// remove takes a copy out of its node and its shard's list.
func (p *Draft) remove(r *Copy) {
	if r.Initializing() && r.Other == nil {
		p.InactiveShards--
		if r.Primary {
			p.InactivePrimaries--
		}
	} else if r.Relocating() {
		p.RelocatingShards--
	}
	r.Node.remove(r)
	s := r.Shard
	s.Assigned = slices.DeleteFunc(s.Assigned, func(x *Copy) bool { return x == r })
	if r.Initializing() {
		p.addRecovery(r, -1)
	}
}

// Fail handles a copy that failed or was cancelled (RoutingNodes.failShard).
func (p *Draft) Fail(r *Copy, info *state.UnassignedInfo) {
	wasActivePrimary := r.Active() && r.Primary
	id := r.ID
	if r.Primary {
		p.failInitializingReplicas(r, info)
	}
	if r.Relocating() {
		target := r.Shard.byTarget(r)
		if r.Primary {
			p.remove(target)
		} else {
			// The target goes on as an ordinary recovery: replicas recover from the primary.
			target.changing()
			target.Other, target.OtherID = nil, ""
			target.done()
			p.InactiveShards++
		}
	}
	switch {
	case r.IsTarget():
		source := r.Shard.On(r.Other)
		p.cancelRelocation(source)
		p.remove(r)
	case r.Primary:
		p.failPrimary(r, info)
	case r.Relocating():
		p.remove(r)
	default:
		p.unassign(r, info)
	}
	p.Changed = true
	if wasActivePrimary {
		u := p.UpdateOf(r.Shard)
		if u.failedPrimaryID == "" {
			u.failedPrimaryID = id
		}
		u.raiseTerm = true
	}
}

// byTarget finds the initializing end of a relocation.
func (s *Shard) byTarget(source *Copy) *Copy {
	for _, r := range s.Assigned {
		if r.IsTarget() && r.Other == source.Node {
			return r
		}
	}
	return nil
}

func (p *Draft) failInitializingReplicas(primary *Copy, info *state.UnassignedInfo) {
	for _, r := range slices.Clone(primary.Shard.Assigned) {
		if r.Primary || !r.Initializing() {
			continue
		}
		p.Fail(r, &state.UnassignedInfo{
			Reason: state.PrimaryFailed, Message: "primary failed while replica initializing",
			AtNanos: info.AtNanos, AtMillis: info.AtMillis, LastStatus: state.NoAttempt, LastNode: r.Node.ID,
		})
	}
}

// failPrimary unassigns a primary; if an active replica exists, the replica becomes
// primary and the failed copy a replica.
func (p *Draft) failPrimary(r *Copy, info *state.UnassignedInfo) {
	heir := r.Shard.heir()
	if heir == nil {
		p.unassign(r, info)
		return
	}
	p.unassignAs(r, info, false)
	heir.changing()
	heir.Primary = true
	heir.done()
	p.Changed = true
}

// heir is the replica to promote: the first active one on a node that is in the
// routing nodes (all nodes have one version).
func (s *Shard) heir() *Copy {
	for _, r := range s.Assigned {
		if !r.Primary && r.Active() && r.Node.Disco != nil {
			return r
		}
	}
	for _, r := range s.Assigned {
		if !r.Primary && r.Active() {
			return r
		}
	}
	return nil
}

// unassign takes a copy off its node and lists it as unassigned.
func (p *Draft) unassign(r *Copy, info *state.UnassignedInfo) { p.unassignAs(r, info, r.Primary) }

func (p *Draft) unassignAs(r *Copy, info *state.UnassignedInfo, primary bool) {
	wasActive := r.Active()
	p.remove(r)
	r.Orig = nil
	if wasActive {
		r.Source, r.ForceStale = state.Peer, false
		if r.Primary {
			r.Source = state.ExistingStore
		}
	}
	if r.Primary && !primary {
		r.Source, r.ForceStale = state.Peer, false
	}
	r.Primary = primary
	r.State, r.Node, r.Other, r.ID, r.OtherID = state.Unassigned, nil, nil, "", ""
	r.Info, r.Expected, r.Failures = info, UnknownSize, 0
	p.addUnassigned(r)
}

func (p *Draft) addUnassigned(r *Copy) {
	if r.Primary {
		p.Primaries++
	}
	p.Unassigned = append(p.Unassigned, r)
}

// Ignore sets an unassigned copy aside for the rest of the pass.
func (p *Draft) Ignore(r *Copy, status state.AllocationStatus) {
	if r.Primary {
		p.IgnoredPrimaries++
		if r.Info.LastStatus != status {
			info := *r.Info
			info.LastStatus = status
			p.UpdateInfo(r, &info)
		}
	}
	p.Ignored = append(p.Ignored, r)
}

func (p *Draft) UpdateInfo(r *Copy, info *state.UnassignedInfo) {
	r.Orig, r.Info = nil, info
	p.Changed = true
}

// Drain empties the list of unassigned copies and returns it.
func (p *Draft) Drain() []*Copy {
	list := p.Unassigned
	p.Unassigned, p.Primaries = nil, 0
	return list
}

// FilterUnassigned walks the unassigned copies that want concerns; f says whether it
// took the copy off the list (it initialized or ignored it).
func (p *Draft) FilterUnassigned(wants func(*Copy) bool, f func(*Copy) (taken bool)) {
	kept := p.Unassigned[:0]
	for _, r := range p.Unassigned {
		if !wants(r) {
			kept = append(kept, r)
			continue
		}
		if f(r) {
			if r.Primary {
				p.Primaries--
			}
			continue
		}
		kept = append(kept, r)
	}
	clear(p.Unassigned[len(kept):])
	p.Unassigned = kept
}
