package node

import (
	"errors"
	"slices"
	"time"

	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// ask is a question under way: who wants to know.
type ask struct {
	join     *wire.Join      // a node that wants to join, or
	node     shardmap.NodeID // another node that passed it on, or, if "", a client here
	id       uint64          // theirs
	kind     wire.CommandKind
	deadline time.Duration
}

// askTimeout is after which a question that was passed on is given up. The leader's own
// deadline is shorter.
const askTimeout = 10 * time.Second

// askedFor takes a question of a client.
func (n *Node) askedFor(id uint64, m wire.Message) {
	switch m := m.(type) {
	case *wire.Request:
		n.request(id, m)
	case *wire.Admin:
		n.admin(ask{id: id}, m)
	}
}

// newAsk numbers a question.
func (n *Node) newAsk(a ask) uint64 {
	n.nextAsk++
	a.deadline = n.now + askTimeout
	n.asks[n.nextAsk] = a
	return n.nextAsk
}

func (n *Node) take(id uint64) (ask, bool) {
	a, ok := n.asks[id]
	delete(n.asks, id)
	return a, ok
}

// expire gives up what was passed on and not answered.
func (n *Node) expire() {
	ids := make([]uint64, 0, len(n.asks))
	for id := range n.asks {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if a := n.asks[id]; n.now >= a.deadline {
			delete(n.asks, id)
			n.answer(a, wire.AdminResult{Status: wire.Unknown, Reason: "the leader of the metadata group didn't answer in time"})
		}
	}
}

// answer answers a question, unless nobody waits for it.
func (n *Node) answer(a ask, r wire.AdminResult) {
	if a.join != nil {
		return // it will be repeated
	}
	r.ID, r.Leader = a.id, n.leads()
	if len(r.Reason) > wire.MaxName {
		r.Reason = r.Reason[:wire.MaxName]
	}
	if a.node == "" {
		n.out.Answers = append(n.out.Answers, Answer{ID: a.id, M: &r})
		return
	}
	r.Peer = wire.Peer{From: n.id.ID, To: a.node}
	n.send(a.node, &r)
}

// admin carries out what an administrator asks for, or passes it on to the leader.
func (n *Node) admin(a ask, m *wire.Admin) {
	a.kind = m.Command.Kind
	switch {
	case n.id.ID == "":
		n.answer(a, wire.AdminResult{Status: wire.Unavailable, Reason: n.waits()})
	case !allowed(m.Command.Kind):
		n.answer(a, wire.AdminResult{Status: wire.Invalid, Reason: "an administrator can't ask for " + m.Command.Kind.String()})
	case m.Stale && m.Command.Kind == wire.GetState && n.state.Known():
		w := n.state.Wire(false)
		w.Leader = n.leads()
		n.answer(a, wire.AdminResult{State: &w, Copies: n.reports()})
	case n.leading:
		n.administer(a, &m.Command)
	case a.node != "":
		// It was passed on already, by a node that is wrong about the leader.
		n.answer(a, wire.AdminResult{Status: wire.Unavailable, Reason: n.describeLeader()})
	default:
		n.pass(a, m)
	}
}

// allowed reports whether administrators may give a command; the others are for nodes
// that join and for the failover manager.
func allowed(k wire.CommandKind) bool { return k <= wire.Promote && k != wire.AddNode }

// pass passes a client's question on to the leader.
func (n *Node) pass(a ask, m *wire.Admin) {
	to := n.leads()
	if to == "" || to == n.id.ID {
		n.answer(a, wire.AdminResult{Status: wire.Unavailable, Reason: n.describeLeader()})
		return
	}
	forward := *m
	forward.ID, forward.Peer = n.newAsk(a), wire.Peer{From: n.id.ID, To: to}
	n.send(to, &forward)
}

func (n *Node) onAdminResult(m *wire.AdminResult) {
	if a, ok := n.take(m.ID); ok {
		r := *m
		if r.Leader != "" {
			n.leader = r.Leader
		}
		n.answer(a, r)
	}
}

// administer carries out a command at the leader.
func (n *Node) administer(a ask, c *wire.Command) {
	switch c.Kind {
	case wire.GetState:
		n.stepGroup(meta.Read{ID: n.newAsk(a)})
	case wire.Rebalance:
		n.manager.Rebalance()
		n.manageAt = n.now
		n.answer(a, wire.AdminResult{})
	case wire.SplitShard:
		n.split(a, *c)
	default:
		n.propose(a, []wire.Command{*c})
	}
}

// split splits a shard at the key given, or at one that the measurements give.
func (n *Node) split(a ask, c wire.Command) {
	if c.By != wire.ByKey {
		if c.Start = n.manager.Middle(c.Shard, c.By); c.Start == "" {
			n.answer(a, wire.AdminResult{Status: wire.Invalid, Reason: "no key is known that halves the shard"})
			return
		}
		c.By = wire.ByKey
	}
	n.propose(a, []wire.Command{c})
}

func (n *Node) propose(a ask, commands []wire.Command) {
	n.stepGroup(meta.Propose{ID: n.newAsk(a), Commands: commands})
}

// result takes what the group says to a question.
func (n *Node) result(r meta.Result) {
	a, ok := n.take(r.ID)
	if !ok {
		return
	}
	switch {
	case errors.Is(r.Err, meta.ErrTimeout) && a.kind != wire.GetState:
		n.answer(a, wire.AdminResult{Status: wire.Unknown, Reason: r.Err.Error()})
	case r.Err != nil:
		n.answer(a, wire.AdminResult{Status: wire.Unavailable, Reason: r.Err.Error()})
	case len(r.Outcomes) == 0:
		w := n.group.State().Wire(true)
		w.Leader = n.id.ID
		n.answer(a, wire.AdminResult{State: &w, Health: n.manager.Health(),
			Failover: n.manager.State(), Unavailable: n.manager.Unavailable()})
	case errors.Is(r.Errs[0], shardmap.ErrUnsettled):
		n.answer(a, wire.AdminResult{Status: wire.Unavailable, Reason: r.Errs[0].Error()})
	case r.Errs[0] != nil:
		n.answer(a, wire.AdminResult{Status: wire.Invalid, Reason: r.Errs[0].Error()})
	case a.join != nil:
		n.joined(a.join, r.Outcomes[0])
	default:
		n.answer(a, wire.AdminResult{Shard: r.Outcomes[0].Shard, Node: r.Outcomes[0].Node})
	}
}
