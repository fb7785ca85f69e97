package reports

import (
	"slices"

	"github.com/shardquake/shardquake/reports/score"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// place is a shard on a node.
type place struct {
	index string
	shard int
	node  string
}

// movementOf counts relocations that began at t=0 or later.
//
// Redundant moves are those beyond the fewest that lead from where copies lay to
// where they lay at the end. Copies of a shard are interchangeable, so the fewest is,
// summed over shards, the number of nodes that hold a copy in the end because of
// moves and did not hold one before.
func movementOf(h *observed.History) Movement {
	m := Movement{Thrash: h.Thrash()}
	// net is how many copies moves have brought to a place, less those they took away.
	net := make(map[place]int)
	var touched []place
	step := func(p place, by int) {
		if _, ok := net[p]; !ok {
			touched = append(touched, p)
		}
		net[p] += by
	}
	for _, mv := range h.Moves() {
		m.Moves++
		m.Bytes += max(mv.Bytes, 0)
		from, to := place{mv.Index, mv.Shard, mv.From}, place{mv.Index, mv.Shard, mv.To}
		step(from, -1)
		step(to, 1)
	}
	needed := 0
	for _, p := range touched {
		needed += max(net[p], 0)
	}
	m.RedundantMoves = m.Moves - needed
	m.IdealMoves, m.IdealBytes = idealOf(h)
	return m
}

// idealOf bounds the moves and bytes that the balance of the end takes.
func idealOf(h *observed.History) (moves int, bytes int64) {
	frames := observed.FromStart(h.Spread(observed.QuantityShards))
	if len(frames) == 0 {
		return 0, 0
	}
	stayed := slices.Clone(frames[0].Member)
	for _, f := range frames {
		for i, is := range f.Member {
			stayed[i] = stayed[i] && is
		}
	}
	sizes := sizesAtFirst(h)
	var first []score.Holding
	for i, n := range h.Nodes {
		first = append(first, score.Holding{Sizes: sizes[n], Stayed: stayed[i]})
	}
	var last []int
	for _, v := range frames[len(frames)-1].MemberValues() {
		last = append(last, int(v))
	}
	return score.FewestMoves(first, last)
}

// sizesAtFirst are the sizes of the copies on each node at t=0, in the order in which the
// shards were seen.
func sizesAtFirst(h *observed.History) map[string][]int64 {
	type key struct {
		index string
		shard int
	}
	var order []key
	copies := make(map[key][]observed.Copy)
	for _, o := range h.Observations {
		if o.At > 0 {
			break
		}
		fresh := make(map[key]bool)
		seen, _ := o.Sight.(observed.Copies)
		for _, c := range seen {
			k := key{c.Index, c.Shard}
			if _, ok := copies[k]; !ok {
				order = append(order, k)
			}
			if !fresh[k] {
				fresh[k], copies[k] = true, nil
			}
			copies[k] = append(copies[k], c)
		}
	}
	sizes := make(map[string][]int64)
	for _, k := range order {
		for _, c := range copies[k] {
			if c.Node != "" {
				sizes[c.Node] = append(sizes[c.Node], max(c.Bytes, 0))
			}
		}
	}
	return sizes
}
