package allocation

// simulatedInfo keeps disks and sizes up to date while copies start in a simulation
// (ClusterInfoSimulator). Deciders see its figures only once they are published.
type simulatedInfo struct {
	p     *pass
	usage []DiskUsage // by node
	free  int64       // of all disks, known nodes only
	bytes map[*shard][2]int64
	// resized are the keys of bytes, in the order they came.
	resized []*shard
}

// newSimulatedInfo starts from the pass's cluster info. What running recoveries have
// written already is given back, since their whole size is counted when they start.
func (p *pass) newSimulatedInfo() *simulatedInfo {
	sim := &simulatedInfo{p: p, usage: make([]DiskUsage, len(p.nodes)), free: p.disk.free, bytes: make(map[*shard][2]int64)}
	for i, n := range p.nodes {
		sim.usage[i] = n.usage
		if !n.usageKnown {
			continue
		}
		reserved := p.in.Info.Reserved[n.id]
		if reserved.Bytes == 0 {
			continue
		}
		adjust := -reserved.Bytes
		for _, id := range reserved.Shards {
			if idx := p.byName[id.Index]; idx != nil && id.Shard < len(idx.shards) {
				if r := idx.shards[id.Shard].on(n); r != nil {
					adjust += p.expectedSize(r, 0)
				}
			}
		}
		sim.set(i, n.usage.FreeBytes+adjust)
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

func (sim *simulatedInfo) modify(n *node, by int64) {
	if n.usageKnown && by != 0 {
		sim.set(n.pos, sim.usage[n.pos].FreeBytes+by)
	}
}

// sizes are a shard's sizes as the simulation has them.
func (sim *simulatedInfo) sizes(s *shard) [2]int64 {
	if b, ok := sim.bytes[s]; ok {
		return b
	}
	return s.bytes
}

// started accounts for a copy that is about to start.
func (sim *simulatedInfo) started(r *routed) {
	known := r.shard.bytes
	r.shard.bytes = sim.sizes(r.shard)
	size := sim.p.expectedSize(r, r.expected)
	r.shard.bytes = known
	switch {
	case size == unknownSize:
	case r.other != nil:
		sim.modify(r.other, size)
		sim.modify(r.node, -size)
	default:
		if r.reserves() {
			sim.modify(r.node, -size)
		}
		if r.shard.index.set.ignoreWatermark {
			size = 0
		}
		if _, ok := sim.bytes[r.shard]; !ok {
			sim.resized = append(sim.resized, r.shard)
		}
		b := sim.sizes(r.shard)
		b[role(r.primary)] = size
		sim.bytes[r.shard] = b
	}
}

// publish lets the deciders see the simulated figures. It returns the shards whose
// sizes are new to them.
func (sim *simulatedInfo) publish() []*shard {
	p := sim.p
	p.disk.simulated = true
	p.disk.free = sim.free
	for i, n := range p.nodes {
		n.usage = sim.usage[i]
		n.accounted = false
	}
	resized := sim.resized
	for _, s := range resized {
		s.bytes = sim.bytes[s]
	}
	clear(sim.bytes)
	sim.resized = nil
	return resized
}
