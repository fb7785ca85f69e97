package coordination

import (
	"fmt"
	"time"

	"github.com/shardquake/shardquake/internal/planted"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// followersChecker is the leader's watch over the nodes of its latest state
// (FollowersChecker).
type followersChecker struct {
	c        *Coordinator
	rules    checkRules
	checkers map[string]*checker // by id
	// bad are nodes that failed and are members still.
	bad map[string]*state.Node
	// members are those watched, in order of the state.
	members []*state.Node
	// noticed is when a failure was noticed last, apart how much later than that the
	// latest of that moment is acted on.
	noticed sim.Time
	apart   time.Duration
}

// recordedApart is how much later a master noticed the second of two killed nodes, in parts
// of the time from the kill until it noticed the first, sorted: of real nodes on a busy
// machine, where killed processes go one after the other, so that both times grow together.
// On a machine at rest (package scenarios/recorded, Pairs) it is anything from none to twice
// that; the states that take the nodes out are as far apart with either, for the second
// waits until the first is published.
var recordedApart = [...]float64{0.69, 0.72, 0.76, 0.90, 1.43}

// behind is how much later than the first a failure of this moment is noticed: nodes that
// vanish together leave in states of their own for it.
func (f *followersChecker) behind() time.Duration {
	now, spread := f.c.env.Now(), f.c.cfg.Costs.Spread
	if f.noticed != now || spread == 0 {
		f.noticed, f.apart = now, 0
		return 0
	}
	// Between the recorded values all are as likely.
	u := float64(f.c.env.Stream("notice").Float64() * float64(len(recordedApart)-1))
	i := min(int(u), len(recordedApart)-2)
	part := recordedApart[i] + float64(float64(u-float64(i))*float64(recordedApart[i+1]-recordedApart[i]))
	f.apart += time.Duration(float64(spread) * part)
	return f.apart
}

func newFollowersChecker(c *Coordinator) *followersChecker {
	s := c.cfg.Settings
	return &followersChecker{
		c: c, checkers: map[string]*checker{}, bad: map[string]*state.Node{},
		rules: checkRules{
			followerCheck, settings.FollowerCheckInterval.Get(s),
			settings.FollowerCheckTimeout.Get(s), settings.FollowerCheckRetryCount.Get(s),
		},
	}
}

// setMembers begins to check new members of a state and forgets former ones.
func (f *followersChecker) setMembers(st *state.State) {
	if f.members != nil && sameNodes(f.members, st.Nodes) {
		return
	}
	for _, n := range f.members {
		if !same(st.Node(n.ID), n) {
			f.drop(n)
		}
	}
	f.members = st.Nodes
	for _, masters := range []bool{true, false} {
		for _, n := range st.Nodes {
			if n.HasRole("master") == masters && n.ID != f.c.node.ID && f.checkers[n.ID] == nil && f.bad[n.ID] == nil {
				f.watch(n)
			}
		}
	}
}

func (f *followersChecker) watch(n *state.Node) {
	k := &checker{c: f.c, rules: f.rules, peer: n, term: f.c.consensus.term, cost: f.c.cfg.Costs.Failure, behind: f.behind}
	k.fail = func(why string) {
		if f.checkers[n.ID] != k {
			return
		}
		if why == "" {
			why = fmt.Sprintf("followers check retry count exceeded [timeouts=%d, failures=%d]", k.timeouts, k.failures)
		}
		delete(f.checkers, n.ID)
		f.bad[n.ID] = n
		if planted.Is(planted.DeadNodeKept) {
			return
		}
		f.c.removeNode(n, why)
	}
	f.checkers[n.ID] = k
	k.start()
}

func (f *followersChecker) drop(n *state.Node) {
	if k := f.checkers[n.ID]; k != nil {
		k.close()
		delete(f.checkers, n.ID)
	}
	delete(f.bad, n.ID)
}

// clear ends all checks.
func (f *followersChecker) clear() {
	for _, n := range f.members {
		f.drop(n)
	}
	f.members = nil
}

func (f *followersChecker) faulty(n *state.Node) bool { return same(f.bad[n.ID], n) }

func (f *followersChecker) disconnected(id string) {
	if k := f.checkers[id]; k != nil {
		k.giveUp("disconnected")
	}
}

// onFollowerCheck answers a leader's check: a node that has not accepted a state in
// the leader's term yet follows it from now on.
func (c *Coordinator) onFollowerCheck(b *checkBody) error {
	if c.mode == Follower && c.consensus.term == b.term {
		return nil
	}
	if b.term < c.consensus.term {
		return reject("rejecting follower check since local state is {term=%d, mode=%s}", c.consensus.term, c.mode)
	}
	if _, err := c.ensureTerm(b.from, b.term); err != nil {
		return err
	}
	switch {
	case c.consensus.accepted.Term < c.consensus.term:
		c.becomeFollower(b.from)
	case c.mode == Follower:
	case len(c.joins.pending) > 0: // rejoining
	default:
		return reject("onFollowerCheckRequest: received check from faulty master, rejecting")
	}
	return nil
}

// leaderChecker is the follower's watch over its leader, and the leader's list of
// those whose checks it answers (LeaderChecker).
type leaderChecker struct {
	c       *Coordinator
	rules   checkRules
	checker *checker     // nil: no leader to check
	members *state.State // nil: not a leader
}

func newLeaderChecker(c *Coordinator) *leaderChecker {
	s := c.cfg.Settings
	return &leaderChecker{c: c, rules: checkRules{
		leaderCheck, settings.LeaderCheckInterval.Get(s),
		settings.LeaderCheckTimeout.Get(s), settings.LeaderCheckRetryCount.Get(s),
	}}
}

// watch checks this leader from now on, or nobody.
func (l *leaderChecker) watch(leader *state.Node) {
	if l.checker != nil {
		l.checker.close()
		l.checker = nil
	}
	if leader == nil {
		return
	}
	k := &checker{c: l.c, rules: l.rules, peer: leader, cost: l.c.cfg.Costs.Failure}
	k.fail = func(why string) {
		if l.checker != k {
			return
		}
		if why == "" {
			why = fmt.Sprintf("failed [%d] consecutive checks ([%d] rejected, [%d] timed out)",
				k.failures+k.timeouts, k.failures, k.timeouts)
		}
		l.c.leaderFailed(why)
	}
	l.checker = k
	k.start()
}

func (l *leaderChecker) disconnected(id string) {
	if l.checker != nil && l.checker.peer.ID == id {
		l.checker.giveUp("disconnected")
	}
}

// setMembers says whose checks are answered; nil: nobody's.
func (l *leaderChecker) setMembers(st *state.State) {
	old := l.members
	l.members = st
	if old == nil || st == nil || sameNodes(old.Nodes, st.Nodes) {
		return // a change of mode is announced as such
	}
	for _, n := range old.Nodes {
		if !same(st.Node(n.ID), n) {
			l.c.cfg.Board.answersChangedTo(l.c, n.ID)
		}
	}
}

// onLeaderCheck answers a follower's check.
func (c *Coordinator) onLeaderCheck(b *checkBody) error {
	switch st := c.leader.members; {
	case st == nil || st.Master != c.node.ID:
		return reject("no longer the elected master")
	case !same(st.Node(b.from.ID), b.from):
		return reject("rejecting check since [%s] has been removed from the cluster", b.from.Name)
	}
	return nil
}
