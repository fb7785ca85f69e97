package allocation

// placement answers canAllocate for one copy and many nodes: what is the same on all
// of them is worked out once.
type placement struct {
	p *pass
	r *routed
	// plain says that no filter, disk, limit or attribute stands in the way anywhere.
	plain bool
	// initial says that the copy is a primary that recovers without a peer; else all
	// says what the primary's node can do for it.
	initial bool
	all     Verdict
}

func (p *pass) placement(r *routed) placement {
	idx := r.shard.index
	_, diskOff := p.diskOff(idx)
	w := placement{
		p: p, r: r, initial: r.primary && r.unassigned(), all: Yes,
		plain: p.ignoredNodes == nil && !p.filtered(idx) && !p.set.sameHost && diskOff &&
			idx.set.shardsPerNode <= 0 && p.set.shardsPerNode <= 0 && len(p.set.awareness) == 0,
	}
	if w.initial {
		return w
	}
	switch primary := r.shard.activePrimary(); {
	case primary == nil:
		w.all = No
	case primary.node.outgoing >= p.set.outgoing:
		w.all = Throttle
	}
	return w
}

// verdict is the part of canAllocate that depends on the node.
func (w *placement) verdict(n *node) Verdict {
	if !w.plain {
		return w.p.nodeVerdictFor(w.r, n)
	}
	for _, c := range w.r.shard.assigned {
		if c.node == n {
			return No
		}
	}
	p := w.p
	if w.initial {
		if !p.simulating && n.initialPrimaries >= p.set.initialPrimaries {
			return Throttle
		}
		return Yes
	}
	// A node that is full throttles whatever the primary's node says, as if it had none.
	if n.incoming >= p.set.incoming {
		return Throttle
	}
	return w.all
}
