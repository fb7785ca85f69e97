package peer

import (
	"errors"
	"time"

	"github.com/shardquake/shardquake/internal/planted"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// Copy is the copy that recovers, and its node.
type Copy interface {
	OnDisk() *store.Store
	// Identity is what the copy says of itself to its source: the id lacks the attempt.
	Identity() (id ID, node string, handOff bool)
	// OpenLocally looks at the store; what can't be opened is treated as if it were not there.
	OpenLocally() bool
	// Detach ends the counting of operations for the store, Adopt begins it where the source is.
	Detach()
	Adopt(fluidDocs, end int64)
	// Activate makes it the acting primary of a group.
	Activate(inSync []string, tracked map[string]bool)
	// Recovered makes it ready: the master is asked to start it. Fail has it failed.
	Recovered()
	Fail(cause string)
	// Changed: what is on the node's disk is something else now.
	Changed()
	// Entered: the recovery has entered a stage; Ended: it is under way no longer.
	Entered()
	Ended()
}

// Host is the process in which a copy recovers.
type Host interface {
	Now() sim.Time
	// Time is what the process's clock shows.
	Time() time.Time
	// After does f in the process d from now.
	After(d time.Duration, name string, f func()) sim.Timer
	// Ask sends a request to the copy's source; one of answered and lost is called, at most once.
	Ask(req Start, answered, lost func(error))
	Costs() Costs
}

// Costs are the times that the steps of a recovery take, and those between its attempts.
type Costs struct {
	PerOp, Open           time.Duration
	RetryDelay, RetryLost time.Duration
}

// Stages gives the place of each stage in the order in which they come.
var Stages = map[api.RecoveryStage]int{
	api.StageInit: 0, api.StageIndex: 1, api.StageVerifyIndex: 2, api.StageTranslog: 3, api.StageFinalize: 4, api.StageDone: 5,
}

// Target is a recovery as its target sees it (RecoveryTarget, RecoveryState); one from a
// disk or a repository goes through the same stages.
type Target struct {
	copy Copy
	host Host

	Kind    state.RecoverySource
	Stage   api.RecoveryStage
	Start   time.Time
	Stop    time.Time
	Begun   sim.Time
	Entered [6]sim.Time // when each stage was entered
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

// NewTarget is the recovery of a copy; nothing is done yet.
func NewTarget(c Copy, h Host, kind state.RecoverySource) Target {
	return Target{copy: c, host: h, Kind: kind, Start: h.Time(), Begun: h.Now(), OpsTotal: -1}
}

// Enter begins a stage.
func (r *Target) Enter(st api.RecoveryStage) {
	r.Stage = st
	r.Entered[Stages[st]] = r.host.Now()
	r.copy.Entered()
}

// Later goes on with the recovery after a while, unless it has been cancelled.
func (r *Target) Later(d time.Duration, f func()) {
	attempt := r.attempt
	r.timer = r.host.After(d, "recovery.step", func() {
		if r.Current(attempt) {
			f()
		}
	})
}

// Current reports whether an answer belongs to the attempt that is under way.
func (r *Target) Current(attempt int) bool { return !r.Over && r.attempt == attempt }

// Ask brings the copy up from its own disk as far as that goes, and asks the source for
// the rest.
func (r *Target) Ask() {
	r.attempt++
	r.reset()
	var req Start
	req.ID, req.Target.Node, req.HandOff = r.copy.Identity()
	req.ID.Attempt = r.attempt
	req.Target.StartingSeqNo = recovery.UnassignedSeqNo
	if st := r.copy.OnDisk(); st.History != "" && r.copy.OpenLocally() {
		// The copy brings itself up to the global checkpoint it knows, from its own translog
		// what the last commit lacks, and forgets what is above. So does one whose files an
		// interrupted attempt has completed: it goes on by operations.
		req.Target.History, req.Target.Segments = st.History, st.Segments
		req.Target.StartingSeqNo = min(st.Global, st.Engine.LocalCheckpoint()) + 1
		r.opsLocal = max(0, req.Target.StartingSeqNo-1-st.Commit.Checkpoint)
		r.OpsDone = r.opsLocal
	}
	if r.opsLocal == 0 {
		r.request(req)
		return
	}
	r.Later(time.Duration(r.opsLocal)*r.host.Costs().PerOp, func() { r.request(req) })
}

// request asks the source to begin.
func (r *Target) request(req Start) {
	attempt := r.attempt
	r.host.Ask(req, func(err error) { r.answered(attempt, err) }, func(error) { r.lostSource(attempt) })
}

// reset forgets what an earlier attempt has done.
func (r *Target) reset() {
	if r.Transfer != nil {
		r.Transfer.Stop()
	}
	r.Transfer, r.Planned, r.Copied, r.Plan = nil, false, false, recovery.Plan{}
	r.OpsTotal, r.OpsDone, r.opsLocal = -1, 0, 0
	r.copy.OnDisk().Partial = 0
	if r.Stage != api.StageInit {
		r.Enter(api.StageInit)
	}
}

// answered is the end of an attempt by the source's word.
func (r *Target) answered(attempt int, err error) {
	switch {
	case !r.Current(attempt):
	case err == nil:
		r.Finish()
	case errors.Is(err, ErrDelay):
		r.Later(r.host.Costs().RetryDelay, r.Ask)
	default:
		r.FailLocally(err.Error())
	}
}

// lostSource is the end of an attempt by a closed connection: it is tried again, until
// the cluster state takes the source or the target away.
func (r *Target) lostSource(attempt int) {
	if r.Current(attempt) && !planted.Is(planted.RecoveryNotRetried) {
		r.Later(r.host.Costs().RetryLost, r.Ask)
	}
}

// Do does what a source asks for, as long as the attempt is under way; done gets the answer.
func (r *Target) Do(attempt int, step Step, done func(error)) {
	r.host.After(r.takes(step), step.Action(), func() {
		if !r.Current(attempt) {
			done(ErrGone)
			return
		}
		r.take(step)
		done(nil)
	})
}

// Announced is the sight of operations that have begun to come in.
func (r *Target) Announced(count int64) { r.OpsTotal = r.opsLocal + count }

// takes is how long the copy works on a step.
func (r *Target) takes(step Step) time.Duration {
	switch m := step.(type) {
	case PrepareTranslog:
		return r.host.Costs().Open
	case TranslogOps:
		r.Announced(m.Count)
		return time.Duration(m.Count) * r.host.Costs().PerOp
	}
	return 0
}

// take does a step.
func (r *Target) take(step Step) {
	st := r.copy.OnDisk()
	switch m := step.(type) {
	case FilesInfo:
		r.Plan, r.Planned, r.Copied = m.Plan, true, m.Plan.ByOperations
		r.Enter(api.StageIndex)
	case CleanFiles:
		r.takeFiles(m)
	case PrepareTranslog:
		e := &st.Engine
		e.Missing = nil
		e.Rollback(m.StartingSeqNo - 1) // what it had above was never acknowledged
		e.Floor = m.StartingSeqNo - 1
		r.Enter(api.StageTranslog)
	case TranslogOps:
		r.takeOps(m)
	case Finalize:
		st.Global, st.Leases = m.Global, m.Leases
		st.Engine.Refresh(r.host.Now())
		r.Enter(api.StageFinalize)
	case HandOff:
		st.Leases = m.Leases
		r.copy.Activate(m.InSync, m.Tracked)
	}
}

// takeFiles makes the files that have come the copy's store.
func (r *Target) takeFiles(m CleanFiles) {
	st := r.copy.OnDisk()
	r.Copied = true
	r.copy.Detach()
	st.Segments = append(append([]recovery.Segment(nil), m.Reuse...), m.Copy...)
	st.Grown = recovery.Segment{}
	st.Partial = 0
	r.copy.Changed()
	st.History = m.History
	st.Restored(m.Reuse)
	st.Damage.Altered, st.Damage.Lost = m.Altered, m.Lost
	st.Commit = m.Commit
	st.Engine.Receive(m.Docs, r.host.Now())
	st.Engine.FluidDocs = max(0, st.Commit.Docs-st.Engine.LiveN)
	st.Global = min(m.Global, st.Commit.Checkpoint)
	r.Enter(api.StageVerifyIndex)
}

// takeOps applies operations of the source's history.
func (r *Target) takeOps(m TranslogOps) {
	st := r.copy.OnDisk()
	for _, d := range m.Ops {
		st.Engine.Process(d, r.host.Now())
	}
	st.Grow(m.Size, m.Count)
	r.copy.Adopt(m.FluidDocs, m.End)
	st.Engine.Floor = api.UnassignedSeqNo
	r.OpsDone = r.opsLocal + m.Count
}

// Finish makes the copy ready: the master is asked to start it.
func (r *Target) Finish() {
	r.end()
	r.Stop = r.host.Time()
	r.Enter(api.StageDone)
	r.copy.OnDisk().Partial = 0
	r.copy.Recovered()
}

// FailLocally fails a copy that can't be recovered.
func (r *Target) FailLocally(cause string) {
	r.Failed = true
	r.copy.Fail(cause)
}

// Cancel ends a recovery that is no longer wanted.
func (r *Target) Cancel() {
	if r.Over {
		return
	}
	r.end()
	r.timer.Stop()
	if r.Transfer != nil {
		r.Transfer.Stop()
	}
	r.copy.OnDisk().Partial = 0
	r.Failed = true
	r.Stop = r.host.Time()
	r.copy.Entered()
}

func (r *Target) end() {
	r.Over = true
	r.copy.Ended()
}

// Progress is how many bytes have been copied.
func (r *Target) Progress() int64 {
	switch {
	case r.Copied:
		return recovery.Bytes(r.Plan.Copy)
	case r.Transfer != nil:
		return r.Transfer.Transferred()
	}
	return 0
}

// Reserved are the bytes that the recovery will still write; expected is how large the copy
// is taken to be as long as no files have been chosen.
func (r *Target) Reserved(expected int64) int64 {
	if r.Over || (r.Kind != state.Peer && r.Kind != state.Snapshot) || r.Copied {
		return 0
	}
	if !r.Planned {
		return max(0, expected)
	}
	return max(0, recovery.Bytes(r.Plan.Copy)-r.Progress())
}
