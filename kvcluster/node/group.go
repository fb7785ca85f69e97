package node

import (
	"fmt"
	"time"

	"github.com/shardquake/shardquake/kvcluster/failover"
	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// reconfigureEvery is how often the leader looks whether the group's members are those
// that they should be.
const reconfigureEvery = time.Second

// known is what the leader knows of what a node knows.
type known struct {
	has, sent uint64 // revisions
	at        time.Duration
}

func (n *Node) openGroup() error {
	cfg := n.cfg.Meta
	cfg.Self, cfg.Number, cfg.Rand = n.id.ID, n.id.Number, n.cfg.Rand
	g, err := meta.Open(cfg, n.eng, n.now)
	if err != nil {
		return err
	}
	n.group, n.groupWake = g, n.now
	if s := g.State(); s.Known() && (!n.state.Known() || s.Revision() > n.state.Revision()) {
		n.state = s
	}
	return nil
}

// onRaft hands a message to the group. A node that gets its first one has been made a
// member.
func (n *Node) onRaft(m *wire.Raft) {
	if n.reopening {
		return
	}
	if n.group == nil {
		if err := n.openGroup(); err != nil {
			n.fail(err)
			return
		}
	}
	defer n.surviveGroup(m.From)
	n.stepGroup(meta.Message{M: m})
}

func (n *Node) stepGroup(in meta.Input) { n.takeGroup(n.group.Step(n.now, in)) }

// takeGroup does what the group wants.
func (n *Node) takeGroup(out meta.Effects) {
	if out.Failed != nil {
		n.fail(out.Failed)
		return
	}
	for _, m := range out.Messages {
		n.send(m.To, m)
	}
	if number := out.Sync; number > 0 {
		g := n.group
		n.afterSync(func() {
			if n.group == g {
				n.stepGroup(meta.Synced{Number: number})
			}
		})
	}
	n.groupWake = out.Wake
	if leads := n.group.Leading(); leads != n.leading {
		n.leading = leads
		n.told = make(map[shardmap.NodeID]known)
		n.manageAt = n.now
		what := "following"
		if leads {
			what = "leading"
		}
		n.event(what, "", n.group.Term())
	}
	if out.Changed {
		n.adopt(n.group.State())
		n.manageAt = n.now
	}
	if out.Odds != nil {
		n.tellEvent(Event{What: "at-odds", Detail: out.Odds.Error()})
	}
	for _, r := range out.Results {
		n.result(r)
	}
}

// leads is the leader of the metadata group as far as the node knows, or "".
func (n *Node) leads() shardmap.NodeID {
	if n.group != nil && n.isVoter() {
		if l := n.group.Leader(); l != "" {
			return l
		}
	}
	return n.leader
}

// manage lets the failover manager do its work, where the group is led.
func (n *Node) manage() {
	if n.group == nil || n.now < n.manageAt {
		return
	}
	s := n.group.State()
	if !s.Known() {
		n.manageAt = n.now + n.cfg.ReportEvery // nothing has come from the leader yet
		return
	}
	set := s.Settings()
	n.manageAt = n.now + failover.CheckEvery(&set)
	if !n.group.Leading() {
		n.manager.Observe(n.now, s)
		return
	}
	if commands := n.manager.Decide(n.now, s); len(commands) > 0 {
		n.stepGroup(meta.Propose{Commands: commands})
	}
	if n.now >= n.reconfigureAt && n.failed == nil {
		n.reconfigureAt = n.now + reconfigureEvery
		n.takeGroup(n.group.Reconfigure(n.now, n.mayVote))
	}
	n.publish()
}

// mayVote reports whether a node may belong to the metadata group.
func (n *Node) mayVote(m *wire.Member) bool {
	return m.State == wire.Active && !n.manager.Lost(m.ID) && (m.Role != wire.NoVoter || !m.Down)
}

// publish tells the nodes the cluster state, until they have it.
func (n *Node) publish() {
	s := n.state
	if n.failed != nil || !n.leading || !s.Known() {
		return
	}
	for i := range s.Members() {
		m := &s.Members()[i]
		t := n.told[m.ID]
		again := failover.RepeatAfter
		if m.Down {
			again = s.Settings().Heartbeat
		}
		if m.ID == n.id.ID || t.has >= s.Revision() || t.sent == s.Revision() && n.now-t.at < again {
			continue
		}
		if m.State == wire.Removed && t.sent == s.Revision() {
			continue // once is enough: it may be gone for ever
		}
		w := s.Wire(false)
		w.Peer, w.Leader = wire.Peer{From: n.id.ID, To: m.ID}, n.id.ID
		t.sent, t.at = s.Revision(), n.now
		n.told[m.ID] = t
		n.send(m.ID, &w)
	}
}

func (n *Node) onClusterState(m *wire.ClusterState) {
	s, err := meta.FromWire(m)
	if err != nil || s.Cluster() != n.id.Cluster {
		return // another cluster's, or no valid state: its sender will have its reasons
	}
	n.leader = m.From
	n.adopt(s)
	if n.failed == nil {
		n.send(m.From, &wire.Heartbeat{Peer: wire.Peer{From: n.id.ID, To: m.From}, Revision: n.state.Revision()})
	}
}

// onHeartbeat notes that a node lives, and lets the leader answer.
func (n *Node) onHeartbeat(m *wire.Heartbeat) {
	if n.group == nil || !n.state.Known() || n.state.Member(m.From) == nil {
		return
	}
	n.manager.Heard(n.now, m)
	if !n.leading {
		return
	}
	t := n.told[m.From]
	if m.Revision < t.has {
		t.sent = 0 // it has forgotten, in a crash
	}
	t.has = m.Revision
	n.told[m.From] = t
	n.manageAt = n.now
	if m.Reply && m.From != n.id.ID {
		n.send(m.From, &wire.HeartbeatAck{Peer: wire.Peer{From: n.id.ID, To: m.From}, Revision: n.state.Revision()})
	}
}

func (n *Node) describeLeader() string {
	if l := n.leads(); l != "" {
		return fmt.Sprintf("the leader of the metadata group is %s", l)
	}
	return "the metadata group has no leader that this node knows of"
}
