package store

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Store is a shard copy on a disk. It outlives the process.
type Store struct {
	host Host
	// Machine is the ordinal of the node on whose disk it stands.
	Machine   int
	Key       Key
	IndexName string
	// AllocationID and primary are the copy's state file (ShardStateMetadata).
	AllocationID string
	Primary      bool
	History      string // UUID; "" before anything was written
	// Leases as last synced from the primary; a promoted copy goes on with them.
	Leases recovery.Leases

	Engine Engine // documents, operations, checkpoints

	// Segments are the files of the last commit, and grown what came since: bytes and
	// documents that are not in a committed segment yet.
	Segments []recovery.Segment
	Grown    recovery.Segment
	// Partial are bytes of a file recovery that has not finished.
	Partial int64
	// Merging are bytes of a segment that a forced merge is writing.
	Merging int64

	// Commit is the last (safe) commit.
	Commit Commit
	// Global is the global checkpoint that the copy has persisted.
	Global int64
	// Committed is when the last commit was made.
	Committed sim.Time

	// Marker is why the store was marked as corrupted: a corrupted_ file lies there and keeps
	// it from being opened. nil: none.
	Marker *api.Error
	Damage Damage // what is wrong with the files, known or not
	// Background is load that flows into the store without events; nil: none ever does.
	Background Background
}

// Host is the node whose disk a store stands on.
type Host interface {
	// Changed is told that sizes or contents are not what they were.
	Changed()
	// IDs are random numbers for histories and segments.
	IDs() *rand.Rand
	// Marked is told of a store that was marked as corrupted, FoundDamaged of damage in the
	// files of one that is open.
	Marked(*Store)
	FoundDamaged(st *Store, reason string, e *api.Error)
}

// Background is load that has no events of its own: it is evaluated when somebody looks.
type Background interface {
	// Settle lets it flow up to now.
	Settle()
}

// Settle brings the store up to date.
func (st *Store) Settle() {
	if st.Background != nil {
		st.Background.Settle()
	}
}

// New makes an empty store.
func New(h Host, machine int, key Key, index string) *Store {
	st := &Store{host: h, Machine: machine, Key: key, IndexName: index, Global: api.NoOpsPerformed, Commit: Commit{Checkpoint: api.NoOpsPerformed}}
	st.Engine.Init()
	return st
}

// Key names a shard of one life of an index.
type Key struct {
	UUID  string
	Shard int
}

// Commit is what a Lucene commit point says of the operations it contains.
type Commit struct {
	Checkpoint int64 // local checkpoint; operations above are in the translog
	Docs       int64
	Generation int64
	AtOps      int64 // operations counted when it was made
}

// Bytes is the size of the store's files.
func (st *Store) Bytes() int64 {
	st.Settle()
	return recovery.Bytes(st.Segments) + st.Grown.Bytes + st.Partial + st.Merging + EmptyStoreBytes
}

// EmptyStoreBytes is the size of a store without documents.
const EmptyStoreBytes = 249

// Docs is the number of live documents.
func (st *Store) Docs() int64 {
	st.Settle()
	return st.Engine.liveDocs() + st.Engine.FluidDocs
}

// Grow adds what an operation wrote.
func (st *Store) Grow(bytes, docs int64) {
	st.Grown.Bytes += bytes
	st.Grown.Docs += docs
	st.host.Changed()
}

// Flush commits: what has grown becomes a segment that only this copy has.
func (st *Store) Flush() {
	st.Settle()
	if st.Grown.Bytes > 0 {
		st.Grown.ID = st.host.IDs().Uint64()
		st.Segments = append(st.Segments, st.Grown)
		st.Grown = recovery.Segment{}
		st.merge()
	}
	if st.History == "" {
		st.History = state.NewID(st.host.IDs())
	}
	st.Commit = Commit{
		Checkpoint: st.Engine.LocalCheckpoint(), Docs: st.Docs(), Generation: st.Commit.Generation + 1,
		AtOps: st.Engine.TotalOps(),
	}
}

// maxSegments is about what a tiered merge policy leaves of a shard.
const maxSegments = 30

// merge keeps the number of segments down: the ten smallest become one.
func (st *Store) merge() {
	if len(st.Segments) <= maxSegments {
		return
	}
	slices.SortStableFunc(st.Segments, func(a, b recovery.Segment) int { return cmp.Compare(b.Bytes, a.Bytes) })
	cut := len(st.Segments) - 10
	if bad := st.BadAmong(st.Segments[cut:]); bad != nil {
		st.host.FoundDamaged(st, "merge failed", bad) // merging reads whole files
		return
	}
	merged := recovery.Segment{ID: st.host.IDs().Uint64()}
	for _, s := range st.Segments[cut:] {
		merged.Bytes += s.Bytes
		merged.Docs += s.Docs
	}
	st.Segments = append(st.Segments[:cut], merged)
}

func CompareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.UUID, b.UUID), cmp.Compare(a.Shard, b.Shard))
}

// Reset makes the store empty.
func (st *Store) Reset() {
	st.Engine.Init()
	st.Engine.History, st.Engine.arrived, st.Engine.Unseen = nil, nil, nil
	st.Engine.LiveN, st.Engine.SeenN, st.Engine.FluidDocs, st.Engine.Missing = 0, 0, 0, nil
	st.Segments, st.Grown, st.Partial = nil, recovery.Segment{}, 0
	st.Global, st.Commit = api.NoOpsPerformed, Commit{Checkpoint: api.NoOpsPerformed}
	st.History = ""
	st.Restored(nil)
	st.Leases = recovery.Leases{}
}

// MaxSegmentBytes is what a tiered merge policy merges up to.
const MaxSegmentBytes = 5 << 30

// Fill makes the store hold documents of a size, committed; r draws how they are merged.
func (st *Store) Fill(bytes, docs int64, r *rand.Rand, now sim.Time) {
	st.Settle()
	st.Segments = nil
	whole, left := bytes, docs
	for bytes > 0 {
		// Sizes as merging leaves them: each about half of what is left, at most 5 GB.
		size := min(bytes, MaxSegmentBytes)
		if len(st.Segments) < 5 && size == bytes && size > 1<<20 {
			size = size * int64(40+r.IntN(30)) / 100
		}
		seg := recovery.Segment{ID: r.Uint64(), Bytes: size, Docs: int64(float64(docs) * float64(size) / float64(whole))}
		bytes -= size
		if bytes == 0 {
			seg.Docs = left
		}
		left -= seg.Docs
		st.Segments = append(st.Segments, seg)
	}
	st.Engine.FluidDocs += docs
	st.Engine.Max += docs
	st.Global = st.Engine.LocalCheckpoint()
	st.Commit.Checkpoint, st.Commit.Docs, st.Commit.AtOps = st.Global, st.Docs(), st.Engine.TotalOps()
	st.Commit.Generation++
	st.Committed = now
	st.host.Changed()
}
