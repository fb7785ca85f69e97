package coordination

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Mode is what a node is in its cluster at present.
type Mode uint8

// The modes.
const (
	Candidate Mode = iota
	Leader
	Follower
)

// String is Elasticsearch's name of the mode.
func (m Mode) String() string { return [...]string{"CANDIDATE", "LEADER", "FOLLOWER"}[m] }

// Coordinator is one node's part in agreeing on the cluster state. See the package
// comment.
type Coordinator struct{}

// New makes a coordinator that is not started.
func New(cfg Config, env Env) *Coordinator { panic("coming") }

// Start applies the node's initial state (no master, not recovered) and begins
// discovery.
func (c *Coordinator) Start() {}

// Stop ends everything at once, as the end of the process does. Later calls and
// late timers and answers have no effect.
func (c *Coordinator) Stop() {}

// Receive handles a message of a peer.
func (c *Coordinator) Receive(from string, msg *Message) {}

// Disconnected tells that the connections to and from a peer were closed: reset, or
// because the peer's process ended. Requests to it that are open fail.
func (c *Coordinator) Disconnected(peer string) {}

// Submit queues an update task. It may be called on any node; on one that is not
// the master the task fails.
func (c *Coordinator) Submit(t Task) {}

// PendingTasks lists the master's queue in order of execution.
func (c *Coordinator) PendingTasks() []Pending { return nil }

// Mode is the node's present mode.
func (c *Coordinator) Mode() Mode { return 0 }

// Term is the node's current term.
func (c *Coordinator) Term() int64 { return 0 }

// Leader is the id of the leader the node follows or is; "" for a candidate.
func (c *Coordinator) Leader() string { return "" }

// Accepted is the last accepted state, committed or not; tests and reports only: what
// the node serves is what [Env].Apply got.
func (c *Coordinator) Accepted() *state.State { return nil }

// Message is a request or an answer between coordinators.
type Message struct{}

// Kind names what the message is, after Elasticsearch's transport actions
// ("publish", "commit", "join", "follower_check", …; an answer ends in "[r]").
func (m *Message) Kind() string { return "" }

// Bytes is the message's size on the wire: of published states the diff or the whole
// (an estimate by what changed), of others a nominal size.
func (m *Message) Bytes() int64 { return 0 }

// Board is what the coordinators of one simulation share so that healthy checks need
// no events. See the package comment.
type Board struct{}

// NewBoard makes an empty board.
func NewBoard() *Board { return &Board{} }

// PathChanged tells that messages between two nodes, in either direction, are from
// this instant on dropped, delivered again, or slower or faster. It is called right
// after the change, when [Env].Path tells the new state. Closed connections need
// [Coordinator.Disconnected] at both ends instead, and may have both.
func (b *Board) PathChanged(a, z string) {}

// NodeChanged tells that a node was paused or goes on; a call for all its paths.
func (b *Board) NodeChanged(id string) {}

// Invariants checks what must hold between all nodes at every step: one leader per
// term, one state per (term, version), committed states never diverge, terms and
// committed versions of a node never go back.
type Invariants struct{}

// NewInvariants makes a checker for one cluster.
func NewInvariants() *Invariants { return &Invariants{} }

// Err is the first violation, or nil.
func (v *Invariants) Err() error { return nil }

// RecoverRouting is the routing table after a full restart: every copy of every
// index unassigned (CLUSTER_RECOVERED), primaries to be recovered from what is on disk
// where an in-sync copy is known (ClusterStateUpdaters.updateRoutingTable).
func RecoverRouting(st *state.State, at time.Time) *state.RoutingTable { return st.Routing }

// The blocks that coordination and the gateway set on the whole cluster.
const (
	NotRecoveredBlockID = 1
	NoMasterBlockID     = 2
)

// HasBlock reports whether a state has a global block.
func HasBlock(st *state.State, id int) bool { return false }
