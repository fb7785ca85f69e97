package allocation

import "github.com/shardquake/shardquake/sim/elastic/allocation/routing"

// placement answers canAllocate for one copy and many nodes: what is the same on all
// of them is worked out once.
type placement struct {
	p *pass
	r *routing.Copy
	// plain says that nothing but copies of the shard and recoveries under way tells nodes
	// apart for this copy.
	plain bool
	// initial says that the copy is a primary that recovers without a peer; else all
	// says what the primary's node can do for it.
	initial bool
	all     Verdict
}

func (p *pass) placement(r *routing.Copy) placement {
	w := placement{p: p, r: r, initial: r.Primary && r.Unassigned(), all: Yes, plain: p.alike(r)}
	if w.initial {
		return w
	}
	switch primary := r.Shard.ActivePrimary(); {
	case primary == nil:
		w.all = No
	case primary.Node.Outgoing >= p.Settings.Outgoing:
		w.all = Throttle
	}
	return w
}

// verdict is the part of canAllocate that depends on the node.
func (w *placement) verdict(n *routing.Node) Verdict {
	if !w.plain {
		return w.p.nodeVerdictFor(w.r, n)
	}
	for _, c := range w.r.Shard.Assigned {
		if c.Node == n {
			return No
		}
	}
	p := w.p
	if w.initial {
		if !p.Simulating && n.InitialPrimaries >= p.Settings.InitialPrimaries {
			return Throttle
		}
		return Yes
	}
	// A node that is full throttles whatever the primary's node says, as if it had none.
	if n.Incoming >= p.Settings.Incoming {
		return Throttle
	}
	return w.all
}
