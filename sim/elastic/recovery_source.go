package elastic

import (
	"errors"
	"time"

	"github.com/shardquake/shardquake/internal/planted"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

var errRecoveryGone = errors.New("recovery is gone")

// recoverySource is a recovery as its source drives it (RecoverySourceHandler). Of the
// target it knows what that asked for and what it answers.
type recoverySource struct {
	q        *Process
	s        *Shard
	req      startRequest
	target   *Node
	plan     recovery.Plan
	held     heldCommit // when files were chosen
	start    int64      // first operation to replay
	transfer *sim.Transfer
	done     func(error)
	over     bool
}

// heldCommit is the commit that a recovery copies: it stays while the shard goes on.
type heldCommit struct {
	store.Commit
	history       string
	global        int64
	altered, lost int64
}

func hold(st *store.Store) heldCommit {
	return heldCommit{
		Commit: st.Commit, history: st.History, global: st.Global,
		altered: st.Damage.Altered, lost: st.Damage.Lost,
	}
}

// serveRecovery answers a target's request; done is called at the end of it all.
func (q *Process) serveRecovery(req startRequest, done func(error)) {
	s := q.Shards[req.id.key]
	if s == nil || s.Phase != Started || !s.ActingPrimary() || s.table.With(req.id.copy) == nil || s.Tracker.find(req.id.copy) == nil {
		done(errDelayRecovery)
		return
	}
	src := &recoverySource{q: q, s: s, req: req, target: q.Member(req.target.Node), done: done}
	s.Sources = append(s.Sources, src)
	s.Counters.sources++
	src.begin()
}

// begin decides between operations and files.
func (src *recoverySource) begin() {
	s := src.s
	s.Tracker.SyncLeases()
	s.Store.Settle()
	st := s.Store
	minRetained, ok := st.Leases.MinRetaining()
	if !ok {
		minRetained = st.Commit.Checkpoint + 1
	}
	src.plan = recovery.NewPlan(src.req.target, recovery.Source{
		History: st.History, MinRetained: min(minRetained, st.Global+1), Leases: &st.Leases, Segments: st.Segments,
	})
	if src.plan.ByOperations {
		src.start = src.req.target.StartingSeqNo
		src.call(filesInfo{src.plan}, src.prepareTranslog)
		return
	}
	s.Store.Leases.Remove(src.req.target.Node)
	src.start = st.Commit.Checkpoint + 1
	src.held = hold(st)
	if st.Damage.Missing {
		src.fail(errors.New(st.NoSuchFile().JavaText()))
		return
	}
	src.call(filesInfo{src.plan}, src.copyFiles)
}

// call has the target do a step and goes on when it has answered.
func (src *recoverySource) call(step recoveryStep, next func()) {
	if src.over {
		return
	}
	id := src.req.id
	src.q.Request(src.target, RPC{
		Name: step.action(), Bytes: step.bytes(), Timeout: settings.RecoveryActionTimeout.Get(src.q.Conf),
		Handle: func(q *Process, reply func(int64, func())) {
			q.recoveryStep(id, step, func(err error) { reply(0, func() { src.answered(err, next) }) })
		},
		Failed: src.fail,
	})
}

// answered goes on with what comes after a step.
func (src *recoverySource) answered(err error, next func()) {
	switch {
	case err != nil:
		src.fail(err)
	case !src.over:
		next()
	}
}

// fail ends the recovery on the source's side; the target learns of it if it can.
func (src *recoverySource) fail(err error) { src.end(err) }

func (src *recoverySource) end(err error) {
	if src.over {
		return
	}
	src.over = true
	if src.transfer != nil {
		src.transfer.Stop()
	}
	for i, o := range src.s.Sources {
		if o == src {
			src.s.Sources = append(src.s.Sources[:i], src.s.Sources[i+1:]...)
			break
		}
	}
	if err != nil && src.req.handOff && src.s.Tracker != nil {
		src.s.Tracker.unblock()
	}
	src.done(err)
}

// copyFiles is phase 1: the files as a stream from disk to disk.
func (src *recoverySource) copyFiles() {
	q, to := src.q, src.target
	bytes := recovery.Bytes(src.plan.Copy)
	files := recovery.Files(src.plan.Copy) + 1 // segments_N
	perFile := time.Duration(files) * (q.Cluster.Calibration.PerFile + q.Node.disk.Delay() + to.disk.Delay())
	copied := func() { q.After(perFile, "recovery.files", src.verifyFiles) }
	if bytes == 0 {
		copied()
		return
	}
	id := src.req.id
	in := inbound{to, func(tp *Process, t *sim.Transfer) { tp.recoveryFiles(id, t) }}
	rate := q.Cluster.Calibration.CopyBPS * int64(settings.RecoveryMaxFileChunks.Get(q.Conf)) / 2
	transfer, err := q.streamFiles(in, bytes, rate, func(err error) {
		switch {
		case src.over:
		case err != nil:
			src.fail(err)
		default:
			copied()
		}
	})
	if err != nil {
		src.fail(err)
		return
	}
	src.transfer = transfer
}

// verifyFiles is the comparison of what was copied with the checksums in the footers. The
// target finds a mismatch; the source then reads its own file, and when that is bad fails
// the primary (RecoverySourceHandler.handleErrorOnSendFiles).
func (src *recoverySource) verifyFiles() {
	s := src.s
	bad := s.Store.BadAmong(src.plan.Copy)
	switch {
	case src.over:
	case bad == nil:
		src.cleanFiles()
	default:
		src.fail(errors.New(bad.JavaText()))
		s.failCorrupted("recovery", bad)
	}
}

// cleanFiles makes the copied files the target's store.
func (src *recoverySource) cleanFiles() {
	held := &src.held
	docs := new(store.Engine)
	docs.CopyFrom(src.s.Engine(), held.Checkpoint, src.s.Now())
	src.call(cleanFiles{
		reuse: src.plan.Reuse, copy: src.plan.Copy, history: held.history, commit: held.Commit, docs: docs,
		global: held.global, altered: held.altered, lost: held.lost,
	}, func() {
		if src.s.Tracker == nil { // it has handed off to another node while the files went
			src.fail(errDelayRecovery)
			return
		}
		own, _ := src.s.Store.Leases.Get(src.q.Node.ID())
		src.s.Tracker.putLease(src.req.target.Node, min(own.Retaining, src.start))
		src.prepareTranslog()
	})
}

// prepareTranslog opens the target's engine; from here on it gets new operations.
func (src *recoverySource) prepareTranslog() {
	src.call(prepareTranslog{startingSeqNo: src.start}, src.replay)
}

// replay is phase 2: the operations from the commit, or from where the target's history
// ends, up to the moment when it began to get new ones.
func (src *recoverySource) replay() {
	s, q := src.s, src.q
	if s.Tracker == nil {
		src.fail(errDelayRecovery)
		return
	}
	s.Tracker.SyncLeases()
	if !planted.Is(planted.InSyncTooEarly) {
		s.Tracker.initiateTracking(src.req.id.copy)
	}
	s.Store.Settle()
	e := s.Engine()
	step := translogOps{
		ops: append([]*store.Doc(nil), e.Since(src.start)...), count: max(0, e.Max-src.start+1),
		end: e.Max, fluidDocs: e.FluidDocs + s.Store.Damage.Lost,
	}
	step.size = q.Cluster.Fluid.DocBytes(s.Store) * max(0, step.count-int64(len(step.ops)))
	for _, d := range step.ops {
		step.size += d.Bytes()
	}
	if step.size == 0 {
		src.call(step, src.finalize)
		return
	}
	id := src.req.id
	in := inbound{src.target, func(tp *Process, _ *sim.Transfer) { tp.recoveryOpsAnnounced(id, step.count) }}
	src.transfer = q.streamOps(in, step.size, func(err error) {
		switch {
		case src.over:
		case err != nil:
			src.fail(err)
		default:
			src.call(step, src.finalize)
		}
	})
}

// finalize counts the copy as in-sync once it has caught up, and hands a primary over.
func (src *recoverySource) finalize() {
	s := src.s
	if s.Tracker == nil {
		src.fail(errDelayRecovery)
		return
	}
	if s.Tracker.lags(src.target, src.req.id.copy) && !planted.Is(planted.InSyncTooEarly) {
		src.q.After(10*time.Millisecond, "recovery.finalize", func() {
			if !src.over {
				src.finalize()
			}
		})
		return
	}
	s.Tracker.markInSync(src.req.id.copy)
	src.call(finalizeRecovery{global: s.Tracker.globalCheckpoint(), leases: s.Store.Leases.Clone()}, func() {
		if !src.req.handOff {
			src.end(nil)
			return
		}
		if planted.Is(planted.HandOffUnblocked) {
			src.handOff()
			return
		}
		s.Tracker.block(src.handOff)
	})
}

// handOff makes the target the acting primary: no write is under way, those that come
// are held until it is over and then sent there.
func (src *recoverySource) handOff() {
	s := src.s
	if src.over || s.Tracker == nil {
		return
	}
	s.Tracker.SyncLeases()
	step := handOffPrimary{tracked: make(map[string]bool), leases: s.Store.Leases.Clone()}
	for _, c := range s.Tracker.copies {
		if c.inSync {
			step.inSync = append(step.inSync, c.id)
		}
		step.tracked[c.id] = c.tracked
	}
	src.call(step, func() {
		s.handedOff = src.target.ID()
		s.Tracker.close()
		src.end(nil)
	})
}
