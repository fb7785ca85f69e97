package allocation

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/shardquake/shardquake/internal/cputime"
	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// benchmarkSize is a cluster with the CPU time that Elasticsearch 8.19.0 took for it on
// two cores like CI's.
type benchmarkSize struct {
	nodes, copies   int
	compute, plain  float64 // seconds, fresh indices
	onlyWhenAskedTo bool
}

var benchmarkSizes = []benchmarkSize{
	{50, 2_000, 0.24, 0.03, false},
	{100, 10_000, 3.8, 0.24, false},
	{500, 50_000, 99, 6.6, false},
	{1_000, 100_000, 400, 23, true},
}

// benchmarkState is a cluster of fresh indices of five shards with a replica.
func benchmarkState(nodes, copies int) *state.State { return benchmarkStateOf(nodes, copies, 5) }

func benchmarkStateOf(nodes, copies, shards int) *state.State {
	st := &state.State{Routing: &state.RoutingTable{}}
	for i := range nodes {
		st.Nodes = append(st.Nodes, benchmarkNode(i))
	}
	for i := range copies / (2 * shards) {
		st = AddIndex(st, &state.Index{
			Name: fmt.Sprintf("logs-%05d", i), UUID: fmt.Sprintf("uuid%018d", i), CreationDate: 1_700_000_000_000 + int64(i), Shards: shards, Replicas: 1,
			PrimaryTerms: make([]int64, shards), InSync: make([][]string, shards),
		}, i, state.IndexCreated, Input{})
	}
	return st
}

// placedState is the same cluster with all copies started where the balancer wants them.
func placedState(nodes, copies int) *state.State { return placedStateOf(nodes, copies, 5) }

func placedStateOf(nodes, copies, shards int) *state.State {
	st := benchmarkStateOf(nodes, copies, shards)
	s := benchmarkService()
	s.Reroute(st, Input{})
	s.Compute()
	for i, t := range st.Routing.Indices {
		for _, sh := range t.Shards {
			a, _ := s.Desired(st.Indices[i], sh.Shard)
			for k, c := range sh.Copies {
				*c = state.Copy{
					Index: c.Index, Shard: c.Shard, Primary: c.Primary, State: state.Started, Node: a.Nodes[k],
					AllocationID: fmt.Sprintf("%s-%d-%d", c.Index, c.Shard, k), ExpectedBytes: -1,
				}
			}
		}
	}
	return st
}

func benchmarkNode(i int) *state.Node {
	id := fmt.Sprintf("node%018d", i)
	return &state.Node{ID: id, EphemeralID: id, Name: id, Host: "10.0.0.1", Address: "10.0.0.1:9300", Roles: []string{"data"}}
}

// nothingOnDisk answers that no node holds anything.
type nothingOnDisk struct{}

func (nothingOnDisk) Primaries(string, int) ([]StoredPrimary, bool) { return nil, true }
func (nothingOnDisk) Stores(string, int) ([]StoredReplica, bool)    { return nil, true }

func benchmarkService() *Service {
	n := 0
	return New(Config{NewAllocationID: func() string { n++; return strconv.Itoa(n) }, Fetcher: nothingOnDisk{}})
}

// withForecasts is a state whose indices have the write loads and sizes that data
// streams forecast for a new backing index, each its own.
func withForecasts(st *state.State) *state.State {
	st = st.Clone()
	st.Indices = slices.Clone(st.Indices)
	r := rand.New(rand.NewPCG(1, 2))
	for i, m := range st.Indices {
		c := *m
		load, bytes := 2*r.Float64(), r.Int64N(1<<33)
		c.ForecastWriteLoad, c.ForecastShardBytes = &load, &bytes
		st.Indices[i] = &c
	}
	return st
}

// withDisks is what the polls of disks and sizes tell of a state: disks of 100 TB that are half full,
// and sizes that differ from shard to shard.
func withDisks(st *state.State) Input {
	in := Input{Info: &ClusterInfo{
		Nodes: make(map[string]routing.DiskUsage), ShardBytes: make(map[ShardKey]int64), DataPaths: make(map[NodeShard]string),
	}}
	for i, n := range st.Nodes {
		in.Info.Nodes[n.ID] = routing.DiskUsage{Path: "/data", TotalBytes: 100 << 40, FreeBytes: (50<<40 + int64(i%7)<<30)}
	}
	for _, t := range st.Routing.Indices {
		for _, sh := range t.Shards {
			for _, primary := range []bool{true, false} {
				in.Info.ShardBytes[ShardKey{Index: t.Index, Shard: sh.Shard, Primary: primary}] = int64((sh.Shard*31+len(in.Info.ShardBytes))%997) << 20
			}
			for _, c := range sh.Copies {
				if c.Assigned() {
					in.Info.DataPaths[NodeShard{Node: c.Node, Index: t.Index, Shard: sh.Shard}] = "/data"
				}
			}
		}
	}
	return in
}

func BenchmarkAllocation(b *testing.B) {
	for _, size := range benchmarkSizes {
		if size.onlyWhenAskedTo && os.Getenv("SHARDQUAKE_LARGE_BENCHMARKS") == "" {
			continue
		}
		name := fmt.Sprintf("%dx%d", size.nodes, size.copies)
		fresh := benchmarkState(size.nodes, size.copies)
		placed := placedState(size.nodes, size.copies)
		joined := placedState(size.nodes-1, size.copies)
		joined.Nodes = append(joined.Nodes, benchmarkNode(size.nodes-1))
		for _, v := range []struct {
			name  string
			of    func(*state.State) *state.State
			input func(*state.State) Input
		}{
			{"", func(st *state.State) *state.State { return st }, func(*state.State) Input { return Input{} }},
			{"forecasts,", withForecasts, func(*state.State) Input { return Input{} }},
			{"disks,", func(st *state.State) *state.State { return st }, withDisks},
			{"forecasts+disks,", withForecasts, withDisks},
		} {
			fresh, placed, joined := v.of(fresh), v.of(placed), v.of(joined)
			b.Run("fresh/desired_balance/"+v.name+name, func(b *testing.B) { benchmarkCompute(b, fresh, v.input(fresh), size.compute) })
			b.Run("fresh/balanced/"+v.name+name, func(b *testing.B) { benchmarkPlain(b, fresh, v.input(fresh), size.plain) })
			b.Run("steady/desired_balance/"+v.name+name, func(b *testing.B) { benchmarkSteady(b, placed, v.input(placed)) })
			b.Run("join/desired_balance/"+v.name+name, func(b *testing.B) { benchmarkCompute(b, joined, v.input(joined), 0) })
			b.Run("join/balanced/"+v.name+name, func(b *testing.B) { benchmarkPlain(b, joined, v.input(joined), 0) })
		}
	}
}

func benchmarkCompute(b *testing.B, st *state.State, in Input, elasticsearch float64) {
	b.ReportAllocs()
	iterations := 0
	measure(b, elasticsearch, func() {
		s := benchmarkService()
		s.Reroute(st, in)
		iterations = s.Compute().Iterations
	})
	b.ReportMetric(float64(iterations), "iterations")
}

// benchmarkSteady measures what every reroute costs once the cluster is balanced.
func benchmarkSteady(b *testing.B, st *state.State, in Input) {
	b.ReportAllocs()
	s := benchmarkService()
	round := func() {
		st = s.Reroute(st, in)
		s.Compute()
		st = s.Reconcile(st, in)
	}
	round()
	measure(b, 0, round)
}

func benchmarkPlain(b *testing.B, st *state.State, in Input, elasticsearch float64) {
	b.ReportAllocs()
	balanced := settings.Balanced
	st = st.Clone()
	st.Persistent = st.Persistent.With(map[string]*string{settings.AllocationType.Key(): &balanced})
	measure(b, elasticsearch, func() { benchmarkService().Reroute(st, in) })
}

// measure reports CPU time, the heap taken from the system and, where Elasticsearch's time is
// known, how many times faster than it a run was.
func measure(b *testing.B, elasticsearch float64, f func()) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := cputime.Used()
	for b.Loop() {
		f()
	}
	seconds := (cputime.Used() - start).Seconds() / float64(b.N)
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapSys)/(1<<20), "MiB-heap")
	b.ReportMetric(seconds, "cpu-s/op")
	if elasticsearch > 0 {
		b.ReportMetric(elasticsearch/seconds, "x-Elasticsearch")
	}
}
