package backend

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/inplace"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
)

// benchWorld is a cluster whose indices have 2 copies of each shard, spread evenly.
func benchWorld(b *testing.B, nodes, indices, shards int) *world {
	b.Helper()
	e := sim.NewEngine(sim.Config{Seed: 1})
	b.Cleanup(func() { _ = e.Close() })
	cfg := elastic.Config{Engine: e, Network: e.NewNetwork(e.NewFluid()), ClusterName: "bench", Ageing: metadata.NewAgeing}
	for i := range nodes {
		nc := elastic.NodeConfig{Name: fmt.Sprintf("n%d", i+1), DiskBytes: 4 << 40, Latency: 100 * time.Microsecond, NetworkBPS: 125e6}
		if i >= 3 {
			nc.Roles = []string{"data"}
		}
		cfg.Nodes = append(cfg.Nodes, nc)
	}
	c, err := elastic.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	w := &world{t: b, e: e, c: c}
	c.Start()
	w.until(5*time.Minute, "the cluster forms", func() bool {
		m := c.Leader()
		return m != nil && len(m.Applied().Nodes) == nodes && len(m.Applied().Global) == 0
	})
	for i := range indices {
		counts := make([]int, nodes)
		for k := range shards * 2 {
			counts[(i*shards*2+k)%nodes]++
		}
		w.load(inplace.IndexSpec{
			Name: fmt.Sprintf("i%03d", i), Shards: shards, Replicas: 1, Bytes: int64(shards) << 30, Docs: int64(shards) * 1e6,
			Placement: counts, Settings: delayed("1m"),
		})
	}
	w.run(time.Minute)
	return w
}

// BenchmarkQuietHour is an hour of virtual time of 32 nodes with 32,000 copies.
func BenchmarkQuietHour(b *testing.B) {
	for _, load := range []bool{false, true} {
		b.Run(fmt.Sprintf("load=%v", load), func(b *testing.B) {
			w := benchWorld(b, 32, 100, 160)
			if load {
				var loads []elastic.Load
				for i := range 100 {
					loads = append(loads, elastic.Load{Index: fmt.Sprintf("i%03d", i), WritesPerSec: 500, ReadsPerSec: 2000, DocBytes: 500})
				}
				w.c.SetLoad(loads)
			}
			b.ResetTimer()
			for range b.N {
				w.run(time.Hour)
			}
		})
	}
}

// BenchmarkNodeLoss is from the loss of one node until green again.
func BenchmarkNodeLoss(b *testing.B) {
	for _, size := range []struct{ nodes, indices, shards int }{{32, 20, 160}, {32, 100, 160}, {1000, 100, 500}} {
		b.Run(fmt.Sprintf("nodes=%d,copies=%d", size.nodes, size.indices*size.shards*2), func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				w := benchWorld(b, size.nodes, size.indices, size.shards)
				b.StartTimer()
				if err := w.c.Kill(w.c.Nodes()[size.nodes-1].Name()); err != nil {
					b.Fatal(err)
				}
				from, health := w.e.Now(), observed.Health{}
				Observe(w.c, func(o observed.Observation) {
					if h, ok := o.Sight.(observed.Health); ok {
						health = h
					}
				})
				w.until(24*time.Hour, "green", func() bool { return health.Nodes == size.nodes-1 && health.Status == "green" })
				b.ReportMetric(w.e.Now().Sub(from).Seconds(), "virtual-s")
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				b.ReportMetric(float64(m.Sys)/(1<<20), "MiB-from-system") // forming and loading included
			}
		})
	}
}
