package coordination

import (
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// gateway has the master recover the state after a full restart, once enough data
// nodes are there (GatewayService).
type gateway struct {
	c       *Coordinator
	pending *recoverState
}

// recoverState is the attempt of one term.
type recoverState struct {
	term      int64
	timer     sim.Timer
	scheduled bool
	submitted bool
}

// applied looks at a state that the node has applied as master.
func (g *gateway) applied(st *state.State) {
	if st.Master != g.c.node.ID || !HasBlock(st, NotRecoveredBlockID) {
		return
	}
	if g.pending == nil || g.pending.term < st.Term {
		g.pending = &recoverState{term: st.Term}
	}
	dataNodes := 0
	for _, n := range st.Nodes {
		if n.CanContainData() {
			dataNodes++
		}
	}
	g.consider(g.pending, dataNodes)
}

func (g *gateway) consider(r *recoverState, dataNodes int) {
	s := g.c.cfg.Settings
	least, expected := settings.RecoverAfterDataNodes.Get(s), settings.ExpectedDataNodes.Get(s)
	wait := time.Duration(0)
	switch {
	case settings.RecoverAfterTime.IsSet(s):
		wait = settings.RecoverAfterTime.Get(s)
	case expected >= 0:
		wait = 5 * time.Minute
	}
	switch {
	case least != -1 && dataNodes < least:
		r.cancel()
	case wait == 0, expected != -1 && expected <= dataNodes:
		r.cancel()
		g.submit(r)
	case !r.scheduled:
		g.c.log("delaying initial state recovery for [%s] of term [%d]. expecting [%d] data nodes, but only have [%d]",
			settings.HumanTime(wait), r.term, expected, dataNodes)
		r.scheduled = true
		r.timer = g.c.in(wait, "gateway.recover_after_time", func() {
			if g.pending == r {
				g.submit(r)
			}
		})
	}
}

func (r *recoverState) cancel() {
	r.timer.Stop()
	r.scheduled = false
}

func (g *gateway) submit(r *recoverState) {
	if r.submitted {
		return
	}
	r.submitted = true
	c := g.c
	c.Submit(Task{
		Source: "local-gateway-elected-state", Priority: Normal,
		Update: func(st *state.State) (*state.State, error) {
			if !HasBlock(st, NotRecoveredBlockID) || st.Term != r.term {
				return st, nil
			}
			out := st.Clone()
			if c.cfg.Hooks.Recover != nil {
				out = c.cfg.Hooks.Recover(out)
			} else {
				out.Routing = RecoverRouting(out, int64(c.env.Now())/int64(time.Millisecond), int64(c.env.Now()))
			}
			out.Global = withoutBlock(out.Global, NotRecoveredBlockID)
			return out, nil
		},
		Published: func(_, st *state.State) {
			c.log("recovered [%d] indices into cluster_state", len(st.Indices))
			if c.cfg.Hooks.Recovered != nil {
				c.cfg.Hooks.Recovered()
			}
		},
	})
}

// RecoverRouting is the routing table after a full restart: every copy of every index
// is unassigned (CLUSTER_RECOVERED); a primary is recovered from what is on disk
// where an in-sync copy is known, else from nothing
// (IndexRoutingTable.Builder.initializeAsRecovery). The times are the wall clock's and
// the master's monotonic clock's.
func RecoverRouting(st *state.State, atMillis, atNanos int64) *state.RoutingTable {
	info := &state.UnassignedInfo{
		Reason: state.ClusterRecovered, AtMillis: atMillis, AtNanos: atNanos, LastStatus: state.NoAttempt,
	}
	table := &state.RoutingTable{Version: st.Routing.Version}
	for _, m := range st.Indices {
		idx := &state.IndexTable{Index: m.Name}
		for shard := range m.Shards {
			t := &state.ShardTable{Index: m.Name, Shard: shard}
			for i := range 1 + m.Replicas {
				c := &state.Copy{
					Index: m.Name, Shard: shard, Primary: i == 0,
					Source: state.Peer, Info: info, ExpectedBytes: -1,
				}
				if i == 0 {
					c.Source = state.ExistingStore
					if shard >= len(m.InSync) || len(m.InSync[shard]) == 0 {
						c.Source = state.EmptyStore
					}
				}
				t.Copies = append(t.Copies, c)
			}
			idx.Shards = append(idx.Shards, t)
		}
		table.Indices = append(table.Indices, idx)
	}
	return table
}
