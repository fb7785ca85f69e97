package controller

import "time"

// Metrics are the figures of the cluster at the levels of the user's documents:
// cluster, nodes, indices and shards.
type Metrics struct {
	// At is when details were last looked at; the numbers of copies are newer.
	At      time.Time     `json:"at"`
	Cluster ClusterHealth `json:"cluster"`
	Nodes   []NodeMetrics `json:"nodes"`
	Indices []IndexMetric `json:"indices"`
	// Shards are the copies with documents, sizes and sequence numbers.
	Shards []ReplicaHealth `json:"shards"`
}

// NodeMetrics are a node's figures.
type NodeMetrics struct {
	NodeStats
	Shards int `json:"shards"`
	// Bytes per second on the transport layer since the last look; -1 unknown.
	SentPerSecond     float64 `json:"transport_sent_bytes_per_second"`
	ReceivedPerSecond float64 `json:"transport_received_bytes_per_second"`
	// DiskBusyPercent of the time since the last look; -1 unknown.
	DiskBusyPercent float64 `json:"disk_busy_percent"`
}

// IndexMetric are an index's figures.
type IndexMetric struct {
	Index      string        `json:"index"`
	Copies     int           `json:"copies"`
	Docs       int64         `json:"docs"`        // of the primaries
	StoreBytes int64         `json:"store_bytes"` // of all copies
	QPS        float64       `json:"qps"`         // searches and index operations per second; -1 unknown
	Latency    time.Duration `json:"latency_ns"`  // mean; -1 unknown
}
