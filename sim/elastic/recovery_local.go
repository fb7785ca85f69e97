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
	r.Later(open, func() {
		switch {
		case r.Kind == state.ExistingStore && r.fresh:
			r.FailLocally("failed to fetch index version after copying it over")
			return
		case r.Kind == state.ExistingStore && s.Store.Unreadable() != nil:
			r.FailLocally(AsError(s.Store.Unreadable()).JavaText())
			return
		case r.Kind == state.ExistingStore && s.check() != nil:
			r.FailLocally(s.Store.Marker.JavaText())
			return
		case r.Kind == state.EmptyStore:
			s.Process.Cluster.Fluid.Detach(s.Store)
			s.Store.Reset()
			s.Store.Flush()
		}
		r.Enter(StageIndex)
		r.Local, r.Planned, r.Copied = s.Store.Segments, true, true
		if r.Kind == state.EmptyStore {
			r.Local = nil
		}
		r.Enter(StageVerifyIndex)
		r.Enter(StageTranslog)
		r.OpsTotal = max(0, s.Engine().LocalCheckpoint()-s.Store.Commit.Checkpoint)
		r.Later(time.Duration(r.OpsTotal)*s.Process.Cluster.Calibration.PerOp, func() {
			r.OpsDone = r.OpsTotal
			r.Enter(StageFinalize)
			r.Finish()
		})
	})
}

// FailLocally fails a copy that can't be recovered from its own disk.
func (r *Recovery) FailLocally(cause string) {
	r.Failed = true
	r.Shard.fail("failed recovery", cause)
}
