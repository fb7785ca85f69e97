package settings

import "math"

// The settings of recoveries and of what watches disks.
var (
	// RecoveryMaxBytesPerSec is each node's limit of recovery traffic, in and out
	// together, bytes per second; 0 and less is none.
	RecoveryMaxBytesPerSec = cluster("indices.recovery.max_bytes_per_sec", "40mb", ParseBytes)
	// RecoveryMaxFileChunks are the file chunks of one recovery under way at once.
	RecoveryMaxFileChunks       = cluster("indices.recovery.max_concurrent_file_chunks", "2", ParseInt(1, 8))
	RecoveryRetryDelayStateSync = cluster("indices.recovery.retry_delay_state_sync", "500ms", ParseTimeIn(0, NoTimeLimit))
	RecoveryRetryDelayNetwork   = cluster("indices.recovery.retry_delay_network", "5s", ParseTimeIn(0, NoTimeLimit))
	RecoveryActionTimeout       = cluster("indices.recovery.internal_action_timeout", "15m", ParseTimeIn(0, NoTimeLimit))
	// RecoveryActivityTimeout fails a recovery during which nothing happened for so long.
	RecoveryActivityTimeout = cluster("indices.recovery.recovery_activity_timeout", "30m", ParseTimeIn(0, NoTimeLimit))

	ClusterInfoInterval = cluster("cluster.info.update.interval", "30s", ParseTimeIn(10*1e9, NoTimeLimit))
	ClusterInfoTimeout  = cluster("cluster.info.update.timeout", "15s", ParseTimeIn(0, NoTimeLimit))

	// PathRepo are the directories under which snapshot repositories may lie.
	PathRepo = &Setting[[]string]{key: "path.repo", scope: Node, def: Fixed(""), parse: ParseList}

	MaxShardsPerNode = cluster("cluster.max_shards_per_node", "1000", ParseInt(1, math.MaxInt32))
)
