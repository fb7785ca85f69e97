package allocation

import (
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Assignment is where the copies of a shard should be (ShardAssignment).
type Assignment struct {
	Nodes      []string // ids, in Elasticsearch's order
	Total      int      // copies
	Unassigned int      // of them without a node
	Ignored    int      // of these, those the computation left aside
}

// Same reports whether two assignments are equal; the order of nodes does not count.
func (a *Assignment) Same(b *Assignment) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Total != b.Total || a.Unassigned != b.Unassigned || a.Ignored != b.Ignored || len(a.Nodes) != len(b.Nodes) {
		return false
	}
	for _, id := range a.Nodes {
		if !slices.Contains(b.Nodes, id) {
			return false
		}
	}
	return true
}

// desiredBalance is the target of reconciliation: assignments by the index's UUID
// and the shard's number.
type desiredBalance struct {
	byIndex map[string][]*Assignment
	empty   bool
	// last is the index that was asked for last, and its assignments: one is asked for shard
	// by shard.
	last  *state.Index
	found []*Assignment
}

func (d *desiredBalance) of(s *routing.Shard) *Assignment {
	if meta := s.Index.Meta; meta != d.last {
		d.last, d.found = meta, d.byIndex[meta.UUID]
	}
	if s.Number < len(d.found) {
		return d.found[s.Number]
	}
	return nil
}

// computationInput is what a reroute leaves for the computation (DesiredBalanceInput):
// the state as it was before the balancer's part, and the copies ignored by then.
type computationInput struct {
	st      *state.State
	in      Input
	ignored map[ignoredKey]bool
}

// ignoredKey identifies an unassigned copy by all that ShardRouting.equals compares,
// the status of the last attempt left out.
type ignoredKey struct {
	index    string // UUID
	shard    int
	primary  bool
	source   state.RecoverySource
	force    bool
	reason   state.Reason
	millis   int64
	delayed  bool
	failed   int
	nodes    string
	last     string
	message  string
	failure  string
	relocate int
}

func keyOf(r *routing.Copy) ignoredKey {
	i := r.Info
	k := ignoredKey{
		index: r.Shard.Index.Meta.UUID, shard: r.Shard.Number, primary: r.Primary, source: r.Source, force: r.ForceStale,
		reason: i.Reason, millis: i.AtMillis, delayed: i.Delayed, failed: i.FailedAllocations,
		last: i.LastNode, message: i.Message, failure: i.Failure, relocate: r.Failures,
	}
	for _, id := range i.FailedNodes {
		k.nodes += id + ","
	}
	return k
}

// computationInputOf snapshots a pass. The metadata that follows from changed routing
// plays no part in the computation.
func (p *pass) computationInputOf() *computationInput {
	c := &computationInput{st: p.State, in: p.in}
	if p.Changed {
		c.st = p.State.Clone()
		c.st.Routing = p.Table()
	}
	if len(p.Ignored) > 0 {
		c.ignored = make(map[ignoredKey]bool, len(p.Ignored))
		for _, r := range p.Ignored {
			c.ignored[keyOf(r)] = true
		}
	}
	return c
}

// misses reports whether copies wait for a node that left the cluster.
func (c *computationInput) misses() bool {
	for _, idx := range c.st.Routing.Indices {
		for _, sh := range idx.Shards {
			for _, r := range sh.Copies {
				if r.State == state.Unassigned && r.Info != nil && r.Info.Reason == state.NodeLeft {
					return true
				}
			}
		}
	}
	return false
}
