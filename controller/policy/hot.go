package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// HotLimits say when a shard or a node is hot; zero values mean the defaults, those
// of the user's documents.
type HotLimits struct {
	// QPSFactor: a shard is hot above this many times the mean rate of all. Default 2.
	QPSFactor float64
	// MinQPS is the rate below which nothing is hot, however idle the rest. Default 10.
	MinQPS float64
	// CPUPercent: a node is hot above it. Default 80.
	CPUPercent float64
	// LatencyFactor: a shard is hot above this many times the 95th percentile of the
	// others' mean latencies. Default 1.5. (Of fewer than twenty shards the slowest is the
	// 95th percentile of all, itself included, and nothing is ever above that.)
	LatencyFactor float64
}

func (l HotLimits) withDefaults() HotLimits {
	for _, d := range []struct {
		field *float64
		value float64
	}{{&l.QPSFactor, 2}, {&l.MinQPS, 10}, {&l.CPUPercent, 80}, {&l.LatencyFactor, 1.5}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return l
}

// Hot is what is hot, hottest first.
type Hot struct {
	Shards []HotShard
	Nodes  []HotNode
}

// HotShard is a copy that gets more than its share.
type HotShard struct {
	Copy   Copy
	Reason string
}

// HotNode is a node whose processors are busy.
type HotNode struct {
	Node   Node
	Reason string
}

// Any reports whether anything is hot.
func (h Hot) Any() bool { return len(h.Shards)+len(h.Nodes) > 0 }

// String names the first few.
func (h Hot) String() string {
	const shown = 3
	var parts []string
	for _, s := range h.Shards[:min(shown, len(h.Shards))] {
		parts = append(parts, fmt.Sprintf("%s[%d] on %s is hot: %s", s.Copy.Index, s.Copy.Shard, s.Copy.Node, s.Reason))
	}
	for _, n := range h.Nodes[:min(shown, len(h.Nodes))] {
		parts = append(parts, fmt.Sprintf("node %s is hot: %s", n.Node.Name, n.Reason))
	}
	if more := len(h.Shards) + len(h.Nodes) - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("%d more", more))
	}
	return strings.Join(parts, "; ")
}

// FindHot looks for hot shards and nodes. Without measured load there are none.
func FindHot(o Observation, limits HotLimits) Hot {
	var h Hot
	if !o.LoadKnown {
		return h
	}
	l := limits.withDefaults()
	h.Nodes = hotNodes(o.Nodes, l)
	h.Shards = hotShards(o.Copies, l)
	return h
}

func hotNodes(nodes []Node, l HotLimits) []HotNode {
	var hot []HotNode
	for _, n := range nodes {
		if n.CPUPercent > l.CPUPercent {
			hot = append(hot, HotNode{n, fmt.Sprintf("CPU %s%% above %s%%", format(n.CPUPercent), format(l.CPUPercent))})
		}
	}
	slices.SortStableFunc(hot, func(a, b HotNode) int { return descending(a.Node.CPUPercent, b.Node.CPUPercent) })
	return hot
}

func hotShards(copies []Copy, l HotLimits) []HotShard {
	if len(copies) == 0 {
		return nil
	}
	var sum float64
	var latencies []time.Duration
	for _, c := range copies {
		sum += c.QPS
		if c.Latency > 0 {
			latencies = append(latencies, c.Latency)
		}
	}
	mean := sum / float64(len(copies))
	slices.Sort(latencies)
	var hot []HotShard
	for _, c := range copies {
		p95 := percentile95Without(latencies, c.Latency)
		limit := time.Duration(float64(p95) * l.LatencyFactor)
		var reasons []string
		if c.QPS >= l.MinQPS && c.QPS > float64(mean*l.QPSFactor) {
			reasons = append(reasons, fmt.Sprintf("%s operations/s, more than %s times the mean of %s", format(c.QPS), format(l.QPSFactor), format(mean)))
		}
		if c.QPS >= l.MinQPS && p95 > 0 && c.Latency > limit {
			reasons = append(reasons, fmt.Sprintf("latency %v, more than %s times the others' 95th percentile of %v", c.Latency, format(l.LatencyFactor), p95))
		}
		if len(reasons) > 0 {
			hot = append(hot, HotShard{c, strings.Join(reasons, " and ")})
		}
	}
	slices.SortStableFunc(hot, func(a, b HotShard) int { return descending(a.Copy.QPS, b.Copy.QPS) })
	return hot
}

func descending(a, b float64) int {
	switch {
	case a > b:
		return -1
	case a < b:
		return 1
	}
	return 0
}

// percentile95Without is the nearest-rank 95th percentile of sorted durations without one
// of them; 0 of nothing.
func percentile95Without(sorted []time.Duration, one time.Duration) time.Duration {
	at, found := slices.BinarySearch(sorted, one)
	n := len(sorted)
	if found {
		n--
	}
	if n == 0 {
		return 0
	}
	rank := (n*95 + 99) / 100 // the first is 1
	if found && at < rank {
		rank++
	}
	return sorted[rank-1]
}
