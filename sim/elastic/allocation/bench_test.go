package allocation

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

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

// benchmarkState is a cluster of indices of five shards with a replica; placed says
// whether the copies are started, evenly, or fresh.
func benchmarkState(nodes, copies int, placed bool) *state.State {
	st := &state.State{Persistent: settings.Of(nil), Routing: &state.RoutingTable{}}
	for i := range nodes {
		st.Nodes = append(st.Nodes, benchmarkNode(i))
	}
	const shards = 5
	place := 0
	for i := range copies / (2 * shards) {
		meta := &state.Index{
			Name: fmt.Sprintf("logs-%05d", i), UUID: fmt.Sprintf("uuid%018d", i), CreationDate: 1_700_000_000_000 + int64(i), Shards: shards, Replicas: 1,
			PrimaryTerms: make([]int64, shards), InSync: make([][]string, shards),
		}
		st = AddIndex(st, meta, i, state.IndexCreated, Input{})
		if !placed {
			continue
		}
		for _, s := range st.Routing.Indices[i].Shards {
			for k, c := range s.Copies {
				id := strconv.Itoa(place)
				*c = state.Copy{
					Index: c.Index, Shard: c.Shard, Primary: c.Primary, State: state.Started, Node: st.Nodes[(place+k*7)%nodes].ID,
					AllocationID: id + c.Index, ExpectedBytes: -1,
				}
				place++
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

func BenchmarkAllocation(b *testing.B) {
	for _, size := range benchmarkSizes {
		if size.onlyWhenAskedTo && os.Getenv("SHARDQUAKE_LARGE_BENCHMARKS") == "" {
			continue
		}
		name := fmt.Sprintf("%dx%d", size.nodes, size.copies)
		fresh := benchmarkState(size.nodes, size.copies, false)
		b.Run("fresh/desired_balance/"+name, func(b *testing.B) { benchmarkCompute(b, fresh, size.compute) })
		b.Run("fresh/balanced/"+name, func(b *testing.B) { benchmarkPlain(b, fresh, size.plain) })
		joined := benchmarkState(size.nodes-1, size.copies, true)
		joined.Nodes = append(joined.Nodes, benchmarkNode(size.nodes-1))
		b.Run("join/desired_balance/"+name, func(b *testing.B) { benchmarkCompute(b, joined, 0) })
		b.Run("join/balanced/"+name, func(b *testing.B) { benchmarkPlain(b, joined, 0) })
	}
}

func benchmarkCompute(b *testing.B, st *state.State, elasticsearch float64) {
	b.ReportAllocs()
	iterations := 0
	measure(b, elasticsearch, func() {
		s := benchmarkService()
		s.Reroute(st, Input{})
		iterations = s.Compute().Iterations
	})
	b.ReportMetric(float64(iterations), "iterations")
}

func benchmarkPlain(b *testing.B, st *state.State, elasticsearch float64) {
	b.ReportAllocs()
	balanced := settings.Balanced
	st = st.Clone()
	st.Persistent = st.Persistent.With(map[string]*string{settings.AllocationType.Key(): &balanced})
	measure(b, elasticsearch, func() { benchmarkService().Reroute(st, Input{}) })
}

// measure reports CPU time, the heap taken from the system and, where Elasticsearch's time is
// known, how many times faster than it a run was.
func measure(b *testing.B, elasticsearch float64, f func()) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := cpuTime()
	for b.Loop() {
		f()
	}
	seconds := (cpuTime() - start).Seconds() / float64(b.N)
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapSys)/(1<<20), "MiB-heap")
	b.ReportMetric(seconds, "cpu-s/op")
	if elasticsearch > 0 {
		b.ReportMetric(elasticsearch/seconds, "x-Elasticsearch")
	}
}
