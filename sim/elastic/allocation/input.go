package allocation

import (
	"github.com/shardquake/shardquake/sim/elastic/allocation/given"
	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// What an allocator is given, by the names that its callers know.
type (
	DiskUsage     = routing.DiskUsage
	ShardKey      = given.ShardKey
	ShardID       = given.ShardID
	NodeShard     = given.NodeShard
	Reservation   = given.Reservation
	ClusterInfo   = given.ClusterInfo
	Input         = given.Input
	StoredPrimary = given.StoredPrimary
	StoredReplica = given.StoredReplica
	ShardFetcher  = given.ShardFetcher
)

// Config is what a [Service] needs.
type Config struct {
	// NewAllocationID makes the id of a new allocation. Required.
	NewAllocationID func() string
	// NodeSettings are the master's elasticsearch.yml, below the cluster's settings.
	NodeSettings settings.Settings
	// Fetcher is asked about copies on disk. Required.
	Fetcher ShardFetcher
	// Mix draws the order in which a new routing table lists its n indices. In
	// Elasticsearch every instance of the table has an order of its own, by the random keys
	// of its hash map; nil keeps the order of the table before.
	Mix func(n int) []int
	// Tiers switches the deciders on that come with the default distribution, x-pack's.
	Tiers bool
}

// Failure is a copy that failed (FailedShard).
type Failure struct {
	Copy    *state.Copy
	Message string
	Error   string // exception text; "" none
	// MarkStale takes the copy out of the in-sync set: an operation was acked
	// without it.
	MarkStale bool
}

// Stale is an allocation id, of no copy in the routing table, that leaves the
// in-sync set (StaleShard).
type Stale struct {
	Index        string
	Shard        int
	AllocationID string
}
