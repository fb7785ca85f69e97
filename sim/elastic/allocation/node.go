package allocation

import (
	"cmp"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// add appends a copy to the node's list and counts its state.
func (n *node) add(r *routed) {
	r.prev, r.next = n.tail, nil
	if n.tail == nil {
		n.head = r
	} else {
		n.tail.next = r
	}
	n.tail = r
	n.size++
	n.places++
	r.place = n.places
	n.count(r)
}

// remove takes a copy off the node.
func (n *node) remove(r *routed) {
	n.uncount(r)
	if r.prev == nil {
		n.head = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next == nil {
		n.tail = r.prev
	} else {
		r.next.prev = r.prev
	}
	n.size--
}

// count and uncount keep the lists by state; a copy is uncounted before its state changes.
func (n *node) count(r *routed) {
	switch r.state {
	case state.Initializing:
		n.initializing = append(n.initializing, r)
		if r.primary && r.other == nil {
			n.initialPrimaries++
		}
	case state.Relocating:
		n.relocating = append(n.relocating, r)
	}
	n.accounted = false
}

func (n *node) uncount(r *routed) {
	switch r.state {
	case state.Initializing:
		n.initializing = without(n.initializing, r)
		if r.primary && r.other == nil {
			n.initialPrimaries--
		}
	case state.Relocating:
		n.relocating = without(n.relocating, r)
	}
	n.accounted = false
}

// beginning lists the copies that initialize, in the order of the node's list.
func (n *node) beginning() []*routed {
	if len(n.initializing) < 2 {
		return n.initializing
	}
	list := slices.Clone(n.initializing)
	inListOrder(list)
	return list
}

// inListOrder sorts copies of one node as they stand in its list.
func inListOrder(copies []*routed) {
	slices.SortStableFunc(copies, func(a, b *routed) int { return cmp.Compare(a.place, b.place) })
}

// without removes a copy from a list whose order does not matter.
func without(list []*routed, r *routed) []*routed {
	for i, x := range list {
		if x == r {
			list[i] = list[len(list)-1]
			return list[:len(list)-1]
		}
	}
	return list
}

// owning counts the copies that stay on the node, or come to it.
func (n *node) owning() int { return n.size - len(n.relocating) }

// owningOf counts those of one index.
func (n *node) owningOf(idx *index) int {
	count := 0
	for _, s := range idx.shards {
		for _, r := range s.assigned {
			if r.node == n && !r.relocating() {
				count++
			}
		}
	}
	return count
}

// on finds the shard's copy on a node, or nil.
func (s *shard) on(n *node) *routed {
	for _, r := range s.assigned {
		if r.node == n {
			return r
		}
	}
	return nil
}
