package elastic

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// failCorrupted fails a copy whose own files were found to be damaged: it is marked, so
// that nothing opens it again, and the master is told (IndexShard.failShard).
func (s *Shard) failCorrupted(reason string, e *Error) {
	s.Store.Mark(store.FailedEngine(reason, e))
	s.fail("shard failure, reason ["+reason+"]", e.JavaText())
}

// checksFiles reports whether a copy of the index reads all its files when it is opened.
func (s *Shard) checksFiles() bool {
	return settings.IndexCheckOnStartup.Get(s.Meta.Settings) != "false"
}

// checkTime is how long reading all files of a store takes.
func (s *Shard) checkTime() time.Duration {
	if !s.checksFiles() {
		return 0
	}
	return time.Duration(float64(recovery.Bytes(s.Store.Segments)) / float64(s.Process.Cluster.Calibration.CopyBPS) * float64(time.Second))
}

// check reads all files of a store that is opened, if the index asks for it
// (IndexShard.maybeCheckIndex). What it finds is marked.
func (s *Shard) check() *Error {
	if !s.checksFiles() {
		return nil
	}
	e := s.Store.BadAmong(s.Store.Segments)
	if e != nil {
		s.Store.Mark(e)
	}
	return e
}

// openLocally looks at the store of a copy that returns, before it recovers from its
// primary: what can't be opened is treated as if it were not there, and the damage is
// gone with the files that replace it (IndexShard.recoverLocallyUpToGlobalCheckpoint).
func (s *Shard) openLocally() bool {
	s.check()
	return s.Store.Unreadable() == nil
}
