package allocation

import (
	"math/bits"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
)

// quickChoice finds the best node for an unassigned copy without looking at all nodes,
// where nodes differ in nothing but how many copies they hold: no write load, no known
// sizes, no decider that depends on the node but for throttling. It gives the same
// answer as visiting all of them, and gives up where ties are not that simple.
type quickChoice struct {
	words int
	// byCount holds, per number of copies, the nodes that hold as many; lowest is the
	// first that may have any.
	byCount [][]uint64
	lowest  int
	// open are the nodes that have room for another recovery from a peer, fresh those
	// that have room for another new primary.
	open, fresh []uint64
}

// newQuickChoice indexes the model's nodes; nil when they differ in more than counts.
func newQuickChoice(b *balancer) *quickChoice {
	if !b.uniform {
		return nil
	}
	words := (len(b.nodes) + 63) / 64
	q := &quickChoice{words: words, lowest: int(b.count[0]), open: make([]uint64, words), fresh: make([]uint64, words)}
	for i, n := range b.nodes {
		q.lowest = min(q.lowest, int(b.count[i]))
		q.put(int32(i), b.count[i])
		q.room(b.p, n)
	}
	return q
}

func (q *quickChoice) put(n, count int32) {
	for len(q.byCount) <= int(count) {
		q.byCount = append(q.byCount, nil)
	}
	if q.byCount[count] == nil {
		q.byCount[count] = make([]uint64, q.words)
	}
	setBit(q.byCount[count], n, true)
}

// counted moves a node that got another copy.
func (q *quickChoice) counted(n, before int32) {
	setBit(q.byCount[before], n, false)
	q.put(n, before+1)
}

// room renews what a node has room for.
func (q *quickChoice) room(p *pass, n *routing.Node) {
	setBit(q.open, int32(n.Pos), n.Incoming < p.Settings.Incoming)
	setBit(q.fresh, int32(n.Pos), p.Simulating || n.InitialPrimaries < p.Settings.InitialPrimaries)
}

func setBit(set []uint64, i int32, on bool) {
	if on {
		set[i/64] |= 1 << (i % 64)
	} else {
		set[i/64] &^= 1 << (i % 64)
	}
}

// firstBit is the first element of a without not (and, if given, with and); -1 none.
func firstBit(a, not, and []uint64) int32 {
	for i := range a {
		w := a[i] &^ not[i]
		if and != nil {
			w &= and[i]
		}
		if w != 0 {
			return int32(i*64 + bits.TrailingZeros64(w))
		}
	}
	return -1
}

// choose finds the node for a copy of the current index. The nodes that hold copies of
// the index are weighed one by one; if none is as light as the lightest of the others,
// the others tie: the first that says YES wins, else the first of all.
//
// A copy that moves away counts at its target but still bars its node to the shard's
// other copies: that is not simple.
func (q *quickChoice) choose(b *balancer, where *placement) (v Verdict, n int32, ok bool) {
	if slices.ContainsFunc(where.r.Shard.Assigned, (*routing.Copy).Relocating) {
		return No, 0, false
	}
	for q.lowest < len(q.byCount) && (q.byCount[q.lowest] == nil || firstBit(q.byCount[q.lowest], b.none64, nil) < 0) {
		q.lowest++
	}
	first, count := int32(-1), q.lowest
	for ; count < len(q.byCount); count++ {
		if q.byCount[count] == nil {
			continue
		}
		if first = firstBit(q.byCount[count], b.heldBy, nil); first >= 0 {
			break
		}
	}
	if first < 0 {
		return No, 0, false
	}
	weight := b.weight(first)
	for i, w := range b.heldBy {
		for ; w != 0; w &= w - 1 {
			if b.weight(int32(i*64+bits.TrailingZeros64(w))) <= weight {
				return No, 0, false
			}
		}
	}
	for next := count + 1; next < len(q.byCount); next++ {
		if q.byCount[next] == nil {
			continue
		}
		if other := firstBit(q.byCount[next], b.heldBy, nil); other >= 0 {
			if b.weight(other) <= weight {
				return No, 0, false
			}
			break
		}
	}
	room := q.open
	if where.initial {
		room = q.fresh
	}
	if where.all == Yes {
		if yes := firstBit(q.byCount[count], b.heldBy, room); yes >= 0 {
			return Yes, yes, true
		}
	}
	return Throttle, first, true
}

// extremes are the least and the greatest weight of the current index: of the nodes
// without copies of it those with the fewest and the most copies have them, since
// weights do not fall with the number of copies.
func (q *quickChoice) extremes(b *balancer) (least, most float32) {
	first := true
	see := func(n int32) {
		w := b.weight(n)
		if first {
			least, most, first = w, w, false
		}
		least, most = min(least, w), max(most, w)
	}
	seeFirst := func(set []uint64) bool {
		if set == nil {
			return false
		}
		n := firstBit(set, b.heldBy, nil)
		if n >= 0 {
			see(n)
		}
		return n >= 0
	}
	for i := q.lowest; i < len(q.byCount) && !seeFirst(q.byCount[i]); i++ {
	}
	for i := len(q.byCount) - 1; i >= 0 && !seeFirst(q.byCount[i]); i-- {
	}
	for i, w := range b.heldBy {
		for ; w != 0; w &= w - 1 {
			see(int32(i*64 + bits.TrailingZeros64(w)))
		}
	}
	return least, most
}
