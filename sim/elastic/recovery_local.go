package elastic

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// recoverLocally recovers a primary from nothing or from what is on its disk
// (StoreRecovery).
func (r *recoveryRun) recoverLocally() {
	s := r.s
	open := s.p.c.cal.LocalRecovery
	if r.kind == state.ExistingStore {
		open += s.checkTime()
	}
	r.later(open, func() {
		switch {
		case r.kind == state.ExistingStore && r.fresh:
			r.failLocally("failed to fetch index version after copying it over")
			return
		case r.kind == state.ExistingStore && s.store.unreadable() != nil:
			r.failLocally(AsError(s.store.unreadable()).javaText())
			return
		case r.kind == state.ExistingStore && s.check() != nil:
			r.failLocally(s.store.marker.javaText())
			return
		case r.kind == state.EmptyStore:
			s.store.reset()
			s.store.flush()
		}
		r.enter(StageIndex)
		r.local, r.planned, r.copied = s.store.segments, true, true
		if r.kind == state.EmptyStore {
			r.local = nil
		}
		r.enter(StageVerifyIndex)
		r.enter(StageTranslog)
		r.opsTotal = max(0, s.engine().localCheckpoint()-s.store.commit.checkpoint)
		r.later(time.Duration(r.opsTotal)*s.p.c.cal.PerOp, func() {
			r.opsDone = r.opsTotal
			r.enter(StageFinalize)
			r.finish()
		})
	})
}

// failLocally fails a copy that can't be recovered from its own disk.
func (r *recoveryRun) failLocally(cause string) {
	r.failed = true
	r.s.fail("failed recovery", cause)
}

// reset makes the store empty.
func (st *store) reset() {
	st.n.c.fluid.detach(st)
	st.eng.init()
	st.eng.history, st.eng.arrived, st.eng.unseen = nil, nil, nil
	st.eng.liveN, st.eng.seenN, st.eng.fluidDocs, st.eng.missing = 0, 0, 0, nil
	st.segments, st.grown, st.partial = nil, recovery.Segment{}, 0
	st.global, st.commit = NoOpsPerformed, commit{checkpoint: NoOpsPerformed}
	st.history = ""
	st.restored(nil)
	st.leases = recovery.Leases{}
}
