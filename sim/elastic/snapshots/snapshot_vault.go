package snapshots

import (
	"cmp"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// vault is what lies at a location of a file system that every node has mounted: a
// repository's content. It outlives nodes, clusters and registrations.
type vault struct {
	location string
	uuid     string
	// snapshots that are complete, in the order in which they were.
	snapshots []*archived
	// pending are the shards of snapshots that are being taken, by the snapshot's UUID.
	pending map[string]map[allocation.ShardID]*shardSnapshot
}

// Snapshot is a snapshot that is complete, or the present state of one that isn't.
type Snapshot struct {
	Name, UUID, Repository string
	Indices                []string // sorted
	State                  string   // SUCCESS, PARTIAL, FAILED, IN_PROGRESS
	Start, End             time.Time
	Total, Successful      int
	Failures               []SnapshotShardFailure
	IncludeGlobal          bool
	Metadata               []byte // JSON that its taker put there; nil: none
}

// archived is a snapshot as it lies in a vault: with its indices' metadata and their shards.
type archived struct {
	*Snapshot
	metas  []*state.Index
	shards map[allocation.ShardID]*shardSnapshot
}

// SnapshotShardFailure is why a shard is not in a snapshot.
type SnapshotShardFailure struct {
	Index, IndexUUID string
	Shard            int
	Node             string
	Reason           string
}

// shardSnapshot is one shard in a snapshot.
type shardSnapshot struct {
	uuid     string // of the index
	segments []recovery.Segment
	commit   store.Commit
	eng      store.Engine // the documents that the model holds one by one
	fresh    []recovery.Segment
	began    time.Time
	took     time.Duration
	transfer *sim.Transfer
	done     bool
}

// endpoint is the vault's end of the network: a file server without a limit of its own.
func (v *vault) endpoint() string { return "fileserver:" + v.location }

// room is what a cluster's nodes share of snapshots.
type room struct {
	c *elastic.Cluster
	// vaults are the contents of repositories, in the order of their making.
	vaults []*vault
	// restoring are the sizes of shards that are or were restored; replaced, never changed.
	restoring map[allocation.ShardID]int64
	throttles map[string]*sim.Resource // limits of repositories, by node and name
}

// roomOf is the cluster's room of snapshots, which comes with the first look for it.
func roomOf(c *elastic.Cluster) *room {
	m, ok := c.Snapshots.(*room)
	if !ok {
		m = &room{c: c}
		c.Snapshots = m
	}
	return m
}

// vaultAt is what lies at a location, made when nothing does.
func (m *room) vaultAt(location string) *vault {
	for _, v := range m.vaults {
		if v.location == location {
			return v
		}
	}
	v := &vault{location: location, uuid: state.NewID(m.c.IDs), pending: make(map[string]map[allocation.ShardID]*shardSnapshot)}
	m.c.Network().AddEndpoint(v.endpoint(), sim.EndpointSpec{})
	m.vaults = append(m.vaults, v)
	return v
}

// vaultOf is the content of a repository.
func (m *room) vaultOf(r *state.Repository) *vault {
	location, _ := r.Settings.Get("location")
	return m.vaultAt(location)
}

// find finds a complete snapshot by name, or nil.
func (v *vault) find(name string) *archived {
	for _, s := range v.snapshots {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// lacking are the segments of a shard that no snapshot of the vault holds: what has to
// be written, for segments never change (BlobStoreIndexShardSnapshots).
func (v *vault) lacking(index string, shard int, segments []recovery.Segment) []recovery.Segment {
	have := make(map[uint64]bool)
	for _, s := range v.snapshots {
		for i, meta := range s.metas {
			if sh := s.shards[allocation.ShardID{Index: s.metas[i].Name, Shard: shard}]; sh != nil && meta.UUID == index {
				for _, seg := range sh.segments {
					have[seg.ID] = true
				}
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(segments), func(s recovery.Segment) bool { return have[s.ID] })
}

// meta is the metadata of an index in the snapshot, or nil.
func (s *archived) meta(index string) *state.Index {
	for _, m := range s.metas {
		if m.Name == index {
			return m
		}
	}
	return nil
}

// ShardStats are the figures of one shard of a snapshot.
type ShardStats struct {
	Index                   string
	Shard                   int
	Stage                   string // INIT, STARTED, FINALIZE, DONE, FAILURE
	Node                    string // id, while it runs
	Reason                  string
	Files, NewFiles, Done   int
	Bytes, NewBytes, Copied int64
	Start                   time.Time
	Took                    time.Duration
}

func (s *shardSnapshot) stats(index string, shard int) ShardStats {
	out := ShardStats{
		Index: index, Shard: shard, Stage: "DONE", Start: s.began, Took: s.took,
		Files: recovery.Files(s.segments) + 1, Bytes: recovery.Bytes(s.segments),
		NewFiles: recovery.Files(s.fresh) + 1, NewBytes: recovery.Bytes(s.fresh),
	}
	out.Done, out.Copied = out.NewFiles, out.NewBytes
	if !s.done {
		out.Stage, out.Done, out.Copied = "STARTED", 0, 0
		if s.transfer != nil {
			out.Copied = s.transfer.Transferred()
			out.Done = int(int64(out.NewFiles) * out.Copied / max(1, out.NewBytes))
		}
	}
	return out
}

// shardStats are the figures of the snapshot's shards, by index and number.
func (s *archived) shardStats() []ShardStats {
	out := []ShardStats{}
	for _, m := range s.metas {
		for i := range m.Shards {
			if sh := s.shards[allocation.ShardID{Index: m.Name, Shard: i}]; sh != nil {
				out = append(out, sh.stats(m.Name, i))
			}
		}
	}
	for _, f := range s.Failures {
		out = append(out, ShardStats{Index: f.Index, Shard: f.Shard, Stage: "FAILURE", Reason: f.Reason, Start: s.Start})
	}
	sortStats(out)
	return out
}

func sortStats(list []ShardStats) {
	slices.SortStableFunc(list, func(a, b ShardStats) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Shard, b.Shard))
	})
}
