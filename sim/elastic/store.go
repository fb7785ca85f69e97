package elastic

import (
	"cmp"
	"slices"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// store is a shard copy on a disk. It outlives the process.
type store struct {
	n         *Node
	key       storeKey
	indexName string
	// allocationID and primary are the copy's state file (ShardStateMetadata).
	allocationID string
	primary      bool
	history      string // UUID; "" before anything was written
	// leases as last synced from the primary; a promoted copy goes on with them.
	leases recovery.Leases

	eng engine // documents, operations, checkpoints

	// segments are the files of the last commit, and grown what came since: bytes and
	// documents that are not in a committed segment yet.
	segments []recovery.Segment
	grown    recovery.Segment
	// partial are bytes of a file recovery that has not finished.
	partial int64

	// commit is the last (safe) commit.
	commit commit
	// global is the global checkpoint that the copy has persisted.
	global int64
	// committed is when the last commit was made.
	committed sim.Time

	// marker is why the store was marked as corrupted: a corrupted_ file lies there and keeps
	// it from being opened. nil: none.
	marker  *Error
	damage  damaged     // what is wrong with the files, known or not
	group   *fluidGroup // whose operations the copy gets; nil none
	work    copyWork    // done for the background load, counted for statistics
	flushes int64       // for the size of the translog
}

// commit is what a Lucene commit point says of the operations it contains.
type commit struct {
	checkpoint int64 // local checkpoint; operations above are in the translog
	docs       int64
	generation int64
	atOps      int64 // operations counted when it was made
}

// newStore makes an empty store on the node.
func (n *Node) newStore(key storeKey, index string) *store {
	st := &store{n: n, key: key, indexName: index, global: NoOpsPerformed, commit: commit{checkpoint: NoOpsPerformed}}
	st.eng.init()
	n.stores[key] = st
	i, _ := slices.BinarySearchFunc(n.sorted, key, compareStores)
	n.sorted = slices.Insert(n.sorted, i, st)
	n.changed()
	return st
}

// deleteStore removes a store from the disk.
func (n *Node) deleteStore(key storeKey) {
	st := n.stores[key]
	if st == nil {
		return
	}
	n.c.fluid.detach(st)
	delete(n.stores, key)
	if i, ok := slices.BinarySearchFunc(n.sorted, key, compareStores); ok {
		n.sorted = slices.Delete(n.sorted, i, i+1)
	}
	n.changed()
	n.account()
}

func compareKeys(a, b storeKey) int {
	return cmp.Or(cmp.Compare(a.uuid, b.uuid), cmp.Compare(a.shard, b.shard))
}

func compareStores(st *store, k storeKey) int { return compareKeys(st.key, k) }

// changed notes that the node's shards or their sizes are not what they were.
func (n *Node) changed() { n.sizes, n.byIndex, n.summed = nil, nil, false }

// bytes is the size of the store's files.
func (st *store) bytes() int64 {
	st.n.c.fluid.settle(st)
	return recovery.Bytes(st.segments) + st.grown.Bytes + st.partial + emptyStoreBytes
}

// emptyStoreBytes is the size of a store without documents.
const emptyStoreBytes = 249

// docs is the number of live documents.
func (st *store) docs() int64 {
	st.n.c.fluid.settle(st)
	return st.eng.liveDocs() + st.eng.fluidDocs
}

// grow adds what an operation wrote.
func (st *store) grow(bytes, docs int64) {
	st.grown.Bytes += bytes
	st.grown.Docs += docs
	st.n.changed()
}

// flush commits: what has grown becomes a segment that only this copy has.
func (st *store) flush() {
	st.n.c.fluid.settle(st)
	if st.grown.Bytes > 0 {
		st.grown.ID = st.n.c.ids.Uint64()
		st.segments = append(st.segments, st.grown)
		st.grown = recovery.Segment{}
		st.merge()
	}
	if st.history == "" {
		st.history = newID(st.n.c.ids)
	}
	st.commit = commit{
		checkpoint: st.eng.localCheckpoint(), docs: st.docs(), generation: st.commit.generation + 1,
		atOps: st.eng.totalOps(),
	}
}

// maxSegments is about what a tiered merge policy leaves of a shard.
const maxSegments = 30

// merge keeps the number of segments down: the ten smallest become one.
func (st *store) merge() {
	if len(st.segments) <= maxSegments {
		return
	}
	slices.SortStableFunc(st.segments, func(a, b recovery.Segment) int { return cmp.Compare(b.Bytes, a.Bytes) })
	cut := len(st.segments) - 10
	if bad := st.badAmong(st.segments[cut:]); bad != nil {
		st.foundWhileRunning("merge failed", bad) // merging reads whole files
		return
	}
	merged := recovery.Segment{ID: st.n.c.ids.Uint64()}
	for _, s := range st.segments[cut:] {
		merged.Bytes += s.Bytes
		merged.Docs += s.Docs
	}
	st.segments = append(st.segments[:cut], merged)
}

// dropUnusedStores deletes copies that the routing table doesn't want on this node
// once every copy that it does want is active (IndicesStore).
func (p *process) dropUnusedStores() {
	if len(p.n.stores) == len(p.shards) {
		return
	}
	for _, st := range p.n.sorted {
		k := st.key
		if p.shards[k] != nil {
			continue
		}
		t, m := tableOf(p.applied, k)
		if m == nil || !deletable(t, p.n.ID()) {
			continue
		}
		p.askWhetherActive(k, t)
	}
}

// deletable reports whether all copies of a shard are started, none of them on the node.
func deletable(t *state.ShardTable, node string) bool {
	for _, c := range t.Copies {
		if c.State != state.Started || c.Node == node {
			return false
		}
	}
	return len(t.Copies) > 0
}

// askWhetherActive asks every node with a copy whether that is active; when all say
// so the store here is deleted.
func (p *process) askWhetherActive(k storeKey, t *state.ShardTable) {
	yes := 0
	for _, cp := range t.Copies {
		to := p.node(cp.Node)
		p.request(to, rpc{
			name: "shard.exists", timeout: shardActiveTimeout,
			handle: func(q *process, reply func(int64, func())) {
				s := q.shards[k]
				active := s != nil && s.phase == started
				reply(0, func() {
					if active {
						yes++
					}
					if yes == len(t.Copies) {
						p.deleteIfStillUnused(k, t)
					}
				})
			},
			failed: func(error) {},
		})
	}
}

func (p *process) deleteIfStillUnused(k storeKey, asked *state.ShardTable) {
	t, _ := tableOf(p.applied, k)
	if t == asked && p.shards[k] == nil {
		p.n.deleteStore(k)
	}
}
