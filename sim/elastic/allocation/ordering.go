package allocation

import (
	"cmp"
	"maps"
	"slices"
)

// recency remembers which nodes were used last, so that they take turns
// (NodeAllocationOrdering).
type recency struct {
	clock int64
	last  map[string]int64
}

func (o *recency) record(id string) {
	if o.last == nil {
		o.last = make(map[string]int64)
	}
	o.clock++
	o.last[id] = o.clock
}

// retain forgets nodes that are gone.
func (o *recency) retain(known map[string]*node) {
	maps.DeleteFunc(o.last, func(id string, _ int64) bool { return known[id] == nil })
}

// sort puts the nodes used least recently first.
func (o *recency) sort(nodes []*node) []*node {
	out := slices.Clone(nodes)
	slices.SortStableFunc(out, func(a, b *node) int { return cmp.Compare(o.last[a.id], o.last[b.id]) })
	return out
}
