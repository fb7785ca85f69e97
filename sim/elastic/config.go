package elastic

import (
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/calibration"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Distribution is which Elasticsearch the nodes run.
type Distribution string

// The distributions: what people run, and the server alone.
const (
	DefaultDistribution Distribution = "default"
	MinimalDistribution Distribution = "minimal"
)

// Config describes a cluster before its first start.
type Config struct {
	Engine  *sim.Engine
	Network *sim.Network
	// ClusterName defaults to "shardquake".
	ClusterName string
	Nodes       []NodeConfig
	// Calibration holds what depends on the machine; the zero value means
	// [calibration.Default].
	Calibration calibration.Constants
	// Distribution is what the nodes run; "" is [DefaultDistribution].
	Distribution Distribution
	// Ageing makes the service that has a master age indices by their policies; nil: none does.
	Ageing func(m *Master) Follower
	// InUse is told of settings that requests have put into force; nil: nobody is.
	InUse func(keys []string)
	// Persistent are cluster settings in force from the first state on.
	Persistent settings.Settings
}

// NodeConfig describes a machine and the node that runs on it.
type NodeConfig struct {
	Name string
	// ID is the persistent node id, 22 characters; "" takes one from the seed.
	ID string
	// Roles are sorted; nil means data and master.
	Roles      []string
	Attributes []state.Attribute
	// Release is what the node runs; 0: what is modelled.
	Release state.Release
	// Settings is the node's elasticsearch.yml.
	Settings settings.Settings
	// DiskBytes is the size of the data path; 0 means 1 TiB.
	DiskBytes int64
	// DiskReadBPS and DiskWriteBPS are bytes per second; 0 means unlimited.
	DiskReadBPS, DiskWriteBPS int64
	// NetworkBPS is bytes per second each way; 0 means unlimited.
	NetworkBPS int64
	// Latency is one way between the node and the middle of the network.
	Latency time.Duration
	// HeapBytes defaults to 512 MiB, CPUs to 2.
	HeapBytes int64
	CPUs      int
	// Late keeps the node out of [Cluster.Start]: it is started by
	// [Cluster.StartNode] as a newcomer that joins.
	Late bool
}
