package routing

import (
	"cmp"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// add appends a copy to the node's list and counts its state.
func (n *Node) add(r *Copy) {
	r.prev, r.Next = n.tail, nil
	if n.tail == nil {
		n.Head = r
	} else {
		n.tail.Next = r
	}
	n.tail = r
	n.Size++
	n.places++
	r.place = n.places
	n.count(r)
}

// remove takes a copy off the node.
func (n *Node) remove(r *Copy) {
	n.uncount(r)
	if r.prev == nil {
		n.Head = r.Next
	} else {
		r.prev.Next = r.Next
	}
	if r.Next == nil {
		n.tail = r.prev
	} else {
		r.Next.prev = r.prev
	}
	n.Size--
}

// count and uncount keep the lists by state; a copy is uncounted before its state changes.
func (n *Node) count(r *Copy) {
	switch r.State {
	case state.Initializing:
		n.Initializing = append(n.Initializing, r)
		if r.Primary && r.Other == nil {
			n.InitialPrimaries++
		}
	case state.Relocating:
		n.Relocating = append(n.Relocating, r)
	}
	n.Accounted = false
}

func (n *Node) uncount(r *Copy) {
	switch r.State {
	case state.Initializing:
		n.Initializing = without(n.Initializing, r)
		if r.Primary && r.Other == nil {
			n.InitialPrimaries--
		}
	case state.Relocating:
		n.Relocating = without(n.Relocating, r)
	}
	n.Accounted = false
}

// Beginning lists the copies that initialize, in the order of the node's list.
func (n *Node) Beginning() []*Copy {
	if len(n.Initializing) < 2 {
		return n.Initializing
	}
	list := slices.Clone(n.Initializing)
	InListOrder(list)
	return list
}

// InListOrder sorts copies of one node as they stand in its list.
func InListOrder(copies []*Copy) {
	slices.SortStableFunc(copies, func(a, b *Copy) int { return cmp.Compare(a.place, b.place) })
}

// without removes a copy from a list whose order does not matter.
func without(list []*Copy, r *Copy) []*Copy {
	for i, x := range list {
		if x == r {
			list[i] = list[len(list)-1]
			return list[:len(list)-1]
		}
	}
	return list
}

// Owning counts the copies that stay on the node, or come to it.
func (n *Node) Owning() int { return n.Size - len(n.Relocating) }

// OwningOf counts those of one index.
func (n *Node) OwningOf(idx *Index) int {
	count := 0
	for _, s := range idx.Shards {
		for _, r := range s.Assigned {
			if r.Node == n && !r.Relocating() {
				count++
			}
		}
	}
	return count
}

// On finds the shard's copy on a node, or nil.
func (s *Shard) On(n *Node) *Copy {
	for _, r := range s.Assigned {
		if r.Node == n {
			return r
		}
	}
	return nil
}

// Copies lists a node's copies.
func (n *Node) Copies() []*Copy {
	out := make([]*Copy, 0, n.Size)
	for r := n.Head; r != nil; r = r.Next {
		out = append(out, r)
	}
	return out
}

// Reserves reports whether a recovery will take space that the disk's usage does not show yet.
func (r *Copy) Reserves() bool { return r.Source == state.Peer || r.Source == state.Snapshot }

// Current is where an assigned copy counts: a relocating one on its target.
func (r *Copy) Current() *Node {
	if r.Relocating() {
		return r.Other
	}
	return r.Node
}
