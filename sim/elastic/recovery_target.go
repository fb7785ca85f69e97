package elastic

import (
	"errors"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/planted"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// errDelayRecovery is a source's answer "not yet": it has not applied the state in which
// the target recovers, or is not ready itself. The target tries again soon.
var errDelayRecovery = errors.New("delay recovery")

// Recovery is one a recovery as its target sees it (RecoveryTarget, RecoveryState).
type Recovery struct {
	Shard *Shard
	Kind  state.RecoverySource
	fresh bool // there was no store

	Stage   RecoveryStage
	Start   time.Time
	Stop    time.Time
	Begun   sim.Time
	Entered [6]sim.Time // when each stage was entered
	Source  *Node
	attempt int
	Over    bool
	Failed  bool
	timer   sim.Timer

	Plan     recovery.Plan
	Planned  bool
	Local    []recovery.Segment // of a local recovery
	Transfer *sim.Transfer
	Copied   bool
	OpsTotal int64 // -1 unknown
	OpsDone  int64
	opsLocal int64 // replayed from the copy's own translog, before the source was asked
}

var StageOrder = map[RecoveryStage]int{
	StageInit: 0, StageIndex: 1, StageVerifyIndex: 2, StageTranslog: 3, StageFinalize: 4, StageDone: 5,
}

func (r *Recovery) Enter(st RecoveryStage) {
	r.Stage = st
	r.Entered[StageOrder[st]] = r.Shard.Now()
	r.Shard.Process.Cluster.Watch.Recovery(r)
}

// startRecovery begins the recovery of a new copy.
func (s *Shard) startRecovery(fresh bool) {
	r := &Recovery{
		Shard: s, Kind: s.Routing.Source, fresh: fresh, Start: s.Process.Clock.Now(), Begun: s.Now(), OpsTotal: -1,
	}
	s.Recovery = r
	s.Process.Running = append(s.Process.Running, r)
	r.Enter(StageInit)
	s.Counters.targets++
	if r.Kind == state.Peer {
		r.prepare()
		return
	}
	if r.Kind == state.Snapshot {
		s.Process.Cluster.Snapshots.Restore(r)
		return
	}
	if r.Kind == state.LocalShards {
		r.recoverFromShards()
		return
	}
	r.recoverLocally()
}

// prepare looks at the local store and asks the source to begin.
func (r *Recovery) prepare() {
	r.Source = r.Shard.Process.Member(sourceOf(r.Shard.Routing, r.Shard.table))
	r.Later(r.Shard.Process.cost(r.Shard.Process.Cluster.Calibration.RecoveryStart)+r.Shard.checkTime(), r.ask)
}

// Later goes on with the recovery after a while, unless it has been cancelled.
func (r *Recovery) Later(d time.Duration, f func()) {
	attempt := r.attempt
	r.timer = r.Shard.Process.After(d, "recovery.step", func() {
		if !r.Over && r.attempt == attempt {
			f()
		}
	})
}

// ask brings the copy up from its own disk as far as that goes, and asks the source for
// the rest.
func (r *Recovery) ask() {
	s := r.Shard
	r.attempt++
	r.reset()
	st := s.Store
	req := startRequest{
		id:      recoveryID{key: s.Key, copy: s.Routing.AllocationID, process: s.Process.ephemeral, attempt: r.attempt},
		handOff: s.Routing.Primary && s.Routing.IsRelocationTarget(),
		target:  recovery.Target{Node: s.Process.Node.ID(), StartingSeqNo: recovery.UnassignedSeqNo},
	}
	if st.History != "" && s.openLocally() {
		// The copy brings itself up to the global checkpoint it knows, from its own translog
		// what the last commit lacks, and forgets what is above. So does one whose files an
		// interrupted attempt has completed: it goes on by operations.
		req.target.History, req.target.Segments = st.History, st.Segments
		req.target.StartingSeqNo = min(st.Global, st.Engine.LocalCheckpoint()) + 1
		r.opsLocal = max(0, req.target.StartingSeqNo-1-st.Commit.Checkpoint)
		r.OpsDone = r.opsLocal
	}
	if r.opsLocal == 0 {
		r.request(req)
		return
	}
	r.Later(time.Duration(r.opsLocal)*s.Process.Cluster.Calibration.PerOp, func() { r.request(req) })
}

// request asks the source to begin.
func (r *Recovery) request(req startRequest) {
	s, attempt := r.Shard, r.attempt
	s.Process.Request(r.Source, RPC{
		Name: "recovery.start", Bytes: req.bytes(),
		Handle: func(q *Process, reply func(int64, func())) {
			q.serveRecovery(req, func(err error) { reply(0, func() { r.answered(attempt, err) }) })
		},
		Failed: func(err error) { r.lostSource(attempt, err) },
	})
}

// reset forgets what an earlier attempt has done.
func (r *Recovery) reset() {
	if r.Transfer != nil {
		r.Transfer.Stop()
	}
	r.Transfer, r.Planned, r.Copied, r.Plan = nil, false, false, recovery.Plan{}
	r.OpsTotal, r.OpsDone, r.opsLocal = -1, 0, 0
	r.Shard.Store.Partial = 0
	if r.Stage != StageInit {
		r.Enter(StageInit)
	}
}

// current reports whether an answer belongs to the attempt that is under way.
func (r *Recovery) current(attempt int) bool { return !r.Over && r.attempt == attempt }

// answered is the end of an attempt by the source's word.
func (r *Recovery) answered(attempt int, err error) {
	switch {
	case !r.current(attempt):
	case err == nil:
		r.Finish()
	case errors.Is(err, errDelayRecovery):
		r.Later(settings.RecoveryRetryDelayStateSync.Get(r.Shard.Process.Conf), r.ask)
	default:
		r.Failed = true
		r.Shard.fail("failed recovery", err.Error())
	}
}

// lostSource is the end of an attempt by a closed connection: it is tried again, until
// the cluster state takes the source or the target away.
func (r *Recovery) lostSource(attempt int, _ error) {
	if r.current(attempt) && !planted.Is(planted.RecoveryNotRetried) {
		r.Later(settings.RecoveryRetryDelayNetwork.Get(r.Shard.Process.Conf), r.ask)
	}
}

// recoveryOf is the attempt of a recovery that is under way here, or nil.
func (p *Process) recoveryOf(id recoveryID) *Recovery {
	s := p.Shards[id.key]
	if s == nil || s.Recovery == nil || id.process != p.ephemeral || s.Routing.AllocationID != id.copy || !s.Recovery.current(id.attempt) {
		return nil
	}
	return s.Recovery
}

// recoveryStep does what a source asks for, as long as that is still the source; done
// gets the answer.
func (p *Process) recoveryStep(id recoveryID, step recoveryStep, done func(error)) {
	r := p.recoveryOf(id)
	if r == nil {
		done(errRecoveryGone)
		return
	}
	p.After(r.takes(step), step.action(), func() {
		if !r.current(id.attempt) {
			done(errRecoveryGone)
			return
		}
		r.take(step)
		done(nil)
	})
}

// recoveryFiles is the sight of the files that have begun to come in.
func (p *Process) recoveryFiles(id recoveryID, t *sim.Transfer) {
	if r := p.recoveryOf(id); r != nil {
		r.Transfer = t
	}
}

// recoveryOpsAnnounced is the sight of operations that have begun to come in.
func (p *Process) recoveryOpsAnnounced(id recoveryID, count int64) {
	if r := p.recoveryOf(id); r != nil {
		r.OpsTotal = r.opsLocal + count
	}
}

// takes is how long the copy works on a step.
func (r *Recovery) takes(step recoveryStep) time.Duration {
	p := r.Shard.Process
	switch m := step.(type) {
	case prepareTranslog:
		return p.cost(p.Cluster.Calibration.RecoveryEnd)
	case translogOps:
		r.OpsTotal = r.opsLocal + m.count
		return time.Duration(m.count) * p.Cluster.Calibration.PerOp
	}
	return 0
}

// take does a step.
func (r *Recovery) take(step recoveryStep) {
	s := r.Shard
	switch m := step.(type) {
	case filesInfo:
		r.Plan, r.Planned, r.Copied = m.plan, true, m.plan.ByOperations
		r.Enter(StageIndex)
	case cleanFiles:
		r.takeFiles(m)
	case prepareTranslog:
		e := s.Engine()
		e.Missing = nil
		e.Rollback(m.startingSeqNo - 1) // what it had above was never acknowledged
		e.Floor = m.startingSeqNo - 1
		r.Enter(StageTranslog)
	case translogOps:
		r.takeOps(m)
	case finalizeRecovery:
		s.Store.Global, s.Store.Leases = m.global, m.leases
		s.Engine().Refresh(s.Now())
		r.Enter(StageFinalize)
	case handOffPrimary:
		s.Store.Leases = m.leases
		s.activate(m.inSync)
		for _, c := range s.Tracker.copies {
			c.tracked = m.tracked[c.id]
		}
	}
}

// takeFiles makes the files that have come the copy's store.
func (r *Recovery) takeFiles(m cleanFiles) {
	st := r.Shard.Store
	r.Copied = true
	r.Shard.Process.Cluster.Fluid.Detach(st)
	st.Segments = append(append([]recovery.Segment(nil), m.reuse...), m.copy...)
	st.Grown = recovery.Segment{}
	st.Partial = 0
	r.Shard.Process.Node.Changed()
	st.History = m.history
	st.Restored(m.reuse)
	st.Damage.Altered, st.Damage.Lost = m.altered, m.lost
	st.Commit = m.commit
	st.Engine.Receive(m.docs, r.Shard.Now())
	st.Engine.FluidDocs = max(0, st.Commit.Docs-st.Engine.LiveN)
	st.Global = min(m.global, st.Commit.Checkpoint)
	r.Enter(StageVerifyIndex)
}

// takeOps applies operations of the source's history.
func (r *Recovery) takeOps(m translogOps) {
	st, e := r.Shard.Store, r.Shard.Engine()
	for _, d := range m.ops {
		e.Process(d, r.Shard.Now())
	}
	st.Grow(m.size, m.count)
	r.Shard.Process.Cluster.Fluid.Adopt(st, m.fluidDocs, m.end)
	e.Floor = UnassignedSeqNo
	r.OpsDone = r.opsLocal + m.count
}

// Finish makes the copy ready: the master is asked to start it.
func (r *Recovery) Finish() {
	s := r.Shard
	r.end()
	r.Stop = s.Process.Clock.Now()
	r.Enter(StageDone)
	s.Store.Partial = 0
	s.Phase = postRecovery
	if !s.writeState() {
		return
	}
	if s.Process.Node.Changed(); !s.Process.Node.Account() {
		r.Failed = true
		s.fail("failed recovery", errNoSpace)
		return
	}
	s.Process.reportStarted(s)
}

const errNoSpace = "java.io.IOException: No space left on device"

// cancel ends a recovery that is no longer wanted.
func (r *Recovery) cancel(string) {
	if r.Over {
		return
	}
	r.end()
	r.timer.Stop()
	if r.Transfer != nil {
		r.Transfer.Stop()
	}
	r.Shard.Store.Partial = 0
	r.Failed = true
	r.Stop = r.Shard.Process.Clock.Now()
	r.Shard.Process.Cluster.Watch.Recovery(r)
}

// end takes the recovery off the list of those that run.
func (r *Recovery) end() {
	r.Over = true
	p := r.Shard.Process
	if i := slices.Index(p.Running, r); i >= 0 {
		p.Running = slices.Delete(p.Running, i, i+1)
	}
	p.Node.Changed()
}

// Progress is how many bytes have been copied.
func (r *Recovery) Progress() int64 {
	switch {
	case r.Copied:
		return recovery.Bytes(r.Plan.Copy)
	case r.Transfer != nil:
		return r.Transfer.Transferred()
	}
	return 0
}

// Reserved are the bytes that the recovery will still write.
func (r *Recovery) Reserved() int64 {
	if r.Over || (r.Kind != state.Peer && r.Kind != state.Snapshot) || r.Copied {
		return 0
	}
	if !r.Planned {
		return max(0, r.Shard.Routing.ExpectedBytes)
	}
	return max(0, recovery.Bytes(r.Plan.Copy)-r.Progress())
}
