package snapshots

import (
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/coordination"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// snapshotShardDone takes a node's report on one shard of a snapshot.
func snapshotShardDone(m *elastic.Master, snapshot, index string, shard int, failure string, reply func(error)) {
	m.Submit(coordination.Task{
		Source: "update snapshot state", Priority: coordination.Normal,
		Update: func(st *state.State) (*state.State, error) {
			return changeSnapshot(st, snapshot, func(e *state.SnapshotInProgress) {
				for i := range e.Shards {
					if sh := &e.Shards[i]; sh.UUID == index && sh.Shard == shard && sh.State == state.ShardSnapshotInit {
						sh.State, sh.Reason = state.ShardSnapshotSuccess, failure
						if failure != "" {
							sh.State = state.ShardSnapshotFailed
						}
					}
				}
			}), nil
		},
		Published: func(_, _ *state.State) { reply(nil) },
	}, reply)
}

// changeSnapshot is the state with a snapshot under way changed; the same when there is
// none of that UUID.
func changeSnapshot(st *state.State, uuid string, change func(e *state.SnapshotInProgress)) *state.State {
	at := slices.IndexFunc(st.Snapshots, func(e *state.SnapshotInProgress) bool { return e.UUID == uuid })
	if at < 0 {
		return st
	}
	e := *st.Snapshots[at]
	e.Shards = slices.Clone(e.Shards)
	change(&e)
	next := st.Clone()
	next.Snapshots = slices.Clone(st.Snapshots)
	next.Snapshots[at] = &e
	return next
}

// Led finalizes snapshots all of whose shards are done, and gives up shards
// whose node has left (SnapshotsService.applyClusterState).
func (*room) Led(m *elastic.Master, st *state.State) {
	for _, e := range st.Snapshots {
		if e.Done() {
			finalizeSnapshot(m, st, e)
			continue
		}
		for i := range e.Shards {
			if sh := &e.Shards[i]; sh.State == state.ShardSnapshotInit && st.Node(sh.Node) == nil {
				snapshotShardDone(m, e.UUID, sh.UUID, sh.Shard, "node left the cluster during snapshot", func(error) {})
			}
		}
	}
}

// finalizing are the snapshots whose metadata a master is writing, by UUID.
type finalizing struct {
	by    *elastic.Master
	uuids map[string]bool
}

// finalizeSnapshot writes the snapshot's metadata into the repository and takes it off
// the list. A new master may do it again: the repository holds it once.
func finalizeSnapshot(m *elastic.Master, st *state.State, e *state.SnapshotInProgress) {
	p := m.Process
	under := elastic.Kept[finalizing](p, "snapshots being finalized")
	if under.by != m {
		*under = finalizing{by: m, uuids: make(map[string]bool)}
	}
	uuids := under.uuids
	if uuids[e.UUID] {
		return
	}
	uuids[e.UUID] = true
	p.After(p.Cluster.Calibration.StateAccept, "snapshot.finalize", func() {
		if m.Over {
			return
		}
		if r := st.Repository(e.Repository); r != nil {
			roomOf(p.Cluster).vaultOf(r).complete(p, st, e)
		}
		m.Submit(coordination.Task{
			Source: "remove snapshot [" + e.Repository + ":" + e.Name + "/" + e.UUID + "]", Priority: coordination.Normal,
			Update: func(st *state.State) (*state.State, error) { return withoutSnapshot(st, e.UUID), nil },
		}, func(error) { delete(uuids, e.UUID) })
	})
}

func withoutSnapshot(st *state.State, uuid string) *state.State {
	next := st.Clone()
	next.Snapshots = slices.DeleteFunc(slices.Clone(st.Snapshots), func(e *state.SnapshotInProgress) bool { return e.UUID == uuid })
	if len(next.Snapshots) == len(st.Snapshots) {
		return st
	}
	return next
}

// complete makes a snapshot under way one that can be restored.
func (v *vault) complete(p *elastic.Process, st *state.State, e *state.SnapshotInProgress) {
	if slices.ContainsFunc(v.snapshots, func(s *archived) bool { return s.UUID == e.UUID }) {
		return
	}
	out := &archived{Snapshot: v.describe(e), shards: make(map[allocation.ShardID]*shardSnapshot)}
	out.End = p.Clock.Now()
	out.State = "SUCCESS"
	switch {
	case out.Successful == 0 && out.Total > 0:
		out.State = "FAILED"
	case len(out.Failures) > 0:
		out.State = "PARTIAL"
	}
	for _, name := range e.Indices {
		if meta := st.Index(name); meta != nil {
			out.metas = append(out.metas, meta)
		}
	}
	for i := range e.Shards {
		sh := &e.Shards[i]
		id := allocation.ShardID{Index: sh.Index, Shard: sh.Shard}
		if taken := v.pending[e.UUID][id]; taken != nil && sh.State == state.ShardSnapshotSuccess {
			out.shards[id] = taken
		}
	}
	delete(v.pending, e.UUID)
	v.snapshots = append(v.snapshots, out)
	p.Cluster.Engine().Note("snapshot.complete "+out.State, e.Repository+":"+e.Name, uint64(out.Successful), uint64(out.Total))
}

// describe is a snapshot under way.
func (v *vault) describe(e *state.SnapshotInProgress) *Snapshot {
	out := &Snapshot{
		Name: e.Name, UUID: e.UUID, Repository: e.Repository, Indices: e.Indices, State: "IN_PROGRESS",
		Start: time.UnixMilli(e.StartMillis).UTC(), Total: len(e.Shards), IncludeGlobal: e.IncludeGlobal, Metadata: e.Metadata,
	}
	for i := range e.Shards {
		switch sh := &e.Shards[i]; sh.State {
		case state.ShardSnapshotSuccess:
			out.Successful++
		case state.ShardSnapshotFailed, state.ShardSnapshotMissing:
			out.Failures = append(out.Failures, SnapshotShardFailure{Index: sh.Index, IndexUUID: sh.UUID, Shard: sh.Shard, Node: sh.Node, Reason: sh.Reason})
		}
	}
	return out
}

// running are the figures of a snapshot under way.
func (v *vault) running(e *state.SnapshotInProgress) []ShardStats {
	out := []ShardStats{}
	for i := range e.Shards {
		sh := &e.Shards[i]
		one := ShardStats{Index: sh.Index, Shard: sh.Shard, Stage: "INIT"}
		if taken := v.pending[e.UUID][allocation.ShardID{Index: sh.Index, Shard: sh.Shard}]; taken != nil {
			one = taken.stats(sh.Index, sh.Shard)
		}
		one.Node = sh.Node
		if sh.State == state.ShardSnapshotFailed || sh.State == state.ShardSnapshotMissing {
			one.Stage, one.Reason = "FAILURE", sh.Reason
		}
		out = append(out, one)
	}
	sortStats(out)
	return out
}

// snapshotError is an exception about a snapshot.
func snapshotError(status int, kind, repository, snapshot, reason string) *elastic.Error {
	return &elastic.Error{Status: status, Type: kind, Reason: "[" + repository + ":" + snapshot + "] " + reason}
}

// repositoryMissing is the answer to the name of a repository that isn't registered.
func repositoryMissing(name string) *elastic.Error {
	return &elastic.Error{Status: 404, Type: "repository_missing_exception", Reason: "[" + name + "] missing"}
}

// invalidSnapshotName refuses names that no snapshot may have (SnapshotsService.validate).
func invalidSnapshotName(repository, name string) *elastic.Error {
	bad := ""
	switch {
	case name == "":
		bad = "cannot be empty"
	case strings.Contains(name, " "):
		bad = "must not contain whitespace"
	case strings.Contains(name, ","):
		bad = "must not contain ','"
	case strings.Contains(name, "#"):
		bad = "must not contain '#'"
	case name[0] == '_':
		bad = "must not start with '_'"
	case strings.ToLower(name) != name:
		bad = "must be lowercase"
	case strings.ContainsAny(name, `\/*?"<>|`):
		bad = `must not contain the following characters [ , ", *, \, <, |, ,, >, /, ?]`
	default:
		return nil
	}
	return snapshotError(400, "invalid_snapshot_name_exception", repository, name, "Invalid snapshot name ["+name+"], "+bad)
}
