package turns

import (
	"cmp"
	"maps"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
)

// Recency remembers which nodes were used last, so that they take turns
// (NodeAllocationOrdering).
type Recency struct {
	clock int64
	last  map[string]int64
}

// Record notes that a node was used.
func (o *Recency) Record(id string) {
	if o.last == nil {
		o.last = make(map[string]int64)
	}
	o.clock++
	o.last[id] = o.clock
}

// Retain forgets nodes that are gone.
func (o *Recency) Retain(known map[string]*routing.Node) {
	maps.DeleteFunc(o.last, func(id string, _ int64) bool { return known[id] == nil })
}

// Sort puts the nodes used least recently first.
func (o *Recency) Sort(nodes []*routing.Node) []*routing.Node {
	out := slices.Clone(nodes)
	slices.SortStableFunc(out, func(a, b *routing.Node) int { return cmp.Compare(o.last[a.ID], o.last[b.ID]) })
	return out
}
