package elastic

import (
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/delta"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// invariants are checked as states are applied and copies begin to act as primaries.
// The first violation stays; it is a defect of the model, not of a scenario.
type invariants struct {
	c    *Cluster
	err  error
	last *state.State // the state checked last: all nodes apply the same ones
	// Acting are the copies that acted last as primary.
	Acting map[store.Key]*Shard
}

func (v *invariants) init(c *Cluster) {
	v.c, v.Acting = c, make(map[store.Key]*Shard)
}

func (v *invariants) fail(format string, args ...any) {
	if v.err == nil {
		v.err = fmt.Errorf("at %s: %s", v.c.Now(), fmt.Sprintf(format, args...))
		v.c.e.Note("invariant", v.err.Error())
	}
}

// applied checks what a state changes, once.
func (v *invariants) applied(p *Process, d *delta.Delta) {
	if d.New == v.last || d.New.Master == "" {
		return
	}
	v.last = d.New
	if d.New.Term < d.Old.Term || d.New.Term == d.Old.Term && d.New.Version < d.Old.Version {
		v.fail("%s goes back from state %d of term %d to %d of term %d", p.Node.Name(), d.Old.Version, d.Old.Term, d.New.Version, d.New.Term)
	}
	for i := range d.Changes {
		v.change(d, &d.Changes[i])
	}
}

func (v *invariants) change(d *delta.Delta, ch *delta.Change) {
	t, n := ch.New, ch.New.Shard
	for i, a := range t.Copies {
		for _, b := range t.Copies[i+1:] {
			if node := sharedNode(a, b); node != "" {
				v.fail("state %d has two copies of [%s][%d] on %s", d.New.Version, t.Index, n, node)
			}
		}
	}
	if t.Primary() == nil {
		v.fail("state %d has no primary of [%s][%d]", d.New.Version, t.Index, n)
		return
	}
	was := d.Old.Index(t.Index)
	if ch.Old == nil || was == nil || was.UUID != ch.Meta.UUID {
		return
	}
	if ch.Meta.PrimaryTerms[n] < was.PrimaryTerms[n] {
		v.fail("primary term of [%s][%d] goes back from %d to %d", t.Index, n, was.PrimaryTerms[n], ch.Meta.PrimaryTerms[n])
	}
	if len(was.InSync[n]) > 0 && len(ch.Meta.InSync[n]) == 0 {
		v.fail("in-sync set of [%s][%d] is emptied by state %d", t.Index, n, d.New.Version)
	}
	v.promotion(d, ch, was)
}

// sharedNode is a node that holds, or is to hold, both copies; "" when none does.
func sharedNode(a, b *state.Copy) string {
	for _, x := range [...]string{a.Node, a.Other} {
		if x != "" && (x == b.Node || x == b.Other) {
			return x
		}
	}
	return ""
}

// promotion: a replica that becomes primary must have been in the in-sync set.
func (v *invariants) promotion(d *delta.Delta, ch *delta.Change, was *state.Index) {
	now := ch.New.Primary()
	if now.AllocationID == "" {
		return
	}
	before := ch.Old.With(now.AllocationID)
	if before == nil || before.Primary {
		return
	}
	if n := ch.New.Shard; !slices.Contains(was.InSync[n], now.AllocationID) {
		v.fail("state %d promotes a copy of [%s][%d] that isn't in-sync: %s", d.New.Version, ch.New.Index, n, now.AllocationID)
	}
}

// activated: only one copy acts as primary in a term.
func (v *invariants) activated(s *Shard) {
	other := v.Acting[s.Key]
	v.Acting[s.Key] = s
	if other == nil || other == s || other.Process.dead || other.Tracker == nil || other.Tracker.blocked || other.Phase == Closed {
		return
	}
	if other.Term >= s.Term {
		v.fail("%s and %s both act as primary of [%s][%d], terms %d and %d",
			other.Process.Node.Name(), s.Process.Node.Name(), s.Index, s.Key.Shard, other.Term, s.Term)
	}
}
