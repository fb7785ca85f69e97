package controller

import (
	"fmt"
	"strconv"
	"time"
)

// States of a shard copy, as Elasticsearch names them.
const (
	StateStarted      = "STARTED"
	StateInitializing = "INITIALIZING"
	StateRelocating   = "RELOCATING"
	StateUnassigned   = "UNASSIGNED"
)

const (
	// unknown marks a count that the answer didn't contain.
	unknown = -1
	// unknownSeqNo marks a sequence number that the answer didn't contain, as
	// Elasticsearch's UNASSIGNED_SEQ_NO does; -1 means no operation yet.
	unknownSeqNo = -2
)

// ShardInfo is one copy of a shard and where it lies.
type ShardInfo struct {
	Index   string `json:"index"`
	Shard   int    `json:"shard"`
	Primary bool   `json:"primary"`
	State   string `json:"state"`
	Node    string `json:"node,omitempty"` // "" while unassigned
	// RelocatingTo is the node to which a RELOCATING copy moves.
	RelocatingTo     string `json:"relocating_to,omitempty"`
	UnassignedReason string `json:"unassigned_reason,omitempty"`
	Docs             int64  `json:"docs"`        // -1 unknown
	StoreBytes       int64  `json:"store_bytes"` // -1 unknown
	// MaxSeqNo, LocalCheckpoint and GlobalCheckpoint of the copy; -1 no operation yet,
	// -2 unknown.
	MaxSeqNo         int64 `json:"max_seq_no"`
	LocalCheckpoint  int64 `json:"local_checkpoint"`
	GlobalCheckpoint int64 `json:"global_checkpoint"`
	// Counters since the copy was started on its node; all 0 when not asked for.
	Counters CopyCounters `json:"-"`
}

// CopyCounters count the operations of a copy and the time they took. Reads are searches
// and gets by id.
type CopyCounters struct {
	Reads, Indexed          int64
	ReadMillis, IndexMillis int64
}

// Active reports whether the copy serves requests.
func (s ShardInfo) Active() bool { return s.State == StateStarted || s.State == StateRelocating }

// ShardRecovery is a recovery of a shard copy: its way from nothing, or from what
// is left on a disk, to a copy in sync.
type ShardRecovery struct {
	Index   string `json:"index"`
	Shard   int    `json:"shard"`
	Primary bool   `json:"primary"`
	Type    string `json:"type"`  // PEER, EXISTING_STORE, EMPTY_STORE, SNAPSHOT, LOCAL_SHARDS
	Stage   string `json:"stage"` // init, index, verify_index, translog, finalize, done
	Source  string `json:"source_node,omitempty"`
	Target  string `json:"target_node"`

	Elapsed time.Duration `json:"elapsed_ns"`
	// Bytes and files to copy, found on the target already, and copied so far.
	BytesTotal     int64 `json:"bytes_total"`
	BytesReused    int64 `json:"bytes_reused"`
	BytesRecovered int64 `json:"bytes_recovered"`
	FilesTotal     int64 `json:"files_total"`
	FilesReused    int64 `json:"files_reused"`
	FilesRecovered int64 `json:"files_recovered"`
	// Operations to replay (-1: not known yet) and replayed so far.
	OpsTotal     int64 `json:"ops_total"`
	OpsRecovered int64 `json:"ops_recovered"`
	// How long source and target held the copying back to keep the limit on
	// bytes per second.
	SourceThrottle time.Duration `json:"source_throttle_ns"`
	TargetThrottle time.Duration `json:"target_throttle_ns"`
}

// BytesPercent is the share of the bytes to copy that has been copied, 0 to 100.
// With nothing to copy it is 100.
func (r ShardRecovery) BytesPercent() float64 {
	return percent(r.BytesRecovered, r.BytesTotal-r.BytesReused)
}

// OpsPercent is the share of the operations that has been replayed, 0 to 100; 0
// while their number is not known.
func (r ShardRecovery) OpsPercent() float64 {
	if r.OpsTotal < 0 {
		return 0
	}
	return percent(r.OpsRecovered, r.OpsTotal)
}

// Percent is how far the recovery has come in its stage: operations in stage
// translog, bytes in every other.
func (r ShardRecovery) Percent() float64 {
	if r.Stage == "translog" {
		return r.OpsPercent()
	}
	if r.Stage == "init" {
		return 0
	}
	return r.BytesPercent()
}

// From names where the data comes from: the source node, or the kind of source
// when it is not a node.
func (r ShardRecovery) From() string {
	if r.Source != "" {
		return r.Source
	}
	return r.Type
}

func percent(done, total int64) float64 {
	if total <= 0 {
		return 100
	}
	return min(100, 100*float64(done)/float64(total))
}

// ClusterStats are totals of the cluster.
type ClusterStats struct {
	Cluster   string `json:"cluster"`
	Status    string `json:"status"` // green, yellow, red
	Nodes     int    `json:"nodes"`
	DataNodes int    `json:"data_nodes"`
	Indices   int    `json:"indices"`
	// Shards counts assigned copies, Primaries the primaries among them.
	Shards     int   `json:"shards"`
	Primaries  int   `json:"primaries"`
	Docs       int64 `json:"docs"`
	StoreBytes int64 `json:"store_bytes"`
}

// ClusterHealth is the master's view of the cluster.
type ClusterHealth struct {
	Cluster             string  `json:"cluster_name"`
	Status              string  `json:"status"`
	TimedOut            bool    `json:"timed_out"`
	Nodes               int     `json:"number_of_nodes"`
	DataNodes           int     `json:"number_of_data_nodes"`
	ActivePrimaryShards int     `json:"active_primary_shards"`
	ActiveShards        int     `json:"active_shards"`
	RelocatingShards    int     `json:"relocating_shards"`
	InitializingShards  int     `json:"initializing_shards"`
	UnassignedShards    int     `json:"unassigned_shards"`
	DelayedShards       int     `json:"delayed_unassigned_shards"`
	PendingTasks        int     `json:"number_of_pending_tasks"`
	ActiveShardsPercent float64 `json:"active_shards_percent_as_number"`
}

// formatBytes writes a size as Elasticsearch's _cat API does: one decimal at most,
// cut off, not rounded.
func formatBytes(n int64) string {
	if n < 0 {
		return ""
	}
	const units = "kmgtp"
	if n < 1024 {
		return strconv.FormatInt(n, 10) + "b"
	}
	v, u := float64(n)/1024, 0
	for v >= 1024 && u < len(units)-1 {
		v /= 1024
		u++
	}
	tenths := int64(v * 10)
	if tenths%10 == 0 {
		return fmt.Sprintf("%d%cb", tenths/10, units[u])
	}
	return fmt.Sprintf("%d.%d%cb", tenths/10, tenths%10, units[u])
}
