package coordination

import (
	"fmt"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Invariants checks, at every step of all coordinators that share it, what must hold
// between them: at most one leader per term, one state per term and version,
// committed states that never diverge, and terms and accepted states of a node that
// never go back, restarts included.
type Invariants struct {
	leaders map[int64]string    // by term: ephemeral id
	states  map[[2]int64]string // by term and version: UUID of the state accepted
	commits map[int64]identity  // by version
	highest identity            // latest committed
	nodes   map[string]identity // by node id: what it accepted last, with its current term
	terms   map[string]int64    // by node id
	err     error
}

// identity names a state.
type identity struct {
	term, version int64
	uuid          string
}

// NewInvariants makes a checker for one cluster.
func NewInvariants() *Invariants {
	return &Invariants{
		leaders: map[int64]string{}, states: map[[2]int64]string{}, commits: map[int64]identity{},
		nodes: map[string]identity{}, terms: map[string]int64{},
	}
}

// Err is the first violation, or nil.
func (v *Invariants) Err() error {
	if v == nil {
		return nil
	}
	return v.err
}

// Commits is the number of different states committed so far.
func (v *Invariants) Commits() int { return len(v.commits) }

func (v *Invariants) fail(format string, args ...any) {
	if v.err == nil {
		v.err = fmt.Errorf(format, args...)
	}
}

// observe looks at a node that may have changed.
func (v *Invariants) observe(c *Coordinator) {
	if v == nil {
		return
	}
	k := &c.consensus
	id := c.node.ID
	if k.term < v.terms[id] {
		v.fail("%s: term went back from %d to %d", c.node.Name, v.terms[id], k.term)
	}
	v.terms[id] = k.term
	if c.mode == Leader {
		if other, ok := v.leaders[k.term]; ok && other != c.node.EphemeralID {
			v.fail("%s: second leader in term %d", c.node.Name, k.term)
		}
		v.leaders[k.term] = c.node.EphemeralID
	}
	at := identity{k.accepted.Term, k.accepted.Version, k.accepted.StateUUID}
	if at.term > k.term {
		v.fail("%s: accepted a state of term %d in term %d", c.node.Name, at.term, k.term)
	}
	last := v.nodes[id]
	if at.term < last.term || at.term == last.term && at.version < last.version {
		v.fail("%s: accepted state went back from %v to %v", c.node.Name, last, at)
	}
	v.nodes[id] = at
	if at.version == 0 {
		return
	}
	key := [2]int64{at.term, at.version}
	if uuid, ok := v.states[key]; ok && uuid != at.uuid {
		v.fail("%s: two states of term %d and version %d", c.node.Name, at.term, at.version)
	}
	v.states[key] = at.uuid
}

// committed looks at a state that a node learnt to be committed.
func (v *Invariants) committed(st *state.State) {
	if v == nil {
		return
	}
	at := identity{st.Term, st.Version, st.StateUUID}
	if other, ok := v.commits[at.version]; ok {
		if other != at {
			v.fail("committed states diverge: %v and %v", other, at)
		}
		return
	}
	v.commits[at.version] = at
	switch {
	case at.version < v.highest.version && at.term <= v.highest.term:
		// A master that was frozen, or to which answers came late, learns that its last state had
		// been accepted when another has built on it; one that has not would diverge.
		return
	case at.version < v.highest.version || at.term < v.highest.term:
		v.fail("state %v is committed after %v", at, v.highest)
	}
	v.highest = at
}
