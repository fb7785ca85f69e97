package controller

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/internal/clock"
)

// copyKey identifies a copy on a node.
type copyKey struct {
	index string
	shard int
	node  string
}

// load is one look at the details of all copies and nodes, with the rates since
// the look before.
type load struct {
	at     time.Duration // monotonic
	wall   time.Time
	shards []ShardInfo
	nodes  []NodeStats
	before *load // nil at the first look; its own before is cut off
}

// window is the time over which rates are measured; 0 when there are none.
func (l *load) window() time.Duration {
	if l.before == nil {
		return 0
	}
	return l.at - l.before.at
}

// loadMeter looks at details and shares what it sees between the controller's
// loops: it is the heaviest call of all, and rates need some time between looks.
type loadMeter struct {
	client *Client
	clock  clock.Clock
	// perCopy stretches the time between looks on large clusters, where each costs more.
	perCopy time.Duration
	lock    clock.Mutex // held over the calls

	mu   sync.Mutex
	last *load
}

func newLoadMeter(client *Client, clk clock.Clock) *loadMeter {
	return &loadMeter{client: client, clock: clk, lock: clk.NewMutex()}
}

// get returns a look that is younger than maxAge, a new one if need be.
func (m *loadMeter) get(ctx context.Context, maxAge time.Duration) (*load, error) {
	if err := m.lock.Lock(ctx); err != nil {
		return nil, err
	}
	defer m.lock.Unlock()
	before := m.latest()
	now := &load{at: m.clock.Monotonic(), wall: m.clock.Now().UTC()}
	if before != nil && maxAge > 0 && now.at-before.at < max(maxAge, time.Duration(len(before.shards))*m.perCopy) {
		return before, nil
	}
	var err error
	if now.shards, err = m.client.GetShardDetails(ctx); err != nil {
		return nil, fmt.Errorf("shard details: %w", err)
	}
	if now.nodes, err = m.client.GetNodeStats(ctx); err != nil {
		return nil, fmt.Errorf("node stats: %w", err)
	}
	if before != nil && now.at > before.at {
		cut := *before
		cut.before = nil
		now.before = &cut
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = now
	return now, nil
}

// latest is the last look, nil before the first.
func (m *loadMeter) latest() *load {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// detailed is a list of copies with what the last look saw of those that were where they
// are now. What it didn't see stays unknown.
func (m *loadMeter) detailed(shards []ShardInfo) []ShardInfo {
	seen := map[copyKey]ShardInfo{}
	if l := m.latest(); l != nil {
		for _, s := range l.shards {
			seen[copyKey{s.Index, s.Shard, s.Node}] = s
		}
	}
	out := append([]ShardInfo{}, shards...) // they are shared
	for i := range out {
		s := &out[i]
		d, ok := seen[copyKey{s.Index, s.Shard, s.Node}]
		if !ok || s.Node == "" || d.Primary != s.Primary {
			continue
		}
		s.Docs, s.StoreBytes = d.Docs, d.StoreBytes
		s.MaxSeqNo, s.LocalCheckpoint, s.GlobalCheckpoint = d.MaxSeqNo, d.LocalCheckpoint, d.GlobalCheckpoint
	}
	return out
}

// rates are operations per second and their mean time, by copy.
func (l *load) rates() map[copyKey]copyRate {
	out := make(map[copyKey]copyRate, len(l.shards))
	var before map[copyKey]CopyCounters
	if l.before != nil && !sameShards(l.before.shards, l.shards) {
		before = make(map[copyKey]CopyCounters, len(l.before.shards))
		for _, s := range l.before.shards {
			before[copyKey{s.Index, s.Shard, s.Node}] = s.Counters
		}
	}
	for _, s := range l.shards {
		key := copyKey{s.Index, s.Shard, s.Node}
		r := copyRate{bytes: max(0, s.StoreBytes)}
		if b, ok := before[key]; ok {
			r.ops, r.millis = since(b, s.Counters)
		}
		out[key] = r
	}
	return out
}

// sameShards reports whether two lists are the same one: the cluster's answer has not
// changed, so nothing has happened.
func sameShards(a, b []ShardInfo) bool { return len(a) > 0 && len(a) == len(b) && &a[0] == &b[0] }

// copyRate is what a copy did between two looks, and its size.
type copyRate struct {
	bytes  int64
	ops    int64
	millis int64
}

func (r copyRate) qps(window time.Duration) float64 {
	if window <= 0 {
		return 0
	}
	return float64(r.ops) / window.Seconds()
}

func (r copyRate) latency() time.Duration {
	if r.ops == 0 {
		return 0
	}
	return time.Duration(r.millis) * time.Millisecond / time.Duration(r.ops)
}

// since is what happened between two readings. Counters that went back belong to a
// copy that was started anew, and give nothing.
func since(before, now CopyCounters) (ops, millis int64) {
	reads, indexed := now.Reads-before.Reads, now.Indexed-before.Indexed
	millis = now.ReadMillis + now.IndexMillis - before.ReadMillis - before.IndexMillis
	if reads < 0 || indexed < 0 || millis < 0 {
		return 0, 0
	}
	return reads + indexed, millis
}

// describe fills the load into an observation.
func (l *load) describe(obs *policy.Observation) {
	addNodes(obs, l.nodes)
	obs.Window = l.window()
	obs.LoadKnown = obs.Window > 0
	byName := make(map[string]*policy.Node, len(obs.Nodes))
	for i := range obs.Nodes {
		byName[obs.Nodes[i].Name] = &obs.Nodes[i]
	}
	rates := l.rates()
	for i := range obs.Copies {
		c := &obs.Copies[i]
		r := rates[copyKey{c.Index, c.Shard, c.Node}]
		c.Bytes, c.QPS, c.Latency = r.bytes, r.qps(obs.Window), r.latency()
		if n := byName[c.Node]; n != nil {
			n.Bytes += c.Bytes
			n.QPS += c.QPS
		}
	}
}

// addNodes completes the list of nodes by those without shards, and their figures.
func addNodes(obs *policy.Observation, stats []NodeStats) {
	nodes := make(map[string]policy.Node, len(stats))
	for _, n := range obs.Nodes {
		nodes[n.Name] = n
	}
	for _, s := range stats {
		n, ok := nodes[s.Name]
		if !ok && !holdsData(s.Roles) {
			continue
		}
		n.Name, n.CPUPercent = s.Name, max(0, s.CPUPercent)
		n.DiskTotal, n.DiskUsed = s.DiskTotal, s.DiskTotal-s.DiskFree
		n.Roles, n.Attributes = s.Roles, s.Attributes
		nodes[s.Name] = n
	}
	obs.Nodes = obs.Nodes[:0:0]
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		obs.Nodes = append(obs.Nodes, nodes[name])
	}
	obs.DataNodes = max(obs.DataNodes, len(obs.Nodes))
}

// holdsData reports whether a node with these roles can hold shards. Roles that the
// answer didn't contain count as yes.
func holdsData(roles []string) bool {
	return len(roles) == 0 || slices.ContainsFunc(roles, func(r string) bool { return r == "data" || len(r) > 5 && r[:5] == "data_" })
}

// metrics gives the figures of nodes and indices.
func (l *load) metrics() ([]NodeMetrics, []IndexMetric) {
	return l.nodeMetrics(), l.indexMetrics()
}

func (l *load) nodeMetrics() []NodeMetrics {
	count := map[string]int{}
	for _, s := range l.shards {
		count[s.Node]++
	}
	before := map[string]NodeStats{}
	if l.before != nil {
		for _, n := range l.before.nodes {
			before[n.Name] = n
		}
	}
	seconds := l.window().Seconds()
	out := make([]NodeMetrics, 0, len(l.nodes))
	for _, n := range l.nodes {
		x := NodeMetrics{NodeStats: n, Shards: count[n.Name], SentPerSecond: unknown, ReceivedPerSecond: unknown, DiskBusyPercent: unknown}
		b, ok := before[n.Name]
		// Counters go back when a node starts anew.
		if ok && seconds > 0 && n.TransportSent >= b.TransportSent && n.TransportReceived >= b.TransportReceived && n.DiskIOMillis >= b.DiskIOMillis {
			x.SentPerSecond = float64(n.TransportSent-b.TransportSent) / seconds
			x.ReceivedPerSecond = float64(n.TransportReceived-b.TransportReceived) / seconds
			x.DiskBusyPercent = min(100, 100*float64(n.DiskIOMillis-b.DiskIOMillis)/(1000*seconds))
		}
		out = append(out, x)
	}
	return out
}

func (l *load) indexMetrics() []IndexMetric {
	rates, window := l.rates(), l.window()
	var out []IndexMetric
	for _, copies := range byIndex(l.shards) {
		x := IndexMetric{Index: copies[0].Index, Copies: len(copies), QPS: unknown, Latency: unknown}
		var sum copyRate
		for _, c := range copies {
			if c.Primary {
				x.Docs += max(0, c.Docs)
			}
			r := rates[copyKey{c.Index, c.Shard, c.Node}]
			x.StoreBytes += r.bytes
			sum.ops += r.ops
			sum.millis += r.millis
		}
		if window > 0 {
			x.QPS = sum.qps(window)
			if sum.ops > 0 {
				x.Latency = sum.latency()
			}
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b IndexMetric) int { return cmp.Compare(a.Index, b.Index) })
	return out
}
