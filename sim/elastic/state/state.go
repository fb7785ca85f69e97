package state

import (
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// Node is a member of the cluster (DiscoveryNode).
type Node struct {
	ID          string // persistent, 22 characters as Elasticsearch's
	EphemeralID string // new at every start of the process
	Name        string
	Host        string // host name
	Address     string // "127.0.0.1:9300"
	Attributes  []Attribute
	Roles       []string // sorted
	Release     Release  // what it runs
}

// Version is what the node runs.
func (n *Node) Version() string { return n.Release.String() }

// Attribute is a node attribute, such as zone=a. A node lists them by name.
type Attribute struct{ Name, Value string }

// Attribute returns a node attribute's value and whether the node has it.
func (n *Node) Attribute(name string) (string, bool) {
	for _, a := range n.Attributes {
		if a.Name == name {
			return a.Value, true
		}
	}
	return "", false
}

// HasRole reports whether the node has a role such as "data" or "master".
func (n *Node) HasRole(role string) bool { return slices.Contains(n.Roles, role) }

// CanContainData reports whether copies may live on the node
// (DiscoveryNode.canContainData).
func (n *Node) CanContainData() bool { return slices.ContainsFunc(n.Roles, dataRole) }

// DedicatedFrozen reports whether the node holds frozen data only.
func (n *Node) DedicatedFrozen() bool {
	return n.HasRole("data_frozen") && !slices.ContainsFunc(n.Roles, func(r string) bool { return r != "data_frozen" && dataRole(r) })
}

func dataRole(r string) bool { return r == "data" || len(r) > 5 && r[:5] == "data_" }

// Index is an index's metadata (IndexMetadata).
type Index struct {
	Name         string
	UUID         string
	CreationDate int64 // milliseconds since 1970
	Shards       int
	Replicas     int
	Settings     settings.Settings // "index." keys
	Mapping      []byte            // JSON object, with what stands beside its properties; nil: none
	System       bool
	// Closed indices are allocated and replicated, and nobody reads or writes them.
	Closed bool
	// PrimaryTerms by shard number; a promotion raises the shard's.
	PrimaryTerms []int64
	// InSync holds, by shard number, the allocation ids that may be promoted, sorted.
	InSync [][]string
	// Aliases by name.
	Aliases []Alias
	// Version, MappingVersion, SettingsVersion, AliasesVersion count changes.
	Version, MappingVersion, SettingsVersion, AliasesVersion int64
	// ForecastWriteLoad per copy and ForecastShardBytes; nil: no forecast.
	ForecastWriteLoad  *float64
	ForecastShardBytes *int64
	// Restored says from which snapshot the index came; nil: it was created.
	Restored *Restored
	// Rollovers are the names that were rolled over from this index, oldest first.
	Rollovers []Rollover
	// Lifecycle is how far the index is in its policy; nil: it has not begun.
	Lifecycle *Lifecycle
}

// OpenOrClosed is the index's state as Elasticsearch's APIs name it.
func (m *Index) OpenOrClosed() string {
	if m.Closed {
		return "close"
	}
	return "open"
}

// Rollover notes that a name stopped writing to an index, and why (RolloverInfo).
type Rollover struct {
	Name       string // of the alias or data stream
	Conditions []Condition
	AtMillis   int64
}

// Condition is a condition of a rollover with its value as it was given.
type Condition struct{ Name, Value string }

// Block keeps operations from the cluster or an index (ClusterBlock).
type Block struct {
	ID                      int
	Description             string
	Retryable               bool
	DisableStatePersistence bool
	Status                  int      // HTTP status of a refused request
	Levels                  []string // "read", "write", "metadata_read", "metadata_write"
	AllowReleaseResources   bool
}

// IndexBlocks are the blocks of one index.
type IndexBlocks struct {
	Index  string
	Blocks []Block
}

// Coordination is the part of the state that elections live on (CoordinationMetadata).
type Coordination struct {
	Term          int64
	LastCommitted []string // voting configuration: node ids, sorted
	LastAccepted  []string
	Exclusions    []string
	ExcludedNames []string // of nodes that are to be excluded when they join
}

// State is one version of the cluster state.
type State struct {
	ClusterName string
	ClusterUUID string
	Version     int64
	StateUUID   string
	Master      string  // node id; "" none
	Nodes       []*Node // by id
	Coordination
	Persistent settings.Settings
	Transient  settings.Settings
	// Indices in the order of the routing table.
	Indices []*Index
	Routing *RoutingTable
	Global  []Block
	Blocks  []IndexBlocks // by index name
	// Repositories by name, and the snapshots that are being taken, oldest first.
	Repositories []*Repository
	Snapshots    []*SnapshotInProgress
	// Shutdowns of nodes, in the order in which they were registered.
	Shutdowns []*Shutdown
	// Templates of new indices, and data streams, by name.
	Components      []*ComponentTemplate
	IndexTemplates  []*IndexTemplate
	LegacyTemplates []*LegacyTemplate
	DataStreams     []*DataStream
	// Policies of ageing indices, by name; AgeingStopped: none of them acts.
	Policies      []*Policy
	AgeingStopped bool
	// SnapshotPolicies by name; SnapshotPoliciesStopped: none of them acts.
	SnapshotPolicies        []*SnapshotPolicy
	SnapshotPoliciesStopped bool
	SnapshotRetentions      SnapshotRetentions
}

// Clone copies the state; what it refers to is shared.
func (s *State) Clone() *State {
	c := *s
	return &c
}

// Node finds a member by id, or nil.
func (s *State) Node(id string) *Node {
	i, ok := slices.BinarySearchFunc(s.Nodes, id, func(n *Node, id string) int {
		switch {
		case n.ID < id:
			return -1
		case n.ID > id:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return s.Nodes[i]
}

// NodeNamed finds a member by name, or nil.
func (s *State) NodeNamed(name string) *Node {
	for _, n := range s.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// Index finds an index's metadata by name, or nil.
func (s *State) Index(name string) *Index {
	for _, m := range s.Indices {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// Settings are the cluster-wide settings in force: transient over persistent.
// What stands in a node's elasticsearch.yml is below both and belongs to the node.
func (s *State) Settings() settings.Settings { return s.Persistent.Merged(s.Transient) }
