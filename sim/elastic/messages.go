package elastic

import (
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// What nodes tell each other of shards, as values: replication's operations, what becomes of
// a copy, what stands on a disk. A recovery's are in package peer.

// shardWrite are the items of a bulk request for one shard, on their way to its primary
// (BulkShardRequest).
type shardWrite struct {
	key store.Key
	// copy is the allocation id of the primary as the sender knows it, term its term; a
	// relocation target that has taken over acts under its own.
	copy      string
	term      int64
	delegated bool
	items     []BulkItem
	opt       BulkOptions
}

// written is a primary's answer: a result for each item, or why there are none.
type written struct {
	results []BulkResult
	failed  *Error
	// retry: it is not the primary, or can't write now; failed is what is said when the time
	// is over.
	retry bool
}

func (shardWrite) Action() string { return "bulk[s][p]" }

func (m shardWrite) Bytes() (n int64) {
	for _, it := range m.items {
		n += int64(len(it.Source)+len(it.ID)) + 64
	}
	return n
}

func (m shardWrite) Serve(q *Process, answer func(int64, written)) {
	bytes := int64(64 * len(m.items))
	if m.delegated {
		bytes = 0 // the node that it came from answers with the results
	}
	q.primaryBulk(m, func(w written) { answer(bytes, w) })
}

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
