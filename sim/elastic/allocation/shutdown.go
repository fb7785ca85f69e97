package allocation

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// nodeShutdown keeps copies off nodes that are to be removed, and takes away those that are
// there (NodeShutdownAllocationDecider).
func (p *pass) nodeShutdown(_ *routing.Index, n *routing.Node) (Verdict, string) {
	if len(p.State.Shutdowns) == 0 {
		return Yes, "no nodes are shutting down"
	}
	switch d := p.State.Shutdown(n.ID); {
	case d == nil:
		return Yes, "this node is not shutting down"
	case d.Type == state.ShutdownRestart:
		return Yes, p.say("node [%s] is preparing to restart, but will remain in the cluster", n.ID)
	}
	return No, p.say("node [%s] is preparing to be removed from the cluster", n.ID)
}

// leaving reports whether some node is to be removed or replaced.
func leaving(st *state.State) bool {
	for _, d := range st.Shutdowns {
		if d.Type != state.ShutdownRestart {
			return true
		}
	}
	return false
}

// What the decider of replacements says where it has nothing against it
// (NodeReplacementAllocationDecider).
const (
	noReplacements     = "there are no ongoing node replacements"
	otherReplacements  = "none of the ongoing node replacements relate to the allocation of this shard"
	replacesReconciled = "this decider is ignored during reconciliation"
)

// replacement is that of a node, or nil.
func (p *pass) replacement(of *routing.Node) *state.Shutdown {
	if of == nil {
		return nil
	}
	if d := p.State.Shutdown(of.ID); d != nil && d.Type == state.ShutdownReplace {
		return d
	}
	return nil
}

// replacedBy is the replacement for which a node is there, or nil.
func (p *pass) replacedBy(n *routing.Node) *state.Shutdown {
	for _, d := range p.State.Shutdowns {
		if d.Type == state.ShutdownReplace && n.Disco != nil && d.Target == n.Disco.Name {
			return d
		}
	}
	return nil
}

func (p *pass) replacing() bool {
	for _, d := range p.State.Shutdowns {
		if d.Type == state.ShutdownReplace {
			return true
		}
	}
	return false
}

// mayReplace has the copies of a node that is replaced go to the one that takes its place,
// and no others there (NodeReplacementAllocationDecider.canAllocate).
func (p *pass) mayReplace(r *routing.Copy, n *routing.Node) (Verdict, string) {
	if !p.leaving || !p.replacing() {
		return Yes, noReplacements
	}
	from, of, by := p.replacement(r.Node), p.replacement(n), p.replacedBy(n)
	switch {
	case from != nil && by == from:
		// In Elasticsearch's text the two have changed places.
		return Yes, p.say("node [%s] is replacing node [%s], and may receive shards from it", from.Node, n.ID)
	case from != nil && p.reconciling:
		return Yes, replacesReconciled
	case from != nil:
		return No, p.say("node [%s] is being replaced, and its shards may only be allocated to the replacement target [%s]", from.Node, from.Target)
	case of != nil:
		return No, p.say("node [%s] is being replaced by [%s], so no data may be allocated to it", of.Node, of.Target)
	case by != nil && p.reconciling && !r.Unassigned():
		// Copies that are somewhere may make room; those that are nowhere would keep the node's place.
		return Yes, replacesReconciled
	case by != nil:
		return No, p.say("node [%s] is replacing the vacating node [%s], only data currently allocated to the source node may be allocated to it until the replacement is complete", n.ID, by.Node)
	}
	return Yes, otherReplacements
}

// mayStayReplaced is that decider's canRemain.
func (p *pass) mayStayReplaced(_ *routing.Copy, n *routing.Node) (Verdict, string) {
	if !p.leaving || !p.replacing() {
		return Yes, noReplacements
	}
	if d := p.replacement(n); d != nil {
		return No, p.say("node [%s] is being replaced by node [%s], so no data may remain on it", n.ID, d.Target)
	}
	return Yes, otherReplacements
}

// canVacate: may a copy be forced from a node that is replaced to another one, whatever the
// deciders said that don't insist? (AllocationDeciders.canForceAllocateDuringReplace)
func (p *pass) canVacate(r *routing.Copy, n *routing.Node) Verdict {
	from := p.replacement(r.Node)
	if from == nil || p.replacedBy(n) != from {
		return No
	}
	if v, _ := p.sameShard(r, n); v == No {
		return No
	}
	if v, _ := p.nodeVersion(r, n); v == No {
		return No
	}
	if p.Settings.Disk.Enabled && p.disk.known && p.usageOf(n).FreeBytes < p.expectedSize(r, 0) {
		return No
	}
	return Yes
}

// delayOf is how long an unassigned copy waits for its node, in nanoseconds.
func (p *pass) delayOf(r *routing.Copy) int64 {
	return int64(p.State.DelayOf(r.Info, time.Duration(r.Shard.Index.Settings.DelayNanos)))
}
