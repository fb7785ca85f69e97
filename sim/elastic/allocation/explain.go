package allocation

import (
	"cmp"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/allocation/javaorder"
	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// The decisions of the explain API, in the order in which nodes are listed.
const (
	saysYes         = "yes"
	saysThrottled   = "throttled"
	saysNo          = "no"
	saysWorse       = "worse_balance"
	saysAwaiting    = "awaiting_info"
	saysDelayed     = "allocation_delayed"
	saysNoValidCopy = "no_valid_shard_copy"
)

var decisionOrder = []string{saysYes, saysThrottled, saysNo, saysWorse, saysAwaiting, saysDelayed, saysNoValidCopy}

// ShardExplanation is what GET _cluster/allocation/explain tells of a copy. Of copies
// that initialize or relocate both parts are nil.
type ShardExplanation struct {
	Copy     *state.Copy
	Allocate *AllocateExplanation // of an unassigned copy
	Move     *MoveExplanation     // of a started copy
}

// AllocateExplanation says whether and where an unassigned copy can go.
type AllocateExplanation struct {
	Decision     string // can_allocate
	Explanation  string
	Target       *state.Node
	AllocationID string // "" unless an existing copy is reused
	// Delays, when the decision is allocation_delayed.
	ConfiguredDelay, RemainingDelay time.Duration
	Nodes                           []NodeExplanation
}

// MoveExplanation says whether a started copy may or must go elsewhere.
type MoveExplanation struct {
	Target          *state.Node
	CanRemain       bool
	RemainDecisions []Decision // when it cannot
	// CanRebalance is empty when the copy must move; else it is can_rebalance_cluster
	// and Decision is can_rebalance_to_other_node.
	CanRebalance       string
	RebalanceDecisions []Decision
	Decision           string
	Explanation        string
	Ranking            int // of the current node; 0 none
	Nodes              []NodeExplanation
}

// NodeExplanation is what a node means for a copy.
type NodeExplanation struct {
	Node     *state.Node
	Decision string
	Store    *StoreExplanation
	Ranking  int // by weight, 1 is best; 0 none
	// Weight is what the ranking is made of; Elasticsearch does not show it.
	Weight   float32
	Deciders []Decision
}

// StoreExplanation is what a node holds of the copy on disk.
type StoreExplanation struct {
	// Replica chooses which fields count: MatchingBytes, or the others.
	Replica       bool
	MatchingBytes int64
	Found         bool
	InSync        bool
	AllocationID  string
	Exception     error // why the store can't be opened
}

// Explain explains a copy of st's routing table (AllocationService.explainShardAllocation).
// Answers of deciders that said YES are left out unless withYes is set.
func (s *Service) Explain(st *state.State, in Input, c *state.Copy, withYes bool) ShardExplanation {
	out := ShardExplanation{Copy: c}
	p := s.newPass(st, in)
	r := p.findEntry(c)
	if r == nil {
		return out
	}
	e := &explainer{pass: p, withYes: withYes}
	switch r.State {
	case state.Unassigned:
		out.Allocate = e.existing(r)
		if out.Allocate == nil {
			out.Allocate = e.balanced(r)
		}
	case state.Started:
		out.Move = e.move(r)
	}
	return out
}

// findEntry finds the copy of a routing table's entry.
func (p *pass) findEntry(c *state.Copy) *routing.Copy {
	if r := p.find(c); r != nil {
		return r
	}
	for _, r := range p.Unassigned {
		if r.Orig == c {
			return r
		}
	}
	return nil
}

// explainer answers with all deciders' explanations.
type explainer struct {
	*pass
	withYes bool
}

// ask puts a question and keeps the answers that are wanted.
func (e *explainer) ask(question func() Verdict) (Verdict, []Decision) {
	v, decisions := e.explained(question)
	if !e.withYes {
		decisions = slices.DeleteFunc(decisions, func(d Decision) bool { return d.Verdict == Yes })
	}
	return v, decisions
}

func decisionText(v Verdict) string {
	switch v {
	case Yes:
		return saysYes
	case Throttle:
		return saysThrottled
	}
	return saysNo
}

func (e *explainer) node(r *routing.Copy, n *routing.Node) (Verdict, NodeExplanation) {
	v, deciders := e.ask(func() Verdict { return e.canAllocate(r, n) })
	return v, NodeExplanation{Node: n.Disco, Decision: decisionText(v), Deciders: deciders}
}

// sortNodes lists the nodes as Elasticsearch does: by decision, ranking and id.
func sortNodes(nodes []NodeExplanation) []NodeExplanation {
	slices.SortStableFunc(nodes, func(a, b NodeExplanation) int {
		return cmp.Or(
			cmp.Compare(slices.Index(decisionOrder, a.Decision), slices.Index(decisionOrder, b.Decision)),
			cmp.Compare(a.Ranking, b.Ranking), cmp.Compare(a.Node.ID, b.Node.ID))
	})
	return nodes
}

func (e *explainer) allNodes(r *routing.Copy) []NodeExplanation {
	var nodes []NodeExplanation
	for _, n := range e.Nodes {
		_, x := e.node(r, n)
		nodes = append(nodes, x)
	}
	return sortNodes(nodes)
}

// balanced is the balancer's view of an unassigned copy.
func (e *explainer) balanced(r *routing.Copy) *AllocateExplanation {
	if len(e.Nodes) == 0 {
		return &AllocateExplanation{Decision: saysNo, Explanation: allNodesForbidden}
	}
	b := newBalancer(e.pass)
	b.look(r.Shard.Index)
	best, bestWeight, verdict := int32(-1), float32(0), No
	var nodes []NodeExplanation
	for i, n := range e.Nodes {
		w := b.weight(int32(i))
		v, x := e.node(r, n)
		x.Weight = w
		nodes = append(nodes, x)
		if v == No || best >= 0 && w > bestWeight {
			continue
		}
		if best >= 0 && w == bestWeight && !b.beats(r, int32(i), v, best, verdict) {
			continue
		}
		best, bestWeight, verdict = int32(i), w, v
	}
	slices.SortStableFunc(nodes, func(x, y NodeExplanation) int { return cmp.Compare(x.Weight, y.Weight) })
	for i := range nodes {
		nodes[i].Ranking = i + 1
	}
	out := &AllocateExplanation{Decision: decisionText(verdict), Nodes: sortNodes(nodes)}
	if best >= 0 {
		out.Target = e.Nodes[best].Disco
	}
	switch verdict {
	case Yes:
		out.Explanation = canAllocateText
	case Throttle:
		out.Explanation = throttledText
	default:
		out.Explanation = allNodesForbidden
	}
	return out
}

// move explains a started copy.
func (e *explainer) move(r *routing.Copy) *MoveExplanation {
	remain, decisions := e.ask(func() Verdict { return e.canRemain(r, r.Node) })
	b := newBalancer(e.pass)
	b.look(r.Shard.Index)
	b.sortNodes(len(b.order))
	if remain != No {
		return e.rebalance(r, b)
	}
	out := &MoveExplanation{RemainDecisions: decisions}
	best := No
	rank := 0
	for _, pair := range b.order {
		n := e.Nodes[pair.Value()]
		if n == r.Node {
			continue
		}
		v, x := e.node(r, n)
		rank++
		x.Ranking, x.Weight = rank, pair.Weight()
		out.Nodes = append(out.Nodes, x)
		if v > best {
			best = v
			if v == Yes {
				out.Target = n.Disco
			}
		}
	}
	sortNodes(out.Nodes)
	if best == No && e.replacement(r.Node) != nil {
		best = e.vacated(r, b, out)
	}
	out.Decision = saysNo
	switch best {
	case Yes:
		out.Decision, out.Explanation = saysYes, moveText
	case Throttle:
		out.Explanation = moveThrottledText
	default:
		out.Explanation = moveForbiddenText
	}
	return out
}

// vacated explains that a copy is forced from a node that is replaced, if it is.
func (e *explainer) vacated(r *routing.Copy, b *balancer, out *MoveExplanation) Verdict {
	for _, pair := range b.order {
		if n := e.Nodes[pair.Value()]; n != r.Node && e.canVacate(r, n) == Yes {
			out.Target = n.Disco
			return Yes
		}
	}
	return No
}

// rebalance explains whether moving a copy that may remain would improve the balance.
func (e *explainer) rebalance(r *routing.Copy, b *balancer) *MoveExplanation {
	allowed, decisions := e.ask(func() Verdict { return e.canRebalanceShard(r) })
	out := &MoveExplanation{CanRemain: true, CanRebalance: decisionText(allowed)}
	if allowed != Yes {
		out.RebalanceDecisions = decisions
	}
	best := e.rankNodes(r, b, out)
	switch {
	case e.fetching:
		out.Decision, out.Target = saysAwaiting, nil
	case allowed != Yes:
		out.Decision, out.Target = decisionText(allowed), nil
	default:
		out.Decision = decisionText(best)
	}
	out.Explanation = rebalanceText(out, allowed)
	sortNodes(out.Nodes)
	return out
}

// rankNodes sorts the other nodes into better, same and worse ones, as decideRebalance
// does, and returns the best answer of a better one.
func (e *explainer) rankNodes(r *routing.Copy, b *balancer, out *MoveExplanation) Verdict {
	current := b.weight(int32(r.Node.Pos))
	threshold := float32(b.minDelta() * e.Settings.Threshold)
	best := No
	var better, same, worse []NodeExplanation
	for _, pair := range b.order {
		n := e.Nodes[pair.Value()]
		if n == r.Node {
			continue
		}
		v, x := e.node(r, n)
		x.Weight = b.weight(pair.Value())
		improves := x.Weight <= current && !closeEnough(float32(current-x.Weight), threshold) && float32(x.Weight+threshold) < current
		if improves && v > best {
			best, out.Target = v, n.Disco
		}
		if !improves && v != No {
			x.Decision = saysWorse
		}
		switch {
		case improves:
			better = append(better, x)
		case x.Weight <= current:
			same = append(same, x)
		default:
			worse = append(worse, x)
		}
	}
	for i := range better {
		better[i].Ranking = i + 1
	}
	out.Ranking = len(better) + 1
	for i := range same {
		same[i].Ranking = out.Ranking
	}
	for i := range worse {
		worse[i].Ranking = out.Ranking + i + 1
	}
	out.Nodes = slices.Concat(better, same, worse)
	return best
}

func rebalanceText(m *MoveExplanation, allowed Verdict) string {
	switch {
	case m.Decision == saysAwaiting:
		return rebalanceAwaitingText
	case allowed == Throttle:
		return clusterThrottleText
	case allowed == No && slices.ContainsFunc(m.Nodes, func(n NodeExplanation) bool { return n.Decision == saysYes }):
		return cannotRebalanceCanAllocateText
	case allowed == No:
		return cannotRebalanceText
	case m.Target == nil:
		return balancedText
	case m.Decision == saysThrottled:
		return nodeThrottleText
	}
	return rebalanceYesText
}

// NodeWeight is a node's weight for an index.
type NodeWeight struct {
	Node   string
	Weight float32
	Shards int // of the index
	Total  int // of all indices
}

// Weights are the balancer's weights of all data nodes for an index, lightest first.
func (s *Service) Weights(st *state.State, in Input, name string) []NodeWeight {
	p := s.newPass(st, in)
	idx := p.ByName[name]
	if idx == nil || len(p.Nodes) == 0 {
		return nil
	}
	b := newBalancer(p)
	b.look(idx)
	order := make([]javaorder.Pair, len(p.Nodes))
	for i := range order {
		order[i] = javaorder.Ascending(b.weight(int32(i)), int32(i))
	}
	slices.Sort(order)
	out := make([]NodeWeight, len(order))
	for i, pair := range order {
		n := pair.Value()
		out[i] = NodeWeight{p.Nodes[n].ID, pair.Weight(), int(b.terms[n].held), int(b.count[n])}
	}
	return out
}
