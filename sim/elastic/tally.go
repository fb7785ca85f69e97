package elastic

import (
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// tally counts a state's copies, moving from state to state by what changed.
type tally struct {
	of                              *state.State
	active, primaries, initializing int
	relocating, unassigned, delayed int
	copies, redShards               int
}

// move follows a delta from the state counted so far.
func (t *tally) move(d *delta) {
	for _, m := range d.removed {
		if idx := d.old.Routing.Index(m.Name); idx != nil {
			for _, sh := range idx.Shards {
				t.add(sh, -1)
			}
		}
	}
	for i := range d.changes {
		if ch := &d.changes[i]; ch.old != nil {
			t.add(ch.old, -1)
		}
		t.add(d.changes[i].new, 1)
	}
	t.of = d.new
}

func (t *tally) add(sh *state.ShardTable, by int) {
	for _, c := range sh.Copies {
		t.copies += by
		switch c.State {
		case state.Relocating:
			t.relocating += by
			t.active += by
		case state.Started:
			t.active += by
		case state.Initializing:
			t.initializing += by
		default:
			t.unassigned += by
			if c.Info != nil && c.Info.Delayed {
				t.delayed += by
			}
		}
		switch {
		case !c.Primary:
		case c.Active():
			t.primaries += by
		case red(c):
			t.redShards += by
		}
	}
}

// red reports whether a primary that isn't active makes its index red: one that was
// never allocated, and nobody refused, is only yellow
// (ClusterShardHealth.getInactivePrimaryHealth).
func red(c *state.Copy) bool {
	fresh := c.Source == state.EmptyStore || c.Source == state.LocalShards || c.Source == state.Snapshot
	return c.Info == nil || !fresh || c.Info.LastStatus == state.DecidersNo || c.Info.FailedAllocations > 0
}

// health is the cluster's health as the counts tell.
func (t *tally) health() scenarios.Health {
	h := scenarios.Health{
		Status: "green", Master: true, Active: t.active, Primaries: t.primaries, Initializing: t.initializing,
		Relocating: t.relocating, Unassigned: t.unassigned, Delayed: t.delayed,
	}
	switch {
	case t.redShards > 0:
		h.Status = "red"
	case t.active < t.copies:
		h.Status = "yellow"
	}
	if t.of != nil {
		h.Nodes, h.Term, h.Version = len(t.of.Nodes), t.of.Term, t.of.Version
	}
	return h
}
