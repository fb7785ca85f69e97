package allocation

import (
	"cmp"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/planted"
	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Service is the allocator of one master. What it remembers between calls, the
// desired balance and which nodes were used lately, dies with the mastership:
// call [Service.Reset] when the node stops being master.
type Service struct {
	cfg        Config
	desired    *desiredBalance
	reconciler reconciler
	wanted     *computationInput
	moves      []Command // move commands that the next computation takes over
	sizes      knownSizes
	reader     routing.Reader
	counted    BalanceStats

	primaryOrder, storeOrder answerOrder
}

// New makes the allocator of a master.
func New(cfg Config) *Service {
	s := &Service{cfg: cfg}
	s.Reset()
	return s
}

// Reset forgets everything (DesiredBalanceShardsAllocator.onNoLongerMaster).
func (s *Service) Reset() {
	s.desired = &desiredBalance{empty: true}
	s.reconciler = reconciler{}
	s.wanted, s.moves = nil, nil
	s.counted.ConvergedIndex = 0
	s.reader.Forget()
}

// Reroute clears delays that ran out, gives copies on disk back to their nodes and
// then, by type, balances the cluster or reconciles it towards the current desired
// balance and asks for a new one (AllocationService.reroute).
func (s *Service) Reroute(st *state.State, in Input) *state.State {
	p := s.newPass(s.adaptReplicas(st, in), in)
	defer p.close()
	s.reroute(p)
	return p.Result()
}

func (s *Service) reroute(p *pass) {
	p.removeDelayMarkers()
	p.allocateExisting()
	s.allocate(p)
}

// allocate is the balancer's part of a reroute.
func (s *Service) allocate(p *pass) {
	if p.Settings.DesiredBalance {
		s.wanted = p.computationInputOf()
		s.counted.Submitted++
		if len(p.Indices) > 0 {
			s.reconciler.reconcile(p, s.desired)
		}
		return
	}
	if len(p.Nodes) == 0 {
		p.failNewPrimaries()
		return
	}
	newBalancer(p).run()
}

// Wanted reports whether a reroute asked for a computation that has not run yet.
func (s *Service) Wanted() bool { return s.wanted != nil }

// Computation is the outcome of [Service.Compute].
type Computation struct {
	// Iterations of the simulation until nothing changed.
	Iterations int
	// Converged is false when copies would move around for ever: Elasticsearch would go
	// on until newer input interrupts it, and keep the balance of that moment.
	Converged bool
	// Changed says that some shard's assignment differs from the previous desired balance.
	Changed bool
	// Moves counts copies whose desired node differs.
	Moves int
}

// Compute computes the desired balance from the input of the latest reroute
// (DesiredBalanceComputer.compute). The caller then applies it with [Service.Reconcile].
func (s *Service) Compute() Computation {
	if s.wanted == nil {
		return Computation{}
	}
	input, previous := s.wanted, s.desired
	s.wanted = nil
	var c Computation
	if planted.Is(planted.NeverConverges) && input.misses() {
		return c
	}
	s.desired, c.Iterations, c.Converged = s.compute(input, previous)
	defer func() { s.counted.add(c) }()
	for _, m := range input.st.Indices {
		for num, now := range s.desired.byIndex[m.UUID] {
			var was *Assignment
			if list := previous.byIndex[m.UUID]; num < len(list) {
				was = list[num]
			}
			if !now.Same(was) {
				c.Changed = true
				c.Moves += moved(was, now)
			}
		}
	}
	return c
}

// moved counts the nodes that are new in an assignment, copies that had none left out
// (DesiredBalance.shardMovements).
func moved(was, now *Assignment) int {
	if was == nil || now == nil {
		return 0
	}
	n := min(0, len(was.Nodes)-len(now.Nodes))
	for _, id := range now.Nodes {
		if !slices.Contains(was.Nodes, id) {
			n++
		}
	}
	return n
}

// Reconcile brings the cluster towards the current desired balance without looking
// at delays and without asking for a computation (ReconcileDesiredBalanceExecutor).
func (s *Service) Reconcile(st *state.State, in Input) *state.State {
	p := s.newPass(s.adaptReplicas(st, in), in)
	defer p.close()
	p.allocateExisting()
	s.reconciler.reconcile(p, s.desired)
	return p.Result()
}

// Adopt takes over a desired balance that was computed before, by the UUIDs of the indices.
func (s *Service) Adopt(byIndex map[string][]*Assignment) {
	s.desired = &desiredBalance{byIndex: byIndex}
}

// Desired returns the desired assignment of a shard; ok is false when none is computed.
func (s *Service) Desired(meta *state.Index, shard int) (a Assignment, ok bool) {
	list := s.desired.byIndex[meta.UUID]
	if shard >= len(list) || list[shard] == nil {
		return Assignment{}, false
	}
	return *list[shard], true
}

// StartCopies marks initializing copies as started, replicas before primaries,
// puts them into the in-sync sets and removes the sources of completed relocations;
// replicas recovering from a primary that moved start over
// (AllocationService.applyStartedShards). Copies must be those of st's routing table
// ([state.Copy.Target] for a relocation's target); others are ignored. It does not
// reroute: Elasticsearch queues a reroute after it.
func (s *Service) StartCopies(st *state.State, copies []*state.Copy, in Input) *state.State {
	if len(copies) == 0 {
		return st
	}
	// Nothing is decided: what other indices have where doesn't matter.
	only := make(map[string]bool)
	for _, c := range copies {
		only[c.Index] = true
	}
	p := s.newPassOver(st, in, only)
	defer p.close()
	ordered := slices.Clone(copies)
	slices.SortStableFunc(ordered, func(a, b *state.Copy) int { return cmp.Compare(routing.Role(b.Primary), routing.Role(a.Primary)) })
	for _, c := range ordered {
		if r := p.find(c); r != nil && r.Initializing() {
			p.Start(r, routing.UnknownSize)
		}
	}
	return p.Result()
}

// find looks a copy up by its allocation id.
func (p *pass) find(c *state.Copy) *routing.Copy {
	idx := p.ByName[c.Index]
	if idx == nil || c.Shard >= len(idx.Shards) || c.AllocationID == "" {
		return nil
	}
	return idx.Shards[c.Shard].ByID(c.AllocationID)
}

// FailCopies fails copies, promotes replicas (raising the primary term), counts
// failed allocations and reroutes (AllocationService.applyFailedShards). Copies that
// are no longer in the routing table are ignored.
func (s *Service) FailCopies(st *state.State, failed []Failure, stale []Stale, in Input) *state.State {
	if len(failed) == 0 && len(stale) == 0 {
		return st
	}
	st = removeStale(st, stale)
	p := s.newPass(st, in)
	defer p.close()
	for _, f := range failed {
		p.failCopy(f)
	}
	s.reroute(p)
	return p.Result()
}

func (p *pass) failCopy(f Failure) {
	idx := p.ByName[f.Copy.Index]
	if idx == nil || f.Copy.Shard >= len(idx.Shards) {
		return
	}
	sh := idx.Shards[f.Copy.Shard]
	if n := p.ByID[f.Copy.Node]; n != nil {
		if p.ignoredNodes == nil {
			p.ignoredNodes = make(map[*routing.Shard][]*routing.Node)
		}
		p.ignoredNodes[sh] = append(p.ignoredNodes[sh], n)
	}
	r := p.find(f.Copy)
	if r == nil {
		return
	}
	info := &state.UnassignedInfo{
		Reason: state.AllocationFailed, Message: "failed shard on node [" + f.Copy.Node + "]: " + f.Message, Failure: f.Error,
		FailedAllocations: 1, AtNanos: p.in.NowNanos, AtMillis: p.in.NowMillis, LastStatus: state.NoAttempt, LastNode: f.Copy.Node,
	}
	if r.Info != nil {
		info.FailedAllocations += r.Info.FailedAllocations
		nodes := append(slices.Clone(r.Info.FailedNodes), r.Node.ID)
		slices.Sort(nodes)
		info.FailedNodes = slices.Compact(nodes)
	}
	if f.MarkStale {
		p.RemovedChange(r)
	}
	p.Fail(r, info)
}

// removeStale takes ids without a copy out of in-sync sets, but never the last one.
func removeStale(st *state.State, stale []Stale) *state.State {
	if len(stale) == 0 {
		return st
	}
	next := st.Clone()
	next.Indices = slices.Clone(st.Indices)
	for i, m := range next.Indices {
		for _, x := range stale {
			ids := routing.InSync(m, x.Shard)
			if x.Index != m.Name || !slices.Contains(ids, x.AllocationID) || len(ids) == 1 {
				continue
			}
			if next.Indices[i] == m {
				c := *m
				c.InSync = slices.Clone(m.InSync)
				c.Version++
				next.Indices[i], m = &c, &c
			}
			m.InSync[x.Shard] = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == x.AllocationID })
		}
	}
	return next
}

// DisassociateDeadNodes unassigns the copies on nodes that are no longer in st.Nodes,
// promoting replicas and marking copies delayed by
// index.unassigned.node_left.delayed_timeout (AllocationService.disassociateDeadNodes).
// It does not reroute; Elasticsearch reroutes right after, in the same update.
func (s *Service) DisassociateDeadNodes(st *state.State, in Input) *state.State {
	p := s.newPass(st, in)
	defer p.close()
	for _, n := range slices.Clone(p.Nodes) {
		if n.Disco != nil {
			continue
		}
		for _, r := range n.Copies() {
			if r.Node == n {
				p.Fail(r, p.nodeLeft(r, n))
			}
		}
		p.Nodes = slices.DeleteFunc(p.Nodes, func(x *routing.Node) bool { return x == n })
		delete(p.ByID, n.ID)
	}
	for i, n := range p.Nodes {
		n.Pos = i
	}
	return p.Result()
}

func (p *pass) nodeLeft(r *routing.Copy, n *routing.Node) *state.UnassignedInfo {
	info := &state.UnassignedInfo{
		Reason: state.NodeLeft, Message: "node_left [" + n.ID + "]", AtNanos: p.in.NowNanos, AtMillis: p.in.NowMillis,
		LastStatus: state.NoAttempt, LastNode: n.ID,
	}
	if d := p.State.Shutdown(n.ID); d != nil && d.Type == state.ShutdownRestart {
		info.Reason = state.NodeRestarting
	}
	info.Delayed = p.State.DelayOf(info, time.Duration(r.Shard.Index.Settings.DelayNanos)) > 0
	return info
}
