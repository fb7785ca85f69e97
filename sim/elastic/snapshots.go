package elastic

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// PutRepository registers a repository of type fs.
func (n *Node) PutRepository(ctx context.Context, r state.Repository, masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "put_repository ["+r.Name+"]", Normal, masterTimeout, ackTimeout, func(st *state.State) (*state.State, error) {
		m := n.c.ActingMaster()
		if m == nil {
			return nil, ErrNotMaster
		}
		if err := m.Process.checkRepository(&r); err != nil {
			return nil, err
		}
		n.c.vaultOf(&r)
		next := st.Clone()
		next.Repositories = slices.DeleteFunc(slices.Clone(st.Repositories), func(o *state.Repository) bool { return o.Name == r.Name })
		next.Repositories = append(next.Repositories, &r)
		slices.SortFunc(next.Repositories, func(a, b *state.Repository) int { return strings.Compare(a.Name, b.Name) }) //determinism:allow sort-ties names are unique
		return next, nil
	})
	return acked, err
}

// checkRepository refuses a location that path.repo doesn't allow (FsRepository).
func (p *Process) checkRepository(r *state.Repository) error {
	location, ok := r.Settings.Get("location")
	refuse := func(reason string) error {
		cause := &Error{Status: 500, Type: "repository_exception", Reason: "[" + r.Name + "] " + reason}
		return &Error{
			Status: 500, Type: "repository_exception", Reason: "[" + r.Name + "] failed to create repository",
			CausedBy: cause, RootCause: []*Error{cause},
		}
	}
	if r.Type != "fs" {
		return &Error{Status: 500, Type: "repository_exception", Reason: "[" + r.Name + "] repository type [" + r.Type + "] does not exist"}
	}
	if !ok || location == "" {
		return refuse("missing location")
	}
	allowed := settings.PathRepo.Get(p.Node.cfg.Settings)
	if len(allowed) == 0 {
		return refuse("location [" + location + "] doesn't match any of the locations specified by path.repo because this setting is empty")
	}
	if !slices.ContainsFunc(allowed, func(root string) bool { return within(root, location) }) {
		return refuse("location [" + location + "] doesn't match any of the locations specified by path.repo")
	}
	return nil
}

// within reports whether a location lies under a root; a relative one always does.
func within(root, location string) bool {
	if !path.IsAbs(location) {
		return true
	}
	root, location = path.Clean(root), path.Clean(location)
	return location == root || strings.HasPrefix(location, strings.TrimSuffix(root, "/")+"/")
}

// DeleteRepository forgets a repository; what lies there stays.
func (n *Node) DeleteRepository(ctx context.Context, name string, masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "delete_repository ["+name+"]", Normal, masterTimeout, ackTimeout, func(st *state.State) (*state.State, error) {
		if st.Repository(name) == nil {
			return nil, repositoryMissing(name)
		}
		if slices.ContainsFunc(st.Snapshots, func(e *state.SnapshotInProgress) bool { return e.Repository == name }) {
			return nil, &Error{Status: 409, Type: "repository_conflict_exception", Reason: "[" + name + "] trying to modify or unregister repository that is currently used (snapshot is in progress)"}
		}
		next := st.Clone()
		next.Repositories = slices.DeleteFunc(slices.Clone(st.Repositories), func(r *state.Repository) bool { return r.Name == name })
		return next, nil
	})
	return acked, err
}

// SnapshotRequest is what a snapshot is taken from. Indices exist.
type SnapshotRequest struct {
	Repository, Name       string
	Indices                []string // sorted
	IncludeGlobal, Partial bool
	MasterTimeout          time.Duration
}

// CreateSnapshot begins a snapshot and returns its UUID.
func (n *Node) CreateSnapshot(ctx context.Context, q SnapshotRequest) (uuid string, err error) {
	_, _, err = n.MasterTask(ctx, "create_snapshot ["+q.Name+"]", Normal, q.MasterTimeout, q.MasterTimeout, func(st *state.State) (*state.State, error) {
		m := n.c.ActingMaster()
		if m == nil {
			return nil, ErrNotMaster
		}
		e, err := m.newSnapshot(st, q)
		if err != nil {
			return nil, err
		}
		uuid = e.UUID
		next := st.Clone()
		next.Snapshots = append(slices.Clone(st.Snapshots), e)
		return next, nil
	})
	return uuid, err
}

func (m *Master) newSnapshot(st *state.State, q SnapshotRequest) (*state.SnapshotInProgress, error) {
	r := st.Repository(q.Repository)
	if r == nil {
		return nil, repositoryMissing(q.Repository)
	}
	if err := invalidSnapshotName(q.Repository, q.Name); err != nil {
		return nil, err
	}
	taken := func(why string) error {
		return snapshotError(400, "snapshot_name_already_in_use_exception", q.Repository, q.Name, "Invalid snapshot name ["+q.Name+"], snapshot with the same name "+why)
	}
	if m.Process.Cluster.vaultOf(r).find(q.Name) != nil {
		return nil, taken("already exists")
	}
	for _, e := range st.Snapshots {
		if e.Repository == q.Repository && e.Name == q.Name {
			return nil, taken("is already in-progress")
		}
	}
	e := &state.SnapshotInProgress{
		Repository: q.Repository, Name: q.Name, UUID: state.NewID(m.Process.Cluster.IDs), Indices: q.Indices,
		IncludeGlobal: q.IncludeGlobal, Partial: q.Partial, StartMillis: m.Process.Clock.Now().UnixMilli(),
	}
	var missing []string
	for _, name := range q.Indices {
		meta, table := st.Index(name), st.Routing.Index(name)
		if meta == nil {
			return nil, IndexNotFound(name)
		}
		for i, t := range table.Shards {
			sh := state.ShardSnapshot{Index: name, UUID: meta.UUID, Shard: i, State: state.ShardSnapshotMissing, Reason: "primary shard is not allocated"}
			if pr := t.Primary(); pr != nil && pr.Active() {
				sh.Node, sh.State, sh.Reason = pr.Node, state.ShardSnapshotInit, ""
			} else if len(missing) == 0 || missing[len(missing)-1] != name {
				missing = append(missing, name)
			}
			e.Shards = append(e.Shards, sh)
		}
	}
	if len(missing) > 0 && !q.Partial {
		return nil, snapshotError(500, "snapshot_exception", q.Repository, q.Name+"/"+e.UUID, "Indices don't have primary shards ["+strings.Join(missing, ", ")+"]")
	}
	return e, nil
}

// WhenSnapshotDone waits until a snapshot is complete; nil when it was aborted.
func (n *Node) WhenSnapshotDone(ctx context.Context, repository, uuid string) (*SnapshotInfo, error) {
	var found *SnapshotInfo
	_, err := n.WhenState(ctx, forever, func(st *state.State) bool {
		if slices.ContainsFunc(st.Snapshots, func(e *state.SnapshotInProgress) bool { return e.UUID == uuid }) {
			return false
		}
		if r := st.Repository(repository); r != nil {
			for _, s := range n.c.vaultOf(r).snapshots {
				if s.UUID == uuid {
					found = s
				}
			}
		}
		return true
	})
	return found, err
}

// Snapshots are a repository's snapshots: the complete ones in order of their time, then
// those under way.
func (n *Node) Snapshots(ctx context.Context, repository string, masterTimeout time.Duration) ([]*SnapshotInfo, error) {
	return OnMaster(ctx, n, masterTimeout, func(m *Node) ([]*SnapshotInfo, error) {
		st := m.Applied()
		r := st.Repository(repository)
		if r == nil {
			return nil, repositoryMissing(repository)
		}
		v := m.c.vaultOf(r)
		out := slices.Clone(v.snapshots)
		for _, e := range st.Snapshots {
			if e.Repository == repository && v.find(e.Name) == nil {
				out = append(out, v.describe(e))
			}
		}
		return out, nil
	})
}

// SnapshotStatus is a snapshot with the figures of its shards.
type SnapshotStatus struct {
	*SnapshotInfo
	Shards []ShardSnapshotStats
}

// SnapshotStatuses are the figures of snapshots by name; without names of all that are
// under way, in one repository or ("") in any.
func (n *Node) SnapshotStatuses(ctx context.Context, repository string, names []string, masterTimeout time.Duration) ([]SnapshotStatus, error) {
	return OnMaster(ctx, n, masterTimeout, func(m *Node) ([]SnapshotStatus, error) {
		st := m.Applied()
		if len(names) > 0 && st.Repository(repository) == nil {
			return nil, repositoryMissing(repository)
		}
		out := []SnapshotStatus{}
		seen := make(map[string]bool)
		for _, e := range st.Snapshots {
			r := st.Repository(e.Repository)
			if r == nil || repository != "" && e.Repository != repository || len(names) > 0 && !slices.Contains(names, e.Name) {
				continue
			}
			v := m.c.vaultOf(r)
			out = append(out, SnapshotStatus{v.describe(e), v.running(e)})
			seen[e.Name] = true
		}
		for _, name := range names {
			s := m.c.vaultOf(st.Repository(repository)).find(name)
			switch {
			case s != nil && !seen[name]:
				out = append(out, SnapshotStatus{s, s.ShardStats()})
			case !seen[name]:
				return nil, SnapshotMissing(repository, name)
			}
		}
		return out, nil
	})
}

// SnapshotMissing is the answer to the name of a snapshot that isn't there.
func SnapshotMissing(repository, name string) *Error {
	return snapshotError(404, "snapshot_missing_exception", repository, name, "is missing")
}

// DeleteSnapshots deletes snapshots by name; one under way is aborted.
func (n *Node) DeleteSnapshots(ctx context.Context, repository string, names []string, masterTimeout time.Duration) error {
	_, _, err := n.MasterTask(ctx, "delete snapshots", Normal, masterTimeout, masterTimeout, func(st *state.State) (*state.State, error) {
		r := st.Repository(repository)
		if r == nil {
			return nil, repositoryMissing(repository)
		}
		v, next := n.c.vaultOf(r), st
		for _, name := range names {
			at := slices.IndexFunc(st.Snapshots, func(e *state.SnapshotInProgress) bool { return e.Repository == repository && e.Name == name })
			if at < 0 && v.find(name) == nil {
				return nil, SnapshotMissing(repository, name)
			}
			if at >= 0 {
				delete(v.pending, st.Snapshots[at].UUID)
				next = withoutSnapshot(next, st.Snapshots[at].UUID)
			}
		}
		v.snapshots = slices.DeleteFunc(v.snapshots, func(s *SnapshotInfo) bool { return slices.Contains(names, s.Name) })
		return next, nil
	})
	return err
}

// snapshotSizes tells the allocator how large the shards of restored indices will be.
func (c *Cluster) snapshotSizes(info *allocation.ClusterInfo) *allocation.ClusterInfo {
	if len(c.restoring) == 0 {
		return info
	}
	var with allocation.ClusterInfo
	if info != nil {
		with = *info
	}
	with.SnapshotBytes = c.restoring
	return &with
}
