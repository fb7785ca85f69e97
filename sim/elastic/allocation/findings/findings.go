package findings

import "github.com/shardquake/shardquake/sim/elastic/allocation/javaorder"

// Journal notes which nodes changed, in the order they did.
type Journal struct{ nodes []int32 }

// Note enters a node.
func (j *Journal) Note(node int32) { j.nodes = append(j.nodes, node) }

// Now is the moment after the last note.
func (j *Journal) Now() int { return len(j.nodes) }

// Since are the nodes noted since a moment; a node may come several times.
func (j *Journal) Since(moment int) []int32 { return j.nodes[moment:] }

// Distinct is a set of nodes that is filled from lists in which a node may come several times.
type Distinct struct {
	list  []int32
	stamp []uint32 // by node: the generation that it was last put in
	now   uint32
}

// NewDistinct makes room for so many nodes.
func NewDistinct(nodes int) *Distinct { return &Distinct{stamp: make([]uint32, nodes), now: 1} }

// Fill replaces what is in the set, and returns it in the order of the first notes.
func (d *Distinct) Fill(nodes []int32) []int32 {
	d.now++
	d.list = d.list[:0]
	for _, n := range nodes {
		if d.stamp[n] != d.now {
			d.stamp[n] = d.now
			d.list = append(d.list, n)
		}
	}
	return d.list
}

// Has reports whether a node is in the set.
func (d *Distinct) Has(node int32) bool { return d.stamp[node] == d.now }

// Extremes are the lightest and the heaviest node, by the order of java.lang.Float.compare,
// as they were at a moment of a journal.
type Extremes struct {
	least, most javaorder.Pair
	at          int
	known       bool
}

// Forget drops what is known.
func (e *Extremes) Forget() { e.known = false }

// Least is the least weight, Most the greatest.
func (e *Extremes) Least() float32 { return e.least.Weight() }
func (e *Extremes) Most() float32  { return e.most.Weight() }

// Renew weighs the nodes that changed since and reports whether that is enough. It isn't where
// nothing is known, or where the lightest became heavier or the heaviest lighter: then all are
// to be looked at ([Extremes.Afresh]).
func (e *Extremes) Renew(j *Journal, weight func(node int32) float32) bool {
	if !e.known {
		return false
	}
	for _, n := range j.Since(e.at) {
		x := javaorder.Ascending(weight(n), n)
		if n == e.least.Value() && x>>32 > e.least>>32 || n == e.most.Value() && x>>32 < e.most>>32 {
			e.known = false
			return false
		}
		e.See(x)
	}
	e.at = j.Now()
	return true
}

// Afresh begins anew with one node; the others are to be shown to [Extremes.See].
func (e *Extremes) Afresh(j *Journal, x javaorder.Pair) {
	e.least, e.most, e.at, e.known = x, x, j.Now(), true
}

// See looks at a node with its weight.
func (e *Extremes) See(x javaorder.Pair) {
	if x>>32 < e.least>>32 {
		e.least = x
	}
	if x>>32 > e.most>>32 {
		e.most = x
	}
}
