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

// startRequest is what a target tells its source.
type startRequest struct {
	key     storeKey
	id      string // allocation id of the target copy
	target  recovery.Target
	attempt int
	run     *recoveryRun
	handOff bool // relocation of the primary
}

func (r *recoveryRun) ask() {
	s := r.s
	r.attempt++
	r.reset()
	st := s.store
	req := startRequest{
		key: s.key, id: s.routing.AllocationID, attempt: r.attempt, run: r,
		handOff: s.routing.Primary && s.routing.IsRelocationTarget(),
		target:  recovery.Target{Node: s.p.n.ID(), StartingSeqNo: recovery.UnassignedSeqNo},
	}
	if st.history != "" && s.openLocally() {
		// The copy brings itself up to the global checkpoint it knows, from its own translog
		// what the last commit lacks, and forgets what is above. So does one whose files an
		// interrupted attempt has completed: it goes on by operations.
		req.target.History, req.target.Segments = st.history, st.segments
		req.target.StartingSeqNo = min(st.global, st.eng.localCheckpoint()) + 1
		r.opsLocal = max(0, req.target.StartingSeqNo-1-st.commit.checkpoint)
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
		name: "recovery.start", bytes: int64(1024 + 64*len(req.target.Segments)),
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
	r.s.store.partial = 0
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

// finish makes the copy ready: the master is asked to start it.
func (r *recoveryRun) finish() {
	s := r.s
	r.end()
	r.stop = s.p.clock.Now()
	r.enter(StageDone)
	s.store.partial = 0
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
	r.s.store.partial = 0
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
