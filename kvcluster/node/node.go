package node

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/kvcluster/failover"
	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// Config configures a Node.
type Config struct {
	// Name is that of the machine: 1 to 200 bytes without spaces, "~", "=" and ",".
	Name string
	// Zone and Weight are for the placement of copies; a weight of 0 stands for 1.
	Zone   string
	Weight uint64
	// Bootstrap makes a new cluster, with Settings, if the disk is empty, no machine of
	// Founders comes before this one by name, and all of them have agreed that there is none;
	// without any settings, with meta.Defaults. Otherwise an empty disk joins the cluster of
	// the machines named in Join. So all nodes of a new cluster can be started alike, again and
	// again. Without Founders nobody is asked.
	Bootstrap bool
	Founders  []string
	Settings  wire.Settings
	Join      []string
	// Lost, if not empty, says what was lost with the disk that was here before: this one is
	// empty, and comes in its place.
	Lost string
	// Rand is random, and seeded differently at each start of each node.
	Rand *rand.Rand
	// Wall is the time of day, for the history of failovers; nil leaves it out.
	Wall func() time.Time
	// ReportEvery is how often changes of copies are looked for, to report them before
	// the next heartbeat; 500 ms.
	ReportEvery time.Duration
	Replica     replica.Config
	// Meta is the group's configuration but for Self, Number and Rand.
	Meta     meta.Config
	Failover failover.Mutation
	Mutation
}

// Input is what Step takes: one of the types below.
type Input interface{ input() }

// Received is a message of another node.
type Received struct{ M wire.Message }

// Asked is what a client asks: a wire.Request or wire.Admin. ID must be below 1<<63.
type Asked struct {
	ID uint64
	M  wire.Message
}

// Synced tells that everything up to the Sync of this number is durable.
type Synced struct{ Number uint64 }

// Tick tells that the time named by Wake has come.
type Tick struct{}

func (Received) input() {}
func (Asked) input()    {}
func (Synced) input()   {}
func (Tick) input()     {}

// Effects are what Step wants done; see the package comment.
type Effects struct {
	Messages []Envelope
	Answers  []Answer
	Events   []Event
	Sync     uint64
	// Wake is when Step wants a Tick; it replaces the earlier one, and is always set.
	Wake time.Duration
	Exit error
}

// Envelope is a message and the machine it goes to.
type Envelope struct {
	Machine string
	M       wire.Message
}

// Answer answers the question of that ID, with a wire.Response or wire.AdminResult.
type Answer struct {
	ID uint64
	M  wire.Message
}

// Event is something that happened on the node, for logs and traces.
type Event struct {
	// What is joined, leading, following, or what happened to a copy (replica.EventKind).
	What  string
	Shard shardmap.ID // of a copy
	// Epoch is the copy's, or the term of the metadata group.
	Epoch uint64
	// Detail says more, for people; "" if there is nothing more to say.
	Detail string `json:",omitempty"`
}

// ErrRemoved ends a node that the cluster has removed.
var ErrRemoved = errors.New("the node was removed from the cluster")

// ErrOthersData means that the disk is that of a machine of another name.
var ErrOthersData = errors.New("the data is another node's")

// Machine is the machine of a node.
func Machine(id shardmap.NodeID) string {
	name, _, _ := strings.Cut(string(id), "~")
	return name
}

// Node is the core of a node.
type Node struct {
	cfg Config
	eng storage.Engine
	id  identity

	now    time.Duration
	out    Effects
	failed error

	group     *meta.Group
	groupWake time.Duration
	reopening bool // the group is opened again when all is durable
	leading   bool
	manager   *failover.Manager
	state     meta.State // the newest known
	leader    shardmap.NodeID
	copies    map[shardmap.ID]*copyOf
	shards    []shardmap.ID // of copies, sorted
	changed   []shardmap.ID // copies to be reported at once
	copyWake  time.Duration // when the first of them wants a tick
	asks      map[uint64]ask
	nextAsk   uint64
	told      map[shardmap.NodeID]known
	syncs     storage.Syncs
	memory    memory
	founding  founding
	inbox     []wire.Message // from this node to itself
	full      bool           // the disk has no room
	fullWhy   string

	started                               bool
	beatAt, reportAt, manageAt, measureAt time.Duration
	reconfigureAt, joinAt                 time.Duration
	joinNext                              int
}

// Open makes a node of what an engine has. It returns ErrRemoved if the node knows that it
// doesn't belong to the cluster any more.
func Open(cfg Config, eng storage.Engine, now time.Duration) (*Node, error) {
	if cfg.ReportEvery == 0 {
		cfg.ReportEvery = 500 * time.Millisecond
	}
	cfg.Weight = max(cfg.Weight, 1)
	n := &Node{cfg: cfg, eng: eng, now: now, copies: make(map[shardmap.ID]*copyOf), asks: make(map[uint64]ask),
		told: make(map[shardmap.NodeID]known), nextAsk: 1 << 63,
		manager: failover.New(failover.Config{Wall: cfg.Wall, Mutation: cfg.Failover})}
	if err := n.identify(); err != nil {
		return nil, fmt.Errorf("node %s: %w", cfg.Name, err)
	}
	if n.id.ID == "" {
		return n, nil
	}
	if owner := Machine(n.id.ID); owner != cfg.Name {
		return nil, fmt.Errorf("node %s: %w: %s's", cfg.Name, ErrOthersData, owner)
	}
	if err := errors.Join(n.loadState(), n.loadMemory()); err != nil {
		return nil, fmt.Errorf("node %s: %w", cfg.Name, err)
	}
	if m := n.state; m.Known() && m.Member(n.id.ID) != nil && m.Member(n.id.ID).State == wire.Removed {
		return nil, fmt.Errorf("node %s: %w", cfg.Name, ErrRemoved)
	}
	there, err := meta.Exists(eng)
	if err == nil && there {
		err = n.openGroup()
	}
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", cfg.Name, err)
	}
	return n, nil
}

// ID is the node's id, or "" before it has joined.
func (n *Node) ID() shardmap.NodeID { return n.id.ID }

// State is the newest cluster state that the node knows.
func (n *Node) State() meta.State { return n.state }

// Group is the node's seat in the metadata group, or nil.
func (n *Node) Group() *meta.Group { return n.group }

// Manager is the node's failover manager. It decides only at the group's leader.
func (n *Node) Manager() *failover.Manager { return n.manager }

// Copy is the node's copy of a shard, or nil.
func (n *Node) Copy(id shardmap.ID) *replica.Core {
	if c := n.copies[id]; c != nil {
		return c.core
	}
	return nil
}

// Step takes one input. Now must not go back.
func (n *Node) Step(now time.Duration, in Input) Effects {
	n.now, n.out = now, Effects{}
	if n.failed != nil {
		return Effects{Exit: n.failed}
	}
	switch in := in.(type) {
	case Received:
		n.received(in.M)
	case Asked:
		n.askedFor(in.ID, in.M)
	case Synced:
		n.syncs.Done(in.Number)
	case Tick:
		n.tick()
	}
	for len(n.inbox) > 0 && n.failed == nil {
		m := n.inbox[0]
		n.inbox = n.inbox[1:]
		n.received(m)
	}
	n.reportChanged()
	if n.failed != nil {
		return Effects{Exit: n.failed}
	}
	n.out.Wake = n.wake()
	return n.out
}

func (n *Node) fail(err error) {
	if n.failed == nil && err != nil {
		n.failed = fmt.Errorf("node %s: %w", n.cfg.Name, err)
	}
}

func (n *Node) event(what string, shard shardmap.ID, epoch uint64) {
	n.tellEvent(Event{What: what, Shard: shard, Epoch: epoch})
}

func (n *Node) tellEvent(e Event) { n.out.Events = append(n.out.Events, e) }

// send sends a message to another node. One to this node itself, as from a copy of one
// shard to that of another, is delivered in the same step.
func (n *Node) send(to shardmap.NodeID, m wire.Message) {
	switch to {
	case "":
		return
	case n.id.ID:
		n.inbox = append(n.inbox, m)
		return
	}
	n.stamp(to, m)
	n.out.Messages = append(n.out.Messages, Envelope{Machine: Machine(to), M: m})
}

// afterSync does f when everything so far is durable.
func (n *Node) afterSync(f func()) {
	if n.out.Sync == 0 {
		n.out.Sync = n.syncs.Ask()
	}
	n.syncs.After(func() {
		if n.failed == nil {
			f()
		}
	})
}

// received takes a message that is for this node, and not for one that was here before
// it.
func (n *Node) received(m wire.Message) {
	switch m := m.(type) {
	case *wire.Join:
		n.onJoin(m)
		return
	case *wire.Joined:
		n.onJoined(m)
		return
	case *wire.Found:
		n.onFound(m)
		return
	case *wire.MayFound:
		n.onMayFound(m)
		return
	}
	if n.id.ID == "" {
		return
	}
	if h, ok := m.(interface{ Header() *wire.Copy }); ok && n.started {
		if h := h.Header(); h.To == n.id.ID {
			n.remembers(h.From, h.Durable)
			if c := n.copies[h.Shard]; c != nil && n.vouched(h.From, m) {
				n.copyMessage(c, h, m)
			}
		}
		return
	}
	p, ok := m.(interface{ Between() *wire.Peer })
	if !ok || p.Between().To != n.id.ID {
		return
	}
	n.remembers(p.Between().From, p.Between().Durable)
	n.ofPeer(m)
}

func (n *Node) copyMessage(c *copyOf, h *wire.Copy, m wire.Message) {
	defer n.surviveCopy(c, h)
	n.stepCopy(c, replica.Message{M: m})
}

// ofPeer takes a message of another node that is about no copy. A node that doesn't know
// yet whether its disk is the newest takes only what helps to find out.
func (n *Node) ofPeer(m wire.Message) {
	switch m := m.(type) {
	case *wire.Recall:
		n.onRecall(m)
		return
	case *wire.Recalled:
		n.onRecalled(m)
		if !n.started && len(n.silent()) == 0 {
			n.tick()
		}
		return
	}
	if !n.vouched(m.(interface{ Between() *wire.Peer }).Between().From, m) || !n.started {
		return
	}
	switch m := m.(type) {
	case *wire.Raft:
		n.onRaft(m)
	case *wire.Heartbeat:
		n.onHeartbeat(m)
	case *wire.HeartbeatAck:
		n.leader = m.From
	case *wire.ClusterState:
		n.onClusterState(m)
	case *wire.Admin:
		n.admin(ask{node: m.From, id: m.ID}, m)
	case *wire.AdminResult:
		n.onAdminResult(m)
	}
}

// tick does what is due.
func (n *Node) tick() {
	if n.id.ID == "" {
		n.askToJoin()
		return
	}
	if !n.started && !n.recalled() {
		return
	}
	if !n.started {
		n.start()
	}
	for _, id := range slices.Clone(n.shards) {
		if c := n.copies[id]; c != nil && c.wake > 0 && n.now >= c.wake {
			n.stepCopy(c, replica.Tick{})
		}
	}
	if n.group != nil && n.now >= n.groupWake {
		n.stepGroup(meta.Tick{})
	}
	n.measure()
	n.report()
	n.beat()
	n.manage()
	n.expire()
	n.findWake()
}

// start begins with what was known before the restart.
func (n *Node) start() {
	n.started = true
	n.beatAt, n.reportAt, n.manageAt, n.measureAt = n.now, n.now, n.now, n.now
	n.configure(meta.State{})
	n.saveIdentity()
}

func (n *Node) findWake() {
	n.copyWake = 0
	for _, id := range n.shards {
		n.soonest(n.copies[id].wake)
	}
}

func (n *Node) soonest(wake time.Duration) {
	if wake > 0 && (n.copyWake == 0 || wake < n.copyWake) {
		n.copyWake = wake
	}
}

func (n *Node) wake() time.Duration {
	if n.id.ID == "" {
		return n.joinAt
	}
	if !n.started {
		return max(n.now, min(n.memory.askAt, n.memory.until))
	}
	at := min(n.beatAt, n.reportAt)
	if n.copyWake > 0 {
		at = min(at, n.copyWake)
	}
	if n.group != nil {
		at = min(at, n.groupWake, n.manageAt)
	}
	return at
}
