package coordination

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// lagDetector removes followers that do not apply a state within
// cluster.follower_lag.timeout after the leader has (LagDetector).
type lagDetector struct {
	c        *Coordinator
	timeout  time.Duration
	nodes    []*state.Node       // of the latest state
	members  []*state.Node       // without the leader
	trackers map[string]*tracker // by id
}

// tracker is the version that a member has applied.
type tracker struct {
	node    *state.Node
	version int64
}

// setMembers tracks the nodes of a state, but for the leader.
func (l *lagDetector) setMembers(st *state.State) {
	if l.trackers != nil && sameNodes(l.nodes, st.Nodes) {
		return
	}
	l.nodes = st.Nodes
	trackers := make(map[string]*tracker, len(st.Nodes))
	l.members = l.members[:0:0]
	for _, n := range st.Nodes {
		if n.ID == l.c.node.ID {
			continue
		}
		l.members = append(l.members, n)
		if t := l.trackers[n.ID]; t != nil && same(t.node, n) {
			trackers[n.ID] = t
		} else {
			trackers[n.ID] = &tracker{node: n}
		}
	}
	l.trackers = trackers
}

func (l *lagDetector) clear() { l.members, l.trackers = nil, nil }

func (l *lagDetector) applied(n *state.Node, version int64) {
	if t := l.trackers[n.ID]; t != nil && same(t.node, n) {
		t.version = max(t.version, version)
	}
}

// start gives those that have not applied a version their time.
func (l *lagDetector) start(version int64) {
	var late []*tracker
	for _, n := range l.members {
		if t := l.trackers[n.ID]; t.version < version {
			late = append(late, t)
		}
	}
	if len(late) == 0 {
		return
	}
	l.c.in(l.timeout, "coordination.lag", func() {
		for _, t := range late {
			if l.trackers[t.node.ID] == t && t.version < version {
				l.c.log("node [%s] is lagging at cluster state version [%d], although publication of cluster state version [%d] completed [%s] ago",
					t.node.Name, t.version, version, l.timeout)
				l.c.removeNode(t.node, "lagging")
			}
		}
	})
}
