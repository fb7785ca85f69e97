package elastic

import (
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/coordination"
	"github.com/shardquake/shardquake/sim/elastic/delta"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// applier applies states one after another, each at its cost
// (ClusterApplierService).
type applier struct {
	waiting []application
	busy    bool
}

type application struct {
	st   *state.State
	done func()
}

func (a *applier) queue(p *Process, st *state.State, done func()) {
	a.waiting = append(a.waiting, application{st, done})
	if !a.busy {
		a.next(p)
	}
}

func (a *applier) next(p *Process) {
	if len(a.waiting) == 0 {
		a.busy = false
		return
	}
	a.busy = true
	next := a.waiting[0]
	a.waiting = a.waiting[1:]
	d := p.Cluster.Deltas.Between(p.Applied, next.st)
	cost := p.cost(p.Cluster.Calibration.StateApply + time.Duration(len(d.ByNode[p.Node.ID()]))*p.Cluster.Calibration.PerChangedCopy)
	if next.st.Master == "" {
		cost = 0 // the local state without a master changes nothing but a block
	}
	p.After(cost, "state.apply", func() {
		p.Apply(d)
		if next.done != nil {
			next.done()
		}
		a.next(p)
	})
}

// Apply makes a state the applied one and the node's shards follow it
// (IndicesClusterStateService).
func (p *Process) Apply(d *delta.Delta) {
	c := p.Cluster
	old, st := d.Old, d.New
	p.Applied = st
	c.Turns++
	if old.Persistent.Len()+old.Transient.Len() > 0 || st.Persistent.Len()+st.Transient.Len() > 0 {
		if !old.Persistent.Equal(st.Persistent) || !old.Transient.Equal(st.Transient) {
			p.RefreshSettings()
		}
	}
	if st.Master != "" {
		p.openHTTP()
	}
	c.Invariants.applied(p, d)
	// A master that has just started shows no index before its state is recovered: shards
	// are closed then, and nothing is deleted (the block disables state persistence).
	hidden := coordination.HasBlock(st, coordination.NotRecoveredBlockID)
	for _, m := range d.Removed {
		p.closeIndex(m)
		if !hidden {
			p.deleteStores(m)
			c.Fluid.IndexDeleted(m.UUID, m.Shards)
		}
	}
	p.updateMetadata(d)
	for _, i := range d.ByNode[p.Node.ID()] {
		p.follow(&d.Changes[i])
	}
	if len(d.Joined) > 0 || old.Master != st.Master {
		p.announceAgain()
	}
	if d.RoutingChanged() {
		p.dropUnusedStores()
	}
	if len(st.Snapshots) > 0 {
		c.Snapshots.Applied(p, st)
	}
	if p.Master != nil {
		c.Fluid.StateApplied(st, len(d.Metas) > 0 || len(old.Indices) != len(st.Indices) || len(old.DataStreams)+len(st.DataStreams) > 0)
		p.Master.Applied(d)
	}
	p.wakeStateWaits()
	c.Watch.Applied(p, d)
}

// closeIndex closes the node's shards of an index that the state has no more.
func (p *Process) closeIndex(m *state.Index) {
	for _, s := range slices.Clone(p.byIndex[m.UUID]) {
		s.close("index deleted")
	}
}

// deleteStores deletes what the node holds of a deleted index.
func (p *Process) deleteStores(m *state.Index) {
	for i := range m.Shards {
		p.Node.deleteStore(store.Key{UUID: m.UUID, Shard: i})
	}
}

// updateMetadata tells the shards of an index about its new metadata.
func (p *Process) updateMetadata(d *delta.Delta) {
	for _, m := range d.Metas {
		for _, s := range p.byIndex[m.UUID] {
			t := d.New.Routing.Index(m.Name).Shards[s.Key.Shard]
			s.updateMeta(m, t)
		}
	}
}

// follow brings the node's copy of a shard in line with the table.
func (p *Process) follow(ch *delta.Change) {
	key := store.Key{UUID: ch.Meta.UUID, Shard: ch.New.Shard}
	s := p.Shards[key]
	want := ch.New.On(p.Node.ID())
	switch {
	case s == nil && want == nil:
	case s == nil:
		p.createOrReport(ch, want)
	case want == nil:
		s.close("removed from the routing table")
	case s.Routing.AllocationID != want.AllocationID:
		s.close("another allocation of the shard")
		p.createOrReport(ch, want)
	case want.State == state.Initializing && s.recoverySourceChanged(want, ch.New):
		s.close("the source of the recovery has changed")
		p.createOrReport(ch, want)
	default:
		s.update(want, ch.Meta, ch.New)
	}
}

// createOrReport starts a recovery for a copy that the table puts here, or tells the
// master that a copy it believes active is not there.
func (p *Process) createOrReport(ch *delta.Change, want *state.Copy) {
	if want.State == state.Initializing {
		p.createShard(ch.Meta, ch.New, want)
		return
	}
	if p.Cluster.Adoptable[want.AllocationID] {
		delete(p.Cluster.Adoptable, want.AllocationID)
		p.adopt(ch.Meta, ch.New, want)
		return
	}
	p.reportFailed(want, ch.Meta, "master marked shard as active, but shard has not been created, mark shard as failed", "")
}

// announceAgain repeats to a new master, or to one that has just met this node,
// which copies are waiting to be started or known to have failed.
func (p *Process) announceAgain() {
	for _, s := range p.Hosted() {
		if s.Routing.State == state.Initializing && s.Phase == postRecovery {
			p.reportStarted(s)
		}
	}
}

// Hosted are the node's shards by index and number.
func (p *Process) Hosted() []*Shard { return slices.Clone(p.Sorted) }

// openShard and shutShard keep the tables of the node's shards.
func (p *Process) openShard(s *Shard) {
	p.Shards[s.Key] = s
	p.byIndex[s.Key.UUID] = append(p.byIndex[s.Key.UUID], s)
	i, _ := slices.BinarySearchFunc(p.Sorted, s, compareShards)
	p.Sorted = slices.Insert(p.Sorted, i, s)
	p.Node.Changed()
}

func (p *Process) shutShard(s *Shard) {
	delete(p.Shards, s.Key)
	without := func(list []*Shard) []*Shard {
		if i := slices.Index(list, s); i >= 0 {
			return slices.Delete(list, i, i+1)
		}
		return list
	}
	p.Sorted = without(p.Sorted)
	if list := without(p.byIndex[s.Key.UUID]); len(list) > 0 {
		p.byIndex[s.Key.UUID] = list
	} else {
		delete(p.byIndex, s.Key.UUID)
	}
	p.Node.Changed()
}

// stateWait is somebody who waits until the applied state is as wanted.
type stateWait struct {
	ok    func(*state.State) bool
	done  func(ok bool)
	over  bool
	timer sim.Timer
}

// whenState calls done once: with true when a state applied from now on satisfies ok,
// with false after the timeout (forever: never).
func (p *Process) whenState(timeout time.Duration, ok func(*state.State) bool, done func(bool)) {
	w := &stateWait{ok: ok, done: done}
	if timeout != Forever {
		w.timer = p.After(timeout, "state.wait", func() {
			if !w.over {
				w.over = true
				done(false)
			}
		})
	}
	p.stateWs = append(p.stateWs, w)
}

// Forever is a timeout that never comes.
const Forever time.Duration = -1

func (p *Process) wakeStateWaits() {
	if len(p.stateWs) == 0 {
		return
	}
	list := p.stateWs
	p.stateWs = nil
	for _, w := range list {
		switch {
		case w.over:
		case w.ok(p.Applied):
			w.over = true
			w.timer.Stop()
			w.done(true)
		default:
			p.stateWs = append(p.stateWs, w)
		}
	}
}
