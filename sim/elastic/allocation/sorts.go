package allocation

import (
	"github.com/shardquake/shardquake/sim/elastic/allocation/findings"
	"github.com/shardquake/shardquake/sim/elastic/allocation/javaorder"
	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
)

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
	// restAfterVain is how many times none is tried for after that was in vain.
	restAfterVain = 7
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
	e := &b.found[b.current.Pos].span
	if !e.Renew(&b.journal, b.weigher) {
		b.extremesAfresh(e)
	}
	return e.Least(), e.Most()
}

func (b *balancer) extremesAfresh(e *findings.Extremes) {
	weighed := func(n int32) javaorder.Pair { return javaorder.Ascending(b.weight(n), n) }
	e.Afresh(&b.journal, weighed(0))
	nodes := b.ranked()
	if nodes == nil {
		for n := range b.nodes {
			e.See(weighed(int32(n)))
		}
		return
	}
	// Those with the least and the greatest weight among the nodes without copies, and all
	// that hold some.
	for i := range nodes {
		if b.terms[nodes[i].Value()].held == 0 {
			e.See(nodes[i])
			break
		}
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		if b.terms[nodes[i].Value()].held == 0 {
			e.See(nodes[i])
			break
		}
	}
	for _, x := range b.entries[b.current.Pos] {
		e.See(weighed(x.node))
	}
}

// sortNodes weighs the first n nodes for the current index and sorts them.
func (b *balancer) sortNodes(n int) {
	if b.unsorted || len(b.owed) > 0 {
		if n == len(b.order) && b.sortWithoutTies() {
			b.unsorted, b.owed = false, b.owed[:0]
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

// catchUpSorts does the sorts that [balancer.mostUnbalancedFirst] left out and those owed, from
// the last one without ties on, or all of them where ties are common.
func (b *balancer) catchUpSorts() {
	var all []*routing.Index
	if b.unsorted {
		all = b.p.Indices
	}
	current, owed := b.current, b.owed
	if len(all)+len(owed) == 0 {
		return
	}
	b.unsorted, b.owed = false, nil
	from := b.lastWithoutTies(all, owed)
	for i, idx := range all {
		if i >= from {
			b.look(idx)
			b.sortNodes(len(b.order))
		}
	}
	for i, idx := range owed {
		if len(all)+i < from {
			continue
		}
		b.look(idx)
		if relevant := b.relevantNodes(); relevant > 1 {
			b.sortNodes(relevant)
		}
	}
	b.owed = owed[:0]
	b.look(current)
}

// lastWithoutTies finds the last of the sorts, of all indices and then of those owed, that leaves
// one order whatever it began with, does it and says from where to go on; 0 where none is near.
func (b *balancer) lastWithoutTies(all, owed []*routing.Index) (from int) {
	if b.vain > 0 {
		b.vain--
		return 0
	}
	for i := len(all) + len(owed) - 1; i >= max(0, len(all)+len(owed)-lookBack); i-- {
		if i < len(all) {
			b.look(all[i])
		} else if b.look(owed[i-len(all)]); b.p.filtered(b.current) {
			continue // of some of the nodes only
		}
		if b.sortWithoutTies() {
			return i + 1
		}
	}
	b.vain = restAfterVain
	return 0
}
