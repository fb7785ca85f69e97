package coordination

import (
	"math/rand/v2"
	"time"

	"github.com/shardquake/shardquake/internal/planted"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// election is the candidate's attempts to become the leader: the scheduler that
// spaces them and the pre-voting round in progress.
type election struct {
	scheduler *scheduler
	round     *round
}

// scheduler starts an attempt at random moments that lie further and further apart
// (ElectionSchedulerFactory). It goes on after an election is won or lost, until the
// leader's first state has been applied, so that the back-off outlives attempts that
// fail late.
type scheduler struct {
	c       *Coordinator
	rand    *rand.Rand
	attempt int64
	closed  bool

	initial, backOff, max, duration int64 // milliseconds
}

func (c *Coordinator) startScheduler() {
	if c.election.scheduler != nil || !c.node.HasRole("master") {
		return
	}
	s := &scheduler{
		c: c, rand: c.env.Stream("election"),
		initial:  settings.ElectionInitialTimeout.Get(c.cfg.Settings).Milliseconds(),
		backOff:  settings.ElectionBackOffTime.Get(c.cfg.Settings).Milliseconds(),
		max:      settings.ElectionMaxTimeout.Get(c.cfg.Settings).Milliseconds(),
		duration: settings.ElectionDuration.Get(c.cfg.Settings).Milliseconds(),
	}
	c.election.scheduler = s
	s.next(0)
}

// next schedules an attempt a whole number of milliseconds away, uniformly in
// (0, min(initial + attempt·back-off, max)], after a grace period.
func (s *scheduler) next(grace int64) {
	n := s.attempt
	s.attempt++
	most := min(s.max, s.initial+n*s.backOff)
	wait := 1 + s.rand.Int64N(most) + grace
	s.c.in(time.Duration(wait)*time.Millisecond, "coordination.election", func() {
		if s.closed {
			return
		}
		if n > 0 && n%10 == 0 {
			s.c.log("retrying master election after [%d] failed attempts; election attempts are currently scheduled up to [%dms] apart", n, most)
		}
		s.next(s.duration)
		s.c.startRound()
	})
}

func (e *election) closeScheduler() {
	if e.scheduler != nil {
		e.scheduler.closed = true
		e.scheduler = nil
	}
}

func (e *election) closeRound() { e.round = nil }

// round asks whether an election would be won, so that a node that is cut off does
// not raise the term of a cluster that is well (StatefulPreVoteCollector).
type round struct {
	st      *state.State
	votes   votes
	started bool
}

func (c *Coordinator) startRound() {
	if c.mode != Candidate {
		return
	}
	st := c.consensus.accepted
	if !mayWin(st, c.node.ID) {
		c.log("skip prevoting as local node may not win election")
		return
	}
	r := &round{st: st, votes: votes{}}
	c.election.round = r
	body := &preVoteBody{c.node, c.consensus.term}
	for _, n := range c.electorate() {
		c.ask(n.ID, preVote, body, 0, func(answer any, err error) {
			if err == nil && c.election.round == r {
				c.preVoted(r, n, answer.(*preVoteAnswer))
			}
		})
	}
}

// electorate is this node and the peers it found.
func (c *Coordinator) electorate() []*state.Node {
	return append([]*state.Node{c.node}, c.discovery.found()...)
}

func (c *Coordinator) preVoted(r *round, by *state.Node, a *preVoteAnswer) {
	c.heardOf(a.term)
	newer := a.acceptedTerm > r.st.Term || a.acceptedTerm == r.st.Term && a.acceptedVersion > r.st.Version
	if newer && !planted.Is(planted.StaleMaster) {
		return
	}
	r.votes.add(by)
	if r.started || !r.votes.quorum(r.st.LastCommitted) || !r.votes.quorum(r.st.LastAccepted) {
		return
	}
	r.started = true
	c.startElection()
}

// onPreVote answers whether this node would vote for another one now: not while it
// has a leader, unless that leader itself asks.
func (c *Coordinator) onPreVote(b *preVoteBody) (any, error) {
	c.heardOf(b.term)
	if c.mode != Candidate && !same(c.lastKnown, b.from) {
		return nil, reject("rejecting pre-vote request as there is already a leader")
	}
	st := c.consensus.accepted
	return &preVoteAnswer{c.consensus.term, st.Term, st.Version}, nil
}

// startElection asks everybody known to join this node in a new term.
func (c *Coordinator) startElection() {
	if c.mode != Candidate || !mayWin(c.consensus.accepted, c.node.ID) {
		return
	}
	c.askToJoin(c.node, c.electorate())
}

func (c *Coordinator) askToJoin(candidate *state.Node, nodes []*state.Node) {
	body := &startJoinBody{candidate, max(c.consensus.term, c.maxTerm) + 1}
	for _, n := range nodes {
		c.ask(n.ID, startJoin, body, 0, func(any, error) {})
	}
}

// abdicate lets another node be elected.
func (c *Coordinator) abdicate(to *state.Node) {
	c.log("abdicating to %s", to.Name)
	c.askToJoin(to, c.consensus.accepted.Nodes)
	c.becomeCandidate("after abdicating")
}
