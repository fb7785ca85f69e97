package controller

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// NodeStats is what a node says about itself.
type NodeStats struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Roles []string `json:"roles,omitempty"`
	// Attributes are those that an operator gave the node, such as its zone.
	Attributes map[string]string `json:"attributes,omitempty"`
	CPUPercent float64           `json:"cpu_percent"` // -1 unknown
	HeapUsed   int64             `json:"heap_used_bytes"`
	HeapMax    int64             `json:"heap_max_bytes"`
	DiskTotal  int64             `json:"disk_total_bytes"` // 0 unknown
	DiskFree   int64             `json:"disk_available_bytes"`
	// Bytes on the transport layer since the node started.
	TransportSent     int64 `json:"transport_sent_bytes"`
	TransportReceived int64 `json:"transport_received_bytes"`
	// DiskIOMillis is how long the disks were busy since the node started; 0 where the
	// node doesn't say.
	DiskIOMillis int64 `json:"disk_io_millis"`
}

// GetNodeStats returns what the nodes say about themselves, sorted by name.
// Elasticsearch asks every node and waits for the silent ones.
func (c *Client) GetNodeStats(ctx context.Context) ([]NodeStats, error) {
	body, err := c.call(ctx, "nodes.stats", idempotent, get("_nodes", "stats", "os,jvm,fs,transport").list("filter_path",
		"nodes.*.name", "nodes.*.roles", "nodes.*.attributes", "nodes.*.os.cpu.percent", "nodes.*.jvm.mem.heap_used_in_bytes",
		"nodes.*.jvm.mem.heap_max_in_bytes", "nodes.*.fs.total.total_in_bytes", "nodes.*.fs.total.available_in_bytes",
		"nodes.*.fs.io_stats.total.io_time_in_millis",
		"nodes.*.transport.rx_size_in_bytes", "nodes.*.transport.tx_size_in_bytes",
	))
	if err != nil {
		return nil, err
	}
	return parseNodeStats(body)
}

func parseNodeStats(body []byte) ([]NodeStats, error) {
	var a struct {
		Nodes map[string]struct {
			Name       string            `json:"name"`
			Roles      []string          `json:"roles"`
			Attributes map[string]string `json:"attributes"`
			OS         struct {
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
			ID: id, Name: n.Name, Roles: n.Roles, Attributes: n.Attributes, CPUPercent: unknown, HeapUsed: n.JVM.Mem.Used, HeapMax: n.JVM.Mem.Max,
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
