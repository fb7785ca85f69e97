package allocation

import (
	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// The questions that allocators put to the deciders. Without explanations the order
// of deciders does not matter: one NO is NO, else one THROTTLE is THROTTLE.

// canAllocate: may the copy go to this node?
func (p *pass) canAllocate(r *routing.Copy, n *routing.Node) Verdict {
	if p.isIgnoredNode(r.Shard, n) {
		return p.saysIgnored()
	}
	if p.explain {
		return p.explainAll(func(d *decider) (Verdict, string, bool) { return d.onNode(p, r, n) })
	}
	if p.shardVerdict(r) == No {
		return No
	}
	return p.nodeVerdict(r, n)
}

// canAllocateAnywhere: may the copy be allocated, whatever the node?
func (p *pass) canAllocateAnywhere(r *routing.Copy) Verdict {
	if !p.explain {
		return p.shardVerdict(r)
	}
	return p.explainAll(func(d *decider) (v Verdict, text string, answers bool) {
		if d.anywhere == nil {
			return Yes, "", false
		}
		v, text = d.anywhere(p, r)
		return v, text, true
	})
}

// shardVerdict is the part of canAllocate that is the same on all nodes.
func (p *pass) shardVerdict(r *routing.Copy) Verdict {
	worst := Yes
	for _, d := range refuseAnywhere {
		v, _ := d.anywhere(p, r)
		if v == No {
			return No
		}
		worst = min(worst, v)
	}
	return worst
}

// nodeVerdict is the part of canAllocate that depends on the node.
func (p *pass) nodeVerdict(r *routing.Copy, n *routing.Node) Verdict {
	if p.fits(r.Shard.Index, n) == No {
		return No
	}
	worst := Yes
	for _, d := range p.allocating {
		if d.only != nil && !d.only(r) {
			continue
		}
		v, _ := d.allocate(p, r, n)
		if v == No {
			return No
		}
		worst = min(worst, v)
	}
	return worst
}

// canRemain: may the copy stay on its node?
func (p *pass) canRemain(r *routing.Copy, n *routing.Node) Verdict {
	if p.isIgnoredNode(r.Shard, n) {
		return p.saysIgnored()
	}
	if p.explain {
		return p.explainAll(func(d *decider) (Verdict, string, bool) { return d.staying(p, r, n) })
	}
	if p.fits(r.Shard.Index, n) == No {
		return No
	}
	for _, d := range p.remaining {
		if v, _ := d.remain(p, r, n); v == No {
			return No
		}
	}
	return Yes
}

// canRebalance: may copies be moved for balance at all?
func (p *pass) canRebalance() Verdict {
	worst := Yes
	for _, d := range refuseAny {
		v, _ := d.rebalanceAny(p)
		if v == No {
			return No
		}
		worst = min(worst, v)
	}
	return worst
}

// canRebalanceShard: may this copy be moved for balance?
func (p *pass) canRebalanceShard(r *routing.Copy) Verdict {
	if p.explain {
		return p.explainAll(func(d *decider) (v Verdict, text string, answers bool) {
			if d.rebalance == nil {
				return Yes, "", false
			}
			v, text = d.rebalance(p, r)
			return v, text, true
		})
	}
	worst := Yes
	for _, d := range refuseRebalance {
		v, _ := d.rebalance(p, r)
		if v == No {
			return No
		}
		worst = min(worst, v)
	}
	return worst
}

// canForcePrimary: may the primary go to a node that holds its data although
// deciders said no? Only some deciders insist (canForceAllocatePrimary).
func (p *pass) canForcePrimary(r *routing.Copy, n *routing.Node) Verdict {
	if p.isIgnoredNode(r.Shard, n) {
		return p.saysIgnored()
	}
	before := len(p.decisions)
	v := p.explainAll(func(d *decider) (Verdict, string, bool) { return d.forced(p, r, n) })
	if !p.explain {
		p.decisions = p.decisions[:before]
	}
	return v
}

func (p *pass) isIgnoredNode(s *routing.Shard, n *routing.Node) bool {
	if p.ignoredNodes == nil {
		return false
	}
	for _, x := range p.ignoredNodes[s] {
		if x == n {
			return true
		}
	}
	return false
}

func (p *pass) saysIgnored() Verdict {
	if p.explain {
		p.decisions = append(p.decisions, Decision{
			Decider: "ignored_shards_for_node", Verdict: No,
			Explanation: "shard temporarily ignored for node due to earlier failure",
		})
	}
	return No
}

// maxRetry stops copies that failed too often.
func (p *pass) maxRetry(r *routing.Copy) (Verdict, string) {
	if p.Simulating {
		return Yes, "previous failures ignored when simulating"
	}
	failed, relocations := 0, false
	switch {
	case r.Info != nil && r.Info.FailedAllocations > 0:
		failed = r.Info.FailedAllocations
	case r.Failures > 0:
		failed, relocations = r.Failures, true
	default:
		return Yes, "shard has no previous failures"
	}
	limit := r.Shard.Index.Settings.MaxRetries
	switch {
	case !p.explain && failed < limit:
		return Yes, ""
	case !p.explain:
		return No, ""
	case failed < limit && relocations:
		return Yes, p.say("shard has failed relocating [%d] times but [%d] retries are allowed", failed, limit)
	case failed < limit:
		return Yes, p.say("shard has failed allocating [%d] times but [%d] retries are allowed", failed, limit)
	case relocations:
		return No, p.say("shard has exceeded the maximum number of retries [%d] on failed relocation attempts - "+
			"manually call [%s] to retry, [failed_attempts[%d]]", limit, retryAPI, failed)
	}
	return No, p.say("shard has exceeded the maximum number of retries [%d] on failed allocation attempts - "+
		"manually call [%s] to retry, and for more information, see [%s] [%s]", limit, retryAPI, retryDocs, routing.InfoText(r.Info))
}

// What Elasticsearch points to when a copy failed too often.
const (
	retryAPI  = "POST /_cluster/reroute?retry_failed&metric=none"
	retryDocs = "https://www.elastic.co/guide/en/elasticsearch/reference/8.19/cluster-allocation-explain.html#maximum-number-of-retries-exceeded"
)

// replicaAfterPrimary makes replicas wait for their primary.
func (p *pass) replicaAfterPrimary(r *routing.Copy) (Verdict, string) {
	switch {
	case r.Primary:
		return Yes, "shard is primary and can be allocated"
	case r.Shard.ActivePrimary() == nil:
		return No, "primary shard for this replica is not yet active"
	}
	return Yes, "primary shard for this replica is already active"
}

// enabled honours cluster.routing.allocation.enable and its index setting.
func (p *pass) enabled(r *routing.Copy) (Verdict, string) {
	if p.ignoreDisable {
		return Yes, "explicitly ignoring any disabling of allocation due to manual allocation commands via the reroute API"
	}
	if p.Simulating {
		return Yes, "allocation is always enabled when simulating"
	}
	enable, where := p.Settings.Enable, "cluster setting [cluster"
	if own := r.Shard.Index.Settings.Enable; own != "" {
		enable, where = own, "index setting [index"
	}
	switch enable {
	case "none":
		return No, p.say("no allocations are allowed due to %s.routing.allocation.enable=%s]", where, enable)
	case "new_primaries":
		if r.Primary && !r.Active() && r.Source != state.ExistingStore {
			return Yes, "new primary allocations are allowed"
		}
		return No, p.say("non-new primary allocations are forbidden due to %s.routing.allocation.enable=%s]", where, enable)
	case "primaries":
		if r.Primary {
			return Yes, "primary allocations are allowed"
		}
		return No, p.say("replica allocations are forbidden due to %s.routing.allocation.enable=%s]", where, enable)
	}
	return Yes, "all allocations are allowed"
}

// rebalanceEnabled honours cluster.routing.rebalance.enable for the cluster as a whole.
func (p *pass) rebalanceEnabled() (Verdict, string) {
	switch {
	case p.ignoreDisable:
		return Yes, "allocation is explicitly ignoring any disabling of rebalancing"
	case p.Simulating:
		return Yes, "allocation is always enabled when simulating"
	case p.Settings.Rebalance != "none":
		return Yes, "rebalancing is not globally disabled"
	}
	for _, idx := range p.Indices {
		if own := idx.Settings.Rebalance; own != "" && own != "none" {
			return Yes, "rebalancing is permitted on one or more indices"
		}
	}
	return No, "no rebalancing is allowed due to cluster setting [cluster.routing.rebalance.enable=none]"
}

// shardRebalanceEnabled honours rebalance.enable of the index, or else of the cluster.
func (p *pass) shardRebalanceEnabled(r *routing.Copy) (Verdict, string) {
	if p.ignoreDisable {
		return Yes, "allocation is explicitly ignoring any disabling of rebalancing"
	}
	enable, where := p.Settings.Rebalance, "cluster setting [cluster"
	if own := r.Shard.Index.Settings.Rebalance; own != "" {
		enable, where = own, "index setting [index"
	}
	switch enable {
	case "none":
		return No, p.say("no rebalancing is allowed due to %s.routing.rebalance.enable=%s]", where, enable)
	case "primaries":
		if r.Primary {
			return Yes, "primary rebalancing is allowed"
		}
		return No, p.say("replica rebalancing is forbidden due to %s.routing.rebalance.enable=%s]", where, enable)
	case "replicas":
		if r.Primary {
			return No, p.say("primary rebalancing is forbidden due to %s.routing.rebalance.enable=%s]", where, enable)
		}
		return Yes, "replica rebalancing is allowed"
	}
	return Yes, "all rebalancing is allowed"
}

// rebalanceOnlyWhenActive keeps shards in place until all their copies are active.
func (p *pass) rebalanceOnlyWhenActive(r *routing.Copy) (Verdict, string) {
	active := 0
	for _, c := range r.Shard.Assigned {
		if c.Active() {
			active++
		}
	}
	if active == r.Shard.Index.Copies {
		return Yes, "rebalancing is allowed as all copies of this shard are active"
	}
	return No, "rebalancing is not allowed until all copies of this shard are active"
}

// clusterRebalance honours cluster.routing.allocation.allow_rebalance.
func (p *pass) clusterRebalance() (Verdict, string) {
	if p.Settings.AllowRebalance == "always" {
		return Yes, "all shards are active"
	}
	const no = "the cluster has %s shards and cluster setting [cluster.routing.allocation.allow_rebalance] is set to [%s]"
	allow := p.Settings.AllowRebalance
	switch allow {
	case "indices_primaries_active":
		if p.Primaries+p.IgnoredPrimaries > 0 {
			return No, p.say(no, "unassigned primary", allow)
		}
		if p.InactivePrimaries > 0 {
			return No, p.say(no, "inactive primary", allow)
		}
		return Yes, "all primary shards are active"
	case "indices_all_active":
		if len(p.Unassigned) > 0 || len(p.Ignored) > 0 {
			return No, p.say(no, "unassigned", allow)
		}
		if p.InactiveShards > 0 {
			return No, p.say(no, "inactive", allow)
		}
	}
	return Yes, "all shards are active"
}

// concurrentRebalance limits relocations; simulations move two copies at a time.
func (p *pass) concurrentRebalance() (Verdict, string) {
	limit := p.Settings.ConcurrentRebalance
	switch {
	case !p.explain:
		if p.Simulating && p.RelocatingShards >= 2 || limit != -1 && p.RelocatingShards >= limit {
			return Throttle, ""
		}
		return Yes, ""
	case p.Simulating && p.RelocatingShards >= 2:
		return Throttle, "allocation should move one shard at the time when simulating"
	case limit == -1:
		return Yes, "unlimited concurrent rebalances are allowed"
	case p.RelocatingShards >= limit:
		return Throttle, p.say("reached the limit of concurrently rebalancing shards [%d], cluster setting [%s=%d]",
			p.RelocatingShards, "cluster.routing.allocation.cluster_concurrent_rebalance", limit)
	}
	return Yes, p.say("below threshold [%d] for concurrent rebalances, current rebalance shard count [%d]", limit, p.RelocatingShards)
}

// nodeVerdictFor is the part of canAllocate that depends on the node, nodes ignored
// after a failure included.
func (p *pass) nodeVerdictFor(r *routing.Copy, n *routing.Node) Verdict {
	if p.isIgnoredNode(r.Shard, n) {
		return No
	}
	return p.nodeVerdict(r, n)
}
