package state

import "github.com/shardquake/shardquake/sim/elastic/settings"

// Repository is a place for snapshots that is registered with the cluster
// (RepositoryMetadata).
type Repository struct {
	Name     string
	Type     string
	Settings settings.Settings
}

// SnapshotInProgress is a snapshot that is being taken (SnapshotsInProgress.Entry).
type SnapshotInProgress struct {
	Repository, Name, UUID string
	Indices                []string // sorted
	IncludeGlobal, Partial bool
	Metadata               []byte // JSON that its taker put there; nil: none
	StartMillis            int64
	Shards                 []ShardSnapshot // in the order of Indices
}

// ShardSnapshotState is how far one shard of a snapshot is (SnapshotsInProgress.ShardState).
type ShardSnapshotState string

// The states.
const (
	ShardSnapshotInit    ShardSnapshotState = "INIT"
	ShardSnapshotSuccess ShardSnapshotState = "SUCCESS"
	ShardSnapshotFailed  ShardSnapshotState = "FAILED"
	ShardSnapshotMissing ShardSnapshotState = "MISSING" // it had no primary at the start
)

// ShardSnapshot is one shard of a snapshot that is being taken.
type ShardSnapshot struct {
	Index  string
	UUID   string
	Shard  int
	Node   string // of the primary; "" none
	State  ShardSnapshotState
	Reason string // of a failure
}

// Done reports whether every shard has succeeded or failed.
func (s *SnapshotInProgress) Done() bool {
	for i := range s.Shards {
		if s.Shards[i].State == ShardSnapshotInit {
			return false
		}
	}
	return true
}

// Restored is where an index came from that was restored (RecoverySource.SnapshotRecoverySource).
type Restored struct {
	Repository, Snapshot, SnapshotUUID string
	Index                              string // its name in the snapshot
	RestoreUUID                        string
}

// Repository finds a registered repository by name, or nil.
func (s *State) Repository(name string) *Repository {
	for _, r := range s.Repositories {
		if r.Name == name {
			return r
		}
	}
	return nil
}
