package allocation

import (
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/allocation/turns"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// reconciler makes the next legal steps towards the desired balance
// (DesiredBalanceReconciler). It remembers which nodes it used lately.
type reconciler struct {
	allocations turns.Recency
	moves       turns.Recency
}

// reconciliation is one run.
type reconciliation struct {
	*pass
	*reconciler
	desired *desiredBalance
}

func (rec *reconciler) reconcile(p *pass, desired *desiredBalance) {
	rec.allocations.Retain(p.ByID)
	rec.moves.Retain(p.ByID)
	c := &reconciliation{pass: p, reconciler: rec, desired: desired}
	if len(p.Nodes) == 0 {
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
	for _, r := range p.Unassigned {
		if r.Primary && r.Info.LastStatus == state.NoAttempt {
			info := *r.Info
			info.LastStatus = state.DecidersNo
			p.UpdateInfo(r, &info)
		}
	}
}

func (c *reconciliation) allocateUnassigned() {
	if len(c.Unassigned) == 0 {
		return
	}
	round := c.Drain()
	slices.SortStableFunc(round, byAllocationOrder)
	for len(round) > 0 {
		round = allocateRound(c.pass, round, c.allocate)
	}
}

// allocate puts a copy on the first of its desired nodes that will have it; a
// primary that its desired nodes refuse goes to any node.
func (c *reconciliation) allocate(r *routing.Copy) (bool, state.AllocationStatus) {
	a := c.desired.of(r.Shard)
	if a == nil || c.isIgnored(r, a) {
		return false, state.NoAttempt
	}
	placed, throttled := c.tryNodes(r, c.nodesOf(a.Nodes))
	if !placed && !throttled && r.Primary {
		placed, throttled = c.tryNodes(r, c.pass.Nodes)
	}
	if throttled {
		return placed, state.DecidersThrottled
	}
	return placed, state.DecidersNo
}

// nodesOf resolves ids, leaving out nodes that are gone.
func (c *reconciliation) nodesOf(ids []string) []*routing.Node {
	nodes := make([]*routing.Node, 0, len(ids))
	for _, id := range ids {
		if n := c.ByID[id]; n != nil {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

func (c *reconciliation) tryNodes(r *routing.Copy, nodes []*routing.Node) (placed, throttled bool) {
	for _, n := range c.allocations.Sort(nodes) {
		if r.Shard.On(n) != nil {
			continue
		}
		switch c.canAllocate(r, n) {
		case Yes:
			c.Initialize(r, n, "", c.expectedSize(r, routing.UnknownSize))
			c.allocations.Record(n.ID)
			return true, throttled
		case Throttle:
			throttled = true
		}
	}
	return false, throttled
}

// isIgnored reports whether the computation left this copy aside.
func (c *reconciliation) isIgnored(r *routing.Copy, a *Assignment) bool {
	switch {
	case a.Ignored == 0:
		return false
	case a.Ignored == a.Total:
		return true
	case a.Total-a.Ignored == 1:
		return !r.Primary
	}
	assigned := 0
	for _, x := range r.Shard.Assigned {
		if !x.Relocating() {
			assigned++
		}
	}
	return a.Total-a.Ignored <= assigned
}

// turns visits the displaced copies of all nodes, one node after the other, those moved
// from least recently first. When visit moves a copy the node goes to the end of the line.
// Elasticsearch walks all copies; the others are none of a visit's business.
func (c *reconciliation) turns(visit func(r *routing.Copy, a *Assignment) (moved bool)) {
	type line struct {
		n    *routing.Node
		left []*routing.Copy
	}
	var queue []line
	displaced := c.displacedByNode()
	for _, n := range c.moves.Sort(c.pass.Nodes) {
		if len(displaced[n.Pos]) > 0 {
			queue = append(queue, line{n, displaced[n.Pos]})
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

func (c *reconciliation) visit(r *routing.Copy, visit func(*routing.Copy, *Assignment) bool) bool {
	a := c.displaced(r)
	return a != nil && visit(r, a)
}

// displacedByNode lists the displaced copies of every node, in the order of its list.
func (c *reconciliation) displacedByNode() [][]*routing.Copy {
	out := make([][]*routing.Copy, len(c.Nodes))
	for _, idx := range c.Indices {
		for _, s := range idx.Shards {
			for _, r := range s.Assigned {
				if c.displaced(r) != nil {
					out[r.Node.Pos] = append(out[r.Node.Pos], r)
				}
			}
		}
	}
	for _, list := range out {
		routing.InListOrder(list)
	}
	return out
}

// displaced returns the assignment of a started copy that is not on a desired node, or nil.
func (c *reconciliation) displaced(r *routing.Copy) *Assignment {
	if !r.Started() {
		return nil
	}
	a := c.desired.of(r.Shard)
	if a == nil || slices.Contains(a.Nodes, r.Node.ID) {
		return nil
	}
	return a
}

// anyDisplaced reports whether moves have anything to look at.
func (c *reconciliation) anyDisplaced() bool {
	for _, idx := range c.Indices {
		for _, s := range idx.Shards {
			for _, r := range s.Assigned {
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
	c.turns(func(r *routing.Copy, a *Assignment) bool {
		if c.canAllocateAnywhere(r) != Yes || c.canRemain(r, r.Node) != No {
			return false
		}
		return c.moveTo(r, a, c.canAllocate) || c.replacement(r.Node) != nil && c.moveTo(r, a, c.canVacate)
	})
}

// balance moves copies that are desired elsewhere.
func (c *reconciliation) balance() {
	if c.canRebalance() != Yes {
		return
	}
	c.turns(func(r *routing.Copy, a *Assignment) bool {
		if c.canRebalanceShard(r) != Yes || c.canAllocateAnywhere(r) != Yes {
			return false
		}
		return c.moveTo(r, a, c.canAllocate)
	})
}

// moveTo relocates a copy to the first desired node of which may says YES.
func (c *reconciliation) moveTo(r *routing.Copy, a *Assignment, may func(*routing.Copy, *routing.Node) Verdict) bool {
	for _, n := range c.nodesOf(a.Nodes) {
		if n == r.Node || may(r, n) != Yes {
			continue
		}
		from := r.Node.ID
		c.Relocate(r, n, knownSize(r))
		c.moves.Record(from)
		return true
	}
	return false
}
