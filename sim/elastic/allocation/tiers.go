package allocation

import (
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// The deciders of this file are x-pack's. They follow the behaviour of its public source;
// there are no recordings of nodes that have it.

// tierView is what a pass knows of the cluster's tiers.
type tierView struct {
	// uneven: some data node lacks a tier, so that preferences matter.
	uneven  bool
	present map[string]bool // tiers that some node of the cluster has
}

// readTiers looks at the nodes' roles.
func (p *pass) readTiers() {
	if !p.svc.cfg.Tiers {
		return
	}
	for _, n := range p.State.Nodes {
		if n.CanContainData() && !n.HasRole("data") {
			p.tiers.uneven = true
		}
	}
	if !p.tiers.uneven {
		return
	}
	p.tiers.present = make(map[string]bool)
	for _, tier := range settings.Tiers {
		p.tiers.present[tier] = slices.ContainsFunc(p.State.Nodes, func(n *state.Node) bool { return hasTier(n, tier) })
	}
}

// hasTier reports whether a node belongs to a tier; one with the role data has all.
func hasTier(n *state.Node, tier string) bool { return n.HasRole("data") || n.HasRole(tier) }

// preferredTier is the first of an index's tiers that any node has; "" none has.
func (p *pass) preferredTier(prefer []string) string {
	for _, tier := range prefer {
		if !p.tiers.uneven || p.tiers.present[tier] {
			return tier
		}
	}
	return ""
}

// dataTier keeps an index on the first tier of its preference that has nodes
// (DataTierAllocationDecider).
func (p *pass) dataTier(idx *routing.Index, n *routing.Node) (Verdict, string) {
	prefer := idx.Settings.Tiers
	if !p.svc.cfg.Tiers || len(prefer) == 0 {
		return Yes, "node passes tier preference filters"
	}
	tier := p.preferredTier(prefer)
	switch {
	case tier == "":
		return No, p.say("index has a preference for tiers [%s], but no nodes for any of those tiers are available in the cluster", strings.Join(prefer, ","))
	case n.Disco == nil || !hasTier(n.Disco, tier):
		return No, p.say("index has a preference for tiers [%s] and node does not meet the required [%s] tier", strings.Join(prefer, ","), tier)
	}
	return Yes, p.say("index has a preference for tiers [%s] and node has tier [%s]", strings.Join(prefer, ","), tier)
}

// dedicatedFrozen keeps ordinary indices off nodes that are for frozen searchable
// snapshots alone (DedicatedFrozenNodeAllocationDecider).
func (p *pass) dedicatedFrozen(_ *routing.Index, n *routing.Node) (Verdict, string) {
	if !p.svc.cfg.Tiers || n.Disco == nil || !n.Disco.DedicatedFrozen() {
		return Yes, "this node's data roles are not exactly [data_frozen] so it is not a dedicated frozen node"
	}
	return No, "this node's data roles are exactly [data_frozen] so it may only hold shards from frozen searchable snapshots, " +
		"but this index is not a frozen searchable snapshot"
}
