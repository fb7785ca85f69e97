package store

import (
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
)

// Damage is what is wrong with a store's files, whether or not anybody knows.
type Damage struct {
	// Segments have bytes that no longer match the checksum in their file's footer. Only
	// who reads a whole file finds it: a recovery or a snapshot that copies it, a merge, a
	// check at startup. A search or an opening doesn't.
	Segments []uint64
	// Missing: the files of the last commit are gone. A process that has them open goes on.
	Missing bool
	// Altered are documents that differ from the other copies', of which lost are not there.
	Altered, Lost int64
}

// BadAmong is the checksum error of a damaged segment among some, the smallest first as
// recoveries and merges read them; nil when all are good.
func (st *Store) BadAmong(segments []recovery.Segment) *api.Error {
	var first *recovery.Segment
	for i := range segments {
		s := &segments[i]
		if slices.Contains(st.Damage.Segments, s.ID) && (first == nil || s.Bytes < first.Bytes) {
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
func checksumFailed(s *recovery.Segment) *api.Error {
	name, footer := SegmentFile(s.ID), uint32(s.ID)
	return &api.Error{
		Status: 500, Type: "corrupt_index_exception",
		Reason: fmt.Sprintf("checksum failed (hardware problem?) : expected=%x actual=%x (resource=name [%s], length [%d], checksum [%x], writtenBy [9.12.2]) (resource=VerifyingIndexOutput(%s))",
			footer, ^footer, name, s.Bytes, footer, name),
	}
}

// Mark leaves the marker that keeps the store from being opened again
// (Store.markStoreCorrupted).
func (st *Store) Mark(e *api.Error) {
	if st.Marker != nil {
		return
	}
	st.Marker = e
	st.host.Marked(st)
	st.host.Changed()
}

// FailedEngine is the marker's content after an engine has failed with corruption
// (Engine.failEngine, Store.failIfCorrupted).
func FailedEngine(reason string, cause *api.Error) *api.Error {
	text := "failed engine (reason: [" + reason + "])"
	return &api.Error{
		Status: 500, Type: "corrupt_index_exception", Reason: text + " (resource=preexisting_corruption)",
		CausedBy: &api.Error{Status: 500, Type: "i_o_exception", Reason: text, CausedBy: cause},
	}
}

// Unreadable is why the store can't be opened, nil when it can (Store.tryOpenIndex).
func (st *Store) Unreadable() error {
	switch {
	case st.Marker != nil:
		return st.Marker
	case st.Damage.Missing:
		return &api.Error{Status: 500, Type: "index_not_found_exception", Reason: "no segments* file found in " + st.directory() + ": files: []"}
	}
	return nil
}

func (st *Store) directory() string {
	return fmt.Sprintf("store(FsDirectoryFactory$HybridDirectory@%s/indices/%s/%d/index)", DataPath, st.Key.UUID, st.Key.Shard)
}

// NoSuchFile is the answer to who wants to copy files that are gone.
func (st *Store) NoSuchFile() *api.Error {
	name := "segments_" + fmt.Sprint(max(1, st.Commit.Generation))
	if len(st.Segments) > 0 {
		name = SegmentFile(st.Segments[0].ID)
	}
	return &api.Error{Status: 500, Type: "no_such_file_exception", Reason: fmt.Sprintf("%s/indices/%s/%d/index/%s", DataPath, st.Key.UUID, st.Key.Shard, name)}
}

// Restored notes that files of another copy have taken the place of the store's own,
// except those that were reused.
func (st *Store) Restored(reused []recovery.Segment) {
	st.Marker = nil
	st.Damage = Damage{Segments: slices.DeleteFunc(slices.Clone(st.Damage.Segments), func(id uint64) bool {
		return !slices.ContainsFunc(reused, func(s recovery.Segment) bool { return s.ID == id })
	})}
}

// Alter changes documents behind the engine's back: of those that the model holds one by
// one the content, of the others the number. It returns how many it changed.
func (st *Store) Alter(docs int) int {
	st.Settle()
	changed := st.Engine.alter(docs)
	lost := min(int64(docs-changed), st.Engine.FluidDocs)
	st.Engine.FluidDocs -= lost
	st.Commit.Docs -= lost
	st.Damage.Altered += int64(changed) + lost
	st.Damage.Lost += lost
	st.host.Changed()
	return changed + int(lost)
}

// alter changes the content of documents, the oldest first, without an operation.
func (e *Engine) alter(docs int) int {
	changed := 0
	for i, d := range e.History {
		if changed == docs {
			break
		}
		if d.Deleted || e.Live[d.ID] != d {
			continue
		}
		other := *d
		other.Source = []byte(`{"damaged":true}`)
		e.History[i], e.Live[d.ID] = &other, &other
		if e.Visible[d.ID] == d {
			e.Visible[d.ID] = &other
		}
		for k := range e.Unseen {
			if e.Unseen[k].d == d {
				e.Unseen[k].d = &other
			}
		}
		changed++
	}
	return changed
}

// SegmentFile names a segment's compound file.
func SegmentFile(id uint64) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	var b [6]byte
	for i := range b {
		b[i] = digits[id%36]
		id /= 36
	}
	return "_" + string(b[:]) + ".cfs"
}

// DataPath is where every node keeps its data.
const DataPath = "/usr/share/elasticsearch/data/nodes/0"
