package score

import "slices"

// Holding is what a node held at first.
type Holding struct {
	Sizes []int64 // of its copies, in bytes
	// Stayed is whether the node belonged to the cluster all along. Copies of one that did
	// not may have gone with it, without a move.
	Stayed bool
}

// FewestMoves bounds from below what it takes to get from the numbers of copies that
// nodes held at first to the numbers, in whatever order of the nodes, that they held in
// the end: moves, and bytes moved.
//
// Moves: a node that stayed and holds k copies fewer than at first has lost at least k
// of its first copies, each by a move of its own. Which node ended with which number is
// left open, so that the bound holds for every way to be as even; the sum of surpluses
// is smallest when the fullest are paired with the fullest (the surplus is convex in the
// difference), and the nodes that stayed get the largest numbers. Copies that went
// without a move (there are fewer in the end than at first, less those of nodes that did
// not stay) are taken off.
//
// Bytes: those moves take away that many different copies of nodes that stayed, so
// together they weigh at least as much as the smallest that many of all such copies. A
// copy weighs what it weighed at first; it may have grown until it was moved.
func FewestMoves(first []Holding, last []int) (moves int, bytes int64) {
	var counts []int
	var sizes []int64
	total, gone := 0, 0
	for _, h := range first {
		total += len(h.Sizes)
		if !h.Stayed {
			gone += len(h.Sizes)
			continue
		}
		counts = append(counts, len(h.Sizes))
		sizes = append(sizes, h.Sizes...)
	}
	after := slices.Clone(last)
	descending := func(a, b int) int { return b - a }
	slices.SortStableFunc(counts, descending)
	slices.SortStableFunc(after, descending)
	left := 0
	for _, n := range after {
		left += n
	}
	for i, n := range counts {
		if i < len(after) {
			n -= after[i]
		}
		moves += max(n, 0)
	}
	moves = max(moves-max(total-left-gone, 0), 0)
	slices.Sort(sizes)
	for _, s := range sizes[:min(moves, len(sizes))] {
		bytes += max(s, 0)
	}
	return moves, bytes
}
