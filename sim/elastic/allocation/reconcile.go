package allocation

import (
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// reconciler makes the next legal steps towards the desired balance
// (DesiredBalanceReconciler). It remembers which nodes it used lately.
type reconciler struct {
	allocations recency
	moves       recency
}

// reconciliation is one run.
type reconciliation struct {
	*pass
	*reconciler
	desired *desiredBalance
}

func (rec *reconciler) reconcile(p *pass, desired *desiredBalance) {
	rec.allocations.retain(p.byID)
	rec.moves.retain(p.byID)
	c := &reconciliation{pass: p, reconciler: rec, desired: desired}
	if len(p.nodes) == 0 {
		p.failNewPrimaries()
		return
	}
	if desired.empty {
		return
	}
	p.reconciling = true
	c.allocateUnassigned()
	if c.anyDisplaced() {
		c.moveShards()
		c.balance()
	}
	p.reconciling = false
}

// failNewPrimaries tells that there is no node at all.
func (p *pass) failNewPrimaries() {
	for _, r := range p.unassigned {
		if r.primary && r.info.LastStatus == state.NoAttempt {
			info := *r.info
			info.LastStatus = state.DecidersNo
			p.updateInfo(r, &info)
		}
	}
}

func (c *reconciliation) allocateUnassigned() {
	if len(c.unassigned) == 0 {
		return
	}
	round := c.drain()
	slices.SortStableFunc(round, byAllocationOrder)
	for len(round) > 0 {
		round = allocateRound(c.pass, round, c.allocate)
	}
}

// allocate puts a copy on the first of its desired nodes that will have it; a
// primary that its desired nodes refuse goes to any node.
func (c *reconciliation) allocate(r *routed) (bool, state.AllocationStatus) {
	a := c.desired.of(r.shard)
	if a == nil || c.isIgnored(r, a) {
		return false, state.NoAttempt
	}
	placed, throttled := c.tryNodes(r, c.nodesOf(a.Nodes))
	if !placed && !throttled && r.primary {
		placed, throttled = c.tryNodes(r, c.pass.nodes)
	}
	if throttled {
		return placed, state.DecidersThrottled
	}
	return placed, state.DecidersNo
}

// nodesOf resolves ids, leaving out nodes that are gone.
func (c *reconciliation) nodesOf(ids []string) []*node {
	nodes := make([]*node, 0, len(ids))
	for _, id := range ids {
		if n := c.byID[id]; n != nil {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

func (c *reconciliation) tryNodes(r *routed, nodes []*node) (placed, throttled bool) {
	for _, n := range c.allocations.sort(nodes) {
		if r.shard.on(n) != nil {
			continue
		}
		switch c.canAllocate(r, n) {
		case Yes:
			c.initialize(r, n, "", c.expectedSize(r, unknownSize))
			c.allocations.record(n.id)
			return true, throttled
		case Throttle:
			throttled = true
		}
	}
	return false, throttled
}

// isIgnored reports whether the computation left this copy aside.
func (c *reconciliation) isIgnored(r *routed, a *Assignment) bool {
	switch {
	case a.Ignored == 0:
		return false
	case a.Ignored == a.Total:
		return true
	case a.Total-a.Ignored == 1:
		return !r.primary
	}
	assigned := 0
	for _, x := range r.shard.assigned {
		if !x.relocating() {
			assigned++
		}
	}
	return a.Total-a.Ignored <= assigned
}

// turns visits the displaced copies of all nodes, one node after the other, those moved
// from least recently first. When visit moves a copy the node goes to the end of the line.
// Elasticsearch walks all copies; the others are none of a visit's business.
func (c *reconciliation) turns(visit func(r *routed, a *Assignment) (moved bool)) {
	type line struct {
		n    *node
		left []*routed
	}
	var queue []line
	displaced := c.displacedByNode()
	for _, n := range c.moves.sort(c.pass.nodes) {
		if len(displaced[n.pos]) > 0 {
			queue = append(queue, line{n, displaced[n.pos]})
		}
	}
	for len(queue) > 0 {
		head := &queue[0]
		r := head.left[0]
		head.left = head.left[1:]
		if len(head.left) == 0 {
			// The line is closed before the copy is looked at: a move then sends the
			// next node to the end only if it is the copy's own, which it is not.
			queue = queue[1:]
			c.visit(r, visit)
			continue
		}
		if c.visit(r, visit) {
			queue = append(queue[1:], *head)
		}
	}
}

func (c *reconciliation) visit(r *routed, visit func(*routed, *Assignment) bool) bool {
	a := c.displaced(r)
	return a != nil && visit(r, a)
}

// displacedByNode lists the displaced copies of every node, in the order of its list.
func (c *reconciliation) displacedByNode() [][]*routed {
	out := make([][]*routed, len(c.nodes))
	for _, idx := range c.indices {
		for _, s := range idx.shards {
			for _, r := range s.assigned {
				if c.displaced(r) != nil {
					out[r.node.pos] = append(out[r.node.pos], r)
				}
			}
		}
	}
	for _, list := range out {
		inListOrder(list)
	}
	return out
}

// displaced returns the assignment of a started copy that is not on a desired node, or nil.
func (c *reconciliation) displaced(r *routed) *Assignment {
	if !r.started() {
		return nil
	}
	a := c.desired.of(r.shard)
	if a == nil || slices.Contains(a.Nodes, r.node.id) {
		return nil
	}
	return a
}

// anyDisplaced reports whether moves have anything to look at.
func (c *reconciliation) anyDisplaced() bool {
	for _, idx := range c.indices {
		for _, s := range idx.shards {
			for _, r := range s.assigned {
				if c.displaced(r) != nil {
					return true
				}
			}
		}
	}
	return false
}

// moveShards moves copies that may not remain where they are.
func (c *reconciliation) moveShards() {
	if !c.anyMayLeave() {
		return
	}
	c.turns(func(r *routed, a *Assignment) bool {
		if c.canAllocateAnywhere(r) != Yes || c.canRemain(r, r.node) != No {
			return false
		}
		return c.moveTo(r, a)
	})
}

// balance moves copies that are desired elsewhere.
func (c *reconciliation) balance() {
	if c.canRebalance() != Yes {
		return
	}
	c.turns(func(r *routed, a *Assignment) bool {
		if c.canRebalanceShard(r) != Yes || c.canAllocateAnywhere(r) != Yes {
			return false
		}
		return c.moveTo(r, a)
	})
}

// moveTo relocates a copy to the first desired node that says YES.
func (c *reconciliation) moveTo(r *routed, a *Assignment) bool {
	for _, n := range c.nodesOf(a.Nodes) {
		if n == r.node || c.canAllocate(r, n) != Yes {
			continue
		}
		from := r.node.id
		c.relocate(r, n, knownSize(r))
		c.moves.record(from)
		return true
	}
	return false
}
