package state

import "fmt"

// CopyState is the state of a shard copy in the routing table
// (org.elasticsearch.cluster.routing.ShardRoutingState).
type CopyState uint8

// The states of a copy.
const (
	Unassigned CopyState = iota
	Initializing
	Started
	Relocating
)

// String is Elasticsearch's name of the state.
func (s CopyState) String() string {
	return [...]string{"UNASSIGNED", "INITIALIZING", "STARTED", "RELOCATING"}[s]
}

// RecoverySource says where an unassigned or initializing copy gets its data
// (org.elasticsearch.cluster.routing.RecoverySource.Type).
type RecoverySource uint8

// The recovery sources.
const (
	NoSource RecoverySource = iota
	EmptyStore
	ExistingStore
	Peer
	Snapshot
	LocalShards
)

// String is Elasticsearch's name of the source; empty for [NoSource].
func (r RecoverySource) String() string {
	return [...]string{"", "EMPTY_STORE", "EXISTING_STORE", "PEER", "SNAPSHOT", "LOCAL_SHARDS"}[r]
}

// ForcedAllocationID stands in the in-sync set of a shard whose stale copy is being
// forced to primary, so that nothing else may become primary meanwhile.
const ForcedAllocationID = "_forced_allocation_"

// Reason says why a copy became unassigned
// (org.elasticsearch.cluster.routing.UnassignedInfo.Reason).
type Reason string

// The reasons.
const (
	IndexCreated          Reason = "INDEX_CREATED"
	ClusterRecovered      Reason = "CLUSTER_RECOVERED"
	IndexReopened         Reason = "INDEX_REOPENED"
	DanglingIndexImported Reason = "DANGLING_INDEX_IMPORTED"
	NewIndexRestored      Reason = "NEW_INDEX_RESTORED"
	ExistingIndexRestored Reason = "EXISTING_INDEX_RESTORED"
	ReplicaAdded          Reason = "REPLICA_ADDED"
	AllocationFailed      Reason = "ALLOCATION_FAILED"
	NodeLeft              Reason = "NODE_LEFT"
	RerouteCancelled      Reason = "REROUTE_CANCELLED"
	Reinitialized         Reason = "REINITIALIZED"
	ReallocatedReplica    Reason = "REALLOCATED_REPLICA"
	PrimaryFailed         Reason = "PRIMARY_FAILED"
	ForcedEmptyPrimary    Reason = "FORCED_EMPTY_PRIMARY"
	ManualAllocation      Reason = "MANUAL_ALLOCATION"
	IndexClosed           Reason = "INDEX_CLOSED"
	NodeRestarting        Reason = "NODE_RESTARTING"
	UnpromotableReplica   Reason = "UNPROMOTABLE_REPLICA"
)

// AllocationStatus says why the last attempt left the copy unassigned
// (UnassignedInfo.AllocationStatus); the texts are those of the REST API.
type AllocationStatus string

// The statuses.
const (
	NoAttempt         AllocationStatus = "no_attempt"
	DecidersNo        AllocationStatus = "no"
	NoValidShardCopy  AllocationStatus = "no_valid_shard_copy"
	DecidersThrottled AllocationStatus = "throttled"
	FetchingShardData AllocationStatus = "awaiting_info"
	DelayedAllocation AllocationStatus = "allocation_delayed"
)

// UnassignedInfo is why and since when a copy has no node. Initializing copies
// keep it until they have started.
type UnassignedInfo struct {
	Reason            Reason
	AtMillis          int64 // wall clock, milliseconds since 1970
	AtNanos           int64 // monotonic time of the master that made it, for the delay
	Delayed           bool
	FailedAllocations int
	FailedNodes       []string // ids, sorted
	LastNode          string   // id of the node it was last allocated to; "" none
	LastStatus        AllocationStatus
	Message           string // "" none
	Failure           string // exception text; "" none
}

// Copy is one shard copy (org.elasticsearch.cluster.routing.ShardRouting).
type Copy struct {
	Index   string
	Shard   int
	Primary bool
	State   CopyState
	// Node holds the copy; "" when unassigned.
	Node string
	// Other is the target of a RELOCATING copy, or the source of the INITIALIZING
	// target of a relocation; "" otherwise.
	Other string
	// AllocationID is this allocation of the copy; "" when unassigned.
	AllocationID string
	// OtherID is the target's allocation id on a RELOCATING copy, the source's on
	// the target of a relocation; "" otherwise.
	OtherID string
	// Source is where the data of an unassigned or initializing copy comes from.
	Source RecoverySource
	// ForceStale marks a recovery from the existing store that allocate_stale_primary
	// forced; while it runs the in-sync set is [ForcedAllocationID].
	ForceStale bool
	// Info is nil on copies that have started.
	Info *UnassignedInfo
	// ExpectedBytes is the size expected on the target while initializing or
	// relocating; -1 unknown.
	ExpectedBytes int64
	// RelocationFailures counts failed relocations in a row.
	RelocationFailures int
}

// Describe is the copy as Elasticsearch's messages show it (ShardRouting.toString).
func (c *Copy) Describe() string {
	kind := "R"
	if c.Primary {
		kind = "P"
	}
	return fmt.Sprintf("[%s][%d], node[%s], [%s], s[%s], a[id=%s]", c.Index, c.Shard, c.Node, kind, c.State, c.AllocationID)
}

// Active reports whether the copy serves: STARTED or RELOCATING.
func (c *Copy) Active() bool { return c.State == Started || c.State == Relocating }

// Assigned reports whether the copy has a node.
func (c *Copy) Assigned() bool { return c.State != Unassigned }

// IsRelocationTarget reports whether the copy is the initializing end of a relocation.
func (c *Copy) IsRelocationTarget() bool { return c.State == Initializing && c.Other != "" }

// Target is the initializing end of a RELOCATING copy, nil for others. It is
// derived, as in Elasticsearch: routing tables list only the relocating end.
func (c *Copy) Target() *Copy {
	if c.State != Relocating {
		return nil
	}
	return &Copy{
		Index: c.Index, Shard: c.Shard, Primary: c.Primary, State: Initializing,
		Node: c.Other, Other: c.Node, AllocationID: c.OtherID, OtherID: c.AllocationID,
		Source: Peer, ExpectedBytes: c.ExpectedBytes,
	}
}

// ShardTable is the copies of one shard (IndexShardRoutingTable). Order matters:
// a promotion takes the first active replica.
type ShardTable struct {
	Index  string
	Shard  int
	Copies []*Copy
}

// Primary returns the primary copy; every shard has exactly one, assigned or not.
func (t *ShardTable) Primary() *Copy {
	for _, c := range t.Copies {
		if c.Primary {
			return c
		}
	}
	return nil
}

// IndexTable is the shards of one index, by shard number.
type IndexTable struct {
	Index  string
	Shards []*ShardTable
}

// RoutingTable is every shard copy of the cluster. Indices stand in the table's
// iteration order, which in Elasticsearch is random per run and here comes from
// the caller (from a stream of the seed, or from a recorded case).
type RoutingTable struct {
	Version int64
	Indices []*IndexTable
}

// Index finds an index's table, or nil.
func (r *RoutingTable) Index(name string) *IndexTable {
	for _, t := range r.Indices {
		if t.Index == name {
			return t
		}
	}
	return nil
}

// Each calls f with every copy in the table's order, relocation targets excluded.
func (r *RoutingTable) Each(f func(*Copy)) {
	for _, idx := range r.Indices {
		for _, sh := range idx.Shards {
			for _, c := range sh.Copies {
				f(c)
			}
		}
	}
}

// On finds the copy, or relocation target, that a table has on a node.
func (t *ShardTable) On(node string) *Copy {
	for _, c := range t.Copies {
		if c.Node == node {
			return c
		}
		if c.State == Relocating && c.Other == node {
			return c.Target()
		}
	}
	return nil
}

// With finds the copy, or relocation target, with an allocation id.
func (t *ShardTable) With(id string) *Copy {
	for _, c := range t.Copies {
		if c.AllocationID == id {
			return c
		}
		if c.State == Relocating && c.OtherID == id {
			return c.Target()
		}
	}
	return nil
}
