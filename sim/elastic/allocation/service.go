package allocation

import (
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Service is the allocator of one master. What it remembers between calls, the
// desired balance and which nodes were used lately, dies with the mastership:
// call [Service.Reset] when the node stops being master.
type Service struct {
	cfg Config
}

// New makes the allocator of a master.
func New(cfg Config) *Service { return &Service{cfg: cfg} }

// Reset forgets everything (DesiredBalanceShardsAllocator.onNoLongerMaster).
func (s *Service) Reset() {}

// Reroute clears delays that ran out, gives copies on disk back to their nodes and
// then, by type, balances the cluster or reconciles it towards the current desired
// balance and asks for a new one (AllocationService.reroute).
func (s *Service) Reroute(st *state.State, in Input) *state.State { return st }

// Wanted reports whether a reroute asked for a computation that has not run yet.
func (s *Service) Wanted() bool { return false }

// Computation is the outcome of [Service.Compute].
type Computation struct {
	// Iterations of the simulation until nothing changed.
	Iterations int
	// Changed says that some shard's assignment differs from the previous desired balance.
	Changed bool
	// Moves counts copies whose desired node differs.
	Moves int
}

// Compute computes the desired balance from the input of the latest reroute
// (DesiredBalanceComputer.compute). The caller then applies it with [Service.Reconcile].
func (s *Service) Compute() Computation { return Computation{} }

// Reconcile brings the cluster towards the current desired balance without looking
// at delays and without asking for a computation (ReconcileDesiredBalanceExecutor).
func (s *Service) Reconcile(st *state.State, in Input) *state.State { return st }

// StartCopies marks initializing copies as started, replicas before primaries,
// puts them into the in-sync sets and removes the sources of completed relocations;
// replicas recovering from a primary that moved start over
// (AllocationService.applyStartedShards). Copies must be those of st's routing table
// ([state.Copy.Target] for a relocation's target); others are ignored. It does not
// reroute: Elasticsearch queues a reroute after it.
func (s *Service) StartCopies(st *state.State, copies []*state.Copy, in Input) *state.State {
	return st
}

// FailCopies fails copies, promotes replicas (raising the primary term), counts
// failed allocations and reroutes (AllocationService.applyFailedShards). Copies that
// are no longer in the routing table are ignored.
func (s *Service) FailCopies(st *state.State, failed []Failure, stale []Stale, in Input) *state.State {
	return st
}

// DisassociateDeadNodes unassigns the copies on nodes that are no longer in st.Nodes,
// promoting replicas and marking copies delayed by
// index.unassigned.node_left.delayed_timeout (AllocationService.disassociateDeadNodes).
// It does not reroute; Elasticsearch reroutes right after, in the same update.
func (s *Service) DisassociateDeadNodes(st *state.State, in Input) *state.State {
	return st
}
