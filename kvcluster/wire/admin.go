package wire

import (
	"time"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
)

// Settings are those of the cluster, changeable while it runs. Package failover says
// what they do, and what stands in for zeros.
type Settings struct {
	// Replicas per shard.
	Replicas uint64
	// ReadLevel and WriteLevel are what clients use unless they say otherwise.
	ReadLevel, WriteLevel Level
	// Voters is how many nodes the metadata group has, if there are so many.
	Voters uint64
	// Heartbeat is how often a node tells that it lives. FailureThreshold is how many
	// must be missed in a row for a failure, RecoveryThreshold how many must come in a
	// row to end it.
	Heartbeat                           time.Duration
	FailureThreshold, RecoveryThreshold uint64
	// ManualFailover turns automatic failover off.
	ManualFailover bool
	// ReplaceAfter is how long a node is down before its copies are made elsewhere.
	ReplaceAfter time.Duration
	// Thresholds of splitting, merging and moving; see shardmap.Thresholds.
	SplitBytes, SplitQPS, MergeBytes, MergeQPS, MovePercent, MaxMoves uint64
	// ManualBalance turns splitting, merging and moving by measurements off.
	ManualBalance bool
	// BalanceEvery is how often measurements are looked at.
	BalanceEvery time.Duration
	// Strategy is how clients choose the copy that a read at ONE goes to, unless they say
	// otherwise; see balance.Strategy.
	Strategy uint8
}

// strategies is how many balance.Strategy there are.
const strategies = 4

func (s *Settings) code(c *coder) {
	c.uint(&s.Replicas)
	c.small((*uint8)(&s.ReadLevel), levels)
	c.small((*uint8)(&s.WriteLevel), levels)
	c.uint(&s.Voters)
	duration(c, &s.Heartbeat)
	c.uints(&s.FailureThreshold, &s.RecoveryThreshold)
	c.bool(&s.ManualFailover)
	duration(c, &s.ReplaceAfter)
	for _, v := range []*uint64{&s.SplitBytes, &s.SplitQPS, &s.MergeBytes, &s.MergeQPS, &s.MovePercent, &s.MaxMoves} {
		c.uint(v)
	}
	c.bool(&s.ManualBalance)
	duration(c, &s.BalanceEvery)
	c.small(&s.Strategy, strategies)
}

// CommandKind is what a Command does.
type CommandKind uint8

// The kinds of commands. Numbers are part of the protocol and of the group's log. The
// first ones are for administrators as well; those from SetPrimary on are the failover
// manager's own.
const (
	// GetState changes nothing. Its result comes with the state.
	GetState CommandKind = iota
	// AddNode takes a node in: Member has its name, nonce, zone and weight.
	AddNode
	// SetNodeState gives Node the State.
	SetNodeState
	// ChangeSettings replaces the settings.
	ChangeSettings
	// CreateShard cuts [Start, End) out of the shard that covers it, as Shard.
	CreateShard
	// DeleteShard removes Shard; Drop deletes its data.
	DeleteShard
	// SplitShard splits Shard at Start; the right half is called Other or gets a name. With
	// By, the leader chooses the key. With Keep, the halves aren't merged unasked.
	SplitShard
	// MergeShards merges Shard with its neighbour Other.
	MergeShards
	// MoveCopy moves a copy of Shard from Node to To.
	MoveCopy
	// Rebalance lets measurements be looked at now.
	Rebalance
	// Promote makes Node the primary of Shard.
	Promote
	// SetPrimary makes Node the primary of Shard, or begins a new epoch of it.
	SetPrimary
	// SetReplicas gives Shard copies on Nodes.
	SetReplicas
	// Activated notes that the primary of Shard acts in Epoch.
	Activated
	// MarkDown and MarkUp say that Node is given up, or is back.
	MarkDown
	// MarkUp is described at MarkDown.
	MarkUp
	// RecordFailover adds Failover to the history.
	RecordFailover
)

const commandKinds = 17

var commandNames = [...]string{"get-state", "add-node", "set-node-state", "change-settings", "create-shard", "delete-shard",
	"split-shard", "merge-shards", "move-copy", "rebalance", "promote", "set-primary", "set-replicas", "activated", "mark-down", "mark-up",
	"record-failover"}

func (k CommandKind) String() string {
	if int(k) < len(commandNames) {
		return commandNames[k]
	}
	return "unknown"
}

// SplitBy says how the key is chosen at which a shard is split.
type SplitBy uint8

const (
	// ByKey takes the key given.
	ByKey SplitBy = iota
	// BySize takes one that halves the bytes, ByLoad one that halves the requests, as
	// measured by the shard's primary.
	BySize
	// ByLoad is described at BySize.
	ByLoad
)

const splitBys = 3

// Command is a change of the cluster's metadata. Fields that its kind doesn't name are
// empty.
type Command struct {
	Kind         CommandKind
	Shard, Other shardmap.ID
	// IfEpoch, if not 0, must be the epoch of Shard: the command was decided then.
	IfEpoch    uint64
	Epoch      uint64
	Start, End string
	By         SplitBy
	Node, To   shardmap.NodeID
	Nodes      []shardmap.NodeID
	Drop, Keep bool
	State      NodeState
	Member     *Member
	Settings   *Settings
	Failover   *Failover
}

func (m *Command) code(c *coder) {
	c.small((*uint8)(&m.Kind), commandKinds)
	text(c, &m.Shard, MaxName)
	text(c, &m.Other, MaxName)
	c.uints(&m.IfEpoch, &m.Epoch)
	text(c, &m.Start, MaxKey)
	text(c, &m.End, MaxKey)
	c.small((*uint8)(&m.By), splitBys)
	text(c, &m.Node, MaxName)
	text(c, &m.To, MaxName)
	nodeList(c, &m.Nodes)
	c.bools(&m.Drop, &m.Keep)
	c.small((*uint8)(&m.State), nodeStates)
	optional(c, &m.Member, func(x *Member) { x.code(c) })
	optional(c, &m.Settings, func(x *Settings) { x.code(c) })
	optional(c, &m.Failover, func(x *Failover) { x.code(c) })
}

func optional[T any](c *coder, v **T, code func(*T)) {
	there := *v != nil
	c.bool(&there)
	if c.err != nil || !there {
		return
	}
	if !c.writing {
		*v = new(T)
	}
	code(*v)
}

// Proposal is commands that stand in the metadata group's log together. Each is
// carried out, or refused, on its own account.
type Proposal struct {
	// Origin is the number of the node that proposed them, ID its name for them.
	Origin, ID uint64
	Commands   []Command
}

func (p *Proposal) code(c *coder) {
	c.uints(&p.Origin, &p.ID)
	list(c, &p.Commands, MaxShards, func(m *Command) { m.code(c) })
}

// AppendProposal adds the encoding of p, without a frame, to buf: the form in which
// the metadata group's log keeps it.
func AppendProposal(buf []byte, p *Proposal) ([]byte, error) {
	c := &coder{buf: buf, writing: true}
	p.code(c)
	if c.err != nil {
		return buf, c.err
	}
	return c.buf, nil
}

// DecodeProposal is the proposal that buf is the encoding of.
func DecodeProposal(buf []byte) (Proposal, error) {
	var p Proposal
	c := &coder{buf: buf}
	p.code(c)
	if c.err == nil && len(c.buf) > 0 {
		c.fail(ErrMalformed, "%d bytes too many", len(c.buf))
	}
	return p, c.err
}

// Admin is what an administrator, or a client that needs the map, asks of any node. A
// node that doesn't lead the metadata group passes it on to the one that does.
type Admin struct {
	// ID is the asker's name for it; the answer repeats it.
	ID uint64
	// From and To are set between nodes; From is empty when a client asks.
	Peer
	// Stale asks for what the asked node itself happens to know of the state, and how its own
	// copies are, without asking anybody; for GetState.
	Stale   bool
	Command Command
}

func (*Admin) kind() Kind { return KindAdmin }
func (m *Admin) code(c *coder) {
	c.uint(&m.ID)
	m.Peer.code(c)
	c.bool(&m.Stale)
	m.Command.code(c)
}

// AdminResult answers Admin.
type AdminResult struct {
	ID uint64
	Peer
	// Status is OK, Invalid, Unavailable (nothing was done) or Unknown (it may have been
	// done).
	Status Status
	Reason string
	// Shard and Node name what came into being, if the command made something.
	Shard shardmap.ID
	Node  shardmap.NodeID
	// Leader leads the metadata group, as far as the answering node knows.
	Leader shardmap.NodeID
	// State is the cluster's, for GetState.
	State *ClusterState
	// Health is what the leader's failover manager sees of the nodes, for a GetState that
	// the leader answered.
	Health []NodeHealth
	// Copies are those of the answering node, for a stale GetState.
	Copies []CopyReport
	// Failover is the manager's state, Unavailable the shards that it sees without a primary
	// that reaches a majority; with Health.
	Failover    FailoverState
	Unavailable []shardmap.ID
}

func (*AdminResult) kind() Kind { return KindAdminResult }
func (m *AdminResult) code(c *coder) {
	c.uint(&m.ID)
	m.Peer.code(c)
	c.small((*uint8)(&m.Status), statuses)
	text(c, &m.Reason, MaxName)
	text(c, &m.Shard, MaxName)
	text(c, &m.Node, MaxName)
	text(c, &m.Leader, MaxName)
	optional(c, &m.State, func(s *ClusterState) { s.code(c) })
	list(c, &m.Health, MaxMembers, func(h *NodeHealth) { h.code(c) })
	list(c, &m.Copies, MaxShards, func(r *CopyReport) { r.code(c) })
	c.small((*uint8)(&m.Failover), failoverStates)
	list(c, &m.Unavailable, MaxShards, func(s *shardmap.ID) { text(c, s, MaxName) })
}

// FailoverState is the state of the failover manager, of a node or of a shard.
type FailoverState uint8

const (
	// Normal means that there is nothing to do.
	Normal FailoverState = iota
	// Detecting means that something is missing, but not for long enough.
	Detecting
	// Recovering means that a failover is under way.
	Recovering
	// Completed means that the last failover is over and was successful.
	Completed
)

const failoverStates = 4

func (s FailoverState) String() string {
	if int(s) < failoverStates {
		return [...]string{"normal", "detecting", "recovering", "completed"}[s]
	}
	return "unknown"
}

// NodeHealth is what the failover manager sees of a node.
type NodeHealth struct {
	Node  shardmap.NodeID
	State FailoverState
	// Missed is how many heartbeats have been missed in a row, Heard how many have come.
	Missed, Heard uint64
	// Full says that the node's disk has no room; Note is what the node wants known.
	Full bool
	Note string
	// Copies are as the node reported them last.
	Copies []CopyReport
}

func (h *NodeHealth) code(c *coder) {
	text(c, &h.Node, MaxName)
	c.small((*uint8)(&h.State), failoverStates)
	c.uints(&h.Missed, &h.Heard)
	c.bool(&h.Full)
	text(c, &h.Note, MaxName)
	list(c, &h.Copies, MaxShards, func(r *CopyReport) { r.code(c) })
}
