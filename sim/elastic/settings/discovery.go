package settings

import (
	"fmt"
	"math"
	"time"
)

// Settings of discovery, elections, fault detection, publication and the gateway
// (org.elasticsearch.cluster.coordination, .discovery and .gateway of 8.19.0). All
// but the two Dynamic ones are read from elasticsearch.yml.
var (
	// InitialMasterNodes are the master-eligible nodes that form a new cluster.
	InitialMasterNodes = nodeList("cluster.initial_master_nodes")
	// SeedHosts are where discovery looks for other nodes.
	SeedHosts = nodeList("discovery.seed_hosts")
	// DiscoveryType is "multi-node" or "single-node".
	DiscoveryType = nodeEnum("discovery.type", "multi-node", Node,
		func(_, text string) error { return fmt.Errorf("Unknown discovery type [%s]", text) },
		"multi-node", "single-node")

	FindPeersInterval             = nodeTime("discovery.find_peers_interval", "1s", time.Millisecond, NoTimeLimit)
	RequestPeersTimeout           = nodeTime("discovery.request_peers_timeout", "3s", time.Millisecond, NoTimeLimit)
	ProbeConnectTimeout           = nodeTime("discovery.probe.connect_timeout", "30s", time.Millisecond, NoTimeLimit)
	UnconfiguredBootstrapWait     = nodeTime("discovery.unconfigured_bootstrap_timeout", "3s", time.Millisecond, NoTimeLimit)
	ElectionInitialTimeout        = nodeTime("cluster.election.initial_timeout", "100ms", time.Millisecond, 10*time.Second)
	ElectionBackOffTime           = nodeTime("cluster.election.back_off_time", "100ms", time.Millisecond, time.Minute)
	ElectionMaxTimeout            = nodeTime("cluster.election.max_timeout", "10s", 200*time.Millisecond, 600*time.Second)
	ElectionDuration              = nodeTime("cluster.election.duration", "500ms", time.Millisecond, 600*time.Second)
	FollowerCheckInterval         = nodeTime("cluster.fault_detection.follower_check.interval", "1s", 100*time.Millisecond, NoTimeLimit)
	FollowerCheckTimeout          = nodeTime("cluster.fault_detection.follower_check.timeout", "10s", time.Millisecond, NoTimeLimit)
	FollowerCheckRetryCount       = nodeInt("cluster.fault_detection.follower_check.retry_count", "3", 1)
	LeaderCheckInterval           = nodeTime("cluster.fault_detection.leader_check.interval", "1s", 100*time.Millisecond, NoTimeLimit)
	LeaderCheckTimeout            = nodeTime("cluster.fault_detection.leader_check.timeout", "10s", time.Millisecond, NoTimeLimit)
	LeaderCheckRetryCount         = nodeInt("cluster.fault_detection.leader_check.retry_count", "3", 1)
	FollowerLagTimeout            = nodeTime("cluster.follower_lag.timeout", "90s", time.Millisecond, NoTimeLimit)
	PublishTimeout                = nodeTime("cluster.publish.timeout", "30s", time.Millisecond, NoTimeLimit)
	PublishInfoTimeout            = nodeTime("cluster.publish.info_timeout", "10s", time.Millisecond, NoTimeLimit)
	NodesReconnectInterval        = nodeTime("cluster.nodes.reconnect_interval", "10s", 0, NoTimeLimit)
	ExpectedDataNodes             = nodeInt("gateway.expected_data_nodes", "-1", -1)
	RecoverAfterDataNodes         = nodeInt("gateway.recover_after_data_nodes", "-1", -1)
	RecoverAfterTime              = nodeTime("gateway.recover_after_time", "0ms", 0, NoTimeLimit)
	AutoShrinkVotingConfiguration = &Setting[bool]{
		key: "cluster.auto_shrink_voting_configuration", scope: Node | Dynamic, def: Fixed("true"), parse: ParseBool,
	}
	// NoMasterBlock says what is refused without a master: "all", "write" or
	// "metadata_write".
	NoMasterBlock = nodeEnum("cluster.no_master_block", "write", Node|Dynamic,
		func(_, text string) error {
			return fmt.Errorf("invalid no-master block [%s], must be one of [all, write, metadata_write]", text)
		},
		"all", "write", "metadata_write")
)

func nodeTime(key, def string, lo, hi time.Duration) *Setting[time.Duration] {
	return &Setting[time.Duration]{key: key, scope: Node, def: Fixed(def), parse: ParseTimeIn(lo, hi)}
}

func nodeInt(key, def string, lo int) *Setting[int] {
	return &Setting[int]{key: key, scope: Node, def: Fixed(def), parse: ParseInt(lo, math.MaxInt32)}
}

func nodeList(key string) *Setting[[]string] {
	return &Setting[[]string]{key: key, scope: Node, def: Fixed("[]"), parse: ParseList}
}

func nodeEnum(key, def string, scope Scope, unknown func(key, text string) error, names ...string) *Setting[string] {
	return &Setting[string]{key: key, scope: scope, def: Fixed(def), parse: ParseEnum(unknown, names...)}
}
