package coordination

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Form begins the coordinator's life in a cluster that has formed long ago, in place of
// [Coordinator.Start]: the node has accepted and applied a state that has a master. Every coordinator of the cluster is formed so at the same
// instant, the master last: its mode is announced, and what it asks must find the others.
func (c *Coordinator) Form(st *state.State) {
	k := &c.consensus
	k.accepted, k.term, k.committed, k.started, k.publishedConfig = st, st.Term, true, true, st.LastAccepted
	master := st.Node(st.Master)
	c.cfg.Board.enter(c)
	c.applier.c, c.applier.state = c, st
	c.lastSeen, c.lastKnown, c.maxTerm = st.StateUUID, master, st.Term
	c.connected.formed = st
	c.discovery.leader = master
	c.bootstrap.permitted = false
	// Checks began at different times: their phases are the seed's.
	c.forming = true
	defer func() { c.forming = false }()
	if master.ID == c.node.ID {
		c.lead(st)
		return
	}
	c.mode = Follower
	c.changed()
	c.leader.watch(master)
}

// lead makes the coordinator the leader whom all master-eligible nodes voted for.
func (c *Coordinator) lead(st *state.State) {
	c.mode = Leader
	k := &c.consensus
	k.won, k.publishedVersion, k.publishedConfig = true, st.Version, st.LastAccepted
	for _, n := range st.Nodes {
		k.joinVotes.add(n)
	}
	c.leader.setMembers(st)
	c.lag.setMembers(st)
	for _, n := range st.Nodes {
		c.lag.applied(n, st.Version)
	}
	c.followers.setMembers(st)
	c.cfg.Invariants.committed(st)
	c.changed()
}

// phase is how long a checker waits before its first check: not at all, but for those of a
// cluster that is formed already.
func (c *Coordinator) phase(interval time.Duration) time.Duration {
	if !c.forming || interval <= 0 {
		return 0
	}
	return time.Duration(c.env.Stream("check-phase").Int64N(int64(interval)))
}
