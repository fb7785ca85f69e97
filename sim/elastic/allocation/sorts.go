package allocation

import "github.com/shardquake/shardquake/sim/elastic/allocation/javaorder"

// Elasticsearch sorts all nodes once per index only to learn how far the lightest is from
// the heaviest. That is read off a ranking here, but the sorts decide something else: the
// sort is not stable, so of nodes that weigh the same the order that one sort leaves is
// what the next begins with. Where no two nodes weigh the same, a sort leaves one order
// whatever it began with, and those before it don't matter.

// ranking holds the nodes by the weight that they have for an index of which they hold
// nothing.
type ranking struct {
	none  float32 // the index's part of those weights
	nodes []javaorder.Pair
}

const (
	// rankings is how many kinds of indices, by that part, are ranked at most.
	rankings = 16
	// lookBack is how many sorts are tried for one without ties before all are done.
	lookBack = 64
)

// ranked is the ranking for the current index; nil when there are too many kinds.
func (b *balancer) ranked() []javaorder.Pair {
	for i := range b.rankings {
		if b.rankings[i].none == b.none {
			return b.rankings[i].nodes
		}
	}
	if len(b.rankings) == rankings {
		return nil
	}
	b.rankings = append(b.rankings, ranking{none: b.none, nodes: make([]javaorder.Pair, len(b.nodes))})
	nodes := b.rankings[len(b.rankings)-1].nodes
	for i := range nodes {
		t := &b.terms[i]
		nodes[i] = javaorder.Ascending(t.weight(b.none), int32(i))
	}
	javaorder.IntroSort(nodes)
	return nodes
}

// extremes are the least and the greatest weight of the current index.
func (b *balancer) extremes() (least, most float32) {
	nodes := b.ranked()
	if nodes == nil {
		least, most = b.weight(0), b.weight(0)
		for n := range b.nodes {
			w := b.weight(int32(n))
			least, most = min(least, w), max(most, w)
		}
		return least, most
	}
	first := true
	see := func(w float32) {
		if first {
			least, most, first = w, w, false
		}
		least, most = min(least, w), max(most, w)
	}
	// Those with the least and the greatest weight among the nodes without copies, and all
	// that hold some.
	for i := range nodes {
		if n := nodes[i].Value(); b.terms[n].held == 0 {
			see(nodes[i].Weight())
			break
		}
		see(b.weight(nodes[i].Value()))
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		if n := nodes[i].Value(); b.terms[n].held == 0 {
			see(nodes[i].Weight())
			break
		}
	}
	for _, e := range b.entries[b.current.Pos] {
		see(b.weight(e.node))
	}
	return least, most
}

// sortNodes weighs the first n nodes for the current index and sorts them.
func (b *balancer) sortNodes(n int) {
	if b.unsorted {
		if n == len(b.order) && b.sortWithoutTies() {
			b.unsorted = false
			return
		}
		b.catchUpSorts()
	}
	b.weighNodes(b.order[:n])
	javaorder.IntroSort(b.order[:n])
}

// weighNodes renews the weights in an order for the current index.
func (b *balancer) weighNodes(order []javaorder.Pair) {
	if !b.uniform {
		for i, pair := range order {
			n := pair.Value()
			order[i] = javaorder.Ascending(b.weight(n), n)
		}
		return
	}
	b.fillKeys()
	for i, pair := range order {
		n := pair.Value()
		if b.heldBy[n/64]&(1<<(n%64)) == 0 {
			order[i] = b.keys[b.count[n]-b.least] | javaorder.Pair(n)
		} else {
			order[i] = javaorder.Ascending(b.weight(n), n)
		}
	}
}

// sortWithoutTies sorts all nodes for the current index, if no two weigh the same: then
// whatever was sorted before doesn't matter. Else it leaves the order alone.
func (b *balancer) sortWithoutTies() bool {
	b.trial = append(b.trial[:0], b.order...)
	b.weighNodes(b.trial)
	javaorder.IntroSort(b.trial)
	for i := 1; i < len(b.trial); i++ {
		if b.trial[i]>>32 == b.trial[i-1]>>32 {
			return false
		}
	}
	copy(b.order, b.trial)
	return true
}

// catchUpSorts does the sorts that [balancer.mostUnbalancedFirst] left out, from the last
// one without ties on, or all of them where ties are common.
func (b *balancer) catchUpSorts() {
	if !b.unsorted {
		return
	}
	b.unsorted = false
	current, all := b.current, b.p.Indices
	from := len(all)
	for from > 0 && len(all)-from < lookBack {
		from--
		b.look(all[from])
		if b.sortWithoutTies() {
			from++
			break
		}
		if len(all)-from == lookBack {
			from = 0
		}
	}
	for _, idx := range all[from:] {
		b.look(idx)
		b.sortNodes(len(b.order))
	}
	b.look(current)
}
