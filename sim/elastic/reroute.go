package elastic

import (
	"time"

	"github.com/shardquake/shardquake/internal/planted"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/coordination"
	"github.com/shardquake/shardquake/sim/elastic/delta"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// rerouteService joins reroutes that are asked for while one waits
// (BatchedRerouteService).
type rerouteService struct {
	m       *Master
	waiting *pendingReroute
}

type pendingReroute struct {
	priority coordination.Priority
	done     []func()
}

// Ask has the master reroute soon; done, if not nil, is called when it has.
func (r *rerouteService) Ask(reason string, pr coordination.Priority, done func()) {
	if w := r.waiting; w != nil {
		if done != nil {
			w.done = append(w.done, done)
		}
		if pr >= w.priority {
			return
		}
		// A more urgent reroute takes the waiting one's listeners with it.
		done = func(all []func()) func() {
			return func() {
				for _, f := range all {
					f()
				}
			}
		}(w.done)
		w.done = nil
	}
	w := &pendingReroute{priority: pr}
	if done != nil {
		w.done = []func(){done}
	}
	r.waiting = w
	m := r.m
	m.Submit(coordination.Task{
		Source: "cluster_reroute(" + reason + ")", Priority: pr,
		Update: func(st *state.State) (*state.State, error) {
			if r.waiting != w {
				return st, nil // a more urgent one has done it
			}
			r.waiting = nil
			return m.Rerouted(st), nil
		},
		Published: func(_, _ *state.State) { w.finish() },
	}, func(error) {
		if r.waiting == w {
			r.waiting = nil
		}
		w.finish()
	})
}

func (w *pendingReroute) finish() {
	for _, f := range w.done {
		f()
	}
	w.done = nil
}

// Rerouted runs the allocator on a state that is being computed.
func (m *Master) Rerouted(st *state.State) *state.State {
	m.Fetch.View = st
	return m.RerouteWanted(m.Alloc.Reroute(st, m.Input()))
}

// RerouteWanted begins the computation of the desired balance that a reroute asked for:
// it runs beside the master service and its result is reconciled by a task of its own.
func (m *Master) RerouteWanted(st *state.State) *state.State {
	if m.Alloc.Wanted() && !m.computing {
		m.computing = true
		cost := m.Process.Cluster.Calibration.Compute + copiesOf(m.Process.Applied)*m.Process.Cluster.Calibration.PerCopy
		m.Alloc.Took(cost)
		m.Process.After(cost, "balance.compute", m.compute)
	}
	return st
}

func (m *Master) compute() {
	if m.Over {
		return
	}
	m.computing = false
	if !m.Alloc.Wanted() {
		return
	}
	m.Alloc.Compute()
	m.Submit(coordination.Task{
		Source: "reconcile-desired-balance", Priority: coordination.Urgent, Batch: "reconcile-desired-balance",
		Update: func(st *state.State) (*state.State, error) {
			m.Fetch.View = st
			return m.Alloc.Reconcile(st, m.Input()), nil
		},
	}, nil)
	m.RerouteWanted(nil)
}

// delayedReroute plans the reroute for the moment when the first delayed copy's time is
// over (DelayedAllocationService).
type delayedReroute struct {
	m     *Master
	timer sim.Timer
	at    sim.Time
	count delta.Tally
}

func (r *delayedReroute) applied(d *delta.Delta) {
	counted := d
	if r.count.Of != d.Old {
		r.count, counted = delta.Tally{}, delta.Compute(EmptyState(""), d.New)
	}
	r.count.Move(counted)
	if !counted.RoutingChanged() && len(d.Metas) == 0 && d.Old.Master == d.New.Master {
		return
	}
	at := sim.Never
	if r.count.Delayed > 0 {
		for _, idx := range d.New.Routing.Indices {
			at = min(at, r.earliest(d.New, idx))
		}
	}
	switch {
	case at == sim.Never:
		r.timer.Stop()
		r.at = at
	case planted.Is(planted.DelayedTimerLost):
	case at != r.at || !r.pending():
		r.timer.Stop()
		r.at = at
		r.timer = r.m.Process.After(max(0, at.Sub(r.m.Process.Cluster.e.Now())), "reroute.delayed", func() {
			r.at = sim.Never
			r.m.Reroute.Ask("assign delayed unassigned shards", coordination.Normal, nil)
		})
	}
}

func (r *delayedReroute) pending() bool {
	return r.at > r.m.Process.Cluster.e.Now() && r.at != sim.Never
}

// earliest is when the first delayed copy of an index may be allocated.
func (r *delayedReroute) earliest(st *state.State, idx *state.IndexTable) sim.Time {
	at := sim.Never
	var timeout time.Duration
	for _, sh := range idx.Shards {
		for _, c := range sh.Copies {
			if c.State != state.Unassigned || c.Info == nil || !c.Info.Delayed {
				continue
			}
			if timeout == 0 {
				timeout = settings.IndexDelayedTimeout.Get(st.Index(idx.Index).Settings)
			}
			at = min(at, sim.Time(c.Info.AtNanos).Add(st.DelayOf(c.Info, timeout)))
		}
	}
	return at
}
