package allocation

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// nodeShutdown keeps copies off nodes that are to be removed, and takes away those that are
// there (NodeShutdownAllocationDecider).
func (p *pass) nodeShutdown(_ *index, n *node) (Verdict, string) {
	if len(p.st.Shutdowns) == 0 {
		return Yes, "no nodes are shutting down"
	}
	switch d := p.st.Shutdown(n.id); {
	case d == nil:
		return Yes, "this node is not shutting down"
	case d.Type == state.ShutdownRestart:
		return Yes, p.say("node [%s] is preparing to restart, but will remain in the cluster", n.id)
	}
	return No, p.say("node [%s] is preparing to be removed from the cluster", n.id)
}

// leaving reports whether some node is to be removed.
func leaving(st *state.State) bool {
	for _, d := range st.Shutdowns {
		if d.Type == state.ShutdownRemove {
			return true
		}
	}
	return false
}

// delayOf is how long an unassigned copy waits for its node, in nanoseconds.
func (p *pass) delayOf(r *routed) int64 {
	return int64(p.st.DelayOf(r.info, time.Duration(r.shard.index.set.delayNanos)))
}
