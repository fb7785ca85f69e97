package shardmap

import "slices"

// Node is a node as placement sees it.
type Node struct {
	ID   NodeID
	Zone string
	// Weight is the node's capacity relative to others; below 1 counts as 1.
	Weight int
	// Load is what it carries already, in the unit of Costs.
	Load int64
	// Closed nodes get no new copies: they are down, draining or full.
	Closed bool
}

// Placement says how copies are placed.
type Placement struct {
	// Replicas per shard; 0 stands for 3.
	Replicas int
	// VirtualNodes per unit of weight; 0 stands for DefaultVirtualNodes.
	VirtualNodes int
	// LoadPercent bounds a node's load, in percent of its fair share, before the ring
	// passes it over; 0 stands for 125.
	LoadPercent int
}

func (p Placement) withDefaults() Placement {
	if p.Replicas <= 0 {
		p.Replicas = 3
	}
	if p.VirtualNodes <= 0 {
		p.VirtualNodes = DefaultVirtualNodes
	}
	if p.LoadPercent <= 0 {
		p.LoadPercent = 125
	}
	return p
}

// Place chooses nodes for the copies of a shard of the given cost: along the ring from
// the shard's name, passing over nodes beyond their share of the load and zones that
// have theirs of the copies. Nodes in keep stay if they are open and their zone
// allows it. If rules can't be kept, load gives way first, then the evenness over
// zones; closed nodes are never chosen and no node twice, so that the result may be
// shorter than asked for.
func Place(id ID, cost int64, keep []NodeID, nodes []Node, p Placement) []NodeID {
	p = p.withDefaults()
	open := make([]Node, 0, len(nodes))
	byID := make(map[NodeID]Node, len(nodes))
	var load, weight int64
	for _, n := range nodes {
		if n.Closed {
			continue
		}
		open = append(open, n)
		byID[n.ID] = n
		load += n.Load
		weight += int64(max(n.Weight, 1))
	}
	want := min(p.Replicas, len(open))
	ring := NewRing(p.VirtualNodes, open)
	limit := (load + cost*int64(want)) * int64(p.LoadPercent)
	tooMuch := func(n Node) bool { // load+cost > share × percent, in integers
		return (n.Load+cost)*weight*100 > limit*int64(max(n.Weight, 1))
	}
	var chosen []NodeID
	perZone := make(map[string]int)
	take := func(n NodeID, zoneCap int) {
		node, ok := byID[n]
		if !ok || len(chosen) == want || slices.Contains(chosen, n) || perZone[node.Zone] >= zoneCap {
			return
		}
		chosen = append(chosen, n)
		perZone[node.Zone]++
	}
	for zoneCap := evenCap(want, open); len(chosen) < want; zoneCap++ {
		for _, n := range keep {
			take(n, zoneCap)
		}
		for _, relaxed := range []bool{false, true} {
			ring.Walk(string(id), func(n NodeID) bool {
				if relaxed || !tooMuch(byID[n]) {
					take(n, zoneCap)
				}
				return len(chosen) < want
			})
		}
	}
	return chosen
}

// evenCap is how many of n copies a zone gets at most when they are spread evenly.
func evenCap(n int, nodes []Node) int {
	zones := make(map[string]bool)
	for _, node := range nodes {
		zones[node.Zone] = true
	}
	if len(zones) == 0 {
		return n
	}
	return (n + len(zones) - 1) / len(zones)
}

// zoneSpread is the largest number of copies in one zone, which Plan keeps from
// growing. Nodes that aren't known count as zones of their own.
func zoneSpread(replicas []NodeID, zone map[NodeID]string) int {
	per := make(map[string]int)
	worst := 0
	for _, n := range replicas {
		z, ok := zone[n]
		if !ok {
			z = "node " + string(n)
		}
		per[z]++
		worst = max(worst, per[z])
	}
	return worst
}
