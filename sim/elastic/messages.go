package elastic

import (
	"github.com/shardquake/shardquake/sim/elastic/peer"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/state"
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

func (m replicaOps) Action() string {
	if m.resync {
		return "resync"
	}
	return "bulk[s][r]"
}

func (m replicaOps) Bytes() (sum int64) {
	for _, d := range m.docs {
		sum += d.Bytes()
	}
	return sum
}

// Serve answers with why the copy did not do them; nil: it did.
func (m replicaOps) Serve(q *Process, answer func(int64, *Error)) {
	bytes := int64(32)
	if m.resync {
		bytes = 0
	}
	q.replicate(m, func(failed *Error) { answer(bytes, failed) })
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

func (copyStarted) Action() string { return "shard-started" }
func (copyStarted) Bytes() int64   { return 512 }
func (copyFailed) Action() string  { return "shard-failed" }
func (copyFailed) Bytes() int64    { return 1024 }

func (r copyStarted) Reach(m *Master, answer func(error)) { m.shardStarted(r, answer) }
func (r copyFailed) Reach(m *Master, answer func(error))  { m.shardFailed(r, answer) }

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

// askStore asks a node what it holds of a shard (NodesListGatewayStartedShards).
type askStore struct{ key store.Key }

func (askStore) Action() string { return "gateway.fetch" }
func (askStore) Bytes() int64   { return 256 }

func (m askStore) Serve(q *Process, answer func(int64, storeAnswer)) {
	a := q.describeStore(m.key)
	q.After(q.Cluster.Calibration.StoreRead, "store.read", func() { answer(int64(256+128*len(a.segments)), a) })
}

// askActive asks whether a node's copy of a shard is active (ShardActiveRequest).
type askActive struct{ key store.Key }

func (askActive) Action() string { return "shard.exists" }
func (askActive) Bytes() int64   { return 0 }

func (m askActive) Serve(q *Process, answer func(int64, bool)) {
	s := q.Shards[m.key]
	answer(0, s != nil && s.Phase == Started)
}

// askInfo asks a node of its disk and of the sizes of its shards.
type askInfo struct{}

func (askInfo) Action() string { return "info.stats" }
func (askInfo) Bytes() int64   { return 512 }

func (askInfo) Serve(q *Process, answer func(int64, *nodeInfo)) {
	info := q.localInfo()
	answer(int64(1024+64*len(info.shards)), info)
}

// handshake asks who a node is.
type handshake struct{}

func (handshake) Action() string { return "handshake" }
func (handshake) Bytes() int64   { return 0 }

func (handshake) Serve(q *Process, answer func(int64, *state.Node)) { answer(0, q.Node.Self()) }

// startRecovery is a target's request to its source.
type startRecovery struct{ peer.Start }

func (startRecovery) Action() string { return "recovery.start" }

func (m startRecovery) Serve(q *Process, answer func(int64, error)) {
	q.serveRecovery(m.Start, func(err error) { answer(0, err) })
}

// recoveryStep is what the source of a recovery has its target do.
type recoveryStep struct {
	peer.Step
	id peer.ID
}

func (m recoveryStep) Serve(q *Process, answer func(int64, error)) {
	r := q.recoveryOf(m.id)
	if r == nil {
		answer(0, peer.ErrGone)
		return
	}
	r.Do(m.id.Attempt, m.Step, func(err error) { answer(0, err) })
}
