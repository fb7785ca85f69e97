package allocation

import "github.com/shardquake/shardquake/sim/elastic/allocation/routing"

// Whether nodes differ at all in what deciders say of them: where they don't, a copy's place
// is a matter of numbers, and who asks each decider of each node asks in vain.

// apart reports whether the decider's answers may differ between nodes for copies of an index.
func (d *decider) apart(p *pass, idx *routing.Index) bool {
	return d.apartAnyway(p) || d.unlikeFor != nil && d.unlikeFor(p, idx)
}

// apartAnyway reports whether they may whatever the index.
func (d *decider) apartAnyway(p *pass) bool {
	if d.unlike == nil {
		return d.unlikeFor == nil
	}
	return d.unlike(p)
}

// readUneven asks the deciders that say nothing of the index or the copy.
func (p *pass) readUneven() {
	for _, d := range refuseNode {
		if d.only == nil && d.apartAnyway(p) {
			p.uneven = true
			return
		}
	}
}

// alike reports whether deciders have the same to say of all nodes, but for copies of the
// shard that are there and for recoveries under way.
func (p *pass) alike(r *routing.Copy) bool {
	if p.uneven || p.ignoredNodes != nil {
		return false
	}
	for _, d := range refuseOf {
		if (d.only == nil || d.only(r)) && d.apart(p, r.Shard.Index) {
			return false
		}
	}
	return true
}

// anyMayLeave reports whether any decider could refuse a copy the place it has. As long
// as none does nothing moves, and as long as nothing moves none will.
func (p *pass) anyMayLeave() bool {
	if p.ignoredNodes != nil {
		return true
	}
	for _, d := range refusePlace {
		if d.mayUproot(p) {
			return true
		}
	}
	return false
}

// onlyShardsUproot reports whether what takes copies their places hangs on the copies of
// their shards alone.
func (p *pass) onlyShardsUproot() bool {
	if p.ignoredNodes != nil {
		return false
	}
	for _, d := range refusePlace {
		if !d.byShard && d.mayUproot(p) {
			return false
		}
	}
	return true
}

// mayUproot reports whether the decider could refuse some copy the place it has.
func (d *decider) mayUproot(p *pass) bool {
	switch {
	case d.leave != nil:
		return d.leave(p)
	case d.apartAnyway(p):
		return true
	case d.unlikeFor == nil:
		return false
	}
	for _, idx := range p.Indices {
		if d.unlikeFor(p, idx) {
			return true
		}
	}
	return false
}

func (p *pass) mixedVersions() bool { return p.Mixed }

func (p *pass) anyLeaves() bool { return p.leaving }

func (p *pass) unevenTiers() bool { return p.tiers.uneven }
