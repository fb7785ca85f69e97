package delta

import (
	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Tally counts a state's copies, moving from state to state by what changed.
type Tally struct {
	Of                              *state.State
	Active, primaries, initializing int
	Relocating, unassigned, Delayed int
	Copies, redShards               int
}

// Move follows a delta from the state counted so far.
func (t *Tally) Move(d *Delta) {
	for _, m := range d.Removed {
		if idx := d.Old.Routing.Index(m.Name); idx != nil {
			for _, sh := range idx.Shards {
				t.add(sh, -1)
			}
		}
	}
	for i := range d.Changes {
		if ch := &d.Changes[i]; ch.Old != nil {
			t.add(ch.Old, -1)
		}
		t.add(d.Changes[i].New, 1)
	}
	t.Of = d.New
}

func (t *Tally) add(sh *state.ShardTable, by int) {
	for _, c := range sh.Copies {
		t.Copies += by
		switch c.State {
		case state.Relocating:
			t.Relocating += by
			t.Active += by
		case state.Started:
			t.Active += by
		case state.Initializing:
			t.initializing += by
		default:
			t.unassigned += by
			if c.Info != nil && c.Info.Delayed {
				t.Delayed += by
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

// Health is the cluster's health as the counts tell.
func (t *Tally) Health() observed.Health {
	h := observed.Health{
		Status: "green", Master: true, Active: t.Active, Primaries: t.primaries, Initializing: t.initializing,
		Relocating: t.Relocating, Unassigned: t.unassigned, Delayed: t.Delayed,
	}
	switch {
	case t.redShards > 0:
		h.Status = "red"
	case t.Active < t.Copies:
		h.Status = "yellow"
	}
	if t.Of != nil {
		h.Nodes, h.Term, h.Version = len(t.Of.Nodes), t.Of.Term, t.Of.Version
	}
	return h
}
