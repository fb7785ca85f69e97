package elastic

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// recoverLocally recovers a primary from nothing or from what is on its disk
// (StoreRecovery).
func (r *Recovery) recoverLocally() {
	s := r.Shard
	open := s.Process.Cluster.Calibration.LocalRecovery
	if r.Kind == state.ExistingStore {
		open += s.checkTime()
	}
	r.later(open, func() {
		switch {
		case r.Kind == state.ExistingStore && r.fresh:
			r.failLocally("failed to fetch index version after copying it over")
			return
		case r.Kind == state.ExistingStore && s.Store.Unreadable() != nil:
			r.failLocally(AsError(s.Store.Unreadable()).JavaText())
			return
		case r.Kind == state.ExistingStore && s.check() != nil:
			r.failLocally(s.Store.Marker.JavaText())
			return
		case r.Kind == state.EmptyStore:
			s.Process.Cluster.Fluid.detach(s.Store)
			s.Store.Reset()
			s.Store.Flush()
		}
		r.enter(StageIndex)
		r.local, r.Planned, r.copied = s.Store.Segments, true, true
		if r.Kind == state.EmptyStore {
			r.local = nil
		}
		r.enter(StageVerifyIndex)
		r.enter(StageTranslog)
		r.opsTotal = max(0, s.Engine().LocalCheckpoint()-s.Store.Commit.Checkpoint)
		r.later(time.Duration(r.opsTotal)*s.Process.Cluster.Calibration.PerOp, func() {
			r.OpsDone = r.opsTotal
			r.enter(StageFinalize)
			r.finish()
		})
	})
}

// failLocally fails a copy that can't be recovered from its own disk.
func (r *Recovery) failLocally(cause string) {
	r.Failed = true
	r.Shard.fail("failed recovery", cause)
}
