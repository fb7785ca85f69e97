package meta

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// Config configures a Group. Zero durations and counts stand for the defaults.
type Config struct {
	// Self and Number are the member's id and raft's name for it.
	Self   shardmap.NodeID
	Number uint64
	// Rand decides how long a member waits before it campaigns. It must be seeded
	// differently at each member.
	Rand *rand.Rand
	// Heartbeat is how often the leader says that it is there; 250 ms.
	Heartbeat time.Duration
	// Election is the least time without a leader before a member campaigns; 1 s. The
	// most is twice as much.
	Election time.Duration
	// Timeout is after which a proposal or read is given up; 5 s.
	Timeout time.Duration
	// SnapshotEvery is how many entries are applied between snapshots; 512. Half as many
	// are kept for members that lag.
	SnapshotEvery uint64
	Mutation
}

func (c Config) withDefaults() Config {
	if c.Heartbeat == 0 {
		c.Heartbeat = 250 * time.Millisecond
	}
	if c.Election == 0 {
		c.Election = time.Second
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.SnapshotEvery == 0 {
		c.SnapshotEvery = 512
	}
	return c
}

// Errors of proposals and reads.
var (
	// ErrTimeout means that the outcome isn't known: it may have been done, or may be
	// done yet.
	ErrTimeout = errors.New("the metadata group didn't answer in time")
	// ErrNoLeader means that nothing was done.
	ErrNoLeader = errors.New("the metadata group has no leader")
)

// Input is what Step takes: one of the types below.
type Input interface{ input() }

// Message is a message of another member.
type Message struct{ M *wire.Raft }

// Propose wants commands carried out. ID is the driver's name for them, given back in
// the Result; 0 if nobody waits for it.
type Propose struct {
	ID       uint64
	Commands []wire.Command
}

// Read asks for a moment at which the state is known to be the present one.
type Read struct{ ID uint64 }

// Synced tells that everything up to the Sync of this number is durable.
type Synced struct{ Number uint64 }

// Tick tells that the time asked for by Wake has come.
type Tick struct{}

func (Message) input() {}
func (Propose) input() {}
func (Read) input()    {}
func (Synced) input()  {}
func (Tick) input()    {}

// Effects are what Step wants done.
type Effects struct {
	Messages []*wire.Raft
	// Results are those of proposals and reads.
	Results []Result
	// Changed says that the state is another one.
	Changed bool
	// Sync, if not 0, asks for a sync of the engine; Synced must follow.
	Sync uint64
	// Wake is when Step wants a Tick; it replaces the earlier one.
	Wake time.Duration
	// Odds is what a message claims that can't be true if what is here is; it was ignored.
	Odds error
	// Failed means that the disk failed. The member does nothing any more.
	Failed error
}

// Result is what came of a proposal or a read.
type Result struct {
	ID  uint64
	Err error
	// Outcomes and Errs belong to the commands of a proposal that was carried out.
	Outcomes []Outcome
	Errs     []error
}

// Group is one member of the metadata group. It is not safe for use by several
// processes at once.
type Group struct {
	cfg  Config
	rn   *raft.RawNode
	disk *disk

	state   State
	applied uint64
	term    uint64 // of the entry at applied
	conf    *raftpb.ConfState
	snapped uint64 // index of the newest snapshot

	now      time.Duration
	out      Effects
	failed   error
	heard    time.Duration // when a leader, or as leader a majority, was last heard of
	deadline time.Duration // when to campaign or, as leader, to look for a majority
	beatAt   time.Duration
	leading  bool
	peers    map[uint64]shardmap.NodeID
	sentTo   []uint64 // who was sent a snapshot since the last tick

	syncs   storage.Syncs
	appends []*raftpb.Message // what the disk had no room for
	stuckAt time.Duration     // when it began to have none

	life  uint64
	next  uint64
	waits []wait
}

// wait is a proposal or read under way.
type wait struct {
	id       uint64 // the driver's
	number   uint64 // in the log, or in the context of a read
	read     bool
	index    uint64 // of a confirmed read: what must be applied
	deadline time.Duration
}

// Open makes a member of what an engine has. One without data waits until the leader
// turns to it.
func Open(cfg Config, eng storage.Engine, now time.Duration) (*Group, error) {
	g := &Group{cfg: cfg.withDefaults(), now: now, peers: make(map[uint64]shardmap.NodeID)}
	g.life = g.cfg.Rand.Uint64()
	var err error
	if g.disk, err = openDisk(eng); err != nil {
		return nil, err
	}
	snap, err := g.disk.Snapshot()
	if err != nil {
		return nil, err
	}
	g.applied, g.snapped, g.term = snap.GetMetadata().GetIndex(), snap.GetMetadata().GetIndex(), snap.GetMetadata().GetTerm()
	g.conf = snap.GetMetadata().GetConfState()
	if g.applied > 0 {
		if g.state, err = snapshotState(snap); err != nil {
			return nil, err
		}
		g.meet()
	}
	const never = 1 << 30 // ticks; the election timer is ours
	g.rn, err = raft.NewRawNode(&raft.Config{ID: cfg.Number, ElectionTick: never, HeartbeatTick: 1, Storage: g.disk, Applied: g.applied,
		AsyncStorageWrites: true, MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 64, MaxUncommittedEntriesSize: 16 << 20,
		PreVote: true, StepDownOnRemoval: true, Logger: silent{}})
	if err != nil {
		return nil, fmt.Errorf("meta: %w", err)
	}
	g.disk.present = func() (*raftpb.Snapshot, error) {
		if !g.state.Known() {
			return nil, raft.ErrSnapshotTemporarilyUnavailable
		}
		w := g.state.Wire(true)
		return newSnapshot(g.applied, g.term, g.conf, &w)
	}
	g.heard = now - g.cfg.Election // nobody was heard: a candidate may be voted for at once
	g.restartTimer()
	return g, nil
}

// State is the state as this member knows it: perhaps an old one.
func (g *Group) State() State { return g.state }

// Leading reports whether the member leads and has applied all that was committed
// before: what it decides rests on the present state.
func (g *Group) Leading() bool {
	st := g.rn.BasicStatus()
	return st.RaftState == raft.StateLeader && g.term == st.GetTerm() && g.failed == nil && !g.mute()
}

// mute reports whether the disk has had no room for so long that the member had better be
// silent: a leader that can't write its log can't see what is committed either.
func (g *Group) mute() bool { return len(g.appends) > 0 && g.now-g.stuckAt >= g.cfg.Election }

// Term is the term that the member is in.
func (g *Group) Term() uint64 { return g.rn.BasicStatus().GetTerm() }

// Leader is the leader as far as the member knows, or "".
func (g *Group) Leader() shardmap.NodeID {
	return g.peer(g.rn.BasicStatus().Lead)
}

// meet notes who is called by which number.
func (g *Group) meet() {
	for i := range g.state.Members() {
		m := &g.state.Members()[i]
		g.peers[m.Number] = m.ID
	}
}

func (g *Group) peer(number uint64) shardmap.NodeID {
	if number == g.cfg.Number {
		return g.cfg.Self
	}
	return g.peers[number]
}

// Step takes one input. Now must not go back.
func (g *Group) Step(now time.Duration, in Input) Effects {
	g.now, g.out = now, Effects{}
	if g.failed != nil {
		return Effects{}
	}
	switch in := in.(type) {
	case Message:
		g.message(in.M)
	case Propose:
		g.propose(in)
	case Read:
		g.read(in)
	case Synced:
		g.syncs.Done(in.Number)
	case Tick:
		g.tick()
	}
	return g.finish()
}

// finish does what raft wants done after an input, and says when to come back.
func (g *Group) finish() Effects {
	g.drain()
	if g.failed != nil {
		return Effects{Failed: g.failed}
	}
	g.follow()
	g.out.Wake = g.deadline
	if g.leading {
		g.out.Wake = min(g.deadline, g.beatAt)
	}
	for i := range g.waits {
		g.out.Wake = min(g.out.Wake, g.waits[i].deadline)
	}
	return g.out
}

func (g *Group) fail(err error) {
	if g.failed == nil && err != nil {
		g.failed = fmt.Errorf("meta: %w", err)
	}
}

// message hands a message to raft, unless it comes from a candidate while a leader is
// there.
func (g *Group) message(w *wire.Raft) {
	m := new(raftpb.Message)
	if err := proto.Unmarshal(w.Data, m); err != nil || m.GetTo() != g.cfg.Number || m.GetFrom() == g.cfg.Number ||
		raft.IsLocalMsg(m.GetType()) || raft.IsLocalMsgTarget(m.GetFrom()) {
		return // not meant for this member, or for nobody
	}
	if err := g.absurd(m); err != nil {
		g.out.Odds = fmt.Errorf("message of %s to the metadata group: %w", w.From, err)
		return
	}
	g.peers[m.GetFrom()] = w.From
	switch m.GetType() {
	case raftpb.MsgVote, raftpb.MsgPreVote:
		if g.now-g.heard < g.cfg.Election {
			return
		}
	case raftpb.MsgApp, raftpb.MsgHeartbeat, raftpb.MsgSnap:
		if m.GetTerm() >= g.Term() {
			g.heard = g.now
			g.restartTimer()
		}
	}
	g.step(m)
}

// step ignores what raft refuses: messages of members that are gone, proposals without
// a leader. They are repeated, or their senders run into a timeout.
func (g *Group) step(m *raftpb.Message) {
	err := g.rn.Step(m)
	if err != nil && !errors.Is(err, raft.ErrProposalDropped) && !errors.Is(err, raft.ErrStepPeerNotFound) {
		g.fail(err)
	}
}

func (g *Group) restartTimer() {
	g.deadline = g.now + g.cfg.Election + time.Duration(g.cfg.Rand.Int64N(int64(g.cfg.Election)))
}

// follow notes whether the member has become, or no longer is, leader.
func (g *Group) follow() {
	leads := g.rn.BasicStatus().RaftState == raft.StateLeader
	if leads == g.leading {
		return
	}
	g.leading = leads
	if leads {
		g.heard, g.beatAt, g.deadline = g.now, g.now+g.cfg.Heartbeat, g.now+g.cfg.Election
		return
	}
	g.restartTimer()
}

func (g *Group) tick() {
	g.persist()
	if g.leading && g.now >= g.beatAt {
		g.rn.Tick()
		g.beatAt = g.now + g.cfg.Heartbeat
		g.reportSnapshots()
	}
	if g.now >= g.deadline {
		switch {
		case g.leading:
			g.checkQuorum()
		case g.mute():
			g.restartTimer()
		default:
			g.fail(g.rn.Campaign())
			g.restartTimer()
		}
	}
	g.waits = slices.DeleteFunc(g.waits, func(w wait) bool {
		if g.now < w.deadline {
			return false
		}
		g.out.Results = append(g.out.Results, Result{ID: w.id, Err: ErrTimeout})
		return true
	})
}

// reportSnapshots lets raft go on with members that were sent a snapshot. Whether it
// arrived isn't known: raft probes, and sends another one if it has to.
func (g *Group) reportSnapshots() {
	for _, number := range g.sentTo {
		g.rn.ReportSnapshot(number, raft.SnapshotFinish)
	}
	g.sentTo = nil
}

// checkQuorum lets a leader give up that has not heard of a majority since the last
// time. Raft would do it by its own timer, which is beyond reach; so it gets the
// message that the timer would send.
func (g *Group) checkQuorum() {
	from := raft.LocalAppendThread // as a local one, which may send local messages
	g.step(&raftpb.Message{Type: raftpb.MsgCheckQuorum.Enum(), From: &from})
	if g.rn.BasicStatus().RaftState == raft.StateLeader {
		g.heard, g.deadline = g.now, g.now+g.cfg.Election
	} else {
		g.heard = g.now - g.cfg.Election // anybody may have the vote now
	}
}

// propose puts commands before the group.
func (g *Group) propose(p Propose) {
	g.next++
	number := g.life + g.next
	buf, err := wire.AppendProposal(nil, &wire.Proposal{Origin: g.cfg.Number, ID: number, Commands: p.Commands})
	if err == nil {
		if g.rn.BasicStatus().Lead == raft.None {
			err = ErrNoLeader
		} else {
			err = g.rn.Propose(buf)
		}
	}
	if errors.Is(err, raft.ErrProposalDropped) {
		err = ErrNoLeader
	}
	if g.cfg.is(ApplyEarly) && err == nil && g.leading {
		g.applyEarly(p.Commands)
	}
	switch {
	case err != nil && p.ID != 0:
		g.out.Results = append(g.out.Results, Result{ID: p.ID, Err: err})
	case err == nil && p.ID != 0:
		g.waits = append(g.waits, wait{id: p.ID, number: number, deadline: g.now + g.cfg.Timeout})
	}
}

// read asks the leader for the commit index, and the leader a majority whether it still
// is one.
func (g *Group) read(r Read) {
	if g.rn.BasicStatus().Lead == raft.None {
		g.out.Results = append(g.out.Results, Result{ID: r.ID, Err: ErrNoLeader})
		return
	}
	g.next++
	number := g.life + g.next
	g.waits = append(g.waits, wait{id: r.ID, number: number, read: true, deadline: g.now + g.cfg.Timeout})
	g.rn.ReadIndex(readContext(number))
}
