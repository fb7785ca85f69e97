package controller

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/internal/clock"
)

// NodeStats is what a node says about itself.
type NodeStats struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Roles      []string `json:"roles,omitempty"`
	CPUPercent float64  `json:"cpu_percent"` // -1 unknown
	HeapUsed   int64    `json:"heap_used_bytes"`
	HeapMax    int64    `json:"heap_max_bytes"`
	DiskTotal  int64    `json:"disk_total_bytes"` // 0 unknown
	DiskFree   int64    `json:"disk_available_bytes"`
	// Bytes on the transport layer since the node started.
	TransportSent     int64 `json:"transport_sent_bytes"`
	TransportReceived int64 `json:"transport_received_bytes"`
	// DiskIOMillis is how long the disks were busy since the node started; 0 where the
	// node doesn't say.
	DiskIOMillis int64 `json:"disk_io_millis"`
}

// CopyStats are counters of one shard copy since it was started on its node.
type CopyStats struct {
	Index   string
	Shard   int
	Primary bool
	NodeID  string
	Bytes   int64
	Docs    int64
	// Operations and the time they took.
	Searches, Indexed         int64
	SearchMillis, IndexMillis int64
}

// GetNodeStats returns what the nodes say about themselves, sorted by name.
// Elasticsearch asks every node and waits for the silent ones.
func (c *Client) GetNodeStats(ctx context.Context) ([]NodeStats, error) {
	body, err := c.call(ctx, "nodes.stats", idempotent, func(ctx context.Context, t esapi.Transport) (*esapi.Response, error) {
		return esapi.NodesStatsRequest{Metric: []string{"os", "jvm", "fs", "transport"}, FilterPath: []string{
			"nodes.*.name", "nodes.*.roles", "nodes.*.os.cpu.percent", "nodes.*.jvm.mem.heap_used_in_bytes",
			"nodes.*.jvm.mem.heap_max_in_bytes", "nodes.*.fs.total.total_in_bytes", "nodes.*.fs.total.available_in_bytes",
			"nodes.*.fs.io_stats.total.io_time_in_millis",
			"nodes.*.transport.rx_size_in_bytes", "nodes.*.transport.tx_size_in_bytes",
		}}.Do(ctx, t)
	})
	if err != nil {
		return nil, err
	}
	return parseNodeStats(body)
}

func parseNodeStats(body []byte) ([]NodeStats, error) {
	var a struct {
		Nodes map[string]struct {
			Name  string   `json:"name"`
			Roles []string `json:"roles"`
			OS    struct {
				CPU struct {
					Percent *float64 `json:"percent"`
				} `json:"cpu"`
			} `json:"os"`
			JVM struct {
				Mem struct {
					Used int64 `json:"heap_used_in_bytes"`
					Max  int64 `json:"heap_max_in_bytes"`
				} `json:"mem"`
			} `json:"jvm"`
			FS struct {
				Total struct {
					Total     int64 `json:"total_in_bytes"`
					Available int64 `json:"available_in_bytes"`
				} `json:"total"`
				IO struct {
					Total struct {
						Millis int64 `json:"io_time_in_millis"`
					} `json:"total"`
				} `json:"io_stats"`
			} `json:"fs"`
			Transport struct {
				RX int64 `json:"rx_size_in_bytes"`
				TX int64 `json:"tx_size_in_bytes"`
			} `json:"transport"`
		} `json:"nodes"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("node stats: %w", err)
	}
	out := make([]NodeStats, 0, len(a.Nodes))
	for _, id := range slices.Sorted(maps.Keys(a.Nodes)) {
		n := a.Nodes[id]
		s := NodeStats{
			ID: id, Name: n.Name, Roles: n.Roles, CPUPercent: unknown, HeapUsed: n.JVM.Mem.Used, HeapMax: n.JVM.Mem.Max,
			DiskTotal: n.FS.Total.Total, DiskFree: n.FS.Total.Available, DiskIOMillis: n.FS.IO.Total.Millis,
			TransportSent: n.Transport.TX, TransportReceived: n.Transport.RX,
		}
		if n.OS.CPU.Percent != nil {
			s.CPUPercent = *n.OS.CPU.Percent
		}
		out = append(out, s)
	}
	slices.SortStableFunc(out, func(a, b NodeStats) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// GetCopyStats returns the counters of every shard copy, grouped by index.
func (c *Client) GetCopyStats(ctx context.Context) ([]CopyStats, error) {
	body, err := c.call(ctx, "indices.stats", idempotent, func(ctx context.Context, t esapi.Transport) (*esapi.Response, error) {
		return esapi.IndicesStatsRequest{Metric: []string{"docs", "store", "search", "indexing"}, Level: "shards", FilterPath: []string{
			"indices.*.shards.*.routing.primary", "indices.*.shards.*.routing.node", "indices.*.shards.*.docs.count",
			"indices.*.shards.*.store.size_in_bytes", "indices.*.shards.*.search.query_total", "indices.*.shards.*.search.query_time_in_millis",
			"indices.*.shards.*.indexing.index_total", "indices.*.shards.*.indexing.index_time_in_millis",
		}}.Do(ctx, t)
	})
	if err != nil {
		return nil, err
	}
	return parseCopyStats(body)
}

func parseCopyStats(body []byte) ([]CopyStats, error) {
	type copyAnswer struct {
		Routing struct {
			Primary bool   `json:"primary"`
			Node    string `json:"node"`
		} `json:"routing"`
		Docs struct {
			Count int64 `json:"count"`
		} `json:"docs"`
		Store struct {
			Size int64 `json:"size_in_bytes"`
		} `json:"store"`
		Search struct {
			Total  int64 `json:"query_total"`
			Millis int64 `json:"query_time_in_millis"`
		} `json:"search"`
		Indexing struct {
			Total  int64 `json:"index_total"`
			Millis int64 `json:"index_time_in_millis"`
		} `json:"indexing"`
	}
	var a struct {
		Indices map[string]struct {
			Shards map[string][]copyAnswer `json:"shards"`
		} `json:"indices"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("shard stats: %w", err)
	}
	var out []CopyStats
	for _, index := range slices.Sorted(maps.Keys(a.Indices)) {
		shards := a.Indices[index].Shards
		for _, key := range slices.Sorted(maps.Keys(shards)) {
			shard, err := strconv.Atoi(key)
			if err != nil {
				return nil, fmt.Errorf("shard stats of %s: shard %q: %w", index, key, err)
			}
			for _, s := range shards[key] {
				out = append(out, CopyStats{
					Index: index, Shard: shard, Primary: s.Routing.Primary, NodeID: s.Routing.Node, Bytes: s.Store.Size, Docs: s.Docs.Count,
					Searches: s.Search.Total, Indexed: s.Indexing.Total, SearchMillis: s.Search.Millis, IndexMillis: s.Indexing.Millis,
				})
			}
		}
	}
	return out, nil
}

// copyKey identifies a copy on a node.
type copyKey struct {
	index string
	shard int
	node  string // name
}

// loadMeter measures rates and latencies as differences between two looks at the
// counters. It is used by one process at a time.
type loadMeter struct {
	client *Client
	clock  clock.Clock
	log    logger

	known  bool
	at     time.Duration
	last   map[copyKey]CopyStats
	failed bool // said so already
}

// add fills in loads, disks and sizes. What can't be had stays zero, with LoadKnown
// false; that is said once in the log, and again when it works.
func (m *loadMeter) add(ctx context.Context, obs *policy.Observation, needs policy.Needs) {
	nodes, err := m.client.GetNodeStats(ctx)
	if err == nil {
		addNodes(obs, nodes)
		if needs.Load || needs.Bytes {
			err = m.addCopies(ctx, obs, nodes)
		}
	}
	switch {
	case err != nil && !m.failed:
		m.log.warnf(ctx, "Load of shards and nodes is not known: %v", err)
	case err == nil && m.failed:
		m.log.infof(ctx, "Load of shards and nodes is known again")
	}
	m.failed = err != nil
}

// addNodes completes the list of nodes by those without shards, and their figures.
func addNodes(obs *policy.Observation, stats []NodeStats) {
	at := make(map[string]int, len(obs.Nodes))
	for i, n := range obs.Nodes {
		at[n.Name] = i
	}
	for _, s := range stats {
		i, ok := at[s.Name]
		if !ok {
			if !holdsData(s.Roles) {
				continue
			}
			i = len(obs.Nodes)
			obs.Nodes = append(obs.Nodes, policy.Node{Name: s.Name})
		}
		n := &obs.Nodes[i]
		n.CPUPercent = max(0, s.CPUPercent)
		n.DiskTotal = s.DiskTotal
		n.DiskUsed = s.DiskTotal - s.DiskFree
	}
	slices.SortStableFunc(obs.Nodes, func(a, b policy.Node) int { return cmp.Compare(a.Name, b.Name) })
	obs.DataNodes = max(obs.DataNodes, len(obs.Nodes))
}

// holdsData reports whether a node with these roles can hold shards. Roles that the
// answer didn't contain count as yes.
func holdsData(roles []string) bool {
	return len(roles) == 0 || slices.ContainsFunc(roles, func(r string) bool { return r == "data" || len(r) > 5 && r[:5] == "data_" })
}

// addCopies fills in sizes and, from the second look on, rates and latencies.
func (m *loadMeter) addCopies(ctx context.Context, obs *policy.Observation, nodes []NodeStats) error {
	at := m.clock.Monotonic()
	stats, err := m.client.GetCopyStats(ctx)
	if err != nil {
		m.known = false
		return err
	}
	names := make(map[string]string, len(nodes))
	for _, n := range nodes {
		names[n.ID] = n.Name
	}
	seen := make(map[copyKey]CopyStats, len(stats))
	for _, s := range stats {
		seen[copyKey{s.Index, s.Shard, names[s.NodeID]}] = s
	}
	window := at - m.at
	obs.LoadKnown = m.known && window > 0
	obs.Window = window
	byName := make(map[string]*policy.Node, len(obs.Nodes))
	for i := range obs.Nodes {
		byName[obs.Nodes[i].Name] = &obs.Nodes[i]
	}
	for i := range obs.Copies {
		c := &obs.Copies[i]
		key := copyKey{c.Index, c.Shard, c.Node}
		now, ok := seen[key]
		if !ok {
			continue
		}
		c.Bytes = now.Bytes
		if before, had := m.last[key]; obs.LoadKnown && had {
			c.QPS, c.Latency = rate(before, now, window)
		}
		if n := byName[c.Node]; n != nil {
			n.Bytes += c.Bytes
			n.QPS += c.QPS
		}
	}
	m.known, m.at, m.last = true, at, seen
	return nil
}

// rate is the operations per second and their mean time between two looks. Counters
// that went back (the copy started anew) give nothing.
func rate(before, now CopyStats, window time.Duration) (qps float64, latency time.Duration) {
	ops := now.Searches + now.Indexed - before.Searches - before.Indexed
	millis := now.SearchMillis + now.IndexMillis - before.SearchMillis - before.IndexMillis
	if ops <= 0 || millis < 0 || now.Searches < before.Searches || now.Indexed < before.Indexed {
		return 0, 0
	}
	return float64(ops) / window.Seconds(), time.Duration(millis) * time.Millisecond / time.Duration(ops)
}
