package restapi

import (
	"strconv"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
)

// writeSnapshot is SnapshotInfo.toXContent.
func writeSnapshot(w *jsonWriter, s *elastic.SnapshotInfo) {
	w.begin('{', '}')
	w.str("snapshot", s.Name)
	w.str("uuid", s.UUID)
	w.str("repository", s.Repository)
	w.int("version_id", indexVersion)
	w.str("version", version)
	w.strs("indices", s.Indices)
	w.strs("data_streams", nil)
	w.bool("include_global_state", s.IncludeGlobal)
	w.str("state", s.State)
	w.str("start_time", isoMillis(s.Start))
	w.int64("start_time_in_millis", s.Start.UnixMilli())
	end, took := s.End, s.End.Sub(s.Start)
	if s.State == "IN_PROGRESS" {
		end, took = time.UnixMilli(0).UTC(), 0
	}
	w.str("end_time", isoMillis(end))
	w.int64("end_time_in_millis", end.UnixMilli())
	w.millis("duration_in_millis", "duration", took)
	w.array("failures")
	for _, f := range s.Failures {
		w.obj()
		w.str("index", f.Index)
		w.str("index_uuid", f.IndexUUID)
		w.int("shard_id", f.Shard)
		w.str("reason", f.Reason)
		if f.Node != "" {
			w.str("node_id", f.Node)
		}
		w.str("status", "INTERNAL_SERVER_ERROR")
		w.end()
	}
	w.end()
	w.object("shards")
	w.int("total", s.Total)
	w.int("failed", len(s.Failures))
	w.int("successful", s.Successful)
	w.end()
	w.strs("feature_states", nil)
	w.end()
}

// snapshotFigures sums shards up (SnapshotShardsStats, SnapshotStats).
type snapshotFigures struct {
	initializing, started, finalizing, done, failed, total int

	files, newFiles, doneFiles int
	bytes, newBytes, doneBytes int64
	start, end                 time.Time
	running                    bool
}

func (f *snapshotFigures) add(s *elastic.ShardSnapshotStats) {
	f.total++
	switch s.Stage {
	case "INIT":
		f.initializing++
	case "STARTED":
		f.started++
		f.running = true
	case "FINALIZE":
		f.finalizing++
	case "DONE":
		f.done++
	default:
		f.failed++
	}
	f.files, f.newFiles, f.doneFiles = f.files+s.Files, f.newFiles+s.NewFiles, f.doneFiles+s.Done
	f.bytes, f.newBytes, f.doneBytes = f.bytes+s.Bytes, f.newBytes+s.NewBytes, f.doneBytes+s.Copied
	if s.Start.IsZero() {
		return
	}
	if f.start.IsZero() || s.Start.Before(f.start) {
		f.start = s.Start
	}
	if end := s.Start.Add(s.Took); end.After(f.end) {
		f.end = end
	}
}

func (f *snapshotFigures) writeCounts(w *jsonWriter) {
	w.object("shards_stats")
	w.int("initializing", f.initializing)
	w.int("started", f.started)
	w.int("finalizing", f.finalizing)
	w.int("done", f.done)
	w.int("failed", f.failed)
	w.int("total", f.total)
	w.end()
}

func (f *snapshotFigures) write(w *jsonWriter) {
	w.object("stats")
	part := func(key string, files int, bytes int64) {
		w.object(key)
		w.int("file_count", files)
		w.size("size_in_bytes", "size", bytes)
		w.end()
	}
	part("incremental", f.newFiles, f.newBytes)
	if f.doneFiles != f.newFiles {
		part("processed", f.doneFiles, f.doneBytes)
	}
	part("total", f.files, f.bytes)
	start := f.start
	if start.IsZero() {
		start = time.UnixMilli(0).UTC()
	}
	w.int64("start_time_in_millis", start.UnixMilli())
	took := time.Duration(0)
	if f.end.After(f.start) {
		took = f.end.Sub(f.start)
	}
	w.millis("time_in_millis", "time", took)
	w.end()
}

// writeSnapshotStatus is SnapshotStatus.toXContent.
func writeSnapshotStatus(w *jsonWriter, s *elastic.SnapshotStatus) {
	var whole snapshotFigures
	for i := range s.Shards {
		whole.add(&s.Shards[i])
	}
	w.obj()
	w.str("snapshot", s.Name)
	w.str("repository", s.Repository)
	w.str("uuid", s.UUID)
	stateName := s.State
	if stateName == "IN_PROGRESS" {
		stateName = "STARTED"
	}
	w.str("state", stateName)
	w.bool("include_global_state", s.IncludeGlobal)
	whole.writeCounts(w)
	whole.write(w)
	w.object("indices")
	for at := 0; at < len(s.Shards); {
		end := at
		var index snapshotFigures
		for end < len(s.Shards) && s.Shards[end].Index == s.Shards[at].Index {
			index.add(&s.Shards[end])
			end++
		}
		w.object(s.Shards[at].Index)
		index.writeCounts(w)
		index.write(w)
		w.object("shards")
		for _, sh := range s.Shards[at:end] {
			var one snapshotFigures
			one.add(&sh)
			w.object(strconv.Itoa(sh.Shard))
			w.str("stage", sh.Stage)
			one.write(w)
			if sh.Node != "" {
				w.str("node", sh.Node)
			}
			if sh.Reason != "" {
				w.str("reason", sh.Reason)
			}
			w.end()
		}
		w.end()
		w.end()
		at = end
	}
	w.end()
	w.end()
}
