package peer

import (
	"errors"
	"time"

	"github.com/shardquake/shardquake/internal/planted"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// Primary is the copy that a recovery reads from.
type Primary interface {
	// Group is its replication group; nil once it acts as primary no longer.
	Group() Group
	// OnDisk is its store, OpBytes the size of an operation that is only counted.
	OnDisk() *store.Store
	OpBytes() int64
	// Node is the id of its node.
	Node() string
	Now() sim.Time
	// After does f in its process d from now.
	After(d time.Duration, name string, f func())
	// FailCorrupted fails it: its own files were found to be damaged.
	FailCorrupted(bad *api.Error)
	// HandedOff: the copy on a node is the acting primary now.
	HandedOff(node string)
	// Served: the recovery is over.
	Served(s *Source)
}

// Group is what a primary knows of the copies of its shard (ReplicationTracker).
type Group interface {
	SyncLeases()
	PutLease(node string, retaining int64)
	// Track has a copy that recovers get all new operations, MarkInSync counts it from now on.
	Track(copy string)
	MarkInSync(copy string)
	// Lags reports whether a copy lacks operations which all in-sync copies have.
	Lags(node, copy string) bool
	GlobalCheckpoint() int64
	// Block holds new writes back; when those under way are done, quiet runs.
	Block(quiet func())
	Unblock()
	Members() (inSync []string, tracked map[string]bool)
}

// Link is the way to the target's node.
type Link interface {
	// Do has the target do a step; exactly one of answered and failed is called, at most once.
	Do(id ID, step Step, answered, failed func(error))
	// Files sends files, from disk to disk; done gets why they did not all arrive.
	Files(id ID, bytes int64, done func(error)) (*sim.Transfer, error)
	// Ops sends operations, which the target's node writes to its disk.
	Ops(id ID, count, bytes int64, done func(error)) *sim.Transfer
	// PerFile is what a file takes beside its bytes.
	PerFile() time.Duration
}

// Source is a recovery as its source drives it (RecoverySourceHandler). Of the target it
// knows what that asked for and what it answers.
type Source struct {
	from     Primary
	to       Link
	req      Start
	plan     recovery.Plan
	held     commit // when files were chosen
	start    int64  // first operation to replay
	transfer *sim.Transfer
	done     func(error)
	over     bool
}

// commit is the one that a recovery copies: it stays while the shard goes on.
type commit struct {
	store.Commit
	history       string
	global        int64
	altered, lost int64
}

// NewSource serves a target's request; done is called at the end of it all.
func NewSource(from Primary, to Link, req Start, done func(error)) *Source {
	return &Source{from: from, to: to, req: req, done: done}
}

// Begin decides between operations and files.
func (s *Source) Begin() {
	s.from.Group().SyncLeases()
	st := s.from.OnDisk()
	st.Settle()
	minRetained, ok := st.Leases.MinRetaining()
	if !ok {
		minRetained = st.Commit.Checkpoint + 1
	}
	s.plan = recovery.NewPlan(s.req.Target, recovery.Source{
		History: st.History, MinRetained: min(minRetained, st.Global+1), Leases: &st.Leases, Segments: st.Segments,
	})
	if s.plan.ByOperations {
		s.start = s.req.Target.StartingSeqNo
		s.call(FilesInfo{s.plan}, s.prepareTranslog)
		return
	}
	st.Leases.Remove(s.req.Target.Node)
	s.start = st.Commit.Checkpoint + 1
	s.held = commit{Commit: st.Commit, history: st.History, global: st.Global, altered: st.Damage.Altered, lost: st.Damage.Lost}
	if st.Damage.Missing {
		s.End(errors.New(st.NoSuchFile().JavaText()))
		return
	}
	s.call(FilesInfo{s.plan}, s.copyFiles)
}

// call has the target do a step and goes on when it has answered.
func (s *Source) call(step Step, next func()) {
	if s.over {
		return
	}
	s.to.Do(s.req.ID, step, func(err error) { s.answered(err, next) }, s.End)
}

// answered goes on with what comes after a step.
func (s *Source) answered(err error, next func()) {
	switch {
	case err != nil:
		s.End(err)
	case !s.over:
		next()
	}
}

// End ends the recovery on the source's side; the target learns of it if it can.
func (s *Source) End(err error) {
	if s.over {
		return
	}
	s.over = true
	if s.transfer != nil {
		s.transfer.Stop()
	}
	s.from.Served(s)
	if g := s.from.Group(); err != nil && s.req.HandOff && g != nil {
		g.Unblock()
	}
	s.done(err)
}

// copyFiles is phase 1: the files as a stream from disk to disk.
func (s *Source) copyFiles() {
	bytes := recovery.Bytes(s.plan.Copy)
	files := recovery.Files(s.plan.Copy) + 1 // segments_N
	perFile := time.Duration(files) * s.to.PerFile()
	copied := func() { s.from.After(perFile, "recovery.files", s.verifyFiles) }
	if bytes == 0 {
		copied()
		return
	}
	transfer, err := s.to.Files(s.req.ID, bytes, func(err error) { s.answered(err, copied) })
	if err != nil {
		s.End(err)
		return
	}
	s.transfer = transfer
}

// verifyFiles is the comparison of what was copied with the checksums in the footers. The
// target finds a mismatch; the source then reads its own file, and when that is bad fails
// the primary (RecoverySourceHandler.handleErrorOnSendFiles).
func (s *Source) verifyFiles() {
	bad := s.from.OnDisk().BadAmong(s.plan.Copy)
	switch {
	case s.over:
	case bad == nil:
		s.cleanFiles()
	default:
		s.End(errors.New(bad.JavaText()))
		s.from.FailCorrupted(bad)
	}
}

// cleanFiles makes the copied files the target's store.
func (s *Source) cleanFiles() {
	held := &s.held
	docs := new(store.Engine)
	docs.CopyFrom(&s.from.OnDisk().Engine, held.Checkpoint, s.from.Now())
	s.call(CleanFiles{
		Reuse: s.plan.Reuse, Copy: s.plan.Copy, History: held.history, Commit: held.Commit, Docs: docs,
		Global: held.global, Altered: held.altered, Lost: held.lost,
	}, func() {
		g := s.from.Group()
		if g == nil { // it has handed off to another node while the files went
			s.End(ErrDelay)
			return
		}
		own, _ := s.from.OnDisk().Leases.Get(s.from.Node())
		g.PutLease(s.req.Target.Node, min(own.Retaining, s.start))
		s.prepareTranslog()
	})
}

// prepareTranslog opens the target's engine; from here on it gets new operations.
func (s *Source) prepareTranslog() {
	s.call(PrepareTranslog{StartingSeqNo: s.start}, s.replay)
}

// replay is phase 2: the operations from the commit, or from where the target's history
// ends, up to the moment when it began to get new ones.
func (s *Source) replay() {
	g := s.from.Group()
	if g == nil {
		s.End(ErrDelay)
		return
	}
	g.SyncLeases()
	if !planted.Is(planted.InSyncTooEarly) {
		g.Track(s.req.ID.Copy)
	}
	st := s.from.OnDisk()
	st.Settle()
	e := &st.Engine
	step := TranslogOps{
		Ops: append([]*store.Doc(nil), e.Since(s.start)...), Count: max(0, e.Max-s.start+1),
		End: e.Max, FluidDocs: e.FluidDocs + st.Damage.Lost,
	}
	step.Size = s.from.OpBytes() * max(0, step.Count-int64(len(step.Ops)))
	for _, d := range step.Ops {
		step.Size += d.Bytes()
	}
	if step.Size == 0 {
		s.call(step, s.finalize)
		return
	}
	s.transfer = s.to.Ops(s.req.ID, step.Count, step.Size, func(err error) {
		s.answered(err, func() { s.call(step, s.finalize) })
	})
}

// finalize counts the copy as in-sync once it has caught up, and hands a primary over.
func (s *Source) finalize() {
	g := s.from.Group()
	if g == nil {
		s.End(ErrDelay)
		return
	}
	if g.Lags(s.req.Target.Node, s.req.ID.Copy) && !planted.Is(planted.InSyncTooEarly) {
		s.from.After(10*time.Millisecond, "recovery.finalize", func() {
			if !s.over {
				s.finalize()
			}
		})
		return
	}
	g.MarkInSync(s.req.ID.Copy)
	s.call(Finalize{Global: g.GlobalCheckpoint(), Leases: s.leases()}, func() {
		switch now := s.from.Group(); {
		case !s.req.HandOff:
			s.End(nil)
		case planted.Is(planted.HandOffUnblocked):
			s.handOff()
		case now == nil: // another recovery has handed off meanwhile
			s.End(ErrDelay)
		default:
			now.Block(s.handOff)
		}
	})
}

// handOff makes the target the acting primary: no write is under way, those that come
// are held until it is over and then sent there.
func (s *Source) handOff() {
	g := s.from.Group()
	if s.over || g == nil {
		return
	}
	g.SyncLeases()
	step := HandOff{Leases: s.leases()}
	step.InSync, step.Tracked = g.Members()
	s.call(step, func() {
		s.from.HandedOff(s.req.Target.Node)
		s.End(nil)
	})
}

// leases are the retention leases that the target gets.
func (s *Source) leases() recovery.Leases {
	if planted.Is(planted.LeasesLost) && s.req.HandOff {
		return recovery.Leases{}
	}
	return s.from.OnDisk().Leases.Clone()
}
