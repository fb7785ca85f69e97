package elastic

import (
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// invariants are checked as states are applied and copies begin to act as primaries.
// The first violation stays; it is a defect of the model, not of a scenario.
type invariants struct {
	c    *Cluster
	err  error
	last *state.State // the state checked last: all nodes apply the same ones
	// acting are the copies that acted last as primary.
	acting map[store.Key]*shard
}

func (v *invariants) init(c *Cluster) {
	v.c, v.acting = c, make(map[store.Key]*shard)
}

func (v *invariants) fail(format string, args ...any) {
	if v.err == nil {
		v.err = fmt.Errorf("at %s: %s", v.c.now(), fmt.Sprintf(format, args...))
		v.c.e.Note("invariant", v.err.Error())
	}
}

// applied checks what a state changes, once.
func (v *invariants) applied(p *process, d *delta) {
	if d.new == v.last || d.new.Master == "" {
		return
	}
	v.last = d.new
	if d.new.Term < d.old.Term || d.new.Term == d.old.Term && d.new.Version < d.old.Version {
		v.fail("%s goes back from state %d of term %d to %d of term %d", p.n.Name(), d.old.Version, d.old.Term, d.new.Version, d.new.Term)
	}
	for i := range d.changes {
		v.change(d, &d.changes[i])
	}
}

func (v *invariants) change(d *delta, ch *shardChange) {
	t, n := ch.new, ch.new.Shard
	for i, a := range t.Copies {
		for _, b := range t.Copies[i+1:] {
			if node := sharedNode(a, b); node != "" {
				v.fail("state %d has two copies of [%s][%d] on %s", d.new.Version, t.Index, n, node)
			}
		}
	}
	if t.Primary() == nil {
		v.fail("state %d has no primary of [%s][%d]", d.new.Version, t.Index, n)
		return
	}
	was := d.old.Index(t.Index)
	if ch.old == nil || was == nil || was.UUID != ch.meta.UUID {
		return
	}
	if ch.meta.PrimaryTerms[n] < was.PrimaryTerms[n] {
		v.fail("primary term of [%s][%d] goes back from %d to %d", t.Index, n, was.PrimaryTerms[n], ch.meta.PrimaryTerms[n])
	}
	if len(was.InSync[n]) > 0 && len(ch.meta.InSync[n]) == 0 {
		v.fail("in-sync set of [%s][%d] is emptied by state %d", t.Index, n, d.new.Version)
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
func (v *invariants) promotion(d *delta, ch *shardChange, was *state.Index) {
	now := ch.new.Primary()
	if now.AllocationID == "" {
		return
	}
	before := ch.old.With(now.AllocationID)
	if before == nil || before.Primary {
		return
	}
	if n := ch.new.Shard; !slices.Contains(was.InSync[n], now.AllocationID) {
		v.fail("state %d promotes a copy of [%s][%d] that isn't in-sync: %s", d.new.Version, ch.new.Index, n, now.AllocationID)
	}
}

// activated: only one copy acts as primary in a term.
func (v *invariants) activated(s *shard) {
	other := v.acting[s.key]
	v.acting[s.key] = s
	if other == nil || other == s || other.p.dead || other.tracker == nil || other.tracker.blocked || other.phase == closed {
		return
	}
	if other.term >= s.term {
		v.fail("%s and %s both act as primary of [%s][%d], terms %d and %d",
			other.p.n.Name(), s.p.n.Name(), s.index, s.key.Shard, other.term, s.term)
	}
}
