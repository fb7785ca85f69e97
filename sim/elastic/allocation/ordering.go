package allocation

import (
	"cmp"
	"maps"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
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
func (o *recency) retain(known map[string]*routing.Node) {
	maps.DeleteFunc(o.last, func(id string, _ int64) bool { return known[id] == nil })
}

// sort puts the nodes used least recently first.
func (o *recency) sort(nodes []*routing.Node) []*routing.Node {
	out := slices.Clone(nodes)
	slices.SortStableFunc(out, func(a, b *routing.Node) int { return cmp.Compare(o.last[a.ID], o.last[b.ID]) })
	return out
}
