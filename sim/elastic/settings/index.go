package settings

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// The settings of an index that the model reads, apart from those of the allocator.
var (
	IndexShards   = &Setting[int]{key: "index.number_of_shards", scope: Index, def: Fixed("1"), parse: ParseInt(1, 1024)}
	IndexReplicas = perIndex("index.number_of_replicas", "1", ParseInt(0, math.MaxInt32))
	// IndexRoutingShards is what documents are hashed into; by default the number of
	// shards times the greatest power of two that stays within 1024 (see RoutingShards).
	IndexRoutingShards = &Setting[int]{key: "index.number_of_routing_shards", scope: Index, def: Follow(IndexShards), parse: ParseInt(1, math.MaxInt32)}
	// IndexRoutingPartition is over how many shards a routing value spreads.
	IndexRoutingPartition = &Setting[int]{key: "index.routing_partition_size", scope: Index, def: Fixed("1"), parse: ParseInt(1, math.MaxInt32)}

	// IndexRefreshInterval is how often writes become visible; -1 never.
	IndexRefreshInterval = perIndex("index.refresh_interval", "1s", ParseTime)
	// IndexSearchIdleAfter is when a shard that nobody searches stops refreshing by itself.
	IndexSearchIdleAfter = perIndex("index.search.idle.after", "30s", ParseTime)

	IndexTranslogDurability   = perIndex("index.translog.durability", "REQUEST", parseDurability)
	IndexTranslogSyncInterval = perIndex("index.translog.sync_interval", "5s", ParseTimeIn(100*time.Millisecond, NoTimeLimit))
	IndexFlushThresholdSize   = perIndex("index.translog.flush_threshold_size", "10gb", ParseBytes)
	IndexFlushThresholdAge    = perIndex("index.translog.flush_threshold_age", "1m", ParseTimeIn(time.Second, time.Hour))

	IndexLeasePeriod = perIndex("index.soft_deletes.retention_lease.period", "12h", ParseTimeIn(0, NoTimeLimit))
	// IndexRetentionOperations are kept beyond what leases retain.
	IndexRetentionOperations = perIndex("index.soft_deletes.retention.operations", "0", ParseLong(0, math.MaxInt64))

	IndexWaitForActiveShards = perIndex("index.write.wait_for_active_shards", "1", parseActiveShards)

	// IndexCheckOnStartup is whether a copy reads all its files when it is opened.
	IndexCheckOnStartup = &Setting[string]{key: "index.shard.check_on_startup", scope: Index, def: Fixed("false"), parse: parseCheckOnStartup}

	IndexBlockReadOnly            = perIndex("index.blocks.read_only", "false", ParseBool)
	IndexBlockReadOnlyAllowDelete = perIndex("index.blocks.read_only_allow_delete", "false", ParseBool)
	IndexBlockWrite               = perIndex("index.blocks.write", "false", ParseBool)
	IndexBlockRead                = perIndex("index.blocks.read", "false", ParseBool)
	// IndexResizeSource and IndexResizeSourceUUID name the index that one was made from by
	// shrinking, splitting or cloning it; IndexInitialRecovery the nodes that may hold its primaries
	// at first.
	IndexResizeSource     = perIndex("index.resize.source.name", "", ParseString)
	IndexResizeSourceUUID = perIndex("index.resize.source.uuid", "", ParseString)
	IndexInitialRecovery  = perIndex("index.routing.allocation.initial_recovery._id", "", ParseList)
	IndexBlockMetadata    = perIndex("index.blocks.metadata", "false", ParseBool)
)

// Constants of Elasticsearch that are settings only in its tests.
const (
	// LeaseSyncInterval is how often a primary renews and syncs its retention leases.
	LeaseSyncInterval = 30 * time.Second
	// FileBasedThreshold is the share of an index's documents from which on copying
	// files is taken to be cheaper than replaying operations.
	FileBasedThreshold = 0.1
	// ShardInactiveTime is after how long without writes a shard flushes.
	ShardInactiveTime = 5 * time.Minute
)

func parseDurability(key, text string) (string, error) {
	switch upper := strings.ToUpper(text); upper {
	case "REQUEST", "ASYNC":
		return upper, nil
	}
	return "", fmt.Errorf("No enum constant org.elasticsearch.index.translog.Translog.Durability.%s", strings.ToUpper(text)) //nolint:staticcheck // Elasticsearch's text
}

func parseCheckOnStartup(_, text string) (string, error) {
	switch text {
	case "false", "true", "checksum":
		return text, nil
	}
	return "", fmt.Errorf("unknown value for [index.shard.check_on_startup] must be one of [true, false, checksum] but was: %s", text)
}

// AllShards is the number of active shards that "all" stands for.
const AllShards = -1

// parseActiveShards checks an ActiveShardCount: "all", or a number.
func parseActiveShards(key, text string) (string, error) {
	if _, err := ParseActiveShards(text); err != nil {
		return "", err
	}
	return text, nil
}

// ParseActiveShards reads wait_for_active_shards: [AllShards] for "all".
func ParseActiveShards(text string) (int, error) {
	if text == "all" || text == "-1" {
		return AllShards, nil
	}
	n, err := ParseInt(math.MinInt32, math.MaxInt32)("", text)
	if err != nil {
		return 0, fmt.Errorf("cannot parse ActiveShardCount[%s]", text)
	}
	if n < 0 {
		return 0, fmt.Errorf("shard count cannot be a negative value")
	}
	return n, nil
}

// RoutingShards is index.number_of_routing_shards in force
// (MetadataCreateIndexService.getIndexNumberOfRoutingShards).
func RoutingShards(s Settings) int {
	shards := IndexShards.Get(s)
	if IndexRoutingShards.IsSet(s) {
		return IndexRoutingShards.Get(s)
	}
	bits := 0 // ceil(log2(shards))
	for v := shards - 1; v > 0; v >>= 1 {
		bits++
	}
	return shards << max(1, 10-bits)
}
