package snapshots

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// PutRepository registers a repository of type fs.
func PutRepository(ctx context.Context, n *elastic.Node, r state.Repository, masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "put_repository ["+r.Name+"]", elastic.Normal, masterTimeout, ackTimeout, putRepository{r})
	return acked, err
}

// putRepository registers a repository.
type putRepository struct {
	r state.Repository
}

func (c putRepository) Change(m *elastic.Master, st *state.State) (*state.State, error) {
	if err := checkRepository(m.Process, &c.r); err != nil {
		return nil, err
	}
	roomOf(m.Process.Cluster).vaultOf(&c.r)
	next := st.Clone()
	next.Repositories = slices.DeleteFunc(slices.Clone(st.Repositories), func(o *state.Repository) bool { return o.Name == c.r.Name })
	next.Repositories = append(next.Repositories, &c.r)
	slices.SortFunc(next.Repositories, func(a, b *state.Repository) int { return strings.Compare(a.Name, b.Name) }) //determinism:allow sort-ties names are unique
	return next, nil
}

// checkRepository refuses a location that path.repo doesn't allow (FsRepository).
func checkRepository(p *elastic.Process, r *state.Repository) error {
	location, ok := r.Settings.Get("location")
	refuse := func(reason string) error {
		cause := &elastic.Error{Status: 500, Type: "repository_exception", Reason: "[" + r.Name + "] " + reason}
		return &elastic.Error{
			Status: 500, Type: "repository_exception", Reason: "[" + r.Name + "] failed to create repository",
			CausedBy: cause, RootCause: []*elastic.Error{cause},
		}
	}
	if r.Type != "fs" {
		return &elastic.Error{Status: 500, Type: "repository_exception", Reason: "[" + r.Name + "] repository type [" + r.Type + "] does not exist"}
	}
	if !ok || location == "" {
		return refuse("missing location")
	}
	allowed := settings.PathRepo.Get(p.Node.Config().Settings)
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
func DeleteRepository(ctx context.Context, n *elastic.Node, name string, masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "delete_repository ["+name+"]", elastic.Normal, masterTimeout, ackTimeout, deleteRepository{name})
	return acked, err
}

// deleteRepository forgets a repository.
type deleteRepository struct {
	name string
}

func (c deleteRepository) Change(_ *elastic.Master, st *state.State) (*state.State, error) {
	if st.Repository(c.name) == nil {
		return nil, repositoryMissing(c.name)
	}
	if slices.ContainsFunc(st.Snapshots, func(e *state.SnapshotInProgress) bool { return e.Repository == c.name }) {
		return nil, &elastic.Error{Status: 409, Type: "repository_conflict_exception", Reason: "[" + c.name + "] trying to modify or unregister repository that is currently used (snapshot is in progress)"}
	}
	next := st.Clone()
	next.Repositories = slices.DeleteFunc(slices.Clone(st.Repositories), func(r *state.Repository) bool { return r.Name == c.name })
	return next, nil
}

// CreateRequest is what a snapshot is taken from. Indices exist.
type CreateRequest struct {
	Repository, Name       string
	Indices                []string // sorted
	IncludeGlobal, Partial bool
	Metadata               []byte // JSON that its taker put there; nil: none
	MasterTimeout          time.Duration
}

// CreateSnapshot begins a snapshot and returns its UUID.
func Create(ctx context.Context, n *elastic.Node, q CreateRequest) (uuid string, err error) {
	uuid, _, _, err = elastic.TellingTask(ctx, n, "create_snapshot ["+q.Name+"]", elastic.Normal, q.MasterTimeout, q.MasterTimeout, createSnapshot{q})
	return uuid, err
}

// createSnapshot begins a snapshot; the master tells its UUID.
type createSnapshot struct {
	q CreateRequest
}

func (c createSnapshot) ChangeTelling(m *elastic.Master, st *state.State) (*state.State, string, error) {
	e, err := newSnapshot(m, st, c.q)
	if err != nil {
		return nil, "", err
	}
	next := st.Clone()
	next.Snapshots = append(slices.Clone(st.Snapshots), e)
	return next, e.UUID, nil
}

func newSnapshot(m *elastic.Master, st *state.State, q CreateRequest) (*state.SnapshotInProgress, error) {
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
	if roomOf(m.Process.Cluster).vaultOf(r).find(q.Name) != nil {
		return nil, taken("already exists")
	}
	for _, e := range st.Snapshots {
		if e.Repository == q.Repository && e.Name == q.Name {
			return nil, taken("is already in-progress")
		}
	}
	e := &state.SnapshotInProgress{
		Repository: q.Repository, Name: q.Name, UUID: state.NewID(m.Process.Cluster.IDs), Indices: q.Indices,
		IncludeGlobal: q.IncludeGlobal, Partial: q.Partial, Metadata: q.Metadata, StartMillis: m.Process.Clock.Now().UnixMilli(),
	}
	var missing []string
	for _, name := range q.Indices {
		meta, table := st.Index(name), st.Routing.Index(name)
		if meta == nil {
			return nil, elastic.IndexNotFound(name)
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
func WhenDone(ctx context.Context, n *elastic.Node, repository, uuid string) (*Snapshot, error) {
	var found *Snapshot
	_, err := n.WhenState(ctx, elastic.Forever, func(st *state.State) bool {
		if slices.ContainsFunc(st.Snapshots, func(e *state.SnapshotInProgress) bool { return e.UUID == uuid }) {
			return false
		}
		if r := st.Repository(repository); r != nil {
			for _, s := range roomOf(n.Cluster()).vaultOf(r).snapshots {
				if s.UUID == uuid {
					found = s.Snapshot
				}
			}
		}
		return true
	})
	return found, err
}

// List is a repository's snapshots: the complete ones in order of their time, then
// those under way.
func List(ctx context.Context, n *elastic.Node, repository string, masterTimeout time.Duration) ([]*Snapshot, error) {
	return elastic.OnMaster(ctx, n, masterTimeout, listSnapshots{repository})
}

// listSnapshots asks the master for a repository's snapshots.
type listSnapshots struct{ repository string }

func (q listSnapshots) AskMaster(m *elastic.Master) ([]*Snapshot, error) {
	st := m.Process.Applied
	r := st.Repository(q.repository)
	if r == nil {
		return nil, repositoryMissing(q.repository)
	}
	v := roomOf(m.Process.Cluster).vaultOf(r)
	var out []*Snapshot
	for _, s := range v.snapshots {
		out = append(out, s.Snapshot)
	}
	for _, e := range st.Snapshots {
		if e.Repository == q.repository && v.find(e.Name) == nil {
			out = append(out, v.describe(e))
		}
	}
	return out, nil
}

// Status is a snapshot with the figures of its shards.
type Status struct {
	*Snapshot
	Shards []ShardStats
}

// Statuses are the figures of snapshots by name; without names of all that are
// under way, in one repository or ("") in any.
//
// With lenient, snapshots that are not there are left out.
func Statuses(ctx context.Context, n *elastic.Node, repository string, names []string, lenient bool, masterTimeout time.Duration) ([]Status, error) {
	return elastic.OnMaster(ctx, n, masterTimeout, askStatuses{repository, names, lenient})
}

// askStatuses asks the master for the figures of snapshots.
type askStatuses struct {
	repository string
	names      []string
	lenient    bool
}

func (q askStatuses) AskMaster(m *elastic.Master) ([]Status, error) {
	st, all := m.Process.Applied, roomOf(m.Process.Cluster)
	if len(q.names) > 0 && st.Repository(q.repository) == nil {
		return nil, repositoryMissing(q.repository)
	}
	out := []Status{}
	seen := make(map[string]bool)
	for _, e := range st.Snapshots {
		r := st.Repository(e.Repository)
		if r == nil || q.repository != "" && e.Repository != q.repository || len(q.names) > 0 && !slices.Contains(q.names, e.Name) {
			continue
		}
		v := all.vaultOf(r)
		seen[e.Name] = true
		if done := v.find(e.Name); done != nil && done.UUID == e.UUID { // the master has yet to apply that it is over
			out = append(out, Status{done.Snapshot, done.shardStats()})
			continue
		}
		out = append(out, Status{v.describe(e), v.running(e)})
	}
	for _, name := range q.names {
		s := all.vaultOf(st.Repository(q.repository)).find(name)
		switch {
		case s != nil && !seen[name]:
			out = append(out, Status{s.Snapshot, s.shardStats()})
		case !seen[name] && !q.lenient:
			return nil, Missing(q.repository, name)
		}
	}
	return out, nil
}

// Missing is the answer to the name of a snapshot that isn't there.
func Missing(repository, name string) *elastic.Error {
	return snapshotError(404, "snapshot_missing_exception", repository, name, "is missing")
}

// DeleteSnapshots deletes snapshots by name; one under way is aborted.
func Delete(ctx context.Context, n *elastic.Node, repository string, names []string, masterTimeout time.Duration) error {
	_, _, err := n.MasterTask(ctx, "delete snapshots", elastic.Normal, masterTimeout, masterTimeout, deleteSnapshots{repository, names})
	return err
}

// deleteSnapshots deletes snapshots.
type deleteSnapshots struct {
	repository string
	names      []string
}

func (c deleteSnapshots) Change(m *elastic.Master, st *state.State) (*state.State, error) {
	r := st.Repository(c.repository)
	if r == nil {
		return nil, repositoryMissing(c.repository)
	}
	v, next := roomOf(m.Process.Cluster).vaultOf(r), st
	for _, name := range c.names {
		at := slices.IndexFunc(st.Snapshots, func(e *state.SnapshotInProgress) bool { return e.Repository == c.repository && e.Name == name })
		if at < 0 && v.find(name) == nil {
			return nil, Missing(c.repository, name)
		}
		if at >= 0 {
			delete(v.pending, st.Snapshots[at].UUID)
			next = withoutSnapshot(next, st.Snapshots[at].UUID)
		}
	}
	v.snapshots = slices.DeleteFunc(v.snapshots, func(s *archived) bool { return slices.Contains(c.names, s.Name) })
	return next, nil
}

// Sizes tells the allocator how large the shards of restored indices will be.
func (m *room) Sizes(info *allocation.ClusterInfo) *allocation.ClusterInfo {
	if len(m.restoring) == 0 {
		return info
	}
	var with allocation.ClusterInfo
	if info != nil {
		with = *info
	}
	with.SnapshotBytes = m.restoring
	return &with
}
