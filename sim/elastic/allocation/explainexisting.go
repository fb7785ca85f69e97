package allocation

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// existing explains what the existing-copies pass makes of an unassigned copy; nil
// when it leaves the copy to the balancer.
func (e *explainer) existing(r *routing.Copy) *AllocateExplanation {
	if r.Primary {
		return e.existingPrimary(r)
	}
	return e.existingReplica(r)
}

func (e *explainer) awaiting(r *routing.Copy) *AllocateExplanation {
	return &AllocateExplanation{Decision: saysAwaiting, Explanation: awaitingText, Nodes: e.allNodes(r)}
}

func (e *explainer) existingPrimary(r *routing.Copy) *AllocateExplanation {
	d := e.decideExistingPrimary(r)
	switch {
	case !d.taken:
		return nil
	case d.status == state.FetchingShardData:
		return e.awaiting(r)
	}
	answers, _ := e.svc.cfg.Fetcher.Primaries(r.Shard.Index.Meta.Name, r.Shard.Number)
	out := &AllocateExplanation{Nodes: e.primaryNodes(r, answers, d.status == state.NoValidShardCopy)}
	switch {
	case d.node != nil:
		out.Decision, out.Explanation, out.Target, out.AllocationID = saysYes, canAllocateText, d.node.Disco, d.id
	case d.status == state.DecidersThrottled:
		out.Decision, out.Explanation = saysThrottled, throttledText
	case d.status == state.NoValidShardCopy:
		out.Decision, out.Explanation = saysNoValidCopy, noCopies
		if slices.ContainsFunc(out.Nodes, func(n NodeExplanation) bool { return n.Store.AllocationID != "" || n.Store.Exception != nil }) {
			out.Explanation = allCopiesInvalid
		}
	default:
		out.Decision, out.Explanation = saysNo, existingForbidden
	}
	return out
}

// primaryNodes lists the nodes that answered: candidates with what deciders say, the
// others with what they hold only.
func (e *explainer) primaryNodes(r *routing.Copy, answers []StoredPrimary, none bool) []NodeExplanation {
	ids := routing.InSync(r.Shard.Index.Meta, r.Shard.Number)
	candidates := e.primaryCandidates(r, answers)
	var nodes []NodeExplanation
	for _, i := range e.orderOf(&e.svc.primaryOrder, len(answers), func(i int) string { return answers[i].Node }) {
		a := answers[i]
		n := e.ByID[a.Node]
		if n == nil {
			continue
		}
		x := NodeExplanation{Node: n.Disco, Decision: saysNo}
		if !none && slices.ContainsFunc(candidates, func(c StoredPrimary) bool { return c.Node == a.Node }) {
			_, x = e.node(r, n)
		}
		x.Store = &StoreExplanation{
			Found: a.AllocationID != "" || a.Failure != nil, InSync: slices.Contains(ids, a.AllocationID), AllocationID: a.AllocationID,
			Exception: a.Failure,
		}
		nodes = append(nodes, x)
	}
	return sortNodes(nodes)
}

func (e *explainer) existingReplica(r *routing.Copy) *AllocateExplanation {
	d := e.decideExistingReplica(r)
	switch {
	case !d.taken:
		return nil
	case d.status == state.FetchingShardData:
		return e.awaiting(r)
	}
	out := &AllocateExplanation{Nodes: e.replicaNodes(r)}
	switch {
	case d.node != nil:
		out.Decision, out.Explanation, out.Target = saysYes, canAllocateText, d.node.Disco
	case d.status == state.DecidersThrottled:
		out.Decision, out.Explanation = saysThrottled, throttledText
	case d.status == state.DelayedAllocation:
		e.delay(r, out)
	default:
		out.Decision, out.Explanation = saysNo, allNodesForbidden
	}
	return out
}

// replicaNodes lists all nodes, those with files of the shard with how much of them matches.
func (e *explainer) replicaNodes(r *routing.Copy) []NodeExplanation {
	nodes := e.allNodes(r)
	if e.anyNodeFor(r) != Yes {
		return nodes
	}
	answers, _ := e.svc.cfg.Fetcher.Stores(r.Shard.Index.Meta.Name, r.Shard.Number)
	for i := range nodes {
		if a := findStore(answers, nodes[i].Node.ID); a != nil && !a.Empty {
			nodes[i].Store = &StoreExplanation{Replica: true, MatchingBytes: a.MatchingBytes}
		}
	}
	return nodes
}

// delay tells how long the copy waits for its node.
func (e *explainer) delay(r *routing.Copy, out *AllocateExplanation) {
	out.Decision = saysDelayed
	out.ConfiguredDelay = time.Duration(e.delayOf(r)).Truncate(time.Millisecond)
	out.RemainingDelay = time.Duration(e.remainingDelay(r)).Truncate(time.Millisecond)
	text := delayedWithoutAlternative
	if slices.ContainsFunc(out.Nodes, func(n NodeExplanation) bool { return n.Decision == saysYes }) {
		text = delayedWithAlternative
	}
	out.Explanation = fmt.Sprintf(text, settings.HumanTime(out.RemainingDelay))
}
