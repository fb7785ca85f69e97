package elastic

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// damaged is what is wrong with a store's files, whether or not anybody knows.
type damaged struct {
	// segments have bytes that no longer match the checksum in their file's footer. Only
	// who reads a whole file finds it: a recovery or a snapshot that copies it, a merge, a
	// check at startup. A search or an opening doesn't.
	segments []uint64
	// missing: the files of the last commit are gone. A process that has them open goes on.
	missing bool
	// altered are documents that differ from the other copies', of which lost are not there.
	altered, lost int64
}

// badAmong is the checksum error of a damaged segment among some, the smallest first as
// recoveries and merges read them; nil when all are good.
func (st *store) badAmong(segments []recovery.Segment) *Error {
	var first *recovery.Segment
	for i := range segments {
		s := &segments[i]
		if slices.Contains(st.damage.segments, s.ID) && (first == nil || s.Bytes < first.Bytes) {
			first = s
		}
	}
	if first == nil {
		return nil
	}
	return checksumFailed(first)
}

// checksumFailed is Lucene's exception for a file whose content doesn't match its footer.
// The checksums stand for those that the model doesn't compute.
func checksumFailed(s *recovery.Segment) *Error {
	name, footer := segmentFile(s.ID), uint32(s.ID)
	return &Error{
		Status: 500, Type: "corrupt_index_exception",
		Reason: fmt.Sprintf("checksum failed (hardware problem?) : expected=%x actual=%x (resource=name [%s], length [%d], checksum [%x], writtenBy [9.12.2]) (resource=VerifyingIndexOutput(%s))",
			footer, ^footer, name, s.Bytes, footer, name),
	}
}

// javaText is an exception as unassigned_info.details shows it.
func (e *Error) javaText() string {
	switch e.Type {
	case "corrupt_index_exception":
		return "org.apache.lucene.index.CorruptIndexException: " + e.Reason
	case "index_not_found_exception":
		return "org.apache.lucene.index.IndexNotFoundException: " + e.Reason
	case "no_such_file_exception":
		return "java.nio.file.NoSuchFileException: " + e.Reason
	}
	return e.Reason
}

// mark leaves the marker that keeps the store from being opened again
// (Store.markStoreCorrupted).
func (st *store) mark(e *Error) {
	if st.marker != nil {
		return
	}
	st.marker = e
	st.n.c.e.Note("store.corrupted", st.n.Name()+" "+st.indexName, uint64(st.key.shard))
	st.n.changed()
}

// failedEngine is the marker's content after an engine has failed with corruption
// (Engine.failEngine, Store.failIfCorrupted).
func failedEngine(reason string, cause *Error) *Error {
	text := "failed engine (reason: [" + reason + "])"
	return &Error{
		Status: 500, Type: "corrupt_index_exception", Reason: text + " (resource=preexisting_corruption)",
		CausedBy: &Error{Status: 500, Type: "i_o_exception", Reason: text, CausedBy: cause},
	}
}

// unreadable is why the store can't be opened, nil when it can (Store.tryOpenIndex).
func (st *store) unreadable() error {
	switch {
	case st.marker != nil:
		return st.marker
	case st.damage.missing:
		return &Error{Status: 500, Type: "index_not_found_exception", Reason: "no segments* file found in " + st.directory() + ": files: []"}
	}
	return nil
}

func (st *store) directory() string {
	return fmt.Sprintf("store(FsDirectoryFactory$HybridDirectory@%s/indices/%s/%d/index)", dataPath, st.key.uuid, st.key.shard)
}

// noSuchFile is the answer to who wants to copy files that are gone.
func (st *store) noSuchFile() *Error {
	name := "segments_" + fmt.Sprint(max(1, st.commit.generation))
	if len(st.segments) > 0 {
		name = segmentFile(st.segments[0].ID)
	}
	return &Error{Status: 500, Type: "no_such_file_exception", Reason: fmt.Sprintf("%s/indices/%s/%d/index/%s", dataPath, st.key.uuid, st.key.shard, name)}
}

// failCorrupted fails a copy whose own files were found to be damaged: it is marked, so
// that nothing opens it again, and the master is told (IndexShard.failShard).
func (s *shard) failCorrupted(reason string, e *Error) {
	s.store.mark(failedEngine(reason, e))
	s.fail("shard failure, reason ["+reason+"]", e.javaText())
}

// foundWhileRunning fails the open copy of a store after whatever goes on has ended.
func (st *store) foundWhileRunning(reason string, e *Error) {
	p := st.n.proc
	if p == nil {
		return
	}
	p.after(0, "store.corrupted", func() {
		if s := p.shards[st.key]; s != nil && s.store == st && s.phase != closed {
			s.failCorrupted(reason, e)
		}
	})
}

// checksFiles reports whether a copy of the index reads all its files when it is opened.
func (s *shard) checksFiles() bool {
	return settings.IndexCheckOnStartup.Get(s.meta.Settings) != "false"
}

// checkTime is how long reading all files of a store takes.
func (s *shard) checkTime() time.Duration {
	if !s.checksFiles() {
		return 0
	}
	return time.Duration(float64(recovery.Bytes(s.store.segments)) / float64(s.p.c.cal.CopyBPS) * float64(time.Second))
}

// check reads all files of a store that is opened, if the index asks for it
// (IndexShard.maybeCheckIndex). What it finds is marked.
func (s *shard) check() *Error {
	if !s.checksFiles() {
		return nil
	}
	e := s.store.badAmong(s.store.segments)
	if e != nil {
		s.store.mark(e)
	}
	return e
}

// openLocally looks at the store of a copy that returns, before it recovers from its
// primary: what can't be opened is treated as if it were not there, and the damage is
// gone with the files that replace it (IndexShard.recoverLocallyUpToGlobalCheckpoint).
func (s *shard) openLocally() bool {
	s.check()
	return s.store.unreadable() == nil
}

// restored notes that files of another copy have taken the place of the store's own,
// except those that were reused.
func (st *store) restored(reused []recovery.Segment) {
	st.marker = nil
	st.damage = damaged{segments: slices.DeleteFunc(slices.Clone(st.damage.segments), func(id uint64) bool {
		return !slices.ContainsFunc(reused, func(s recovery.Segment) bool { return s.ID == id })
	})}
}

// alter changes documents behind the engine's back: of those that the model holds one by
// one the content, of the others the number. It returns how many it changed.
func (st *store) alter(docs int) int {
	st.n.c.fluid.settle(st)
	changed := st.eng.alter(docs)
	lost := min(int64(docs-changed), st.eng.fluidDocs)
	st.eng.fluidDocs -= lost
	st.commit.docs -= lost
	st.damage.altered += int64(changed) + lost
	st.damage.lost += lost
	st.n.changed()
	return changed + int(lost)
}

// alter changes the content of documents, the oldest first, without an operation.
func (e *engine) alter(docs int) int {
	changed := 0
	for i, d := range e.history {
		if changed == docs {
			break
		}
		if d.Deleted || e.live[d.ID] != d {
			continue
		}
		other := *d
		other.Source = []byte(`{"damaged":true}`)
		e.history[i], e.live[d.ID] = &other, &other
		if e.visible[d.ID] == d {
			e.visible[d.ID] = &other
		}
		for k := range e.unseen {
			if e.unseen[k].d == d {
				e.unseen[k].d = &other
			}
		}
		changed++
	}
	return changed
}
