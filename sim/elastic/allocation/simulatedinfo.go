package allocation

import "github.com/shardquake/shardquake/sim/elastic/allocation/routing"

// simulatedInfo keeps disks and sizes up to date while copies start in a simulation
// (ClusterInfoSimulator). Deciders see its figures only once they are published.
type simulatedInfo struct {
	p     *pass
	usage []routing.DiskUsage // by node
	free  int64               // of all disks, known nodes only
	bytes map[*routing.Shard][2]int64
	// resized are the keys of bytes, in the order they came.
	resized []*routing.Shard
}

// newSimulatedInfo starts from the pass's cluster info. What running recoveries have
// written already is given back, since their whole size is counted when they start.
func (p *pass) newSimulatedInfo() *simulatedInfo {
	sim := &simulatedInfo{p: p, usage: make([]routing.DiskUsage, len(p.Nodes)), free: p.disk.free, bytes: make(map[*routing.Shard][2]int64)}
	for i, n := range p.Nodes {
		sim.usage[i] = n.Usage
		if !n.UsageKnown {
			continue
		}
		reserved := p.in.Info.Reserved[n.ID]
		if reserved.Bytes == 0 {
			continue
		}
		adjust := -reserved.Bytes
		for _, id := range reserved.Shards {
			if idx := p.ByName[id.Index]; idx != nil && id.Shard < len(idx.Shards) {
				if r := idx.Shards[id.Shard].On(n); r != nil {
					adjust += p.expectedSize(r, 0)
				}
			}
		}
		sim.set(i, n.Usage.FreeBytes+adjust)
	}
	return sim
}

// set changes a disk's free bytes, within its bounds.
func (sim *simulatedInfo) set(node int, free int64) {
	u := &sim.usage[node]
	free = max(0, min(u.TotalBytes, free))
	sim.free += free - u.FreeBytes
	u.FreeBytes = free
}

func (sim *simulatedInfo) modify(n *routing.Node, by int64) {
	if n.UsageKnown && by != 0 {
		sim.set(n.Pos, sim.usage[n.Pos].FreeBytes+by)
	}
}

// sizes are a shard's sizes as the simulation has them.
func (sim *simulatedInfo) sizes(s *routing.Shard) [2]int64 {
	if b, ok := sim.bytes[s]; ok {
		return b
	}
	return s.Bytes
}

// started accounts for a copy that is about to start.
func (sim *simulatedInfo) started(r *routing.Copy) {
	known := r.Shard.Bytes
	r.Shard.Bytes = sim.sizes(r.Shard)
	size := sim.p.expectedSize(r, r.Expected)
	r.Shard.Bytes = known
	switch {
	case size == routing.UnknownSize:
	case r.Other != nil:
		sim.modify(r.Other, size)
		sim.modify(r.Node, -size)
	default:
		if r.Reserves() {
			sim.modify(r.Node, -size)
		}
		if r.Shard.Index.Settings.IgnoreWatermark {
			size = 0
		}
		if _, ok := sim.bytes[r.Shard]; !ok {
			sim.resized = append(sim.resized, r.Shard)
		}
		b := sim.sizes(r.Shard)
		b[routing.Role(r.Primary)] = size
		sim.bytes[r.Shard] = b
	}
}

// publish lets the deciders see the simulated figures. It returns the shards whose
// sizes are new to them.
func (sim *simulatedInfo) publish() []*routing.Shard {
	p := sim.p
	p.disk.simulated = true
	p.disk.free = sim.free
	for i, n := range p.Nodes {
		n.Usage = sim.usage[i]
		n.Accounted = false
	}
	resized := sim.resized
	for _, s := range resized {
		s.Bytes = sim.bytes[s]
	}
	clear(sim.bytes)
	sim.resized = nil
	return resized
}
