package elastic

import (
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Planner asks a node what it would decide as master, without a cluster at work: nothing that
// it decides is published or planned.
type Planner struct{ m *Master }

// NewPlanner makes a planner that knows what the process has applied, and of disks and sizes
// what is given.
func NewPlanner(p *Process, info *allocation.ClusterInfo) *Planner {
	m := newMaster(p)
	m.computing = true // Compute does
	m.Info.info = info
	return &Planner{m}
}

// Master is the one that decides, for what rooms ask of a master.
func (p *Planner) Master() *Master { return p.m }

// Reroute is the state with the next steps towards the desired balance.
func (p *Planner) Reroute(st *state.State) *state.State { return p.m.Rerouted(st) }

// Compute computes the desired balance that the last reroute asked for and begins to bring it
// about.
func (p *Planner) Compute(st *state.State) (next *state.State, changed bool) {
	if !p.m.Alloc.Wanted() {
		return st, false
	}
	changed = p.m.Alloc.Compute().Changed
	p.m.Fetch.View = st
	return p.m.Alloc.Reconcile(st, p.m.Input()), changed
}

// Started is the state in which copies have started.
func (p *Planner) Started(st *state.State, copies []*state.Copy) *state.State {
	return p.m.Alloc.StartCopies(st, copies, p.m.Input())
}

// Know has the master take nodes for those that it has long been hearing of.
func (m *Master) Know(info *allocation.ClusterInfo) { m.Info.monitor.Know(info) }
