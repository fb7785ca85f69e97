package elastic

import (
	"errors"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

var errRecoveryGone = errors.New("recovery is gone")

// recoverySource is a recovery as its source drives it (RecoverySourceHandler).
type recoverySource struct {
	q        *process
	s        *shard
	req      startRequest
	target   *Node
	plan     recovery.Plan
	snapshot store // what the commit held when files were chosen
	start    int64 // first operation to replay
	transfer *sim.Transfer
	done     func(error)
	over     bool
}

// serveRecovery answers a target's request; done is called at the end of it all.
func (q *process) serveRecovery(req startRequest, done func(error)) {
	s := q.shards[req.key]
	if s == nil || s.phase != started || !s.actingPrimary() || s.table.With(req.id) == nil || s.tracker.find(req.id) == nil {
		done(errDelayRecovery)
		return
	}
	src := &recoverySource{q: q, s: s, req: req, target: q.node(req.target.Node), done: done}
	s.sources = append(s.sources, src)
	s.stats.sources++
	src.begin()
}

// begin decides between operations and files.
func (src *recoverySource) begin() {
	s := src.s
	s.tracker.syncLeases()
	q := src.q
	q.c.fluid.settle(s.store)
	st := s.store
	minRetained, ok := st.leases.MinRetaining()
	if !ok {
		minRetained = st.commit.checkpoint + 1
	}
	src.plan = recovery.NewPlan(src.req.target, recovery.Source{
		History: st.history, MinRetained: min(minRetained, st.global+1), Leases: &st.leases, Segments: st.segments,
	})
	if src.plan.ByOperations {
		src.start = src.req.target.StartingSeqNo
		src.call("recovery.filesInfo", 0, func(r *recoveryRun) {
			r.plan, r.planned, r.copied = src.plan, true, true
			r.enter(StageIndex)
		}, src.prepareTranslog)
		return
	}
	s.store.leases.Remove(src.req.target.Node)
	src.start = st.commit.checkpoint + 1
	src.snapshot = *st
	if st.damage.missing {
		src.fail(errors.New(st.noSuchFile().javaText()))
		return
	}
	files := len(src.plan.Copy) + len(src.plan.Reuse)
	src.call("recovery.filesInfo", int64(256*recovery.FilesPerSegment*files), func(r *recoveryRun) {
		r.plan, r.planned = src.plan, true
		r.enter(StageIndex)
	}, src.copyFiles)
}

// call has the target do a step and goes on when it has answered.
func (src *recoverySource) call(name string, bytes int64, step func(r *recoveryRun), next func()) {
	src.callTaking(name, bytes, 0, step, next)
}

// callTaking is call for a step that takes the target a while.
func (src *recoverySource) callTaking(name string, bytes int64, d time.Duration, step func(r *recoveryRun), next func()) {
	if src.over {
		return
	}
	run, attempt := src.req.run, src.req.attempt
	src.q.request(src.target, rpc{
		name: name, bytes: bytes, timeout: settings.RecoveryActionTimeout.Get(src.q.conf),
		handle: func(tp *process, reply func(int64, func())) {
			if tp != run.s.p || !run.current(attempt) {
				reply(0, func() { src.fail(errRecoveryGone) })
				return
			}
			tp.after(d, name, func() {
				if !run.current(attempt) {
					reply(0, func() { src.fail(errRecoveryGone) })
					return
				}
				step(run)
				reply(0, func() {
					if !src.over {
						next()
					}
				})
			})
		},
		failed: src.fail,
	})
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
	for i, o := range src.s.sources {
		if o == src {
			src.s.sources = append(src.s.sources[:i], src.s.sources[i+1:]...)
			break
		}
	}
	if err != nil && src.req.handOff && src.s.tracker != nil {
		src.s.tracker.unblock()
	}
	src.done(err)
}

// copyFiles is phase 1: a flow through both disks, both nodes' recovery limits and the
// network between them.
func (src *recoverySource) copyFiles() {
	q, to := src.q, src.target
	bytes := recovery.Bytes(src.plan.Copy)
	files := recovery.Files(src.plan.Copy) + 1 // segments_N
	perFile := time.Duration(files) * (q.c.cal.PerFile + q.n.disk.Delay() + to.disk.Delay())
	if bytes == 0 {
		q.after(perFile, "recovery.files", src.verifyFiles)
		return
	}
	extra := []*sim.Resource{q.n.disk.Read, q.n.limiter, to.limiter, to.disk.Write}
	rate := q.c.cal.CopyBPS * int64(settings.RecoveryMaxFileChunks.Get(q.conf)) / 2
	to.account()
	fits := min(bytes, to.disk.Free())
	if fits <= 0 {
		src.fail(errors.New(errNoSpace))
		return
	}
	src.transfer = q.c.net.Flow(q.n.Name(), to.Name(), fits, extra, rate, func(err error) {
		q.run(func() {
			if src.over {
				return
			}
			if err == nil && fits < bytes {
				err = errors.New(errNoSpace) // the write that finds the disk full ends the recovery
			}
			if err != nil {
				src.fail(err)
				return
			}
			q.n.copied.read += bytes
			to.copied.written += bytes
			q.after(perFile, "recovery.files", src.verifyFiles)
		})
	})
	src.req.run.transfer = src.transfer
}

// verifyFiles is the comparison of what was copied with the checksums in the footers. The
// target finds a mismatch; the source then reads its own file, and when that is bad fails
// the primary (RecoverySourceHandler.handleErrorOnSendFiles).
func (src *recoverySource) verifyFiles() {
	s := src.s
	bad := s.store.badAmong(src.plan.Copy)
	switch {
	case src.over:
	case bad == nil:
		src.cleanFiles()
	default:
		src.fail(errors.New(bad.javaText()))
		s.failCorrupted("recovery", bad)
	}
}

// cleanFiles makes the copied files the target's store.
func (src *recoverySource) cleanFiles() {
	run := src.req.run
	src.call("recovery.clean_files", 1024, func(r *recoveryRun) {
		st := r.s.store
		run.copied = true
		st.n.c.fluid.detach(st)
		st.segments = append(append([]recovery.Segment(nil), src.plan.Reuse...), src.plan.Copy...)
		st.grown = recovery.Segment{}
		st.partial = 0
		st.n.changed()
		st.history = src.snapshot.history
		st.restored(src.plan.Reuse)
		st.damage.altered, st.damage.lost = src.snapshot.damage.altered, src.snapshot.damage.lost
		st.commit = src.snapshot.commit
		st.eng.copyFrom(src.s.engine(), st.commit.checkpoint, r.s.now())
		st.eng.fluidDocs = max(0, st.commit.docs-st.eng.liveN)
		st.global = min(src.snapshot.global, st.commit.checkpoint)
		r.enter(StageVerifyIndex)
	}, func() {
		own, _ := src.s.store.leases.Get(src.q.n.ID())
		src.s.tracker.putLease(src.req.target.Node, min(own.Retaining, src.start))
		src.prepareTranslog()
	})
}

// prepareTranslog opens the target's engine; from here on it gets new operations.
func (src *recoverySource) prepareTranslog() {
	src.callTaking("recovery.prepare_translog", 0, src.req.run.s.p.cost(src.q.c.cal.RecoveryEnd), func(r *recoveryRun) {
		e := r.s.engine()
		e.missing = nil
		e.rollback(src.start - 1) // what it had above was never acknowledged
		e.floor = src.start - 1
		r.enter(StageTranslog)
	}, src.replay)
}

// replay is phase 2: the operations from the commit, or from where the target's history
// ends, up to the moment when it began to get new ones.
func (src *recoverySource) replay() {
	s, q := src.s, src.q
	if s.tracker == nil {
		src.fail(errDelayRecovery)
		return
	}
	s.tracker.syncLeases()
	s.tracker.initiateTracking(src.req.id)
	q.c.fluid.settle(s.store)
	end := s.engine().max
	count := max(0, end-src.start+1)
	ops := append([]*doc(nil), s.engine().since(src.start)...)
	bytes := q.c.fluid.docBytes(s.store) * max(0, count-int64(len(ops)))
	for _, d := range ops {
		bytes += d.bytes()
	}
	src.req.run.opsTotal = src.req.run.opsLocal + count
	apply := func() {
		src.callTaking("recovery.translog_ops", 0, time.Duration(count)*q.c.cal.PerOp, func(r *recoveryRun) {
			st := r.s.store
			e := r.s.engine()
			for _, d := range ops {
				e.process(d, r.s.now())
			}
			st.grow(bytes, count)
			st.n.c.fluid.adopt(st, s.store, end)
			e.floor = UnassignedSeqNo
			r.opsDone = r.opsLocal + count
		}, src.finalize)
	}
	if bytes == 0 {
		apply()
		return
	}
	src.transfer = q.c.net.Flow(q.n.Name(), src.target.Name(), bytes, []*sim.Resource{src.target.disk.Write}, 0, func(err error) {
		q.run(func() {
			switch {
			case src.over:
			case err != nil:
				src.fail(err)
			default:
				apply()
			}
		})
	})
}

// finalize counts the copy as in-sync once it has caught up, and hands a primary over.
func (src *recoverySource) finalize() {
	s := src.s
	if s.tracker == nil {
		src.fail(errDelayRecovery)
		return
	}
	e := src.req.run.s.engine()
	if e.localCheckpoint() < s.tracker.globalCheckpoint() {
		src.q.after(10*time.Millisecond, "recovery.finalize", func() {
			if !src.over {
				src.finalize()
			}
		})
		return
	}
	s.tracker.markInSync(src.req.id)
	global := s.tracker.globalCheckpoint()
	leases := s.store.leases.Clone()
	src.call("recovery.finalize", 512, func(r *recoveryRun) {
		r.s.store.global = global
		r.s.store.leases = leases
		r.s.engine().refresh(r.s.now())
		r.enter(StageFinalize)
	}, func() {
		if !src.req.handOff {
			src.end(nil)
			return
		}
		s.tracker.block(src.handOff)
	})
}

// handOff makes the target the acting primary: no write is under way, those that come
// are held until it is over and then sent there.
func (src *recoverySource) handOff() {
	s := src.s
	if src.over || s.tracker == nil {
		return
	}
	s.tracker.syncLeases()
	var inSync []string
	tracked := make(map[string]bool)
	for _, c := range s.tracker.copies {
		if c.inSync {
			inSync = append(inSync, c.id)
		}
		tracked[c.id] = c.tracked
	}
	leases := s.store.leases.Clone()
	src.call("recovery.handoff_primary_context", 2048, func(r *recoveryRun) {
		t := r.s
		t.store.leases = leases
		t.activate(inSync)
		for _, c := range t.tracker.copies {
			c.tracked = tracked[c.id]
		}
	}, func() {
		s.handedOff = src.target.ID()
		s.tracker.close()
		src.end(nil)
	})
}
