package coordination

import (
	"fmt"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// progress is how far a publication has come with one node.
type progress uint8

const (
	notStarted progress = iota
	failed
	sentPublish
	waitingForQuorum
	sentCommit
	applied
)

func (p progress) String() string {
	return [...]string{"NOT_STARTED", "FAILED", "SENT_PUBLISH_REQUEST", "WAITING_FOR_QUORUM",
		"SENT_APPLY_COMMIT", "APPLIED_COMMIT"}[p]
}

// target is a node that a state is published to.
type target struct {
	node     *state.Node
	progress progress
	acked    bool
}

func (t *target) active() bool { return t.progress != failed && t.progress != applied }

// publication carries one state to all its nodes (Publication and
// CoordinatorPublication): a majority accepts it, then it is committed and every node
// applies it as soon as it learns so. The leader itself applies it last: when all the
// others have, or have failed to, or when cluster.publish.timeout has run out. Until
// then there is no other publication.
type publication struct {
	c         *Coordinator
	old, st   *state.State
	acks      acks
	done      func(error)
	began     sim.Time
	targets   []target
	running   int // targets that are active
	timers    [2]sim.Timer
	votes     []*joinVote // received before the state was applied here
	committed bool
	ended     bool  // all targets are done with, or it was cancelled
	own       *bool // whether the leader committed its own copy; nil: not known yet
	applied   bool  // the leader has begun to apply

	commit *commitBody
}

// publish sends a state to its nodes. done is called when the leader has applied it,
// or with a *FailedToCommitError.
func (c *Coordinator) publish(old, st *state.State, a acks, done func(error)) {
	if c.mode != Leader || c.consensus.term != st.Term {
		done(&FailedToCommitError{fmt.Sprintf("node is no longer master for term %d while handling publication", st.Term)})
		return
	}
	if err := c.consensus.propose(st); err != nil {
		c.becomeCandidate("publish")
		done(&FailedToCommitError{"publishing failed: " + err.Error()})
		return
	}
	p := &publication{c: c, old: old, st: st, acks: a, done: done, began: c.env.Now()}
	p.targets = make([]target, 0, len(st.Nodes))
	for _, masters := range []bool{true, false} { // master-eligible nodes first
		for _, n := range st.Nodes {
			if n.HasRole("master") == masters {
				p.targets = append(p.targets, target{node: n})
			}
		}
	}
	p.running = len(p.targets)
	c.publication = p
	c.leader.setMembers(st)
	c.followers.setMembers(st)
	c.lag.setMembers(st)
	p.start()
}

func (p *publication) start() {
	c := p.c
	if !c.singleNode {
		limit := settings.PublishTimeout.Get(c.cfg.Settings)
		p.timers[0] = c.in(limit, "publish.timeout", func() { p.cancel("timed out after " + limit.String()) })
	}
	info := settings.PublishInfoTimeout.Get(c.cfg.Settings)
	p.timers[1] = c.in(info, "publish.info", p.logIncomplete)
	for i := range p.targets {
		t := &p.targets[i]
		if c.followers.faulty(t.node) {
			p.fail(t)
		}
	}
	p.checkQuorum()
	base, diff, whole := p.base(), int64(-1), int64(-1)
	for i := range p.targets {
		t := &p.targets[i]
		if t.progress != notStarted {
			continue
		}
		t.progress = sentPublish
		if base != "" && same(p.old.Node(t.node.ID), t.node) {
			p.sendState(t, base, &diff)
		} else {
			p.sendState(t, "", &whole)
		}
	}
}

// base is the state that differences are sent against; "" when every node is sent
// the whole.
func (p *publication) base() string {
	if HasBlock(p.old, NotRecoveredBlockID) {
		return ""
	}
	return p.old.StateUUID
}

// sendState sends the state, or the difference from base. size caches what it takes,
// -1 at first.
func (p *publication) sendState(t *target, base string, size *int64) {
	c := p.c
	if t.node.ID == c.node.ID {
		base = ""
	} else if *size < 0 {
		*size = stateBytes(p.st)
		if base != "" {
			*size = diffBytes(p.old, p.st)
		}
	}
	m := c.newRequest(t.node.ID, publishState, &publishBody{p.st, c.node, base}, 0, func(answer any, err error) {
		if err == errDifferentBase {
			whole := int64(-1)
			p.sendState(t, "", &whole)
			return
		}
		p.onAnswer(t, answer, err)
	})
	m.bytes = max(*size, 0)
	c.post(t.node.ID, m, c.failer(m))
}

// onAnswer handles a node's acceptance, or its failure.
func (p *publication) onAnswer(t *target, answer any, err error) {
	if t.progress != sentPublish {
		return
	}
	if err != nil {
		p.fail(t)
		p.checkQuorum()
		return
	}
	a := answer.(*publishAnswer)
	if a.vote != nil {
		p.onVote(a.vote)
	} else {
		p.onMissingVote(t.node)
	}
	t.progress = waitingForQuorum
	if p.committed {
		p.sendCommit(t)
		return
	}
	commit, err := p.c.consensus.published(t.node, a.term, a.version)
	if err != nil {
		p.fail(t)
		p.checkQuorum()
		return
	}
	if commit {
		p.onQuorum()
	}
}

// onQuorum commits: from here on the state is in force, whatever happens.
func (p *publication) onQuorum() {
	c := p.c
	p.committed = true
	p.commit = &commitBody{c.node, p.st.Term, p.st.Version}
	c.cfg.Invariants.committed(p.st)
	p.acks.committed(c, c.env.Now().Sub(p.began))
	for i := range p.targets {
		if t := &p.targets[i]; t.progress == waitingForQuorum {
			p.sendCommit(t)
		}
	}
}

func (p *publication) sendCommit(t *target) {
	t.progress = sentCommit
	p.c.ask(t.node.ID, commitState, p.commit, 0, func(_ any, err error) {
		if t.progress != sentCommit {
			return
		}
		if err != nil {
			p.fail(t)
		} else {
			t.progress = applied
			p.running--
			p.ack(t, true)
		}
		p.checkEnd()
	})
}

func (p *publication) fail(t *target) {
	if !t.active() {
		return
	}
	t.progress = failed
	p.running--
	p.ack(t, false)
}

// ack notes that a node is through. The leader's own acknowledgement comes when it
// has applied the state.
func (p *publication) ack(t *target, ok bool) {
	if t.acked {
		return
	}
	t.acked = true
	if t.node.ID == p.c.node.ID {
		p.own = &ok
		p.checkOwn()
		return
	}
	p.acks.node(ok)
	if ok {
		p.c.lag.applied(t.node, p.st.Version)
	}
}

// checkQuorum gives up when those that did not fail cannot commit any more.
func (p *publication) checkQuorum() {
	if p.committed {
		p.checkEnd()
		return
	}
	v := votes{}
	for i := range p.targets {
		switch t := &p.targets[i]; t.progress {
		case notStarted, sentPublish, waitingForQuorum:
			v.add(t.node)
		case failed, sentCommit, applied:
		}
	}
	if p.c.consensus.publishQuorum(v) {
		return
	}
	p.failAll()
	p.checkEnd()
}

func (p *publication) failAll() {
	for i := range p.targets {
		p.fail(&p.targets[i])
	}
}

// cancel ends the waiting: on time-out, or because the node no longer leads.
func (p *publication) cancel(why string) {
	if p.ended {
		return
	}
	if !p.committed {
		p.failAll()
	}
	p.end()
}

func (c *Coordinator) cancelPublication(why string) {
	if c.publication != nil {
		c.publication.cancel(why)
	}
}

func (p *publication) checkEnd() {
	if !p.ended && p.running == 0 {
		p.end()
	}
}

func (p *publication) end() {
	p.ended = true
	p.checkOwn()
}

// checkOwn goes on once the publication has ended and it is known whether the leader
// has committed its own copy: it is applied, or everything failed.
func (p *publication) checkOwn() {
	if !p.ended || p.own == nil || p.applied {
		return
	}
	p.applied = true
	if !*p.own {
		p.failed()
		return
	}
	votes := p.votes
	p.votes = nil
	for _, v := range votes {
		p.countVote(v)
	}
	c := p.c
	st := c.applier.state
	c.applier.push(func() { p.succeeded(st) })
}

func (p *publication) failed() {
	c := p.c
	c.publication = nil
	if c.mode == Leader && p.st.Term == c.consensus.term {
		c.becomeCandidate("Publication.onCompletion(false)")
	}
	p.stopTimers()
	p.acks.node(false)
	p.done(&FailedToCommitError{fmt.Sprintf("publication of cluster state version [%d] in term [%d] failed [committed=%t]",
		p.st.Version, p.st.Term, p.committed)})
}

// succeeded is called when the leader has applied the state.
func (p *publication) succeeded(st *state.State) {
	c := p.c
	c.stateApplied(st)
	c.publication = nil
	c.heardOf(c.consensus.term)
	if c.mode == Leader {
		if to := p.heir(); to != nil {
			c.abdicate(to)
		} else {
			c.reconfigureIfNeeded()
		}
	}
	c.lag.start(p.st.Version)
	p.logIncomplete()
	p.stopTimers()
	p.acks.node(true)
	c.gateway.applied(st)
	p.done(nil)
}

func (p *publication) stopTimers() {
	p.timers[0].Stop()
	p.timers[1].Stop()
}

// heir is a node to abdicate to when this one is excluded from voting; nil: none.
func (p *publication) heir() *state.Node {
	c := p.c
	st := c.consensus.accepted
	if mayWin(st, c.node.ID) {
		return nil
	}
	v := votes{}
	for i := range p.targets {
		if p.targets[i].progress == applied {
			v.add(p.targets[i].node)
		}
	}
	if !v.quorum(st.LastCommitted) || !v.quorum(st.LastAccepted) {
		return nil
	}
	var heirs []*state.Node
	for i := range p.targets {
		if n := p.targets[i].node; v.has(n.ID) && mayWin(st, n.ID) {
			heirs = append(heirs, n)
		}
	}
	if len(heirs) == 0 {
		return nil
	}
	return heirs[c.env.Stream("election").IntN(len(heirs))]
}

// onVote keeps a vote until the leader has applied the state it came with.
func (p *publication) onVote(v *joinVote) {
	if p.applied {
		p.countVote(v)
		return
	}
	p.votes = append(p.votes, v)
}

func (p *publication) countVote(v *joinVote) {
	c := p.c
	if v.term == c.consensus.term && !c.consensus.joinVotes.has(v.voter.ID) {
		// The leader's election is won: what is wrong with a late vote does not matter.
		_ = c.countVote(v)
	}
}

// onMissingVote raises the term to get the vote of a node that follows without having
// voted in this one.
func (p *publication) onMissingVote(n *state.Node) {
	if n.HasRole("master") && !p.c.consensus.joinVotes.has(n.ID) {
		p.c.heardOf(p.st.Term + 1)
	}
}

func (p *publication) logIncomplete() {
	var waiting []string
	for i := range p.targets {
		if t := &p.targets[i]; t.active() {
			waiting = append(waiting, fmt.Sprintf("%s [%s]", t.node.Name, t.progress))
		}
	}
	if len(waiting) > 0 {
		p.c.log("after [%s] publication of cluster state version [%d] is still waiting for %s",
			settings.HumanTime(p.c.env.Now().Sub(p.began).Truncate(time.Millisecond)), p.st.Version, strings.Join(waiting, ", "))
	}
}
