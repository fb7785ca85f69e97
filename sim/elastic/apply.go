package elastic

import (
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
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

func (a *applier) queue(p *process, st *state.State, done func()) {
	a.waiting = append(a.waiting, application{st, done})
	if !a.busy {
		a.next(p)
	}
}

func (a *applier) next(p *process) {
	if len(a.waiting) == 0 {
		a.busy = false
		return
	}
	a.busy = true
	next := a.waiting[0]
	a.waiting = a.waiting[1:]
	d := p.c.deltas.between(p.applied, next.st)
	cost := p.cost(p.c.cal.StateApply + time.Duration(len(d.byNode[p.n.ID()]))*p.c.cal.PerChangedCopy)
	if next.st.Master == "" {
		cost = 0 // the local state without a master changes nothing but a block
	}
	p.after(cost, "state.apply", func() {
		p.apply(d)
		if next.done != nil {
			next.done()
		}
		a.next(p)
	})
}

// apply makes a state the applied one and the node's shards follow it
// (IndicesClusterStateService).
func (p *process) apply(d *delta) {
	c := p.c
	old, st := d.old, d.new
	p.applied = st
	c.turns++
	if old.Persistent.Len()+old.Transient.Len() > 0 || st.Persistent.Len()+st.Transient.Len() > 0 {
		if !old.Persistent.Equal(st.Persistent) || !old.Transient.Equal(st.Transient) {
			p.refreshSettings()
		}
	}
	if st.Master != "" {
		p.openHTTP()
	}
	c.inv.applied(p, d)
	for _, m := range d.removed {
		p.removeIndex(m)
		c.fluid.indexDeleted(m.UUID, m.Shards)
	}
	p.updateMetadata(d)
	for _, i := range d.byNode[p.n.ID()] {
		p.follow(&d.changes[i])
	}
	if len(d.joined) > 0 || old.Master != st.Master {
		p.announceAgain()
	}
	if d.routingChanged() {
		p.dropUnusedStores()
	}
	if len(st.Snapshots) > 0 {
		p.snapshotShards(st)
	}
	if p.master != nil {
		c.fluid.blocksApplied(st)
		p.master.applied(d)
	}
	p.wakeStateWaits()
	c.watch.applied(p, d)
}

// removeIndex deletes what the node holds of a deleted index.
func (p *process) removeIndex(m *state.Index) {
	for _, s := range slices.Clone(p.byIndex[m.UUID]) {
		s.close("index deleted")
	}
	for i := range m.Shards {
		p.n.deleteStore(store.Key{UUID: m.UUID, Shard: i})
	}
}

// updateMetadata tells the shards of an index about its new metadata.
func (p *process) updateMetadata(d *delta) {
	for _, m := range d.metas {
		for _, s := range p.byIndex[m.UUID] {
			t := d.new.Routing.Index(m.Name).Shards[s.key.Shard]
			s.updateMeta(m, t)
		}
	}
}

// follow brings the node's copy of a shard in line with the table.
func (p *process) follow(ch *shardChange) {
	key := store.Key{UUID: ch.meta.UUID, Shard: ch.new.Shard}
	s := p.shards[key]
	want := ch.new.On(p.n.ID())
	switch {
	case s == nil && want == nil:
	case s == nil:
		p.createOrReport(ch, want)
	case want == nil:
		s.close("removed from the routing table")
	case s.routing.AllocationID != want.AllocationID:
		s.close("another allocation of the shard")
		p.createOrReport(ch, want)
	case want.State == state.Initializing && s.recoverySourceChanged(want, ch.new):
		s.close("the source of the recovery has changed")
		p.createOrReport(ch, want)
	default:
		s.update(want, ch.meta, ch.new)
	}
}

// createOrReport starts a recovery for a copy that the table puts here, or tells the
// master that a copy it believes active is not there.
func (p *process) createOrReport(ch *shardChange, want *state.Copy) {
	if want.State == state.Initializing {
		p.createShard(ch.meta, ch.new, want)
		return
	}
	if p.c.adoptable[want.AllocationID] {
		delete(p.c.adoptable, want.AllocationID)
		p.adopt(ch.meta, ch.new, want)
		return
	}
	p.reportFailed(want, ch.meta, "master marked shard as active, but shard has not been created, mark shard as failed", "")
}

// announceAgain repeats to a new master, or to one that has just met this node,
// which copies are waiting to be started or known to have failed.
func (p *process) announceAgain() {
	for _, s := range p.hosted() {
		if s.routing.State == state.Initializing && s.phase == postRecovery {
			p.reportStarted(s)
		}
	}
}

// hosted are the node's shards by index and number.
func (p *process) hosted() []*shard { return slices.Clone(p.sorted) }

// openShard and shutShard keep the tables of the node's shards.
func (p *process) openShard(s *shard) {
	p.shards[s.key] = s
	p.byIndex[s.key.UUID] = append(p.byIndex[s.key.UUID], s)
	i, _ := slices.BinarySearchFunc(p.sorted, s, compareShards)
	p.sorted = slices.Insert(p.sorted, i, s)
	p.n.changed()
}

func (p *process) shutShard(s *shard) {
	delete(p.shards, s.key)
	without := func(list []*shard) []*shard {
		if i := slices.Index(list, s); i >= 0 {
			return slices.Delete(list, i, i+1)
		}
		return list
	}
	p.sorted = without(p.sorted)
	if list := without(p.byIndex[s.key.UUID]); len(list) > 0 {
		p.byIndex[s.key.UUID] = list
	} else {
		delete(p.byIndex, s.key.UUID)
	}
	p.n.changed()
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
func (p *process) whenState(timeout time.Duration, ok func(*state.State) bool, done func(bool)) {
	w := &stateWait{ok: ok, done: done}
	if timeout != forever {
		w.timer = p.after(timeout, "state.wait", func() {
			if !w.over {
				w.over = true
				done(false)
			}
		})
	}
	p.stateWs = append(p.stateWs, w)
}

// forever is a timeout that never comes.
const forever time.Duration = -1

func (p *process) wakeStateWaits() {
	if len(p.stateWs) == 0 {
		return
	}
	list := p.stateWs
	p.stateWs = nil
	for _, w := range list {
		switch {
		case w.over:
		case w.ok(p.applied):
			w.over = true
			w.timer.Stop()
			w.done(true)
		default:
			p.stateWs = append(p.stateWs, w)
		}
	}
}
