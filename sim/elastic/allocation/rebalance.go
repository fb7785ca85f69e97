package allocation

import (
	"cmp"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/javaorder"
	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
)

// closeEnough forgives differences of weights just above the threshold.
func closeEnough(delta, threshold float32) bool { return delta <= float32(threshold+0.001) }

// balance moves copies from heavy to light nodes, if the cluster may be rebalanced.
func (b *balancer) balance() {
	if b.p.fetching || b.p.canRebalance() != Yes || len(b.nodes) < 2 || !b.unbalanced() {
		return
	}
	for _, idx := range b.mostUnbalancedFirst() {
		b.look(idx)
		if b.stillSettled() {
			b.owed = append(b.owed, idx)
			continue
		}
		if !b.balanceIndex(idx) {
			b.settle()
			continue
		}
		if v, _ := b.p.concurrentRebalance(); v != Yes {
			// From here on moves would be throttled: they would change the model, which
			// ends here, and nothing else.
			return
		}
	}
}

// unbalanced reports whether any index is further from balance than the threshold. If
// none is, no two nodes are, and nothing would move.
func (b *balancer) unbalanced() bool {
	extremes := b.extremes
	if q := newQuickChoice(b); q != nil {
		extremes = func() (least, most float32) { return q.extremes(b) }
	}
	for _, idx := range b.p.Indices {
		b.look(idx)
		least, most := extremes()
		if !closeEnough(float32(most-least), b.threshold()) {
			return true
		}
	}
	return false
}

// mostUnbalancedFirst sorts the indices by the difference between their heaviest and
// their lightest node. Elasticsearch sorts the nodes once per index, each time from the
// order that the index before left: what those sorts leave is worked out when needed.
func (b *balancer) mostUnbalancedFirst() []*routing.Index {
	order := make([]javaorder.Pair, len(b.p.Indices))
	for i, idx := range b.p.Indices {
		b.look(idx)
		var delta float32
		if b.uniform {
			b.sortNodes(len(b.order))
			delta = float32(b.order[len(b.order)-1].Weight() - b.order[0].Weight())
		} else {
			least, most := b.extremes()
			delta = float32(most - least)
		}
		order[i] = javaorder.Descending(delta, int32(i))
	}
	b.unsorted = !b.uniform
	javaorder.IntroSort(order)
	indices := make([]*routing.Index, len(order))
	for i, pair := range order {
		indices[i] = b.p.Indices[pair.Value()]
	}
	return indices
}

// relevantNodes brings the nodes that hold copies of the current index, or may hold
// some, to the front of the order, and counts them.
func (b *balancer) relevantNodes() int {
	if !b.p.filtered(b.current) {
		return len(b.order)
	}
	b.catchUpSorts()
	relevant := 0
	for i, pair := range b.order {
		n := pair.Value()
		if b.terms[n].held > 0 || b.p.fits(b.current, b.nodes[n]) != No {
			b.order[i], b.order[relevant] = b.order[relevant], pair
			relevant++
		}
	}
	return relevant
}

// balanceIndex moves copies of an index from the heaviest node to the lightest until
// they differ by no more than the threshold. Where deciders forbid that, it narrows
// the window of nodes: first from the light end, then from the heavy one. It reports whether
// it moved any.
func (b *balancer) balanceIndex(idx *routing.Index) (moved bool) {
	b.look(idx)
	relevant := b.relevantNodes()
	if relevant < 2 {
		return false
	}
	b.sortNodes(relevant)
	low, high := 0, relevant-1
	threshold := b.threshold()
	for {
		if b.terms[b.order[high].Value()].held == 0 {
			// Nothing to move from there, wherever the light end stands.
			low = max(low, high-1)
		} else {
			delta := b.delta(low, high)
			switch {
			case closeEnough(delta, threshold):
				if low == 0 || high-1 <= 0 || b.delta(0, high-1) <= threshold {
					return moved
				}
			case len(b.movable(b.order[high].Value())) == 0:
				// Nor wherever the light end stands: unless it comes so near that all is well.
				low = max(low, high-1)
				if closeEnough(b.delta(low, high), threshold) && (high-1 <= 0 || b.delta(0, high-1) <= threshold) {
					return moved
				}
			case delta > threshold && b.moveOne(b.order[low].Value(), b.order[high].Value()):
				moved = true
				if v, _ := b.p.concurrentRebalance(); v != Yes {
					return true
				}
				b.reweigh(low)
				b.reweigh(high)
				javaorder.IntroSort(b.order[:relevant])
				low, high = 0, relevant-1
				continue
			}
		}
		switch {
		case low < high-1:
			low++
		case low > 0:
			low = 0
			high--
		default:
			return moved
		}
	}
}

// delta is the difference of weight between two places of the order.
func (b *balancer) delta(low, high int) float32 {
	d := float32(b.order[high].Weight() - b.order[low].Weight())
	return max(d, -d)
}

func (b *balancer) reweigh(i int) {
	n := b.order[i].Value()
	b.order[i] = javaorder.Ascending(b.weight(n), n)
}

// moveOne moves a copy of the current index between two nodes, the one with the
// highest shard number that deciders let go. A throttled move happens in the model only.
func (b *balancer) moveOne(to, from int32) bool {
	p := b.p
	for _, m := range b.movable(from) {
		r, n := m.r, b.nodes[to]
		if p.isIgnoredNode(r.Shard, n) {
			continue
		}
		allocate := p.nodeVerdict(r, n)
		if allocate == No {
			continue
		}
		b.take(r, from)
		if min(m.verdict, allocate) == Yes {
			p.Relocate(r, b.nodes[to], knownSize(r))
		}
		b.add(newEntry(r, to, false))
		return true
	}
	return false
}

// movable is a copy that could be moved, and what deciders say of that wherever it goes.
type movable struct {
	r       *routing.Copy
	verdict Verdict
}

// movable lists the current index's copies on a node that could be moved, the highest
// shard number first. What deciders say stays so until the model changes, and the list with it.
func (b *balancer) movable(n int32) []movable {
	if b.listed {
		return b.lists[n]
	}
	for _, i := range b.touched {
		b.lists[i] = b.lists[i][:0]
	}
	b.touched = b.touched[:0]
	for _, e := range b.entries[b.current.Pos] {
		if !e.started {
			continue
		}
		verdict := min(b.p.canRebalanceShard(e.r), b.p.shardVerdict(e.r))
		if verdict == No {
			continue
		}
		if len(b.lists[e.node]) == 0 {
			b.touched = append(b.touched, e.node)
		}
		b.lists[e.node] = append(b.lists[e.node], movable{e.r, verdict})
	}
	for _, i := range b.touched {
		slices.SortStableFunc(b.lists[i], func(x, y movable) int { return cmp.Compare(y.r.Shard.Number, x.r.Shard.Number) })
	}
	b.listed = true
	return b.lists[n]
}
