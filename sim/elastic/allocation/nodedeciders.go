package allocation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/internal/planted"
	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// fits is what the deciders say that go by index and node alone. It is remembered: it
// cannot change within a pass.
func (p *pass) fits(idx *routing.Index, n *routing.Node) Verdict {
	if p.allowed == nil {
		p.allowed = make([][]Verdict, len(p.Indices))
	}
	of := p.allowed[idx.Pos]
	switch {
	case of == nil && !p.filtered(idx):
		of = everywhere
		p.allowed[idx.Pos] = of
	case of == nil:
		of = make([]Verdict, len(p.Nodes))
		for i, x := range p.Nodes {
			of[i] = p.fitsAfresh(idx, x)
		}
		p.allowed[idx.Pos] = of
	}
	if len(of) == 0 {
		return Yes
	}
	return of[n.Pos]
}

// everywhere is what is remembered of an index for which nodes are alike.
var everywhere = []Verdict{}

func (p *pass) fitsAfresh(idx *routing.Index, n *routing.Node) Verdict {
	for _, d := range refuseFits {
		if v, _ := d.fits(p, idx, n); v == No {
			return No
		}
	}
	return Yes
}

// filtered reports whether nodes may be unlike for an index by what can't change.
func (p *pass) filtered(idx *routing.Index) bool {
	for _, d := range refuseFits {
		if d.apart(p, idx) {
			return true
		}
	}
	return false
}

// filterText honours require, include and exclude of cluster and index.
func (p *pass) filterText(idx *routing.Index, n *routing.Node) (Verdict, string) {
	c, i := p.Settings, idx.Settings
	for _, check := range [...]struct {
		f      *routing.Filters
		refuse bool // a match is refused, not demanded
		scope  string
		key    string
	}{
		{&c.Require, false, "cluster", "cluster.routing.allocation.require"},
		{&c.Include, false, "cluster", "cluster.routing.allocation.include"},
		{&c.Exclude, true, "cluster", "cluster.routing.allocation.exclude"},
		{&i.Require, false, "index", "index.routing.allocation.require"},
		{&i.Include, false, "index", "index.routing.allocation.include"},
		{&i.Exclude, true, "index", "index.routing.allocation.exclude."},
	} {
		if check.f.Empty() || check.f.Match(n.Disco) != check.refuse {
			continue
		}
		if !p.explain {
			return No, ""
		}
		verb := "does not match"
		if check.refuse {
			verb = "matches"
		}
		return No, fmt.Sprintf("node %s %s setting [%s] filters [%s]", verb, check.scope, check.key, check.f)
	}
	return Yes, "node passes include/exclude/require filters"
}

// sameNode keeps two copies of a shard off one node.
func (p *pass) sameNode(r *routing.Copy, n *routing.Node) (Verdict, string) {
	for _, c := range r.Shard.Assigned {
		if c.Node != n || planted.Is(planted.SameNodeAllowed) {
			continue
		}
		if !p.explain {
			return No, ""
		}
		if r.ID != "" && c.ID == r.ID {
			return No, p.say("this shard is already allocated to this node [%s]", r)
		}
		return No, p.say("a copy of this shard is already allocated to this node [%s]", c)
	}
	return Yes, "this node does not hold a copy of this shard"
}

// sameShard keeps two copies of a shard off one node and, if so set, off one host.
func (p *pass) sameShard(r *routing.Copy, n *routing.Node) (Verdict, string) {
	if v, text := p.sameNode(r, n); v == No || !p.Settings.SameHost {
		return v, text
	}
	if r.Shard.Index.Settings.Expand.All {
		return Yes, "same-host allocation is ignored, this index is set to auto-expand to all nodes"
	}
	host := routing.HostAddress(n.Disco)
	for _, c := range r.Shard.Assigned {
		if routing.HostAddress(c.Node.Disco) == host {
			return No, p.say("cannot allocate to node [%s] because a copy of this shard is already allocated to node [%s] "+
				"with the same host address [%s] and [%s] is [true] which forbids more than one node on each host from holding a copy of this shard",
				n.ID, c.Node.ID, host, "cluster.routing.allocation.same_shard.host")
		}
	}
	return Yes, "none of the nodes on this host hold a copy of this shard"
}

// throttle limits the recoveries a node takes part in.
func (p *pass) throttle(r *routing.Copy, n *routing.Node) (Verdict, string) {
	if planted.Is(planted.ThrottleIgnored) {
		return Yes, ""
	}
	if !p.explain {
		return p.throttled(r, n), ""
	}
	const both = "cluster.routing.allocation.node_concurrent_recoveries"
	if r.Primary && r.Unassigned() {
		limit := p.Settings.InitialPrimaries
		switch {
		case p.Simulating:
			return Yes, "primary allocation is not throttled when simulating"
		case n.InitialPrimaries >= limit:
			return Throttle, p.say("reached the limit of ongoing initial primary recoveries [%d], cluster setting [%s=%d]",
				n.InitialPrimaries, "cluster.routing.allocation.node_initial_primaries_recoveries", limit)
		}
		return Yes, p.say("below primary recovery limit of [%d]", limit)
	}
	if n.Incoming >= p.Settings.Incoming {
		return Throttle, p.say("reached the limit of incoming shard recoveries [%d], cluster setting [%s=%d] (can also be set via [%s])",
			n.Incoming, "cluster.routing.allocation.node_concurrent_incoming_recoveries", p.Settings.Incoming, both)
	}
	primary := r.Shard.ActivePrimary()
	if primary == nil {
		return No, "primary shard for this replica is not yet active"
	}
	if out := primary.Node.Outgoing; out >= p.Settings.Outgoing {
		return Throttle, p.say("reached the limit of outgoing shard recoveries [%d] on the node [%s] which holds the primary, "+
			"cluster setting [%s=%d] (can also be set via [%s])",
			out, primary.Node.ID, "cluster.routing.allocation.node_concurrent_outgoing_recoveries", p.Settings.Outgoing, both)
	}
	return Yes, p.say("below shard recovery limit of outgoing: [%d < %d] incoming: [%d < %d]",
		primary.Node.Outgoing, p.Settings.Outgoing, n.Incoming, p.Settings.Incoming)
}

// throttled is throttle without words.
func (p *pass) throttled(r *routing.Copy, n *routing.Node) Verdict {
	if r.Primary && r.Unassigned() {
		if !p.Simulating && n.InitialPrimaries >= p.Settings.InitialPrimaries {
			return Throttle
		}
		return Yes
	}
	if n.Incoming >= p.Settings.Incoming {
		return Throttle
	}
	primary := r.Shard.ActivePrimary()
	switch {
	case primary == nil:
		return No
	case primary.Node.Outgoing >= p.Settings.Outgoing:
		return Throttle
	}
	return Yes
}

// shardsLimit honours total_shards_per_node. A copy that is there already may make
// the limit full; one more may not.
func (p *pass) shardsLimit(idx *routing.Index, n *routing.Node, remain bool) (Verdict, string) {
	perIndex, perNode := idx.Settings.ShardsPerNode, p.Settings.ShardsPerNode
	if perIndex <= 0 && perNode <= 0 {
		if !p.explain {
			return Yes, ""
		}
		return Yes, p.say("total shard limits are disabled: [index: %d, cluster: %d] <= 0", perIndex, perNode)
	}
	over := func(count, limit int) bool { return count > limit || !remain && count == limit }
	count := n.Owning()
	if perNode > 0 && over(count, perNode) {
		return No, p.say("too many shards [%d] allocated to this node, cluster setting [%s=%d]",
			count, "cluster.routing.allocation.total_shards_per_node", perNode)
	}
	if perIndex > 0 {
		if own := n.OwningOf(idx); over(own, perIndex) {
			return No, p.say("too many shards [%d] allocated to this node for index [%s], index setting [%s=%d]",
				own, idx.Meta.Name, "index.routing.allocation.total_shards_per_node", perIndex)
		}
	}
	return Yes, p.say("the shard count [%d] for this node is under the index limit [%d] and cluster level node limit [%d]",
		count, perIndex, perNode)
}

// aware spreads the copies of a shard over the values of node attributes. move asks
// about a node the copy would go to, else about the one it is on.
func (p *pass) aware(r *routing.Copy, n *routing.Node, move bool) (Verdict, string) {
	if len(p.Settings.Awareness) == 0 {
		return Yes, "allocation awareness is not enabled, set cluster setting [cluster.routing.allocation.awareness.attributes] to enable it"
	}
	idx := r.Shard.Index
	if idx.Settings.Expand.All {
		return Yes, "allocation awareness is ignored, this index is set to auto-expand to all nodes"
	}
	for i, name := range p.Settings.Awareness {
		z := p.zone(i)
		value := z.of[n.Pos]
		if value < 0 {
			return No, p.say("node does not contain the awareness attribute [%s]; required attributes cluster setting [%s=%s]",
				name, "cluster.routing.allocation.awareness.attributes", strings.Join(p.Settings.Awareness, ","))
		}
		count := z.copiesWith(r.Shard, value)
		if move && (r.Unassigned() || z.of[r.Current().Pos] != value) {
			count++
		}
		limit := (idx.Copies + z.count - 1) / z.count
		if count <= limit {
			continue
		}
		if !p.explain {
			return No, ""
		}
		actual, forced := z.values, p.forcedFor(name)
		force := "no forced awareness"
		if forced != nil {
			force = routing.ListText(forced) + " from forced awareness"
		}
		return No, p.say("there are [%d] copies of this shard and [%d] values for attribute [%s] (%s from nodes in the cluster and %s) "+
			"so there may be at most [%d] copies of this shard allocated to nodes with each value, but (including this copy) there would be "+
			"[%d] copies allocated to nodes with [node.attr.%s: %s]",
			idx.Copies, z.count, name, routing.ListText(actual), force, limit, count, name, actual[value])
	}
	return Yes, "node meets all awareness attribute requirements"
}

// zoneView is what an awareness attribute says of the nodes.
type zoneView struct {
	values []string // that nodes of the cluster have, in order
	of     []int32  // by node: which of them it has; -1 none
	count  int      // of values that awareness reckons with, forced ones included
}

// zone is the view of the attribute that stands i-th among those of awareness.
func (p *pass) zone(i int) *zoneView {
	if p.zones == nil {
		p.zones = make([]zoneView, len(p.Settings.Awareness))
		for k, name := range p.Settings.Awareness {
			p.zones[k] = p.zoneOf(name)
		}
	}
	return &p.zones[i]
}

func (p *pass) zoneOf(name string) zoneView {
	z := zoneView{of: make([]int32, len(p.Nodes))}
	for _, n := range p.Nodes {
		if v, ok := n.Disco.Attribute(name); ok {
			z.values = append(z.values, v)
		}
	}
	slices.Sort(z.values)
	z.values = slices.Compact(z.values)
	for i, n := range p.Nodes {
		z.of[i] = -1
		if v, ok := n.Disco.Attribute(name); ok {
			at, _ := slices.BinarySearch(z.values, v)
			z.of[i] = int32(at)
		}
	}
	z.count = len(z.values)
	for _, v := range p.forcedFor(name) {
		if !slices.Contains(z.values, v) {
			z.count++
		}
	}
	return z
}

// copiesWith counts the copies of a shard on nodes with a value, a relocating one at its target.
func (z *zoneView) copiesWith(s *routing.Shard, value int32) int {
	count := 0
	for _, c := range s.Assigned {
		if !c.Relocating() && z.of[c.Node.Pos] == value {
			count++
		}
	}
	return count
}

// forcedFor are the distinct values that awareness reckons with although no node
// may have them, in order; nil when none are set.
func (p *pass) forcedFor(name string) []string {
	i := slices.IndexFunc(p.Settings.Forced, func(v settings.NamedValues) bool { return v.Name == name })
	if i < 0 {
		return nil
	}
	values := slices.Clone(p.Settings.Forced[i].Values)
	slices.Sort(values)
	return slices.Compact(values)
}
