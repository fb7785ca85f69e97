package wire

import (
	"time"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
)

// MaxMembers bounds the lists of nodes, MaxShards those of shards.
const (
	MaxMembers = 4096
	MaxShards  = 1 << 17
)

// Peer addresses a message between two nodes, whatever copies they hold.
type Peer struct {
	From, To shardmap.NodeID
	// Durable is how many batches the sender's disk has for good, for the receiver to
	// remember (Recall); 0 if there is nothing to be remembered.
	Durable uint64
}

func (p *Peer) code(c *coder) {
	text(c, &p.From, MaxName)
	text(c, &p.To, MaxName)
	c.uint(&p.Durable)
}

// Between is the address itself, for those who only see that it has one.
func (p *Peer) Between() *Peer { return p }

// Raft carries a message of the metadata group, as raft encodes it.
type Raft struct {
	Peer
	Data []byte
}

func (*Raft) kind() Kind { return KindRaft }
func (m *Raft) code(c *coder) {
	m.Peer.code(c)
	c.bytes(&m.Data, MaxFrame-2*MaxName-64)
}

// Join asks to become a node of the cluster. It is repeated until Joined comes.
type Join struct {
	// Name is what the machine calls itself; To is a machine's name too.
	Name, To string
	// Nonce is the random number on the node's disk. A disk with another one is
	// another node.
	Nonce  uint64
	Zone   string
	Weight uint64
}

func (*Join) kind() Kind { return KindJoin }
func (m *Join) code(c *coder) {
	text(c, &m.Name, MaxName)
	text(c, &m.To, MaxName)
	c.uint(&m.Nonce)
	text(c, &m.Zone, MaxName)
	c.uint(&m.Weight)
}

// Joined answers Join when the metadata group has taken the node in.
type Joined struct {
	Nonce uint64
	// ID is the node's, for as long as it keeps its disk; Number is what raft calls it.
	ID      shardmap.NodeID
	Number  uint64
	Cluster uint64
	// Voters are nodes to turn to from then on.
	Voters []shardmap.NodeID
}

func (*Joined) kind() Kind { return KindJoined }
func (m *Joined) code(c *coder) {
	c.uint(&m.Nonce)
	text(c, &m.ID, MaxName)
	c.uints(&m.Number, &m.Cluster)
	nodeList(c, &m.Voters)
}

// Recall asks a node what it remembers of the sender's disk, from before the sender was
// started: a disk that has less than anybody remembers was rolled back.
type Recall struct {
	Peer
	// Run tells this start of the sender from others.
	Run uint64
}

func (*Recall) kind() Kind { return KindRecall }
func (m *Recall) code(c *coder) {
	m.Peer.code(c)
	c.uint(&m.Run)
}

// Recalled answers Recall.
type Recalled struct {
	Peer
	Run uint64
	// Known is the highest Durable that was heard of; 0 if nothing is remembered.
	Known uint64
}

func (*Recalled) kind() Kind { return KindRecalled }
func (m *Recalled) code(c *coder) {
	m.Peer.code(c)
	c.uints(&m.Run, &m.Known)
}

// Found asks a machine to agree that the sender may make a new cluster.
type Found struct {
	// Name is what the sender's machine calls itself; To is a machine's name too.
	Name, To string
	// Nonce is the random number on the sender's disk.
	Nonce uint64
}

func (*Found) kind() Kind { return KindFound }
func (m *Found) code(c *coder) {
	text(c, &m.Name, MaxName)
	text(c, &m.To, MaxName)
	c.uint(&m.Nonce)
}

// MayFound answers Found, once what it says is durable.
type MayFound struct {
	// Name is the answering machine's, To the one that asked; Nonce is from the question.
	Name, To string
	Nonce    uint64
	// Cluster is what the machine belongs to, 0 if to none: then Granted is the machine that
	// may make one, as far as this one is concerned.
	Cluster uint64
	Granted string
}

func (*MayFound) kind() Kind { return KindMayFound }
func (m *MayFound) code(c *coder) {
	text(c, &m.Name, MaxName)
	text(c, &m.To, MaxName)
	c.uints(&m.Nonce, &m.Cluster)
	text(c, &m.Granted, MaxName)
}

// CopyReport is what a node says of its copy of a shard.
type CopyReport struct {
	Shard shardmap.ID
	// Epoch is that of its configuration, Promised the lowest it obeys.
	Epoch, Promised uint64
	// LastEpoch and LastIndex are of the last entry of its log.
	LastEpoch, LastIndex uint64
	// Acting says that it is the primary of Promised and has begun to act; Activated
	// that the metadata group may note so: what it had to take over it has.
	Acting, Activated bool
	// NeedEpoch says that it is named primary of an epoch that it can't begin.
	NeedEpoch bool
	// InSync are the copies that take part, this one included; only while acting.
	InSync []shardmap.NodeID
	// Bytes and QPS were measured; Middle and LoadMiddle are keys that halve them, or
	// "".
	Bytes, QPS         uint64
	Middle, LoadMiddle string
	// Measured says that the whole copy has been measured at least once.
	Measured bool
	// Stuck says that the disk has no room for what the next committed entry does; Odds that
	// the copy refuses its primary's log, which contradicts what it knows to be committed.
	Stuck, Odds bool
}

func (r *CopyReport) code(c *coder) {
	text(c, &r.Shard, MaxName)
	c.uints(&r.Epoch, &r.Promised, &r.LastEpoch, &r.LastIndex)
	c.bools(&r.Acting, &r.Activated, &r.NeedEpoch)
	nodeList(c, &r.InSync)
	c.uints(&r.Bytes, &r.QPS)
	text(c, &r.Middle, MaxKey)
	text(c, &r.LoadMiddle, MaxKey)
	c.bools(&r.Measured, &r.Stuck, &r.Odds)
}

// Heartbeat tells the members of the metadata group that a node lives, and how its
// copies are.
type Heartbeat struct {
	Peer
	// Revision is that of the cluster state that the node knows.
	Revision uint64
	// Reply asks for HeartbeatAck. Reports between heartbeats don't.
	Reply bool
	// Full says that the node's disk has no room.
	Full bool
	// Note is what an administrator should know of the node, or "".
	Note   string
	Copies []CopyReport
}

func (*Heartbeat) kind() Kind { return KindHeartbeat }
func (m *Heartbeat) code(c *coder) {
	m.Peer.code(c)
	c.uint(&m.Revision)
	c.bools(&m.Reply, &m.Full)
	text(c, &m.Note, MaxName)
	list(c, &m.Copies, MaxShards, func(r *CopyReport) { r.code(c) })
}

// HeartbeatAck answers Heartbeat, from the leader of the metadata group only.
type HeartbeatAck struct {
	Peer
	Revision uint64
}

func (*HeartbeatAck) kind() Kind { return KindHeartbeatAck }
func (m *HeartbeatAck) code(c *coder) {
	m.Peer.code(c)
	c.uint(&m.Revision)
}

// NodeState is what a node is meant to do.
type NodeState uint8

const (
	// Active nodes hold copies.
	Active NodeState = iota
	// Draining nodes get no new copies, and those they have move away.
	Draining
	// Leaving nodes are drained and then removed.
	Leaving
	// Removed nodes don't belong to the cluster any more; their ids aren't used again.
	Removed
)

const nodeStates = 4

func (s NodeState) String() string {
	if int(s) < nodeStates {
		return [...]string{"active", "draining", "leaving", "removed"}[s]
	}
	return "unknown"
}

// VoterRole is a node's part in the metadata group.
type VoterRole uint8

const (
	// NoVoter isn't in the group.
	NoVoter VoterRole = iota
	// Learner follows the group's log without a vote.
	Learner
	// Voter has a vote.
	Voter
)

const voterRoles = 3

func (r VoterRole) String() string {
	if int(r) < voterRoles {
		return [...]string{"none", "learner", "voter"}[r]
	}
	return "unknown"
}

// Member is a node as the metadata group has it.
type Member struct {
	ID     shardmap.NodeID
	Name   string // of the machine
	Nonce  uint64 // of its disk
	Number uint64 // raft's name for it
	Zone   string
	Weight uint64
	State  NodeState
	// Down means that the failover manager gave it up, until it is heard of again.
	Down bool
	Role VoterRole
}

func (m *Member) code(c *coder) {
	text(c, &m.ID, MaxName)
	text(c, &m.Name, MaxName)
	c.uints(&m.Nonce, &m.Number)
	text(c, &m.Zone, MaxName)
	c.uint(&m.Weight)
	c.small((*uint8)(&m.State), nodeStates)
	c.bool(&m.Down)
	c.small((*uint8)(&m.Role), voterRoles)
}

// Failover is a completed failover of a shard.
type Failover struct {
	Shard    shardmap.ID
	From, To shardmap.NodeID
	// Epoch is that in which To acts.
	Epoch uint64
	// Silent is how long From had been silent, or the shard unavailable, when the manager
	// decided; Took is from then until To acted.
	Silent, Took time.Duration
	// Wall is when it was completed, by the clock of the leader of that moment; nothing
	// depends on it.
	Wall time.Time
	Why  string
}

func (f *Failover) code(c *coder) {
	text(c, &f.Shard, MaxName)
	text(c, &f.From, MaxName)
	text(c, &f.To, MaxName)
	c.uint(&f.Epoch)
	duration(c, &f.Silent)
	duration(c, &f.Took)
	var ns uint64
	if !f.Wall.IsZero() {
		ns = uint64(f.Wall.UnixNano())
	}
	c.uint(&ns)
	if !c.writing && ns > 0 {
		f.Wall = time.Unix(0, int64(ns)).UTC()
	}
	text(c, &f.Why, MaxName)
}

// ClusterState is the cluster's metadata: what the metadata group agrees on, what its
// snapshots contain, and what it tells nodes and clients (without History).
type ClusterState struct {
	Peer // empty towards clients
	// Cluster is the random number that names the cluster.
	Cluster uint64
	// Revision grows with every change.
	Revision uint64
	// Leader leads the metadata group, as far as the sender knows; not part of the state.
	Leader     shardmap.NodeID
	MapVersion uint64
	Shards     []shardmap.Shard
	Members    []Member
	NextNumber uint64
	Settings   Settings
	History    []Failover
}

func (*ClusterState) kind() Kind { return KindClusterState }
func (m *ClusterState) code(c *coder) {
	m.Peer.code(c)
	c.uints(&m.Cluster, &m.Revision)
	text(c, &m.Leader, MaxName)
	c.uint(&m.MapVersion)
	list(c, &m.Shards, MaxShards, func(s *shardmap.Shard) { codeShard(c, s) })
	list(c, &m.Members, MaxMembers, func(n *Member) { n.code(c) })
	c.uint(&m.NextNumber)
	m.Settings.code(c)
	list(c, &m.History, MaxEntries, func(f *Failover) { f.code(c) })
}

func codeShard(c *coder, s *shardmap.Shard) {
	text(c, &s.ID, MaxName)
	text(c, &s.Start, MaxKey)
	text(c, &s.End, MaxKey)
	nodeList(c, &s.Replicas)
	text(c, &s.Primary, MaxName)
	c.uints(&s.Epoch, &s.Since)
	list(c, &s.Fence, MaxMembers, func(set *[]shardmap.NodeID) { nodeList(c, set) })
	text(c, &s.Origin, MaxName)
	partList(c, &s.Parts)
	text(c, &s.Heir, MaxName)
	c.bools(&s.Drop, &s.Kept)
}

func partList(c *coder, v *[]shardmap.Part) {
	list(c, v, MaxShards, func(p *shardmap.Part) {
		text(c, &p.ID, MaxName)
		text(c, &p.Start, MaxKey)
		text(c, &p.End, MaxKey)
		c.uint(&p.Since)
	})
}

func nodeList(c *coder, v *[]shardmap.NodeID) {
	list(c, v, MaxMembers, func(n *shardmap.NodeID) { text(c, n, MaxName) })
}

// duration codes one that isn't negative.
func duration(c *coder, d *time.Duration) {
	x := uint64(max(*d, 0))
	c.uint(&x)
	if c.err == nil && x > 1<<62 {
		c.fail(ErrMalformed, "duration of %d ns", x)
		return
	}
	*d = time.Duration(x)
}
