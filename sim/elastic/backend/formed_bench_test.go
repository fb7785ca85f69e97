package backend_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es"
	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/backend"
)

// describedAs is a described cluster, three of whose nodes may be elected.
func describedAs(nodes, indices, shards int) scenarios.ClusterSpec {
	spec := scenarios.ClusterSpec{Name: "bench", System: "elasticsearch", Viewers: []string{scenarios.ViewerController, scenarios.ViewerClient}, Settings: map[string]string{"cluster.max_shards_per_node": "5000"}}
	for i := range nodes {
		n := scenarios.NodeSpec{Name: fmt.Sprintf("n%d", i+1), Disk: 4 << 40, Network: 1_250_000_000, Latency: 200 * time.Microsecond, CPUs: 8, Heap: 8 << 30, Roles: []string{"data"}}
		if i < 3 {
			n.Roles = []string{"data", "master"}
		}
		spec.Nodes = append(spec.Nodes, n)
	}
	own := &es.Description{}
	for i := range indices {
		own.Indices = append(own.Indices, es.IndexSpec{Name: fmt.Sprintf("i%03d", i), Shards: shards, Replicas: 1, Bytes: int64(shards) << 30, Docs: int64(shards) * 1e6})
	}
	spec.Own = own
	return spec
}

// BenchmarkFormed is the start of a described cluster until it is there with its data.
func BenchmarkFormed(b *testing.B) {
	for _, size := range []struct{ nodes, indices, shards int }{{3, 3, 6}, {100, 50, 100}, {1000, 100, 500}} {
		b.Run(fmt.Sprintf("nodes=%d,copies=%d", size.nodes, size.indices*size.shards*2), func(b *testing.B) {
			for range b.N {
				formed(b, describedAs(size.nodes, size.indices, size.shards))
			}
		})
	}
}

func formed(b *testing.B, spec scenarios.ClusterSpec) (scenarios.Cluster, *elastic.Cluster) {
	b.Helper()
	sims, err := catalog.Backend("sim")
	if err != nil {
		b.Fatal(err)
	}
	c, err := sims.Start(b.Context(), spec, scenarios.StartOptions{Seed: 1, Progress: func(string, ...any) {}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close(context.Background()) })
	m, _ := backend.Model(c)
	return c, m
}

// BenchmarkLossOfAFormedNode is a plan of an exploration: a cluster is there, loses a node, and
// is green again.
func BenchmarkLossOfAFormedNode(b *testing.B) {
	for _, size := range []struct{ nodes, indices, shards int }{{3, 3, 6}, {100, 50, 100}} {
		b.Run(fmt.Sprintf("nodes=%d,copies=%d", size.nodes, size.indices*size.shards*2), func(b *testing.B) {
			for range b.N {
				c, m := formed(b, describedAs(size.nodes, size.indices, size.shards))
				loseUntilGreen(b, c, m, size.nodes-1)
			}
		})
	}
}

// BenchmarkLossOfAFormedZone is the largest loss of a plan: of three zones that awareness keeps
// copies apart by one goes, and its copies are made anew in the others.
func BenchmarkLossOfAFormedZone(b *testing.B) {
	for _, size := range []struct{ nodes, indices, shards int }{{30, 15, 100}, {100, 50, 100}} {
		b.Run(fmt.Sprintf("nodes=%d,copies=%d", size.nodes, size.indices*size.shards*2), func(b *testing.B) {
			for range b.N {
				spec := describedAs(size.nodes, size.indices, size.shards)
				spec.Settings["cluster.routing.allocation.awareness.attributes"] = "zone"
				var lost []int
				for i := range spec.Nodes {
					spec.Nodes[i].Attributes = map[string]string{"zone": string(rune('a' + i%3))}
					if i%3 == 2 {
						lost = append(lost, i)
					}
				}
				c, m := formed(b, spec)
				loseUntilGreen(b, c, m, lost...)
			}
		})
	}
}

// loseUntilGreen kills nodes for good and goes on until the cluster is green without them.
func loseUntilGreen(b *testing.B, c scenarios.Cluster, m *elastic.Cluster, lost ...int) {
	b.Helper()
	nodes := m.Nodes()
	err := c.Run(b.Context(), func(ctx, _ context.Context) error {
		green, left := false, false
		if err := c.Observe(ctx, func(o observed.Observation) {
			if h, ok := o.Sight.(observed.Health); ok {
				left = left || h.Nodes == len(nodes)-len(lost)
				green = left && h.Status == "green"
			}
		}); err != nil {
			return err
		}
		for _, i := range lost {
			if err := m.Kill(nodes[i].Name()); err != nil {
				return err
			}
		}
		for !green {
			if err := c.Clock(scenarios.ViewerClient).Sleep(ctx, time.Second); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
