package elastic

import (
	"errors"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/coordination"
	"github.com/shardquake/shardquake/sim/elastic/delta"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Master is what a process is and knows while it is the elected master: the allocator,
// what it asked the other nodes about disks and stores, the reroutes it plans.
type Master struct {
	Process *Process
	Alloc   *allocation.Service
	Info    *infoService
	Fetch   *fetcher

	Reroute   rerouteService
	computing bool
	delayed   delayedReroute
	ageing    Follower
	starting  []*state.Copy // of the batch that is being computed
	Over      bool
}

func newMaster(p *Process) *Master {
	m := &Master{Process: p}
	m.Fetch = newFetcher(m)
	m.Alloc = allocation.New(allocation.Config{
		NewAllocationID: func() string { return state.NewID(p.Cluster.IDs) },
		NodeSettings:    p.Node.cfg.Settings, Fetcher: m.Fetch, Tiers: p.Cluster.cfg.Distribution != MinimalDistribution,
		Mix: p.Cluster.Mix,
	})
	m.Reroute.m, m.delayed.m = m, m
	m.ageing = noFollower{}
	if follow := p.Cluster.cfg.Ageing; follow != nil {
		m.ageing = follow(m)
	}
	m.Info = newInfoService(m)
	return m
}

// stop ends mastership.
func (m *Master) stop() {
	m.Over = true
	m.Alloc.Reset()
	m.Info.stop()
	m.delayed.timer.Stop()
	m.ageing.Stop()
}

// modeChanged follows the coordinator's turns: the master's services live while it
// leads.
func (p *Process) modeChanged(mode coordination.Mode, _ int64, _ string) {
	p.Cluster.Turns++
	switch {
	case mode == coordination.Leader && p.Master == nil:
		p.Master = newMaster(p)
		p.Master.Info.start()
	case mode != coordination.Leader && p.Master != nil:
		p.Master.stop()
		p.Master = nil
	}
}

// Input is what the allocator needs beside the state.
func (m *Master) Input() allocation.Input {
	return allocation.Input{
		Info: m.Process.Cluster.Snapshots.Sizes(m.Info.latest()), NowNanos: int64(m.Process.Cluster.e.Now()), NowMillis: m.Process.Clock.Now().UnixMilli(),
	}
}

// Applied follows what the master itself has applied.
func (m *Master) Applied(d *delta.Delta) {
	m.Fetch.applied(d)
	m.delayed.applied(d)
	m.Info.applied(d)
	if len(d.New.Snapshots) > 0 {
		m.Process.Cluster.Snapshots.Led(m, d.New)
	}
	m.ageing.Applied(d)
}

// nodesLeft takes the copies of gone nodes out of the table
// (NodeLeftExecutor, JoinTaskExecutor for the old master).
func (p *Process) nodesLeft(st *state.State, _ []*state.Node, reroute bool, _ string) *state.State {
	m := p.Master
	if m == nil {
		return st
	}
	st = m.Alloc.DisassociateDeadNodes(st, m.Input())
	if reroute {
		st = m.Rerouted(st)
	}
	return st
}

func (p *Process) nodesChanged(joined, left []*state.Node) {
	m := p.Master
	if m == nil {
		return
	}
	switch {
	case len(joined) > 0:
		m.Reroute.Ask("post-join reroute", coordination.High, nil)
	case len(left) > 0:
		m.Reroute.Ask("disconnected nodes", coordination.Normal, nil)
	}
}

// recoverState builds the table after a full restart.
func (p *Process) recoverState(st *state.State) *state.State {
	next := st.Clone()
	next.Routing = coordination.RecoverRouting(st, p.Clock.Now().UnixMilli(), int64(p.Cluster.e.Now()))
	if m := p.Master; m != nil {
		next = m.Rerouted(next)
	}
	return next
}

// Submit queues a task with the coordinator. failed gets [errNotMaster] for everything
// that another master may still do.
func (m *Master) Submit(t coordination.Task, failed func(error)) {
	t.Failed = func(err error) {
		var not *coordination.NotMasterError
		var lost *coordination.FailedToCommitError
		if errors.As(err, &not) || errors.As(err, &lost) {
			err = ErrNotMaster
		}
		if failed != nil {
			failed(err)
		}
	}
	m.Process.Coord.Submit(t)
}

// shardStarted handles a node's report (ShardStateAction.ShardStartedClusterStateTaskExecutor).
func (m *Master) shardStarted(r copyStarted, reply func(error)) {
	started := false
	m.Submit(coordination.Task{
		Source: "shard-started", Priority: coordination.Urgent, Batch: "shard-started",
		Update: func(st *state.State) (*state.State, error) {
			t, meta := delta.TableOf(st, r.key)
			if t == nil {
				return st, nil
			}
			cp := t.With(r.id)
			if cp == nil || cp.State != state.Initializing || (r.primary && cp.Primary && meta.PrimaryTerms[r.key.Shard] != r.term) {
				return st, nil
			}
			started = true
			m.starting = append(m.starting, cp)
			m.Fetch.forget(r.key)
			return st.Clone(), nil // Finish starts all of the batch at once
		},
		Finish: m.startAll,
		Published: func(_, _ *state.State) {
			reply(nil)
			if started {
				m.Reroute.Ask("reroute after starting shards", coordination.Normal, nil)
			}
		},
	}, reply)
}

// startAll starts the copies that a batch has collected.
func (m *Master) startAll(st *state.State) *state.State {
	copies := m.starting
	m.starting = nil
	return m.Alloc.StartCopies(st, copies, m.Input())
}

// shardFailed handles a report of a failed copy (ShardStateAction.ShardFailedClusterStateTaskExecutor).
func (m *Master) shardFailed(f copyFailed, reply func(error)) {
	m.Submit(coordination.Task{
		Source: "shard-failed", Priority: coordination.High, Batch: "shard-failed",
		Update: func(st *state.State) (*state.State, error) { return m.failed(st, f) },
		Published: func(old, st *state.State) {
			reply(nil)
			if old != st {
				m.Reroute.Ask("reroute after failing shards", coordination.Normal, nil)
			}
		},
	}, reply)
}

func (m *Master) failed(st *state.State, f copyFailed) (*state.State, error) {
	t, meta := delta.TableOf(st, f.key)
	if t == nil {
		return st, nil
	}
	if f.term > 0 && meta.PrimaryTerms[f.key.Shard] != f.term {
		return nil, errNoLongerPrimary
	}
	m.Fetch.forget(f.key)
	m.Fetch.View = st
	cp := t.With(f.id)
	if cp != nil {
		failures := []allocation.Failure{{Copy: cp, Message: f.message, Error: f.cause, MarkStale: f.stale}}
		return m.RerouteWanted(m.Alloc.FailCopies(st, failures, nil, m.Input())), nil
	}
	if f.term > 0 && f.stale {
		gone := []allocation.Stale{{Index: meta.Name, Shard: f.key.Shard, AllocationID: f.id}}
		return m.RerouteWanted(m.Alloc.FailCopies(st, nil, gone, m.Input())), nil
	}
	return st, nil
}

// shardActiveTimeout is indices.store.delete.shard.timeout.
const shardActiveTimeout = 30 * time.Second
