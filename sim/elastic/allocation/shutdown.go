package allocation

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// nodeShutdown keeps copies off nodes that are to be removed, and takes away those that are
// there (NodeShutdownAllocationDecider).
func (p *pass) nodeShutdown(_ *routing.Index, n *routing.Node) (Verdict, string) {
	if len(p.State.Shutdowns) == 0 {
		return Yes, "no nodes are shutting down"
	}
	switch d := p.State.Shutdown(n.ID); {
	case d == nil:
		return Yes, "this node is not shutting down"
	case d.Type == state.ShutdownRestart:
		return Yes, p.say("node [%s] is preparing to restart, but will remain in the cluster", n.ID)
	}
	return No, p.say("node [%s] is preparing to be removed from the cluster", n.ID)
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
func (p *pass) delayOf(r *routing.Copy) int64 {
	return int64(p.State.DelayOf(r.Info, time.Duration(r.Shard.Index.Settings.DelayNanos)))
}
