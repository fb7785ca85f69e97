package allocation

import (
	"cmp"
	"slices"

	"github.com/shardquake/shardquake/internal/planted"
	"github.com/shardquake/shardquake/sim/elastic/allocation/javaorder"
	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// This file gives unassigned copies back to nodes that have their data on disk
// (GatewayAllocator with PrimaryShardAllocator and ReplicaShardAllocator).

// removeDelayMarkers clears delays that have run out.
func (p *pass) removeDelayMarkers() {
	for _, r := range p.Unassigned {
		if r.Info.Delayed && p.remainingDelay(r) == 0 {
			info := *r.Info
			info.Delayed = false
			p.UpdateInfo(r, &info)
		}
	}
}

// remainingDelay is how long a delayed copy waits for its node, in nanoseconds.
func (p *pass) remainingDelay(r *routing.Copy) int64 {
	return max(0, p.delayOf(r)-(p.in.NowNanos-r.Info.AtNanos))
}

// allocateExisting runs the existing-copies pass (AllocationService.allocateExistingUnassignedShards).
func (p *pass) allocateExisting() {
	slices.SortStableFunc(p.Unassigned, func(a, b *routing.Copy) int {
		return cmp.Compare(a.Shard.Index.Rank, b.Shard.Index.Rank)
	})
	p.FilterUnassigned(func(r *routing.Copy) bool { return r.Primary }, func(r *routing.Copy) bool {
		return p.carryOut(r, p.decideExistingPrimary(r))
	})
	if p.InactiveShards > p.InactivePrimaries {
		p.cancelForBetterCopies()
	}
	p.FilterUnassigned(func(r *routing.Copy) bool { return !r.Primary }, func(r *routing.Copy) bool {
		return p.carryOut(r, p.decideExistingReplica(r))
	})
}

// unassignedDecision is what is to become of an unassigned copy (AllocateUnassignedDecision).
type unassignedDecision struct {
	taken  bool // else nobody decided yet
	node   *routing.Node
	id     string // allocation id to reuse
	status state.AllocationStatus
	reuse  bool // the copy's own files or operations are reused
}

func (p *pass) carryOut(r *routing.Copy, d unassignedDecision) bool {
	switch {
	case !d.taken:
		return false
	case d.node != nil:
		p.Initialize(r, d.node, d.id, p.expectedSize(r, routing.UnknownSize))
	default:
		p.Ignore(r, d.status)
	}
	return true
}

func declined(status state.AllocationStatus) unassignedDecision {
	return unassignedDecision{taken: true, status: status}
}

// statusOf is the allocation status of a verdict.
func statusOf(v Verdict) state.AllocationStatus {
	switch v {
	case Throttle:
		return state.DecidersThrottled
	case No:
		return state.DecidersNo
	}
	return state.NoAttempt
}

// decideExistingPrimary finds the node for a primary that has existed: one that
// holds an in-sync copy.
func (p *pass) decideExistingPrimary(r *routing.Copy) unassignedDecision {
	if r.Source != state.ExistingStore && r.Source != state.Snapshot {
		return unassignedDecision{}
	}
	idx := r.Shard.Index
	if r.Source == state.Snapshot && p.expectedSize(r, routing.UnknownSize) == routing.UnknownSize {
		return declined(state.FetchingShardData)
	}
	answers, ok := p.svc.cfg.Fetcher.Primaries(idx.Meta.Name, r.Shard.Number)
	if !ok {
		p.fetching = true
		return declined(state.FetchingShardData)
	}
	candidates := p.primaryCandidates(r, answers)
	if len(candidates) == 0 {
		if r.Source == state.Snapshot {
			return unassignedDecision{}
		}
		return declined(state.NoValidShardCopy)
	}
	chosen, worst := p.choosePrimary(r, candidates, p.canAllocate)
	if chosen == nil && worst == No {
		chosen, worst = p.choosePrimary(r, candidates, p.canForcePrimary)
	}
	switch {
	case p.fetching:
		return declined(state.FetchingShardData)
	case chosen != nil:
		return unassignedDecision{taken: true, node: p.ByID[chosen.Node], id: chosen.AllocationID, reuse: true}
	case worst == Throttle:
		return declined(state.DecidersThrottled)
	}
	return declined(state.DecidersNo)
}

// choosePrimary takes the first candidate that may have the copy now. Without one it
// tells whether some may later (THROTTLE) or all were refused. No candidate on a data
// node counts as THROTTLE, as in Elasticsearch.
func (p *pass) choosePrimary(r *routing.Copy, candidates []StoredPrimary, may func(*routing.Copy, *routing.Node) Verdict) (*StoredPrimary, Verdict) {
	refused, throttled := false, false
	var chosen *StoredPrimary
	for i := range candidates {
		n := p.ByID[candidates[i].Node]
		if n == nil {
			continue
		}
		switch may(r, n) {
		case Yes:
			if chosen == nil {
				chosen = &candidates[i]
			}
		case Throttle:
			throttled = true
		default:
			refused = true
		}
	}
	if refused && !throttled {
		return chosen, No
	}
	return chosen, Throttle
}

// primaryCandidates are the nodes with an in-sync copy, those whose store opened
// first, then those that were primary.
func (p *pass) primaryCandidates(r *routing.Copy, answers []StoredPrimary) []StoredPrimary {
	var out []StoredPrimary
	inSync := routing.InSync(r.Shard.Index.Meta, r.Shard.Number)
	for _, i := range p.orderOf(&p.svc.primaryOrder, len(answers), func(i int) string { return answers[i].Node }) {
		a := answers[i]
		switch {
		case p.isIgnoredID(r.Shard, a.Node), a.AllocationID == "", a.Failure != nil && !a.Locked:
			continue
		case r.Source == state.Snapshot || slices.Contains(inSync, a.AllocationID) || planted.Is(planted.StaleCopyAllocated):
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b StoredPrimary) int {
		first := 0
		if r.Source == state.Snapshot {
			first = yesFirst(slices.Contains(inSync, a.AllocationID), slices.Contains(inSync, b.AllocationID))
		}
		return cmp.Or(first, yesFirst(a.Failure == nil, b.Failure == nil), yesFirst(a.Primary, b.Primary))
	})
	return out
}

func yesFirst(a, b bool) int { return cmp.Compare(routing.AbsentLast(a), routing.AbsentLast(b)) }

func (p *pass) isIgnoredID(s *routing.Shard, id string) bool {
	n := p.ByID[id]
	return n != nil && p.isIgnoredNode(s, n)
}

// answerOrder is the order of the HashMap, keyed by node, in which the answers of nodes
// are gathered: places in the list of ids that it was made for.
type answerOrder struct {
	ids    []string
	places []int32
	nodes  []*state.Node // of the cluster
	known  int           // data nodes among them, and nodes that have left
}

// orderOf is the order of n answers by their nodes' ids. One order is kept: all data
// nodes answer about every shard.
func (p *pass) orderOf(kept *answerOrder, n int, id func(int) string) []int32 {
	same := len(kept.ids) == n && kept.known == len(p.Nodes) && sameNodes(kept.nodes, p.State.Nodes)
	for i := 0; same && i < n; i++ {
		same = kept.ids[i] == id(i)
	}
	if same {
		return kept.places
	}
	type entry struct{ place, first, second int32 }
	entries := make([]entry, n)
	*kept = answerOrder{ids: make([]string, n), places: make([]int32, n), nodes: p.State.Nodes, known: len(p.Nodes)}
	for i := range n {
		kept.ids[i] = id(i)
		e := entry{int32(i), javaorder.StringHash(kept.ids[i]), 0}
		e.second = e.first
		if n := p.State.Node(kept.ids[i]); n != nil && n.EphemeralID != "" {
			e.second = javaorder.StringHash(n.EphemeralID)
		}
		entries[i] = e
	}
	byID := javaorder.NewTableFor(len(p.Nodes))
	byID.Grow(n)
	javaorder.Sort(byID, entries, func(e entry) int32 { return e.first })
	byNode := javaorder.NewTable()
	byNode.Grow(n)
	javaorder.Sort(byNode, entries, func(e entry) int32 { return e.second })
	for i, e := range entries {
		kept.places[i] = e.place
	}
	return kept.places
}

// sameNodes reports whether two lists are one: states share it while nobody joins or leaves.
func sameNodes(a, b []*state.Node) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// decideExistingReplica finds the node whose files or operations a replica can reuse.
// It also holds back replicas that no node would take, and those that wait for theirs.
func (p *pass) decideExistingReplica(r *routing.Copy) unassignedDecision {
	if r.Info.Reason == state.IndexCreated {
		return unassignedDecision{}
	}
	if v := p.anyNodeFor(r); v != Yes {
		return declined(statusOf(v))
	}
	answers, ok := p.svc.cfg.Fetcher.Stores(r.Shard.Index.Meta.Name, r.Shard.Number)
	if !ok {
		p.fetching = true
		return declined(state.FetchingShardData)
	}
	primary := findStore(answers, r.Shard.ActivePrimary().Node.ID)
	if primary == nil {
		return unassignedDecision{}
	}
	best, any := p.bestMatch(r, *primary, answers, false)
	switch {
	case best != nil && p.canAllocate(r, best.node) == Throttle:
		return declined(state.DecidersThrottled)
	case best != nil:
		return unassignedDecision{taken: true, node: best.node, reuse: true}
	case !any && r.Info.Delayed:
		return declined(state.DelayedAllocation)
	}
	return unassignedDecision{}
}

// anyNodeFor is the best verdict any node gives.
func (p *pass) anyNodeFor(r *routing.Copy) Verdict {
	if p.canAllocateAnywhere(r) == No {
		return No
	}
	// Of nodes that throttle one that nothing else refuses is as good as all.
	for _, n := range p.Nodes {
		if v, _ := p.throttle(r, n); v == Yes && p.nodeVerdictFor(r, n) == Yes {
			return Yes
		}
	}
	for _, n := range p.Nodes {
		if p.nodeVerdictFor(r, n) != No {
			return Throttle
		}
	}
	return No
}

func findStore(answers []StoredReplica, node string) *StoredReplica {
	for i := range answers {
		if answers[i].Node == node {
			return &answers[i]
		}
	}
	return nil
}

// match is how much of a copy a node has (ReplicaShardAllocator.MatchingNode).
type match struct {
	node  *routing.Node
	noop  bool // nothing would have to be copied
	seqNo int64
	bytes int64
}

func (m *match) any() bool { return m.noop || m.seqNo >= 0 || m.bytes > 0 }

func matchOf(primary, store StoredReplica, n *routing.Node) match {
	return match{
		node: n,
		noop: store.RetainedSeqNo >= primary.RetainedSeqNo && primary.RetainedSeqNo >= 0 ||
			primary.SyncID != "" && primary.SyncID == store.SyncID,
		seqNo: store.RetainedSeqNo,
		bytes: store.MatchingBytes,
	}
}

// bestMatch is the node with the most to reuse, nil if none has anything; any says
// whether some node that would take the copy holds files at all.
func (p *pass) bestMatch(r *routing.Copy, primary StoredReplica, answers []StoredReplica, skipFailed bool) (best *match, any bool) {
	if !slices.ContainsFunc(answers, func(a StoredReplica) bool { return !a.Empty }) {
		return nil, false
	}
	for _, i := range p.orderOf(&p.svc.storeOrder, len(answers), func(i int) string { return answers[i].Node }) {
		a := &answers[i]
		if a.Empty {
			continue
		}
		n := p.ByID[a.Node]
		if n == nil || skipFailed && r.Info != nil && slices.Contains(r.Info.FailedNodes, a.Node) {
			continue
		}
		if p.canAllocate(r, n) == No {
			continue
		}
		any = true
		m := matchOf(primary, *a, n)
		if m.any() && (best == nil || best.less(&m)) {
			best = &m
		}
	}
	return best, any
}

func (m *match) less(o *match) bool {
	return cmp.Or(-yesFirst(m.noop, o.noop), cmp.Compare(m.seqNo, o.seqNo), cmp.Compare(m.bytes, o.bytes)) < 0
}

// cancelForBetterCopies stops recoveries of replicas when another node could have the
// copy without copying anything (ReplicaShardAllocator.processExistingRecoveries).
func (p *pass) cancelForBetterCopies() {
	var cancel []*routing.Copy
	var infos []*state.UnassignedInfo
	for _, n := range p.Nodes {
		for _, r := range n.Beginning() {
			if r.Primary || r.Other != nil || r.Info != nil && r.Info.Reason == state.IndexCreated {
				continue
			}
			if better := p.betterNode(r); better != nil {
				cancel = append(cancel, r)
				infos = append(infos, p.reallocated(r, better))
			}
		}
	}
	for i, r := range cancel {
		p.Fail(r, infos[i])
	}
}

func (p *pass) betterNode(r *routing.Copy) *routing.Node {
	answers, ok := p.svc.cfg.Fetcher.Stores(r.Shard.Index.Meta.Name, r.Shard.Number)
	active := r.Shard.ActivePrimary()
	if !ok || active == nil {
		return nil
	}
	primary := findStore(answers, active.Node.ID)
	if primary == nil {
		return nil
	}
	best, _ := p.bestMatch(r, *primary, answers, true)
	if best == nil || best.node == r.Node || !best.noop {
		return nil
	}
	if own := findStore(answers, r.Node.ID); own != nil && !own.Empty {
		if m := matchOf(*primary, *own, r.Node); m.seqNo >= 0 || primary.SyncID != "" && primary.SyncID == own.SyncID {
			return nil
		}
	}
	return best.node
}

func (p *pass) reallocated(r *routing.Copy, better *routing.Node) *state.UnassignedInfo {
	info := &state.UnassignedInfo{
		Reason: state.ReallocatedReplica,
		Message: "existing allocation of replica to [" + discoText(r.Node.Disco) + "] cancelled, can perform a noop recovery on [" +
			discoText(better.Disco) + "]",
		AtNanos: p.in.NowNanos, AtMillis: p.in.NowMillis, LastStatus: state.NoAttempt,
	}
	if r.Info != nil {
		info.FailedNodes = r.Info.FailedNodes
	}
	return info
}
