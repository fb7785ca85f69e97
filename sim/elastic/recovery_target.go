package elastic

import (
	"errors"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// errDelayRecovery is a source's answer "not yet": it has not applied the state in which
// the target recovers, or is not ready itself. The target tries again soon.
var errDelayRecovery = errors.New("delay recovery")

// recoveryRun is a recovery as its target sees it (RecoveryTarget, RecoveryState).
type recoveryRun struct {
	s     *shard
	kind  state.RecoverySource
	fresh bool // there was no store

	stage   RecoveryStage
	start   time.Time
	stop    time.Time
	begun   sim.Time
	entered [6]sim.Time // when each stage was entered
	source  *Node
	attempt int
	over    bool
	failed  bool
	timer   sim.Timer

	plan     recovery.Plan
	planned  bool
	local    []recovery.Segment // of a local recovery
	transfer *sim.Transfer
	copied   bool
	opsTotal int64 // -1 unknown
	opsDone  int64
	opsLocal int64 // replayed from the copy's own translog, before the source was asked
}

var stageIndex = map[RecoveryStage]int{
	StageInit: 0, StageIndex: 1, StageVerifyIndex: 2, StageTranslog: 3, StageFinalize: 4, StageDone: 5,
}

func (r *recoveryRun) enter(st RecoveryStage) {
	r.stage = st
	r.entered[stageIndex[st]] = r.s.now()
	r.s.p.c.watch.recovery(r)
}

// startRecovery begins the recovery of a new copy.
func (s *shard) startRecovery(fresh bool) {
	r := &recoveryRun{
		s: s, kind: s.routing.Source, fresh: fresh, start: s.p.clock.Now(), begun: s.now(), opsTotal: -1,
	}
	s.recovery = r
	s.p.running = append(s.p.running, r)
	r.enter(StageInit)
	s.stats.targets++
	if r.kind == state.Peer {
		r.prepare()
		return
	}
	if r.kind == state.Snapshot {
		r.recoverFromSnapshot()
		return
	}
	r.recoverLocally()
}

// prepare looks at the local store and asks the source to begin.
func (r *recoveryRun) prepare() {
	r.source = r.s.p.node(sourceOf(r.s.routing, r.s.table))
	r.later(r.s.p.cost(r.s.p.c.cal.RecoveryStart)+r.s.checkTime(), r.ask)
}

// later goes on with the recovery after a while, unless it has been cancelled.
func (r *recoveryRun) later(d time.Duration, f func()) {
	attempt := r.attempt
	r.timer = r.s.p.after(d, "recovery.step", func() {
		if !r.over && r.attempt == attempt {
			f()
		}
	})
}

// ask brings the copy up from its own disk as far as that goes, and asks the source for
// the rest.
func (r *recoveryRun) ask() {
	s := r.s
	r.attempt++
	r.reset()
	st := s.store
	req := startRequest{
		id:      recoveryID{key: s.key, copy: s.routing.AllocationID, process: s.p.ephemeral, attempt: r.attempt},
		handOff: s.routing.Primary && s.routing.IsRelocationTarget(),
		target:  recovery.Target{Node: s.p.n.ID(), StartingSeqNo: recovery.UnassignedSeqNo},
	}
	if st.History != "" && s.openLocally() {
		// The copy brings itself up to the global checkpoint it knows, from its own translog
		// what the last commit lacks, and forgets what is above. So does one whose files an
		// interrupted attempt has completed: it goes on by operations.
		req.target.History, req.target.Segments = st.History, st.Segments
		req.target.StartingSeqNo = min(st.Global, st.Engine.LocalCheckpoint()) + 1
		r.opsLocal = max(0, req.target.StartingSeqNo-1-st.Commit.Checkpoint)
		r.opsDone = r.opsLocal
	}
	if r.opsLocal == 0 {
		r.request(req)
		return
	}
	r.later(time.Duration(r.opsLocal)*s.p.c.cal.PerOp, func() { r.request(req) })
}

// request asks the source to begin.
func (r *recoveryRun) request(req startRequest) {
	s, attempt := r.s, r.attempt
	s.p.request(r.source, rpc{
		name: "recovery.start", bytes: req.bytes(),
		handle: func(q *process, reply func(int64, func())) {
			q.serveRecovery(req, func(err error) { reply(0, func() { r.answered(attempt, err) }) })
		},
		failed: func(err error) { r.lostSource(attempt, err) },
	})
}

// reset forgets what an earlier attempt has done.
func (r *recoveryRun) reset() {
	if r.transfer != nil {
		r.transfer.Stop()
	}
	r.transfer, r.planned, r.copied, r.plan = nil, false, false, recovery.Plan{}
	r.opsTotal, r.opsDone, r.opsLocal = -1, 0, 0
	r.s.store.Partial = 0
	if r.stage != StageInit {
		r.enter(StageInit)
	}
}

// current reports whether an answer belongs to the attempt that is under way.
func (r *recoveryRun) current(attempt int) bool { return !r.over && r.attempt == attempt }

// answered is the end of an attempt by the source's word.
func (r *recoveryRun) answered(attempt int, err error) {
	switch {
	case !r.current(attempt):
	case err == nil:
		r.finish()
	case errors.Is(err, errDelayRecovery):
		r.later(settings.RecoveryRetryDelayStateSync.Get(r.s.p.conf), r.ask)
	default:
		r.failed = true
		r.s.fail("failed recovery", err.Error())
	}
}

// lostSource is the end of an attempt by a closed connection: it is tried again, until
// the cluster state takes the source or the target away.
func (r *recoveryRun) lostSource(attempt int, _ error) {
	if r.current(attempt) {
		r.later(settings.RecoveryRetryDelayNetwork.Get(r.s.p.conf), r.ask)
	}
}

// recoveryOf is the attempt of a recovery that is under way here, or nil.
func (p *process) recoveryOf(id recoveryID) *recoveryRun {
	s := p.shards[id.key]
	if s == nil || s.recovery == nil || id.process != p.ephemeral || s.routing.AllocationID != id.copy || !s.recovery.current(id.attempt) {
		return nil
	}
	return s.recovery
}

// recoveryStep does what a source asks for, as long as that is still the source; done
// gets the answer.
func (p *process) recoveryStep(id recoveryID, step recoveryStep, done func(error)) {
	r := p.recoveryOf(id)
	if r == nil {
		done(errRecoveryGone)
		return
	}
	p.after(r.takes(step), step.action(), func() {
		if !r.current(id.attempt) {
			done(errRecoveryGone)
			return
		}
		r.take(step)
		done(nil)
	})
}

// recoveryFiles is the sight of the files that have begun to come in.
func (p *process) recoveryFiles(id recoveryID, t *sim.Transfer) {
	if r := p.recoveryOf(id); r != nil {
		r.transfer = t
	}
}

// recoveryOpsAnnounced is the sight of operations that have begun to come in.
func (p *process) recoveryOpsAnnounced(id recoveryID, count int64) {
	if r := p.recoveryOf(id); r != nil {
		r.opsTotal = r.opsLocal + count
	}
}

// takes is how long the copy works on a step.
func (r *recoveryRun) takes(step recoveryStep) time.Duration {
	p := r.s.p
	switch m := step.(type) {
	case prepareTranslog:
		return p.cost(p.c.cal.RecoveryEnd)
	case translogOps:
		r.opsTotal = r.opsLocal + m.count
		return time.Duration(m.count) * p.c.cal.PerOp
	}
	return 0
}

// take does a step.
func (r *recoveryRun) take(step recoveryStep) {
	s := r.s
	switch m := step.(type) {
	case filesInfo:
		r.plan, r.planned, r.copied = m.plan, true, m.plan.ByOperations
		r.enter(StageIndex)
	case cleanFiles:
		r.takeFiles(m)
	case prepareTranslog:
		e := s.engine()
		e.Missing = nil
		e.Rollback(m.startingSeqNo - 1) // what it had above was never acknowledged
		e.Floor = m.startingSeqNo - 1
		r.enter(StageTranslog)
	case translogOps:
		r.takeOps(m)
	case finalizeRecovery:
		s.store.Global, s.store.Leases = m.global, m.leases
		s.engine().Refresh(s.now())
		r.enter(StageFinalize)
	case handOffPrimary:
		s.store.Leases = m.leases
		s.activate(m.inSync)
		for _, c := range s.tracker.copies {
			c.tracked = m.tracked[c.id]
		}
	}
}

// takeFiles makes the files that have come the copy's store.
func (r *recoveryRun) takeFiles(m cleanFiles) {
	st := r.s.store
	r.copied = true
	r.s.p.c.fluid.detach(st)
	st.Segments = append(append([]recovery.Segment(nil), m.reuse...), m.copy...)
	st.Grown = recovery.Segment{}
	st.Partial = 0
	r.s.p.n.changed()
	st.History = m.history
	st.Restored(m.reuse)
	st.Damage.Altered, st.Damage.Lost = m.altered, m.lost
	st.Commit = m.commit
	st.Engine.Receive(m.docs, r.s.now())
	st.Engine.FluidDocs = max(0, st.Commit.Docs-st.Engine.LiveN)
	st.Global = min(m.global, st.Commit.Checkpoint)
	r.enter(StageVerifyIndex)
}

// takeOps applies operations of the source's history.
func (r *recoveryRun) takeOps(m translogOps) {
	st, e := r.s.store, r.s.engine()
	for _, d := range m.ops {
		e.Process(d, r.s.now())
	}
	st.Grow(m.size, m.count)
	r.s.p.c.fluid.adopt(st, m.fluidDocs, m.end)
	e.Floor = UnassignedSeqNo
	r.opsDone = r.opsLocal + m.count
}

// finish makes the copy ready: the master is asked to start it.
func (r *recoveryRun) finish() {
	s := r.s
	r.end()
	r.stop = s.p.clock.Now()
	r.enter(StageDone)
	s.store.Partial = 0
	s.phase = postRecovery
	if !s.writeState() {
		return
	}
	if s.p.n.changed(); !s.p.n.account() {
		r.failed = true
		s.fail("failed recovery", errNoSpace)
		return
	}
	s.p.reportStarted(s)
}

const errNoSpace = "java.io.IOException: No space left on device"

// cancel ends a recovery that is no longer wanted.
func (r *recoveryRun) cancel(string) {
	if r.over {
		return
	}
	r.end()
	r.timer.Stop()
	if r.transfer != nil {
		r.transfer.Stop()
	}
	r.s.store.Partial = 0
	r.failed = true
	r.stop = r.s.p.clock.Now()
	r.s.p.c.watch.recovery(r)
}

// end takes the recovery off the list of those that run.
func (r *recoveryRun) end() {
	r.over = true
	p := r.s.p
	if i := slices.Index(p.running, r); i >= 0 {
		p.running = slices.Delete(p.running, i, i+1)
	}
	p.n.changed()
}

// progress is how many bytes have been copied.
func (r *recoveryRun) progress() int64 {
	switch {
	case r.copied:
		return recovery.Bytes(r.plan.Copy)
	case r.transfer != nil:
		return r.transfer.Transferred()
	}
	return 0
}

// reserved are the bytes that the recovery will still write.
func (r *recoveryRun) reserved() int64 {
	if r.over || (r.kind != state.Peer && r.kind != state.Snapshot) || r.copied {
		return 0
	}
	if !r.planned {
		return max(0, r.s.routing.ExpectedBytes)
	}
	return max(0, recovery.Bytes(r.plan.Copy)-r.progress())
}
