package coordination

import (
	"math/rand/v2"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Env is what a coordinator needs of its node and of the network. Peers are named
// by their persistent node ids, which are addresses too. No method may call back
// into the coordinator before it returns, except Apply, Connect and Send, which may
// answer at once.
type Env interface {
	Now() sim.Time
	// After runs f once in d. On a paused node it runs when the node goes on.
	After(d time.Duration, name string, f func()) sim.Timer
	// Stream is the node's random stream for a purpose, the same object at every call.
	Stream(purpose string) *rand.Rand
	// Connect opens a connection to a peer and shakes hands, or finds it open. done
	// gets the peer as it describes itself, or the error of a refusal; it is not
	// called while nothing answers (the coordinator gives up by itself), and an
	// attempt that hangs in a blackhole fails when that is healed.
	Connect(peer string, done func(*state.Node, error))
	// Send carries msg to a connected peer's [Coordinator.Receive]. failed is called
	// when there is no connection, or when it is reset before delivery; silence is
	// neither. failed may be nil. Nothing is sent to the node itself.
	Send(to string, msg *Message, failed func(error))
	// Underway is Send for a check that has left before it was known to matter (see
	// [Board]): it arrives in the given time instead of the path's latency.
	Underway(to string, msg *Message, arrives time.Duration, failed func(error))
	// Path describes the way from this node to a peer and back for a small message.
	Path(peer string) Path
	// Persist stores what must survive the process; it is durable when it returns nil.
	// A full disk refuses.
	Persist(Persisted) error
	// Seeds are the ids of discovery.seed_hosts, in order.
	Seeds() []string
	// Apply hands the node a committed state, or its last state as it looks without
	// a master, to be applied in order of the calls. done, if not nil, is called when
	// it has been applied.
	Apply(st *state.State, done func())
}

// Path is the way from a node to a peer and back.
type Path struct {
	// Steady: messages pass both ways, both ends run, and the latencies stay as
	// they are until [Board.PathChanged] or [Board.NodeChanged] says otherwise.
	Steady bool
	// OutOpen and BackOpen tell of each direction whether what is on its way now will
	// arrive (a direction that is cut, in whatever way, loses it).
	OutOpen, BackOpen bool
	// Out and Back are the latencies of a small message to the peer and from it.
	Out, Back time.Duration
}

// Persisted is what a node keeps on disk for coordination.
type Persisted struct {
	Term int64
	// Accepted is the last accepted state, whose Coordination holds the voting
	// configurations; nil on a node that never was in a cluster.
	Accepted *state.State
	// Committed reports whether Accepted.ClusterUUID is fixed: the node was part of
	// a formed cluster and joins no other.
	Committed bool
}

// Hooks are the parts of state updates that are not coordination's own, and what
// wants to know of its turns. All but NodesLeft may be nil.
type Hooks struct {
	// NodesLeft takes the copies on nodes that are gone out of the routing table
	// (AllocationService.disassociateDeadNodes); gone is no longer in st.Nodes.
	// reroute: allocation may assign what became unassigned in the same update;
	// false at an election.
	NodesLeft func(st *state.State, gone []*state.Node, reroute bool, reason string) *state.State
	// NodesJoined adapts a state that has new members, before it is published.
	NodesJoined func(st *state.State, joined []*state.Node) *state.State
	// NodesChanged is called on the master once a state with members added or
	// removed is published and applied; Elasticsearch reroutes here, with priority
	// HIGH when nodes joined and NORMAL when they left.
	NodesChanged func(joined, left []*state.Node)
	// Recover rebuilds the routing table from the index metadata after a full
	// restart, when enough nodes are there. nil uses [RecoverRouting].
	Recover func(st *state.State) *state.State
	// Recovered is called on the master once that state is applied; Elasticsearch
	// reroutes here with priority NORMAL.
	Recovered func()
	// ValidateJoin checks on the joining node whether it can live with the cluster's
	// state; the error goes to the master, which refuses the join.
	ValidateJoin func(st *state.State) error
	// ModeChanged is called after each change of mode, term or leader.
	ModeChanged func(mode Mode, term int64, leader string)
	// Log gets what Elasticsearch would log at INFO or WARN, for traces.
	Log func(format string, args ...any)
}

// Costs are modelled processing times; zero costs nothing. A calibration sets them.
type Costs struct {
	// Update is the time the master takes to compute a batch of updates.
	Update func(tasks int, old *state.State) time.Duration
	// Accept is the time a node takes to write a published state before it answers.
	Accept func(st *state.State) time.Duration
	// Term is the time a node takes to write a new term before it joins an election.
	Term time.Duration
	// Failure is the time from noticing a closed connection or the last failed check
	// to acting on it.
	Failure time.Duration
	// Spread is the time from a kill to its notice, by which the notices of several nodes that
	// are killed at one moment lie apart; 0: all come at once.
	Spread time.Duration
}

// Config describes a node to its coordinator.
type Config struct {
	// Node is the local node; its EphemeralID must be new at every start.
	Node state.Node
	// ClusterName of a state that does not exist yet.
	ClusterName string
	// Settings is the node's elasticsearch.yml.
	Settings settings.Settings
	// InitialMasters are the names or ids of cluster.initial_master_nodes; they only
	// matter to a node whose Persisted is empty.
	InitialMasters []string
	// Persistent are cluster settings of the first state of a new cluster.
	Persistent settings.Settings
	Persisted  Persisted
	Hooks      Hooks
	Costs      Costs
	// Board is shared by all coordinators of a simulation. nil makes every check a
	// message.
	Board *Board
	// Invariants, if not nil, is shared by all coordinators and checks every step.
	Invariants *Invariants
}
