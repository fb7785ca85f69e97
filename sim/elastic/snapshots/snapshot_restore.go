package snapshots

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// RestoreRequest says which indices of a snapshot to restore under which names.
type RestoreRequest struct {
	Repository, Snapshot string
	// Indices are names in the snapshot, Targets what they shall be called; in one order.
	Indices, Targets []string
	// Settings are laid over those that the indices had.
	Settings map[string]*string
	// WithoutAliases leaves the aliases of the indices behind.
	WithoutAliases bool
	Partial        bool
	MasterTimeout  time.Duration
}

// Find is a complete snapshot of a registered repository.
func Find(ctx context.Context, n *elastic.Node, repository, name string, masterTimeout time.Duration) (*Snapshot, error) {
	all, err := List(ctx, n, repository, masterTimeout)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if s.Name == name && s.State != "IN_PROGRESS" {
			return s, nil
		}
	}
	return nil, snapshotError(500, "snapshot_restore_exception", repository, name, "snapshot does not exist")
}

// RestoreSnapshot creates the indices again, with primaries that recover from the
// snapshot (RestoreService).
func Restore(ctx context.Context, n *elastic.Node, q RestoreRequest) (*Snapshot, error) {
	from, _, _, err := elastic.TellingTask(ctx, n, "restore_snapshot["+q.Snapshot+"]", elastic.Normal, q.MasterTimeout, q.MasterTimeout, restoreSnapshot{q})
	return from, err
}

// restoreSnapshot creates the indices; the master tells what the snapshot is.
type restoreSnapshot struct {
	q RestoreRequest
}

func (c restoreSnapshot) ChangeTelling(m *elastic.Master, st *state.State) (*state.State, *Snapshot, error) {
	r := st.Repository(c.q.Repository)
	if r == nil {
		return nil, nil, repositoryMissing(c.q.Repository)
	}
	from := roomOf(m.Process.Cluster).vaultOf(r).find(c.q.Snapshot)
	if from == nil {
		return nil, nil, snapshotError(500, "snapshot_restore_exception", c.q.Repository, c.q.Snapshot, "snapshot does not exist")
	}
	next, err := restore(m, st, from, c.q)
	return next, from.Snapshot, err
}

func restore(m *elastic.Master, st *state.State, from *archived, q RestoreRequest) (*state.State, error) {
	refuse := func(reason string) error {
		return snapshotError(500, "snapshot_restore_exception", q.Repository, from.Name+"/"+from.UUID, reason)
	}
	if from.State == "FAILED" || from.State == "PARTIAL" && !q.Partial {
		for _, name := range q.Indices {
			if failed := slices.IndexFunc(from.Failures, func(f SnapshotShardFailure) bool { return f.Index == name }); failed >= 0 {
				return nil, refuse("index [" + name + "] wasn't fully snapshotted - cannot restore")
			}
		}
	}
	uuid := state.NewID(m.Process.Cluster.IDs)
	for i, name := range q.Indices {
		old := from.meta(name)
		if old == nil {
			return nil, elastic.IndexNotFound(name)
		}
		target := q.Targets[i]
		if st.Index(target) != nil {
			return nil, refuse("cannot restore index [" + target + "] because an open index with same name already exists in the cluster. " +
				"Either close or delete the existing index or restore the index under a different name by providing a rename pattern and replacement name")
		}
		if err := m.CheckShardLimit(st, old.Shards*(1+old.Replicas)); err != nil {
			return nil, err
		}
		st = restoreIndex(m, st, from, old, target, uuid, q)
	}
	if err := metadata.CheckAliases(st); err != nil {
		return nil, err
	}
	return m.Rerouted(st), nil
}

// restoreIndex is the state with one index that is to be filled from a snapshot.
func restoreIndex(m *elastic.Master, st *state.State, from *archived, old *state.Index, name, restore string, q RestoreRequest) *state.State {
	p := m.Process
	set := old.Settings.With(q.Settings)
	meta := indexmeta.NewIndex(name, state.NewID(p.Cluster.IDs), old.CreationDate, set, old.Mapping)
	meta.PrimaryTerms = slices.Clone(old.PrimaryTerms)
	if !q.WithoutAliases {
		meta.Aliases = old.Aliases
	}
	meta.Restored = &state.Restored{
		Repository: from.Repository, Snapshot: from.Name, SnapshotUUID: from.UUID, Index: old.Name, RestoreUUID: restore,
	}
	at := p.Cluster.Engine().Stream("elastic.index-order", p.Cluster.Name()).IntN(len(st.Routing.Indices) + 1)
	st = allocation.AddIndex(st, meta, at, state.NewIndexRestored, m.Input())
	table := &state.IndexTable{Index: name}
	sizes := maps.Clone(roomOf(p.Cluster).restoring)
	if sizes == nil {
		sizes = make(map[allocation.ShardID]int64)
	}
	for i, sh := range st.Routing.Index(name).Shards {
		fresh := &state.ShardTable{Index: name, Shard: sh.Shard}
		for _, c := range sh.Copies {
			cp, info := *c, *c.Info
			info.Message = "restore_source[" + from.Repository + "/" + from.Name + "]"
			cp.Info = &info
			if cp.Primary {
				cp.Source = state.Snapshot
			}
			fresh.Copies = append(fresh.Copies, &cp)
		}
		table.Shards = append(table.Shards, fresh)
		var bytes int64
		if taken := from.shards[allocation.ShardID{Index: old.Name, Shard: i}]; taken != nil {
			bytes = recovery.Bytes(taken.segments)
		}
		sizes[allocation.ShardID{Index: name, Shard: i}] = bytes
	}
	roomOf(p.Cluster).restoring = sizes
	routing := *st.Routing
	routing.Indices = slices.Clone(routing.Indices)
	routing.Indices[at] = table
	st.Routing = &routing
	return indexmeta.WithBlocks(st, meta)
}

// WhenRestored waits until the primaries of indices are active or have failed for good,
// and counts them.
func WhenRestored(ctx context.Context, n *elastic.Node, indices []string) (total, failed int, err error) {
	_, err = n.WhenState(ctx, elastic.Forever, func(st *state.State) bool {
		total, failed = 0, 0
		open := 0
		for _, name := range indices {
			t := st.Routing.Index(name)
			if t == nil {
				continue
			}
			for _, sh := range t.Shards {
				total++
				switch pr := sh.Primary(); {
				case pr.Active():
				case pr.Info != nil && pr.Info.FailedAllocations >= settings.IndexMaxRetries.Get(st.Index(name).Settings):
					failed++
				default:
					open++
				}
			}
		}
		return open == 0
	})
	return total, failed, err
}

// Restore fills a primary from a repository: everything, through the limits of
// recoveries and of the repository (StoreRecovery.restore).
func (*room) Restore(r *elastic.Recovery) {
	s, p := r.Shard, r.Shard.Process
	r.Later(p.Cluster.Calibration.LocalRecovery, func() {
		taken, repository, why := snapshotSource(r)
		if why != "" {
			r.FailLocally(why)
			return
		}
		p.Cluster.Fluid.Detach(s.Store)
		s.Store.Reset()
		r.Plan = recovery.Plan{Copy: taken.segments}
		r.Planned = true
		r.Enter(elastic.StageIndex)
		files := time.Duration(recovery.Files(taken.segments)+1) * (p.Cluster.Calibration.PerFile + p.Node.Disk().Delay())
		bytes := recovery.Bytes(taken.segments)
		if bytes == 0 {
			r.Later(files, func() { restored(r, taken) })
			return
		}
		through := []*sim.Resource{p.Node.Limiter, roomOf(p.Cluster).throttle(p.Node, repository, "max_restore_bytes_per_sec", "0"), p.Node.Disk().Write}
		r.Transfer = p.Cluster.Network().Flow(roomOf(p.Cluster).vaultOf(repository).endpoint(), p.Node.Name(), bytes, through, 0, func(err error) {
			p.Run(func() {
				switch {
				case r.Over:
				case err != nil:
					r.FailLocally("IndexShardRestoreFailedException: failed to restore snapshot; " + err.Error())
				default:
					r.Later(files, func() { restored(r, taken) })
				}
			})
		})
	})
}

// snapshotSource finds the shard's snapshot, or why it isn't there.
func snapshotSource(r *elastic.Recovery) (*shardSnapshot, *state.Repository, string) {
	s := r.Shard
	from := s.Meta.Restored
	repository := s.Process.Applied.Repository(from.Repository)
	if repository == nil {
		return nil, nil, "RepositoryMissingException: [" + from.Repository + "] missing"
	}
	snapshot := roomOf(s.Process.Cluster).vaultOf(repository).find(from.Snapshot)
	if snapshot == nil || snapshot.UUID != from.SnapshotUUID {
		return nil, nil, "SnapshotMissingException: [" + from.Repository + ":" + from.Snapshot + "/" + from.SnapshotUUID + "] is missing"
	}
	taken := snapshot.shards[allocation.ShardID{Index: from.Index, Shard: s.Key.Shard}]
	if taken == nil {
		return &shardSnapshot{commit: store.Commit{Checkpoint: elastic.NoOpsPerformed}, eng: emptyEngine()}, repository, ""
	}
	return taken, repository, ""
}

func emptyEngine() store.Engine {
	var e store.Engine
	e.Init()
	return e
}

// restored opens what was copied, as a history of its own.
func restored(r *elastic.Recovery, taken *shardSnapshot) {
	st := r.Shard.Store
	r.Copied = true
	st.Segments = slices.Clone(taken.segments)
	st.Engine.CopyFrom(&taken.eng, taken.commit.Checkpoint, r.Shard.Now())
	st.Engine.FluidDocs = max(0, taken.commit.Docs-st.Engine.LiveN)
	st.Commit, st.History = taken.commit, state.NewID(r.Shard.Process.Cluster.IDs)
	st.Global = st.Commit.Checkpoint
	st.Partial = 0
	r.Shard.Process.Node.Changed()
	r.Enter(elastic.StageVerifyIndex)
	r.Enter(elastic.StageTranslog)
	r.OpsTotal = 0
	r.Enter(elastic.StageFinalize)
	r.Finish()
}
