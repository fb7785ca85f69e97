package allocation

import (
	"github.com/shardquake/shardquake/sim/elastic/allocation/findings"
	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
)

// The rounds of a computation move two copies each, and look at every index again. That an
// index had nothing to move holds as long as its own copies stay where they are, but for the
// nodes whose weight, copies or disk changed since: only pairs with one of these can have
// come to differ by more than the threshold, or be allowed now.

// finding is what is kept of an index from round to round.
type finding struct {
	span findings.Extremes

	threshold float32 // how far apart its nodes may be
	measured  bool    // threshold is known

	// settled says that at a moment of the journal none of its copies could be moved for
	// balance from a node to one lighter by more than the threshold.
	settled bool
	at      int
	// movable are its copies that could be moved somewhere, node by node, once listed.
	movable []movable
	listed  bool
}

// moved forgets what hangs on where the index's copies are.
func (f *finding) moved() {
	f.span.Forget()
	f.settled, f.listed = false, false
}

// resized forgets what hangs on their sizes.
func (f *finding) resized() { f.measured, f.settled = false, false }

// lasting reports whether what deciders refuse a started copy hangs on nothing but the copies
// of its shard and their sizes, the node and its disk, and what can't change in a pass.
var lasting = func() bool {
	for _, list := range [...][]*decider{refuseAnywhere, refuseAllocate, refuseRebalance} {
		for _, d := range list {
			if !d.lasting {
				return false
			}
		}
	}
	return true
}

// settle notes that the current index had nothing to move.
func (b *balancer) settle() {
	f := &b.found[b.current.Pos]
	f.settled, f.at = true, b.journal.Now()
}

// stillSettled reports whether the current index, which had nothing to move, has nothing now.
func (b *balancer) stillSettled() bool {
	f := &b.found[b.current.Pos]
	if !f.settled || !b.lasting {
		return false
	}
	since := b.journal.Since(f.at)
	if len(since) >= len(b.nodes) {
		return false // all is to be looked at
	}
	changed := b.changedNodes.Fill(since)
	if len(changed) > 0 && b.anyMovable(f, changed) {
		f.settled = false
		return false
	}
	f.at = b.journal.Now()
	return true
}

// anyMovable reports whether a copy of the current index could be moved for balance to or from
// a node that changed.
func (b *balancer) anyMovable(f *finding, changed []int32) bool {
	if !f.listed {
		f.movable, f.listed = b.listMovable(f.movable[:0]), true
	}
	threshold := b.threshold()
	for rest := f.movable; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].r.Node == rest[0].r.Node {
			n++
		}
		from := int32(rest[0].r.Node.Pos)
		weight := b.weight(from)
		could := func(to int32) bool {
			return to != from && !closeEnough(float32(weight-b.weight(to)), threshold) && b.anyAllowed(rest[:n], b.nodes[to])
		}
		if b.changedNodes.Has(from) {
			for to := range b.nodes {
				if could(int32(to)) {
					return true
				}
			}
		} else {
			for _, to := range changed {
				if could(to) {
					return true
				}
			}
		}
		rest = rest[n:]
	}
	return false
}

func (b *balancer) anyAllowed(copies []movable, to *routing.Node) bool {
	for _, m := range copies {
		if b.p.nodeVerdict(m.r, to) != No {
			return true
		}
	}
	return false
}

// listMovable lists the current index's copies that could be moved somewhere, node by node.
func (b *balancer) listMovable(list []movable) []movable {
	b.movable(0)
	for _, n := range b.touched {
		list = append(list, b.lists[n]...)
	}
	return list
}

// threshold is by how much the weights of the current index may differ.
func (b *balancer) threshold() float32 {
	f := &b.found[b.current.Pos]
	if !f.measured {
		f.threshold, f.measured = float32(b.minDelta()*b.p.Settings.Threshold), true
	}
	return f.threshold
}
