package api

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// ShardStats is what a node knows of one shard copy it holds
// (org.elasticsearch.action.admin.indices.stats.ShardStats).
type ShardStats struct {
	Index, IndexUUID string
	Shard            int
	Primary          bool
	// State is the routing state the node applied: STARTED, RELOCATING, INITIALIZING.
	State            string
	RelocatingNode   string // node id; "" none
	AllocationID     string
	DocsCount        int64
	DocsDeleted      int64
	DocsBytes        int64 // docs.total_size_in_bytes
	StoreBytes       int64
	ReservedBytes    int64 // still to be written by a running recovery
	DataSetBytes     int64
	SegmentsCount    int
	BufferBytes      int64 // documents in no segment yet (segments.index_writer_memory)
	Indexing         IndexingStats
	Get              GetStats
	Search           SearchStats
	Merges           MergeStats
	RefreshTotal     int64
	RefreshTime      time.Duration
	FlushTotal       int64
	FlushTime        time.Duration
	TranslogOps      int64
	TranslogBytes    int64
	TranslogUncOps   int64
	TranslogUncBytes int64
	MaxSeqNo         int64
	LocalCheckpoint  int64
	GlobalCheckpoint int64
	HistoryUUID      string
	CommitGeneration int64
	RetentionLeases  LeaseStats
	RecoveryAsSource int
	RecoveryAsTarget int
	RecoveryThrottle time.Duration
	// Fielddata are bytes of the words of texts that searches brought into memory, and
	// Completion those of what suggestions are looked up in, by field.
	Fielddata, Completion map[string]int64
}

// IndexingStats counts writes of a copy.
type IndexingStats struct {
	Total, Failed, Current          int64
	Time                            time.Duration
	DeleteTotal                     int64
	DeleteTime                      time.Duration
	NoopUpdates                     int64
	WriteLoad, RecentLoad, PeakLoad float64
}

// GetStats counts gets of a copy.
type GetStats struct {
	Total, Exists, Missing int64
	Time                   time.Duration
}

// SearchStats counts searches of a copy.
type SearchStats struct {
	QueryTotal, QueryCurrent int64
	QueryTime                time.Duration
	FetchTotal               int64
	FetchTime                time.Duration
	// Groups are the searches that named groups to be counted in, by name.
	Groups map[string]SearchGroup
}

// SearchGroup counts a copy's searches of a group.
type SearchGroup struct {
	QueryTotal, FetchTotal int64
	QueryTime              time.Duration
}

// MergeStats counts merges of a copy.
type MergeStats struct {
	Total, Docs, Bytes int64
	Time               time.Duration
}

// LeaseStats are the retention leases a copy knows.
type LeaseStats struct {
	PrimaryTerm, Version int64
	Leases               []LeaseInfo
}

// LeaseInfo is one retention lease.
type LeaseInfo struct {
	ID             string // "peer_recovery/" and the node's id
	RetainingSeqNo int64
	// AtMillis is the wall clock when it was last renewed.
	AtMillis int64
	Source   string // "peer recovery"
}

// RecoveryStage is a stage of a recovery as the REST API prints it.
type RecoveryStage string

// The stages, in order.
const (
	StageInit        RecoveryStage = "INIT"
	StageIndex       RecoveryStage = "INDEX"
	StageVerifyIndex RecoveryStage = "VERIFY_INDEX"
	StageTranslog    RecoveryStage = "TRANSLOG"
	StageFinalize    RecoveryStage = "FINALIZE"
	StageDone        RecoveryStage = "DONE"
)

// RecoveryInfo is a recovery as its target node reports it, running or the last
// one of a copy (org.elasticsearch.indices.recovery.RecoveryState). Times are wall
// clock; durations of unfinished stages run up to now.
type RecoveryInfo struct {
	Index   string
	Shard   int
	Primary bool
	// Type is EMPTY_STORE, EXISTING_STORE, PEER or SNAPSHOT; of the last Restored says from
	// which.
	Type     string
	Restored *state.Restored
	Stage    RecoveryStage
	// Start and Stop; Stop is zero while it runs.
	Start, Stop time.Time
	Total       time.Duration
	// SourceNode and TargetNode are ids; SourceNode is "" for local sources.
	SourceNode, TargetNode string
	// Relocation and BootstrapNewHistoryUUID as printed for local sources.
	BootstrapNewHistoryUUID bool

	Files      RecoveryFiles
	IndexTime  time.Duration
	SourceWait time.Duration // throttled by the source
	TargetWait time.Duration // throttled by the target

	TranslogRecovered int64
	TranslogTotal     int64 // -1 unknown
	TranslogOnStart   int64 // -1 unknown
	TranslogTime      time.Duration

	VerifyCheck time.Duration
	VerifyTime  time.Duration
	// Details lists the files; for detailed=true.
	Details []RecoveryFile
}

// RecoveryFiles sums the files of a recovery.
type RecoveryFiles struct {
	Total, Reused, Recovered                int
	TotalBytes, ReusedBytes, RecoveredBytes int64
}

// Percent is what the REST API prints for a part of a whole: of the bytes (files)
// that have to be copied, how many have been; 100 when none has to be and the
// stage is past.
func (f RecoveryFiles) Percent() (files, bytes float64) {
	return percentOf(int64(f.Recovered), int64(f.Total-f.Reused), f.Total > 0),
		percentOf(f.RecoveredBytes, f.TotalBytes-f.ReusedBytes, f.TotalBytes > 0)
}

func percentOf(done, toDo int64, known bool) float64 {
	switch {
	case toDo == 0 && !known:
		return 0
	case done >= toDo:
		return 100
	}
	return float64(100*done) / float64(toDo)
}

// RecoveryFile is one file of a recovery.
type RecoveryFile struct {
	Name              string
	Length, Recovered int64
	Reused            bool
}

// NodeStats is what a node reports of itself and its machine.
type NodeStats struct {
	// AtMillis is the node's wall clock.
	AtMillis int64
	Uptime   time.Duration

	DiskTotal, DiskFree, DiskAvailable int64
	// CPUPercent is of all processors, 0 to 100.
	CPUPercent int
	CPUs       int
	// LoadAverages are over 1, 5 and 15 minutes.
	LoadAverages [3]float64
	Pools        []PoolStats
	IO           IOStats
	CPUTime      time.Duration
	MemTotal     int64
	MemFree      int64
	HeapUsed     int64
	HeapMax      int64
	GCCount      int64
	GCTime       time.Duration

	TransportRxCount, TransportTxCount int64
	TransportRxBytes, TransportTxBytes int64
	OpenTransport                      int // open server connections
	HTTPTotal                          int64
	HTTPCurrent                        int

	Shards int
}

// IOStats is what a node's disk has done since its machine was made.
type IOStats struct {
	Reads, Writes         int64 // operations
	ReadBytes, WriteBytes int64
	Busy                  time.Duration
}

// PoolStats are a thread pool's figures (ThreadPoolStats).
type PoolStats struct {
	Name                            string
	Threads, Queue, Active, Largest int
	Rejected, Completed             int64
}
