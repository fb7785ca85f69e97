package coordination

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic/settings"
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
type Coordinator struct {
	cfg  Config
	env  Env
	node *state.Node

	stopped    bool
	singleNode bool // discovery.type: single-node

	consensus consensus
	mode      Mode
	lastKnown *state.Node // last known leader; the leader unless a candidate
	lastJoin  *joinVote
	maxTerm   int64 // highest term heard of

	applier     applier
	discovery   *discovery
	bootstrap   *bootstrap
	election    election
	joins       joins
	followers   *followersChecker
	leader      *leaderChecker
	lag         lagDetector
	master      masterService
	gateway     gateway
	publication *publication // nil: none in progress
	lastSeen    string       // UUID of the last state received in a publication

	reconfiguring bool
	forming       bool // within [Coordinator.Form]
	connected     connections
	calls         struct {
		last uint64
		open map[uint64]*call
	}
}

// New makes a coordinator that is not started.
func New(cfg Config, env Env) *Coordinator {
	node := cfg.Node
	c := &Coordinator{cfg: cfg, env: env, node: &node}
	c.calls.open = map[uint64]*call{}
	c.singleNode = settings.DiscoveryType.Get(cfg.Settings) == "single-node"
	c.consensus = consensus{
		local: c.node, persist: env.Persist,
		term: cfg.Persisted.Term, accepted: c.restored(), committed: cfg.Persisted.Committed,
		joinVotes: votes{},
	}
	c.consensus.publishedConfig = c.consensus.accepted.LastAccepted
	c.discovery = newDiscovery(c)
	c.bootstrap = newBootstrap(c)
	c.joins.pending = map[outgoing]bool{}
	c.followers = newFollowersChecker(c)
	c.leader = newLeaderChecker(c)
	c.lag = lagDetector{c: c, timeout: settings.FollowerLagTimeout.Get(cfg.Settings)}
	c.gateway = gateway{c: c}
	c.master.c = c
	return c
}

// Start applies the node's initial state (no master, not recovered) and begins
// discovery.
func (c *Coordinator) Start() {
	c.cfg.Board.enter(c)
	c.applier.state = c.initialState()
	c.applier.c = c
	c.applier.push(nil)
	c.changed()
	c.discovery.activate(c.consensus.accepted)
	c.bootstrap.scheduleUnconfigured()
}

// Stop ends everything at once, as the end of the process does. Later calls and
// late timers and answers have no effect.
func (c *Coordinator) Stop() {
	c.stopped = true
	c.followers.clear()
	c.leader.watch(nil)
	c.cfg.Board.leave(c)
}

// Mode is the node's present mode.
func (c *Coordinator) Mode() Mode { return c.mode }

// Term is the node's current term.
func (c *Coordinator) Term() int64 { return c.consensus.term }

// Leader is the id of the leader the node follows or is; "" for a candidate.
func (c *Coordinator) Leader() string {
	if c.mode == Candidate {
		return ""
	}
	return c.lastKnown.ID
}

// Accepted is the last accepted state, committed or not; for tests and reports: what
// the node serves is what [Env].Apply got.
func (c *Coordinator) Accepted() *state.State { return c.consensus.accepted }

// changed tells who wants to know that mode, term or leader may have changed.
func (c *Coordinator) changed() {
	c.cfg.Invariants.observe(c)
	if c.cfg.Hooks.ModeChanged != nil {
		c.cfg.Hooks.ModeChanged(c.mode, c.consensus.term, c.Leader())
	}
	c.cfg.Board.answersChanged(c)
}

func (c *Coordinator) log(format string, args ...any) {
	if c.cfg.Hooks.Log != nil {
		c.cfg.Hooks.Log(format, args...)
	}
}

// becomeCandidate gives up leading or following and looks for a leader.
func (c *Coordinator) becomeCandidate(why string) {
	if c.mode == Candidate {
		return
	}
	c.mode = Candidate
	c.cancelPublication("become candidate: " + why)
	c.joins.reset(c)
	c.followers.clear()
	c.leader.setMembers(nil)
	c.leader.watch(nil)
	c.lag.clear()
	c.changed()
	if c.applier.state.Master != "" {
		c.applier.state = c.withoutMaster(c.applier.state)
		c.applier.push(nil)
	}
	c.discovery.activate(c.consensus.accepted)
}

// becomeLeader is called when enough votes have come in.
func (c *Coordinator) becomeLeader() {
	c.mode = Leader
	c.lastKnown = c.node
	c.joins.reset(c)
	c.discovery.deactivate(c.node)
	c.election.closeRound()
	c.changed()
}

// becomeFollower follows a leader who has shown itself in the current term.
func (c *Coordinator) becomeFollower(leader *state.Node) {
	restart := c.mode != Follower || !same(c.lastKnown, leader)
	if c.mode != Follower {
		c.mode = Follower
		c.joins.reset(c)
		c.leader.setMembers(nil)
	}
	c.lastKnown = leader
	c.discovery.deactivate(leader)
	c.election.closeRound()
	c.cancelPublication("become follower")
	c.followers.clear()
	c.lag.clear()
	if restart {
		c.changed()
		c.leader.watch(leader)
	}
}

// leaderFailed is what the leader checker reports.
func (c *Coordinator) leaderFailed(why string) {
	if c.mode != Candidate {
		c.log("master node [%s] %s, restarting discovery", c.lastKnown.Name, why)
	}
	c.becomeCandidate("onLeaderFailure")
}

// ensureTerm moves to a term that a node of that term is heard of in. It returns the
// vote that it gives to that node, if any. It fails when the term can't be written.
func (c *Coordinator) ensureTerm(source *state.Node, term int64) (*joinVote, error) {
	if c.consensus.term >= term {
		return nil, nil
	}
	return c.joinLeader(source, term)
}

// joinLeader votes for a candidate in a higher term.
func (c *Coordinator) joinLeader(candidate *state.Node, term int64) (*joinVote, error) {
	vote, err := c.consensus.startJoin(candidate, term)
	if err != nil {
		return nil, err
	}
	c.lastJoin = vote
	if c.mode == Candidate {
		c.changed()
	} else {
		c.becomeCandidate("joinLeaderInTerm")
	}
	return vote, nil
}

// voteFor is the node's last vote if it was for this leader in this term.
func (c *Coordinator) voteFor(leader *state.Node, term int64) *joinVote {
	if v := c.lastJoin; v != nil && v.candidate == leader.EphemeralID && v.term == term {
		return v
	}
	return nil
}

// heardOf notes a term heard of; a leader in a lower one takes the next election so
// that nodes of that term can vote for it.
func (c *Coordinator) heardOf(term int64) {
	c.maxTerm = max(c.maxTerm, term)
	if c.mode == Leader && c.maxTerm > c.consensus.term && c.publication == nil {
		if _, err := c.ensureTerm(c.node, c.maxTerm); err != nil {
			c.log("term %d: %v", c.maxTerm, err)
			return
		}
		c.startElection()
	}
}

// same reports whether two descriptions are of one process.
func same(a, b *state.Node) bool {
	return a != nil && b != nil && a.EphemeralID == b.EphemeralID
}

// sameNodes reports whether two states share their list of nodes.
func sameNodes(a, b []*state.Node) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func (c *Coordinator) settingsOf(st *state.State) settings.Settings {
	return c.cfg.Settings.Merged(st.Settings())
}

// applier hands states to the node, in order, and counts those that it has not
// applied yet (ClusterApplierService).
type applier struct {
	c       *Coordinator
	state   *state.State // as of the latest hand-over
	open    int
	waiting []func()
}

// push hands the present state to the node. done, if not nil, is called once it is
// applied.
func (a *applier) push(done func()) {
	a.open++
	a.c.env.Apply(a.state, func() {
		if a.c.stopped {
			return
		}
		a.open--
		if done != nil {
			done()
		}
		a.drain()
	})
}

// whenIdle runs f once nothing is left to be applied.
func (a *applier) whenIdle(f func()) {
	a.waiting = append(a.waiting, f)
	a.drain()
}

func (a *applier) drain() {
	for a.open == 0 && len(a.waiting) > 0 {
		f := a.waiting[0]
		a.waiting = a.waiting[1:]
		f()
	}
}

// stateApplied ends what was kept for joining once a state of a master is in force.
func (c *Coordinator) stateApplied(st *state.State) {
	if c.mode == Candidate {
		return
	}
	c.discovery.closePeers()
	if c.consensus.term == st.Term {
		c.election.closeScheduler()
	}
}

// onPublish accepts a state published by a leader.
func (c *Coordinator) onPublish(b *publishBody, reply func(any, error)) {
	if b.base != "" && b.base != c.lastSeen {
		reply(nil, errDifferentBase)
		return
	}
	answer, err := c.accept(b)
	if err != nil {
		reply(nil, err)
		return
	}
	c.lastSeen = b.st.StateUUID
	c.after(c.cfg.Costs.accept(b.st), func() { reply(answer, nil) })
}

func (c *Coordinator) accept(b *publishBody) (*publishAnswer, error) {
	local := c.consensus.accepted
	own := same(b.from, c.node)
	if own && c.mode != Leader {
		return nil, reject("no longer leading this publication's term")
	}
	if c.consensus.committed && local.ClusterUUID != b.st.ClusterUUID {
		return nil, reject("received cluster state from %s with a different cluster uuid %s than local cluster uuid %s, rejecting",
			b.from.Name, b.st.ClusterUUID, local.ClusterUUID)
	}
	if b.st.Term > local.Term && c.cfg.Hooks.ValidateJoin != nil {
		if err := c.cfg.Hooks.ValidateJoin(b.st); err != nil {
			return nil, err
		}
	}
	if _, err := c.ensureTerm(b.from, b.st.Term); err != nil {
		return nil, err
	}
	if err := c.consensus.publish(b.st); err != nil {
		return nil, err
	}
	c.cfg.Invariants.observe(c)
	if !own {
		c.becomeFollower(b.from)
	}
	return &publishAnswer{b.st.Term, b.st.Version, c.voteFor(b.from, b.st.Term)}, nil
}

// onCommit puts the accepted state into force. The leader applies its own at the end
// of the publication instead.
func (c *Coordinator) onCommit(b *commitBody, reply func(any, error)) {
	if err := c.consensus.commit(b.term, b.version); err != nil {
		reply(nil, err)
		return
	}
	c.cfg.Invariants.committed(c.consensus.accepted)
	st := hideUnlessRecovered(c.consensus.accepted)
	if c.mode == Candidate {
		st = c.withoutMaster(st)
	}
	c.applier.state = st
	if same(b.from, c.node) {
		reply(nil, nil)
		return
	}
	c.applier.push(func() {
		c.stateApplied(st)
		reply(nil, nil)
	})
}

// after runs f in d, at once when d is zero.
func (c *Coordinator) after(d time.Duration, f func()) {
	if d <= 0 {
		f()
		return
	}
	c.in(d, "coordination.cost", f)
}
