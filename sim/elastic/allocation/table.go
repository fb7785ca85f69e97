package allocation

import (
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
)

// decider is one of Elasticsearch's deciders. It answers the questions for which it has a
// function; about the others it has nothing to say.
type decider struct {
	name string
	// anywhere: may the copy be allocated, whatever the node?
	anywhere func(*pass, *routing.Copy) (Verdict, string)
	// fits: may a copy of the index be on the node? The answer can't change within a pass.
	fits func(*pass, *routing.Index, *routing.Node) (Verdict, string)
	// allocate: may the copy go to the node? remain: may it stay there?
	allocate, remain func(*pass, *routing.Copy, *routing.Node) (Verdict, string)
	// rebalance: may the copy be moved for balance? rebalanceAny: may any?
	rebalance    func(*pass, *routing.Copy) (Verdict, string)
	rebalanceAny func(*pass) (Verdict, string)
	// force answers allocate for a primary that is to go where its data is whatever
	// deciders say (canForceAllocatePrimary); nil: a No becomes a Yes.
	force func(*pass, *routing.Copy, *routing.Node) (Verdict, string)
	// unlike says whether its answers to fits, allocate and remain may differ between nodes in
	// this pass whatever the index, unlikeFor whether they may for copies of an index. One with
	// neither is asked everywhere, which is right and slow.
	unlike    func(*pass) bool
	unlikeFor func(*pass, *routing.Index) bool
	// leave says in their place whether remain may refuse any copy.
	leave func(*pass) bool
	// only says of which copies it has anything to say; nil: of all.
	only func(*routing.Copy) bool
	// unmodelled deciders are about what the model does not have (snapshots in progress, indices
	// of other versions). They never refuse, and explain as in a cluster without it.
	unmodelled bool
	// extra deciders come with the default distribution only.
	extra bool
	// byShard says that what remain answers hangs on nothing but the copies of the shard.
	byShard bool
	// lasting says that what it refuses a copy that is somewhere (anywhere, allocate, rebalance)
	// hangs on nothing but the copies of the shard and their sizes, the node with its copies and
	// its disk, and what can't change in a pass, or that it refuses all copies alike.
	lasting bool
	// idle says that the decider refuses nothing in a pass; nil: it may. It is asked once.
	idle func(*pass) bool
}

// deciders are all of them, in Elasticsearch's order: those of the server as ClusterModule
// lists them, then those of x-pack. A decider is a line here; who only wants a verdict and
// who wants explanations ask the same ones.
var deciders = []decider{
	{name: "max_retry", lasting: true, anywhere: (*pass).maxRetry, force: func(p *pass, r *routing.Copy, _ *routing.Node) (Verdict, string) { return p.maxRetry(r) }},
	{name: "resize", lasting: true, only: fromShards, allocate: (*pass).resize},
	{name: "replica_after_primary_active", lasting: true, anywhere: (*pass).replicaAfterPrimary},
	{name: "rebalance_only_when_active", lasting: true, rebalance: (*pass).rebalanceOnlyWhenActive},
	{
		name: "cluster_rebalance", lasting: true, rebalanceAny: (*pass).clusterRebalance,
		rebalance: func(p *pass, _ *routing.Copy) (Verdict, string) { return p.clusterRebalance() },
	},
	{
		name: "concurrent_rebalance", lasting: true, rebalanceAny: (*pass).concurrentRebalance,
		rebalance: func(p *pass, _ *routing.Copy) (Verdict, string) { return p.concurrentRebalance() },
	},
	{name: "enable", lasting: true, anywhere: (*pass).enabled, rebalance: (*pass).shardRebalanceEnabled, rebalanceAny: (*pass).rebalanceEnabled},
	{name: "index_version", unmodelled: true, allocate: (*pass).indexVersionText},
	{name: "node_version", lasting: true, unlike: (*pass).mixedVersions, allocate: (*pass).nodeVersion, idle: func(p *pass) bool { return !p.Mixed }},
	{name: "snapshot_in_progress", unmodelled: true, allocate: func(p *pass, r *routing.Copy, _ *routing.Node) (Verdict, string) { return p.snapshotText(r) }, rebalance: (*pass).snapshotText},
	{name: "restore_in_progress", unmodelled: true, anywhere: (*pass).restoreText},
	{name: "node_shutdown", unlike: (*pass).anyLeaves, fits: (*pass).nodeShutdown},
	{
		name: "node_replacement", lasting: true, unlike: (*pass).anyLeaves, allocate: (*pass).mayReplace, remain: (*pass).mayStayReplaced,
		idle: func(p *pass) bool { return !p.leaving || !p.replacing() },
	},
	{
		name: "filter", fits: (*pass).filterText,
		unlike:    func(p *pass) bool { return p.Settings.Filtered },
		unlikeFor: func(_ *pass, idx *routing.Index) bool { return idx.Settings.Filtered },
	},
	{name: "filter", lasting: true, only: fromShards, allocate: (*pass).initialRecovery},
	{
		name: "same_shard", lasting: true, allocate: (*pass).sameShard, force: (*pass).sameNode,
		unlike: func(p *pass) bool { return p.Settings.SameHost }, // else the number of copies says it: placement knows them
	},
	{
		name: "disk_threshold", lasting: true, allocate: (*pass).diskAllocate, remain: (*pass).diskRemain, leave: (*pass).anyDiskHigh,
		idle:      func(p *pass) bool { return !p.disk.known || !p.Settings.Disk.Enabled },
		unlikeFor: func(p *pass, idx *routing.Index) bool { _, off := p.diskOff(idx); return !off },
	},
	{name: "throttling", lasting: true, allocate: (*pass).throttle, unlike: func(*pass) bool { return false }}, // placement knows the recoveries
	{
		name: "shards_limit", lasting: true,
		unlike:    func(p *pass) bool { return p.Settings.ShardsPerNode > 0 },
		unlikeFor: func(_ *pass, idx *routing.Index) bool { return idx.Settings.ShardsPerNode > 0 },
		allocate: func(p *pass, r *routing.Copy, n *routing.Node) (Verdict, string) {
			return p.shardsLimit(r.Shard.Index, n, false)
		},
		remain: func(p *pass, r *routing.Copy, n *routing.Node) (Verdict, string) {
			return p.shardsLimit(r.Shard.Index, n, true)
		},
	},
	{
		name: "awareness", lasting: true,
		unlike:   func(p *pass) bool { return len(p.Settings.Awareness) > 0 },
		allocate: func(p *pass, r *routing.Copy, n *routing.Node) (Verdict, string) { return p.aware(r, n, true) },
		remain:   func(p *pass, r *routing.Copy, n *routing.Node) (Verdict, string) { return p.aware(r, n, false) },
		idle:     func(p *pass) bool { return len(p.Settings.Awareness) == 0 }, byShard: true,
	},
	{name: "data_tier", extra: true, unlike: (*pass).unevenTiers, fits: (*pass).dataTier},
	{name: "dedicated_frozen_node", extra: true, unlike: (*pass).unevenTiers, fits: (*pass).dedicatedFrozen},
}

// The deciders of each question that may refuse, for who wants no explanation: the order
// doesn't matter then.
var (
	refuseAnywhere  = refusing(func(d *decider) bool { return d.anywhere != nil })
	refuseFits      = refusing(func(d *decider) bool { return d.fits != nil })
	refuseAllocate  = refusing(func(d *decider) bool { return d.allocate != nil })
	refuseRemain    = refusing(func(d *decider) bool { return d.remain != nil })
	refuseRebalance = refusing(func(d *decider) bool { return d.rebalance != nil })
	refuseAny       = refusing(func(d *decider) bool { return d.rebalanceAny != nil })
	// refuseNode are those that may tell nodes apart, refuseOf those of them of which it
	// depends on the index or the copy; refusePlace may take a copy the place it has.
	refuseNode  = refusing((*decider).onNodes)
	refuseOf    = refusing(func(d *decider) bool { return d.onNodes() && (d.unlikeFor != nil || d.only != nil) })
	refusePlace = refusing(func(d *decider) bool { return d.fits != nil || d.remain != nil })
)

func (d *decider) onNodes() bool { return d.fits != nil || d.allocate != nil }

func refusing(about func(*decider) bool) (out []*decider) {
	for i := range deciders {
		if d := &deciders[i]; !d.unmodelled && about(d) {
			out = append(out, d)
		}
	}
	return out
}

// busy are those deciders of a list that may refuse something in this pass. Who wants no
// explanation asks them from the last to the first: what refuses most often stands behind.
func (p *pass) busy(list []*decider) []*decider {
	out := make([]*decider, 0, len(list))
	for _, d := range slices.Backward(list) {
		if d.idle == nil || !d.idle(p) {
			out = append(out, d)
		}
	}
	return out
}

// explainAll puts a question to every decider in turn, keeping what they say. The worst
// answer counts.
func (p *pass) explainAll(question func(d *decider) (v Verdict, text string, answers bool)) Verdict {
	worst := Yes
	for i := range deciders {
		d := &deciders[i]
		if d.extra && !p.svc.cfg.Tiers {
			continue
		}
		v, text, answers := question(d)
		if !answers {
			continue
		}
		p.decisions = append(p.decisions, Decision{Decider: d.name, Verdict: v, Explanation: text})
		worst = min(worst, v)
	}
	return worst
}

// onNode is a decider's answer to canAllocate.
func (d *decider) onNode(p *pass, r *routing.Copy, n *routing.Node) (v Verdict, text string, answers bool) {
	switch {
	case d.only != nil && !d.only(r):
		return Yes, "", false
	case d.anywhere != nil:
		v, text = d.anywhere(p, r)
	case d.fits != nil:
		v, text = d.fits(p, r.Shard.Index, n)
	case d.allocate != nil:
		v, text = d.allocate(p, r, n)
	default:
		return Yes, "", false
	}
	return v, text, true
}

// staying is a decider's answer to canRemain.
func (d *decider) staying(p *pass, r *routing.Copy, n *routing.Node) (v Verdict, text string, answers bool) {
	switch {
	case d.fits != nil:
		v, text = d.fits(p, r.Shard.Index, n)
	case d.remain != nil:
		v, text = d.remain(p, r, n)
	default:
		return Yes, "", false
	}
	return v, text, true
}

// forced is a decider's answer to canForceAllocatePrimary.
func (d *decider) forced(p *pass, r *routing.Copy, n *routing.Node) (v Verdict, text string, answers bool) {
	if d.force != nil {
		v, text = d.force(p, r, n)
		return v, text, true
	}
	v, text, answers = d.onNode(p, r, n)
	if v == No {
		return Yes, p.say("primary shard [%s] allowed to force allocate on node [%s]", r.Shard, n.ID), answers
	}
	return v, text, answers
}
