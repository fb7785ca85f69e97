package settings

import (
	"maps"
	"slices"
	"strings"
)

// simulated are the definitions that the model goes by.
func simulated() []Definition {
	return []Definition{
		AllocationType, BalanceShard, BalanceIndex, BalanceWriteLoad, BalanceDiskUsage, BalanceThreshold, AllocationEnable, RebalanceEnable,
		AllowRebalance, ClusterConcurrentRebalance, NodeConcurrentRecoveries, NodeConcurrentIncomingRecoveries, NodeConcurrentOutgoingRecoveries,
		NodeInitialPrimariesRecoveries, SameShardHost, ClusterShardsPerNode, AwarenessAttributes, AwarenessForce, ClusterRequire, ClusterInclude,
		ClusterExclude, DiskThresholdEnabled, DiskLow, DiskLowHeadroom, DiskHigh, DiskHighHeadroom, DiskFlood, DiskFloodHeadroom, DiskRerouteInterval,
		IndexAllocationEnable, IndexRebalanceEnable, IndexRequire, IndexInclude, IndexExclude, IndexTierPreference, IndexShardsPerNode,
		IndexMaxRetries, IndexPriority, IndexIgnoreWatermarks, IndexDelayedTimeout,

		DiscoveryType, FindPeersInterval, RequestPeersTimeout, ProbeConnectTimeout, UnconfiguredBootstrapWait, ElectionInitialTimeout,
		ElectionBackOffTime, ElectionMaxTimeout, ElectionDuration, FollowerCheckInterval, FollowerCheckTimeout, FollowerCheckRetryCount,
		LeaderCheckInterval, LeaderCheckTimeout, LeaderCheckRetryCount, FollowerLagTimeout, PublishTimeout, PublishInfoTimeout, ExpectedDataNodes,
		RecoverAfterDataNodes, RecoverAfterTime, AutoShrinkVotingConfiguration, NoMasterBlock,

		IndexShards, IndexReplicas, IndexRoutingShards, IndexRoutingPartition, IndexRefreshInterval, IndexSearchIdleAfter, IndexTranslogDurability,
		IndexTranslogSyncInterval, IndexFlushThresholdSize, IndexFlushThresholdAge, IndexLeasePeriod, IndexWaitForActiveShards, IndexCheckOnStartup,
		IndexBlockReadOnly, IndexBlockReadOnlyAllowDelete, IndexBlockWrite, IndexBlockRead, IndexBlockMetadata,
		IndexResizeSource, IndexResizeSourceUUID, IndexInitialRecovery,

		WriteThreads, WriteQueue, SearchThreads, SearchQueue, GetThreads, GetQueue, IndexBufferSize, MinIndexBufferSize, IndexSegmentsPerTier,

		RecoveryMaxBytesPerSec, RecoveryMaxFileChunks, RecoveryRetryDelayStateSync, RecoveryRetryDelayNetwork, RecoveryActionTimeout,
		ClusterInfoInterval, ClusterInfoTimeout, PathRepo, MaxShardsPerNode,

		SnapshotPolicyLeast, SnapshotRetentionTimes, LifecyclePollInterval, IndexLifecycle, IndexRolloverAlias, IndexIndexingComplete, IndexLifecycleOriginate,
	}
}

// byKey are settings that the model goes by without a definition of their own.
var byKey = []string{
	"action.auto_create_index", "action.destructive_requires_name", "index.auto_expand_replicas", "index.hidden", "index.max_result_window",
	"cluster.name", "node.name", "node.roles", "node.attr.", "path.data",
}

// Simulated reports whether the model goes by a setting. What it doesn't go by is kept,
// answered and told as not simulated.
func Simulated(key string) bool {
	under := func(name string, group bool) bool {
		return key == name || group && strings.HasPrefix(key, name)
	}
	return slices.ContainsFunc(simulated(), func(d Definition) bool { return under(d.Key(), d.Group()) }) ||
		slices.ContainsFunc(byKey, func(name string) bool { return under(name, strings.HasSuffix(name, ".")) })
}

// Unsimulated are those of some settings that the model does not go by, in order.
func Unsimulated(values map[string]string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(values)), Simulated)
}

// foreign are the prefixes of settings that plugins of the default distribution register.
var foreign = []string{"xpack.", "index.xpack.", "index.lifecycle.", "indices.lifecycle.", "slm."}

// Foreign reports whether an unknown setting belongs to a plugin of the default
// distribution: it is kept, without a check of its value, and told as not simulated.
func Foreign(key string) bool {
	return slices.ContainsFunc(foreign, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}
