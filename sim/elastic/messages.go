package elastic

import (
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// What nodes tell each other of shards, as values: replication's operations, what becomes of
// a copy, what stands on a disk. A recovery's are in package peer.

// replicaOps are operations that a primary has a copy do (ReplicationOperation, a
// BulkShardRequest to a replica).
type replicaOps struct {
	key store.Key
	// copy is the allocation id of the copy that is meant.
	copy         string
	term, global int64
	docs         []*store.Doc
	// resync: before, the copy forgets what it has above global (ResyncReplicationRequest).
	resync bool
}

func (m *replicaOps) bytes() (sum int64) {
	for _, d := range m.docs {
		sum += d.Bytes()
	}
	return sum
}

// copyStarted is a node's report that a copy has recovered (StartedShardEntry).
type copyStarted struct {
	key     store.Key
	id      string
	primary bool
	term    int64
}

// copyFailed is a node's, or a primary's, report of a failed copy (FailedShardEntry).
type copyFailed struct {
	key            store.Key
	id             string
	term           int64 // of the reporting primary; 0: the copy's own node reports
	stale          bool  // the copy is to leave the in-sync set
	message, cause string
}

// storeAnswer is what a node says that it holds of a shard (NodeGatewayStartedShards,
// NodeStoreFilesMetadata).
type storeAnswer struct {
	found        bool
	allocationID string
	primary      bool
	failure      *Error // why the store can't be opened
	segments     []recovery.Segment
	leases       recovery.Leases
}

func (m *storeAnswer) bytes() int64 { return int64(256 + 128*len(m.segments)) }
