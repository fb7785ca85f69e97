package given

import "github.com/shardquake/shardquake/sim/elastic/allocation/routing"

// ShardKey names a size: sizes are known by role, not by copy
// (ClusterInfo.shardIdentifierFromRouting).
type ShardKey struct {
	Index   string
	Shard   int
	Primary bool
}

// ShardID names a shard.
type ShardID struct {
	Index string
	Shard int
}

// NodeShard names a shard on a node.
type NodeShard struct {
	Node  string
	Index string
	Shard int
}

// Reservation is the space that recoveries running on a node will still take,
// as the node's stats told it, and the shards it covers.
type Reservation struct {
	Bytes  int64
	Shards []ShardID
}

// ClusterInfo is what the master knows of disks and sizes: polled, so it lags
// behind (org.elasticsearch.cluster.ClusterInfo). The maps are looked up by key
// and never walked into an effect. It must not be changed once it was given to an allocator.
type ClusterInfo struct {
	// Nodes by id. A node that is absent counts with the average of the others;
	// an empty map switches the disk decider off.
	Nodes map[string]routing.DiskUsage
	// ShardBytes are the sizes observed.
	ShardBytes map[ShardKey]int64
	// DataPaths tells the path a copy lies on; absent: unknown.
	DataPaths map[NodeShard]string
	// Reserved by node id; absent: none known.
	Reserved map[string]Reservation
	// SnapshotBytes are the sizes of shards in the snapshots they are being
	// restored from; while one is absent its restore waits.
	SnapshotBytes map[ShardID]int64
}

// Input is what a decision depends on besides the cluster state.
type Input struct {
	// Info is nil before the first poll.
	Info *ClusterInfo
	// NowNanos is the master's monotonic time, for delays.
	NowNanos int64
	// NowMillis is the wall clock, milliseconds since 1970.
	NowMillis int64
	// NodeOrder is the order in which the nodes came into Elasticsearch's map of them, where
	// that is known. It decides among nodes of one bucket, which else stand by id.
	NodeOrder []string
}

// StoredPrimary is a node's answer to "what do you hold of this primary?"
// (TransportNodesListGatewayStartedShards).
type StoredPrimary struct {
	Node         string
	AllocationID string // "" nothing on disk
	Primary      bool   // the copy was primary when it was last written
	Failure      error  // the store could not be opened
	// Locked says that Failure is only a lock that another part of the node
	// still holds; such a copy counts as valid.
	Locked bool
}

// StoredReplica is a node's answer to "which files do you hold of this shard?"
// (TransportNodesListShardStoreMetadata).
type StoredReplica struct {
	Node string
	// Empty says that the node holds no files of the shard.
	Empty bool
	// MatchingBytes are in files identical to the primary's.
	MatchingBytes int64
	// SyncID is the store's sync id; "" none.
	SyncID string
	// RetainedSeqNo is from which operation on the primary retains history for
	// this node (its peer recovery retention lease); -1: no lease. Every answer
	// carries what the primary's store says of that node.
	RetainedSeqNo int64
}

// ShardFetcher asks the nodes what they hold on disk. Answers come in the order
// of node ids that the caller keeps; ok=false: some are still awaited, and the
// allocator leaves the shard alone until the caller reroutes again.
type ShardFetcher interface {
	Primaries(index string, shard int) (answers []StoredPrimary, ok bool)
	Stores(index string, shard int) (answers []StoredReplica, ok bool)
}
