package allocation

import (
	"cmp"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// run is BalancedShardsAllocator.allocate.
func (b *balancer) run() {
	b.allocateUnassigned()
	b.moveShards()
	b.balance()
}

// byAllocationOrder sorts unassigned copies: primaries first, then by index, then by shard.
func byAllocationOrder(x, y *routing.Copy) int {
	if x.Primary != y.Primary {
		if x.Primary {
			return -1
		}
		return 1
	}
	if x.Shard.Index == y.Shard.Index {
		return cmp.Compare(x.Shard.Number, y.Shard.Number)
	}
	return cmp.Compare(x.Shard.Index.Rank, y.Shard.Index.Rank)
}

// allocateUnassigned places unassigned copies. Of the replicas of one shard, one is
// placed in each round, so that all shards get their first replica before any gets a
// second; once one found no place, the others are not tried.
func (b *balancer) allocateUnassigned() {
	if len(b.p.Unassigned) == 0 {
		return
	}
	round := b.p.Drain()
	slices.SortStableFunc(round, byAllocationOrder)
	b.quick = newQuickChoice(b)
	for len(round) > 0 {
		round = allocateRound(b.p, round, b.allocate)
	}
	b.quick = nil
}

// allocateRound tries each copy, ignores those that find no place, and returns the
// replicas that wait for the next round.
func allocateRound(p *pass, round []*routing.Copy, try func(*routing.Copy) (bool, state.AllocationStatus)) []*routing.Copy {
	var next []*routing.Copy
	for i := 0; i < len(round); i++ {
		r := round[i]
		placed, status := try(r)
		if !placed {
			p.Ignore(r, status)
		}
		if r.Primary {
			continue
		}
		for i+1 < len(round) && byAllocationOrder(r, round[i+1]) == 0 {
			i++
			if placed {
				next = append(next, round[i])
			} else {
				p.Ignore(round[i], status)
			}
		}
	}
	return next
}

// allocate places one copy on the best node, if one will have it now.
func (b *balancer) allocate(r *routing.Copy) (placed bool, status state.AllocationStatus) {
	verdict, n := b.bestNode(r)
	if n == nil {
		return false, state.DecidersNo
	}
	if verdict == Yes {
		b.p.Initialize(r, n, "", b.p.expectedSize(r, routing.UnknownSize))
	}
	if b.quick != nil {
		b.quick.room(b.p, n)
		b.quick.counted(int32(n.Pos), b.count[n.Pos])
	}
	b.add(newEntry(r, int32(n.Pos), false))
	return verdict == Yes, state.DecidersThrottled
}

// bestNode finds the node of least weight that does not refuse the copy. On equal
// weight YES beats THROTTLE, and then the node whose highest primary of the index
// comes next in the ring of shard numbers.
func (b *balancer) bestNode(r *routing.Copy) (Verdict, *routing.Node) {
	p := b.p
	if p.canAllocateAnywhere(r) == No {
		return No, nil
	}
	b.look(r.Shard.Index)
	where := p.placement(r)
	if b.quick != nil && where.plain && where.all != No {
		if v, n, ok := b.quick.choose(b, &where); ok {
			return v, b.nodes[n]
		}
	}
	return b.visitNodes(r, &where)
}

// visitNodes finds the best node by asking all of them.
func (b *balancer) visitNodes(r *routing.Copy, where *placement) (Verdict, *routing.Node) {
	best, bestWeight, verdict := int32(-1), float32(0), No
	for i := range b.nodes {
		n := int32(i)
		w := b.weight(n)
		if best >= 0 && w > bestWeight {
			continue
		}
		if best >= 0 && w == bestWeight && verdict == Yes && !b.beats(r, n, Yes, best, Yes) {
			continue // whatever deciders say of it
		}
		v := where.verdict(b.nodes[n])
		if v == No || best >= 0 && w == bestWeight && !b.beats(r, n, v, best, verdict) {
			continue
		}
		best, bestWeight, verdict = n, w, v
	}
	if best < 0 {
		return No, nil
	}
	return verdict, b.nodes[best]
}

// beats breaks a tie of weights between a node and the best one so far.
func (b *balancer) beats(r *routing.Copy, n int32, v Verdict, best int32, verdict Verdict) bool {
	if v != verdict {
		return v == Yes
	}
	num := int32(r.Shard.Number)
	h, bestHigh := b.high[n], b.high[best]
	sameSide := h > num && bestHigh > num || h < num && bestHigh < num
	return sameSide && h < bestHigh || h > num && bestHigh < num
}

// moveShards moves started copies that may not remain, taking turns between nodes.
func (b *balancer) moveShards() {
	if !b.p.anyMayLeave() || !b.anyMustLeave() {
		return
	}
	lists := make([][]*routing.Copy, len(b.nodes))
	longest := 0
	for i, n := range b.nodes {
		lists[i] = n.Copies()
		longest = max(longest, len(lists[i]))
	}
	for turn := range longest {
		for _, list := range lists {
			if turn < len(list) && list[turn].Started() {
				b.moveShard(list[turn])
			}
		}
	}
}

// anyMustLeave reports whether any started copy may not remain. Until the first has moved the
// answers stay what they are. Where they hang on the shard alone, those about one that has not
// changed since it was looked at stay so as well.
func (b *balancer) anyMustLeave() bool {
	if b.looked && b.p.onlyShardsUproot() {
		kept := b.unsure[:0]
		for _, s := range b.unsure {
			if b.mustLeave(s) {
				kept = append(kept, s)
			}
		}
		b.unsure = kept
		return len(kept) > 0
	}
	b.looked, b.unsure = true, b.unsure[:0]
	for _, idx := range b.p.Indices {
		for _, s := range idx.Shards {
			if b.mustLeave(s) {
				b.unsure = append(b.unsure, s)
			}
		}
	}
	return len(b.unsure) > 0
}

func (b *balancer) mustLeave(s *routing.Shard) bool {
	for _, r := range s.Assigned {
		if r.Started() && b.p.canRemain(r, r.Node) == No {
			return true
		}
	}
	return false
}

func (b *balancer) moveShard(r *routing.Copy) {
	if b.p.canRemain(r, r.Node) != No {
		return
	}
	b.look(r.Shard.Index)
	b.sortNodes(len(b.order))
	for _, pair := range b.order {
		if n := b.nodes[pair.Value()]; n != r.Node && b.p.canAllocate(r, n) == Yes {
			b.move(r, n)
			return
		}
	}
	if b.p.replacement(r.Node) == nil {
		return
	}
	for _, pair := range b.order {
		if n := b.nodes[pair.Value()]; n != r.Node && b.p.canVacate(r, n) == Yes {
			b.move(r, n)
			return
		}
	}
}

func (b *balancer) move(r *routing.Copy, n *routing.Node) {
	b.take(r, int32(r.Node.Pos))
	target := b.p.Relocate(r, n, knownSize(r))
	b.add(newEntry(target, int32(n.Pos), false))
}
