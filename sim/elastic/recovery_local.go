package elastic

import (
	"time"

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
		case r.kind == state.ExistingStore && s.store.Unreadable() != nil:
			r.failLocally(AsError(s.store.Unreadable()).JavaText())
			return
		case r.kind == state.ExistingStore && s.check() != nil:
			r.failLocally(s.store.Marker.JavaText())
			return
		case r.kind == state.EmptyStore:
			s.p.c.fluid.detach(s.store)
			s.store.Reset()
			s.store.Flush()
		}
		r.enter(StageIndex)
		r.local, r.planned, r.copied = s.store.Segments, true, true
		if r.kind == state.EmptyStore {
			r.local = nil
		}
		r.enter(StageVerifyIndex)
		r.enter(StageTranslog)
		r.opsTotal = max(0, s.engine().LocalCheckpoint()-s.store.Commit.Checkpoint)
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
