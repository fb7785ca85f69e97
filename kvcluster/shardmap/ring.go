package shardmap

import (
	"slices"
	"strconv"
)

// DefaultVirtualNodes is how many points a node of weight 1 has on a ring. With 128
// the share of keys per node varies by about a tenth.
const DefaultVirtualNodes = 128

// Ring is a consistent-hash ring with virtual nodes: what is added to it or taken
// from it moves only the keys that come to it or were its own. It is immutable.
type Ring struct {
	points []point
	nodes  int
}

type point struct {
	hash uint64
	node NodeID
}

// NewRing makes a ring. A node has virtual × weight points; a virtual of 0 stands
// for DefaultVirtualNodes, a weight below 1 counts as 1.
func NewRing(virtual int, nodes []Node) *Ring {
	if virtual <= 0 {
		virtual = DefaultVirtualNodes
	}
	r := &Ring{nodes: len(nodes)}
	for _, n := range nodes {
		for v := range virtual * max(n.Weight, 1) {
			r.points = append(r.points, point{Hash(string(n.ID) + "#" + strconv.Itoa(v)), n.ID})
		}
	}
	slices.SortStableFunc(r.points, func(a, b point) int {
		switch {
		case a.hash < b.hash || a.hash == b.hash && a.node < b.node:
			return -1
		case a.hash == b.hash && a.node == b.node:
			return 0
		}
		return 1
	})
	return r
}

// Walk calls f for every node, each once, in the order in which they follow the hash
// of key on the ring, until f returns false.
func (r *Ring) Walk(key string, f func(NodeID) bool) {
	h := Hash(key)
	first, _ := slices.BinarySearchFunc(r.points, h, func(p point, h uint64) int {
		if p.hash < h {
			return -1
		}
		return 1 // the first point at or after h
	})
	seen := make([]NodeID, 0, 8)
	for i := 0; i < len(r.points) && len(seen) < r.nodes; i++ {
		n := r.points[(first+i)%len(r.points)].node
		if slices.Contains(seen, n) {
			continue
		}
		if !f(n) {
			return
		}
		seen = append(seen, n)
	}
}

// Hash is 64-bit FNV-1a with the finalizer of SplitMix64, without which similar
// strings end close to each other. It allocates nothing.
func Hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
