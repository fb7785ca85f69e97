package snapshots

import (
	"fmt"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// Applied begins the snapshots of the primaries on this node that the state asks
// for (SnapshotShardsService). A shard that an earlier snapshot of the same repository
// still reads waits for that.
func (*room) Applied(p *elastic.Process, st *state.State) {
	busy := make(map[string]bool)
	begun := elastic.Kept[shardTasks](p, "snapshots of shards")
	for _, e := range st.Snapshots {
		for i := range e.Shards {
			sh := &e.Shards[i]
			key := fmt.Sprintf("%s/%s/%d", e.Repository, sh.UUID, sh.Shard)
			if sh.State != state.ShardSnapshotInit || busy[key] {
				continue
			}
			busy[key] = true
			task := e.UUID + "/" + key
			if sh.Node == p.Node.ID() && !begun.tasks[task] {
				if begun.tasks == nil {
					begun.tasks = make(map[string]bool)
				}
				begun.tasks[task] = true
				(&shardSnapshotRun{p: p, repository: st.Repository(e.Repository), entry: e, shard: *sh}).begin()
			}
		}
	}
}

// shardTasks are the shards of snapshots that were begun in a process.
type shardTasks struct{ tasks map[string]bool }

// shardSnapshotRun writes one shard into a repository.
type shardSnapshotRun struct {
	p          *elastic.Process
	repository *state.Repository
	entry      *state.SnapshotInProgress
	shard      state.ShardSnapshot
	s          *elastic.Shard
	out        *shardSnapshot
}

func (r *shardSnapshotRun) begin() {
	r.p.After(r.p.Cluster.Calibration.StoreRead, "snapshot.shard", func() {
		r.s = r.p.Shards[store.Key{UUID: r.shard.UUID, Shard: r.shard.Shard}]
		switch {
		case r.repository == nil:
			r.report("repository_missing_exception: [" + r.entry.Repository + "] missing")
		case r.s == nil || r.s.Phase != elastic.Started || !r.s.ActingPrimary():
			r.report("index_shard_snapshot_failed_exception: snapshot should be performed only on primary")
		default:
			r.copy()
		}
	})
}

// copy commits what there is and writes the segments that the repository lacks.
func (r *shardSnapshotRun) copy() {
	p, s, c := r.p, r.s, r.p.Cluster
	s.Store.Flush()
	v := roomOf(c).vaultOf(r.repository)
	r.out = &shardSnapshot{
		uuid: r.shard.UUID, segments: append([]recovery.Segment(nil), s.Store.Segments...), commit: s.Store.Commit, began: p.Clock.Now(),
	}
	r.out.eng.CopyFrom(s.Engine(), s.Store.Commit.Checkpoint, s.Now())
	r.out.fresh = v.lacking(r.shard.UUID, r.shard.Shard, r.out.segments)
	if v.pending[r.entry.UUID] == nil {
		v.pending[r.entry.UUID] = make(map[allocation.ShardID]*shardSnapshot)
	}
	v.pending[r.entry.UUID][allocation.ShardID{Index: r.shard.Index, Shard: r.shard.Shard}] = r.out
	if s.Store.Damage.Missing {
		r.report(s.Store.NoSuchFile().JavaText())
		return
	}
	perFile := time.Duration(recovery.Files(r.out.fresh)+1) * (c.Calibration.PerFile + p.Node.Disk().Delay())
	bytes := recovery.Bytes(r.out.fresh)
	if bytes == 0 {
		p.After(perFile, "snapshot.files", r.written)
		return
	}
	through := []*sim.Resource{p.Node.Disk().Read, roomOf(c).throttle(p.Node, r.repository, "max_snapshot_bytes_per_sec", "40mb")}
	r.out.transfer = c.Network().Flow(p.Node.Name(), v.endpoint(), bytes, through, 0, func(err error) {
		p.Run(func() {
			if err != nil {
				r.report("i_o_exception: " + err.Error())
				return
			}
			p.After(perFile, "snapshot.files", r.written)
		})
	})
}

// written ends the shard's snapshot. What was read must match its checksums: a file that
// doesn't fails the snapshot of the shard and marks the store, while the copy goes on
// until it is opened the next time (BlobStoreRepository.failStoreIfCorrupted).
func (r *shardSnapshotRun) written() {
	if bad := r.s.Store.BadAmong(r.out.fresh); bad != nil {
		r.s.Store.Mark(bad)
		r.report(bad.JavaText())
		return
	}
	if r.p.Shards[r.s.Key] != r.s {
		r.report("index_shard_snapshot_failed_exception: aborted")
		return
	}
	r.out.done, r.out.took = true, r.p.Clock.Now().Sub(r.out.began)
	r.report("")
}

// report tells the master; a failure has a reason.
func (r *shardSnapshotRun) report(failure string) {
	r.p.ToMaster(shardDone{r.entry.UUID, r.shard.UUID, r.shard.Shard, failure}, func(error) {})
}

// shardDone tells the master that a shard's part of a snapshot is over
// (UpdateIndexShardSnapshotStatusRequest); without a failure it was taken.
type shardDone struct {
	snapshot, index string
	shard           int
	failure         string
}

func (shardDone) Action() string { return "update_snapshot_status" }
func (shardDone) Bytes() int64   { return 512 }

func (d shardDone) Reach(m *elastic.Master, answer func(error)) {
	snapshotShardDone(m, d.snapshot, d.index, d.shard, d.failure, answer)
}

// throttle is a node's limit for a repository.
func (m *room) throttle(n *elastic.Node, r *state.Repository, setting, byDefault string) *sim.Resource {
	text, ok := r.Settings.Get(setting)
	if !ok {
		text = byDefault
	}
	limit, err := settings.ParseBytes(setting, text)
	if err != nil || limit < 0 {
		limit = 0 // none; a value that can't be read was refused with the registration
	}
	name := n.Name() + "/" + r.Name + "/" + setting
	if m.throttles[name] == nil {
		if m.throttles == nil {
			m.throttles = make(map[string]*sim.Resource)
		}
		m.throttles[name] = n.Cluster().Network().Fluid().Resource(name, limit)
	}
	m.throttles[name].SetCapacity(limit)
	return m.throttles[name]
}
