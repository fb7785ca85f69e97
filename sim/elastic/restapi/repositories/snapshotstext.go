package repositories

import (
	"strconv"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/snapshots"
)

// writeSnapshot is SnapshotInfo.toXContent.
func writeSnapshot(w *rest.Writer, s *snapshots.Snapshot, verbose bool) {
	w.Begin('{', '}')
	w.Str("snapshot", s.Name)
	w.Str("uuid", s.UUID)
	w.Str("repository", s.Repository)
	if !verbose {
		w.Strs("indices", s.Indices)
		w.Strs("data_streams", nil)
		w.Str("state", s.State)
		w.Strs("feature_states", nil)
		w.End()
		return
	}
	w.Int("version_id", rest.IndexVersion)
	w.Str("version", rest.Version)
	w.Strs("indices", s.Indices)
	w.Strs("data_streams", nil)
	w.Bool("include_global_state", s.IncludeGlobal)
	if s.Metadata != nil {
		w.Raw("metadata", s.Metadata)
	}
	w.Str("state", s.State)
	w.Str("start_time", rest.IsoMillis(s.Start))
	w.Int64("start_time_in_millis", s.Start.UnixMilli())
	end, took := s.End, s.End.Sub(s.Start)
	if s.State == "IN_PROGRESS" {
		end, took = time.UnixMilli(0).UTC(), 0
	}
	w.Str("end_time", rest.IsoMillis(end))
	w.Int64("end_time_in_millis", end.UnixMilli())
	w.Millis("duration_in_millis", "duration", took)
	w.Array("failures")
	for _, f := range s.Failures {
		w.Obj()
		w.Str("index", f.Index)
		w.Str("index_uuid", f.IndexUUID)
		w.Int("shard_id", f.Shard)
		w.Str("reason", f.Reason)
		if f.Node != "" {
			w.Str("node_id", f.Node)
		}
		w.Str("status", "INTERNAL_SERVER_ERROR")
		w.End()
	}
	w.End()
	w.Object("shards")
	w.Int("total", s.Total)
	w.Int("failed", len(s.Failures))
	w.Int("successful", s.Successful)
	w.End()
	w.Strs("feature_states", nil)
	w.End()
}

// snapshotFigures sums shards up (SnapshotShardsStats, SnapshotStats).
type snapshotFigures struct {
	initializing, started, finalizing, done, failed, total int

	files, newFiles, doneFiles int
	bytes, newBytes, doneBytes int64
	start, end                 time.Time
	running                    bool
}

func (f *snapshotFigures) add(s *snapshots.ShardStats) {
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

func (f *snapshotFigures) writeCounts(w *rest.Writer) {
	w.Object("shards_stats")
	w.Int("initializing", f.initializing)
	w.Int("started", f.started)
	w.Int("finalizing", f.finalizing)
	w.Int("done", f.done)
	w.Int("failed", f.failed)
	w.Int("total", f.total)
	w.End()
}

func (f *snapshotFigures) write(w *rest.Writer) {
	w.Object("stats")
	part := func(key string, files int, bytes int64) {
		w.Object(key)
		w.Int("file_count", files)
		w.Size("size_in_bytes", "size", bytes)
		w.End()
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
	w.Int64("start_time_in_millis", start.UnixMilli())
	took := time.Duration(0)
	if f.end.After(f.start) {
		took = f.end.Sub(f.start)
	}
	w.Millis("time_in_millis", "time", took)
	w.End()
}

// writeSnapshotStatus is SnapshotStatus.toXContent.
func writeSnapshotStatus(w *rest.Writer, s *snapshots.Status) {
	var whole snapshotFigures
	for i := range s.Shards {
		whole.add(&s.Shards[i])
	}
	w.Obj()
	w.Str("snapshot", s.Name)
	w.Str("repository", s.Repository)
	w.Str("uuid", s.UUID)
	stateName := s.State
	if stateName == "IN_PROGRESS" {
		stateName = "STARTED"
	}
	w.Str("state", stateName)
	w.Bool("include_global_state", s.IncludeGlobal)
	whole.writeCounts(w)
	whole.write(w)
	w.Object("indices")
	for at := 0; at < len(s.Shards); {
		end := at
		var index snapshotFigures
		for end < len(s.Shards) && s.Shards[end].Index == s.Shards[at].Index {
			index.add(&s.Shards[end])
			end++
		}
		w.Object(s.Shards[at].Index)
		index.writeCounts(w)
		index.write(w)
		w.Object("shards")
		for _, sh := range s.Shards[at:end] {
			var one snapshotFigures
			one.add(&sh)
			w.Object(strconv.Itoa(sh.Shard))
			w.Str("stage", sh.Stage)
			one.write(w)
			if sh.Node != "" {
				w.Str("node", sh.Node)
			}
			if sh.Reason != "" {
				w.Str("reason", sh.Reason)
			}
			w.End()
		}
		w.End()
		w.End()
		at = end
	}
	w.End()
	w.End()
}
