package restapi_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/cputime"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/inplace"
)

// largeWorld has 32 nodes and 32,000 copies: 160 indices of 100 shards with a replica.
func largeWorld(b *testing.B) *world {
	w := newWorld(b, 32)
	var err error
	w.run(func(ctx context.Context) {
		for i := 0; i < 160 && err == nil; i++ {
			err = inplace.CreateStarted(ctx, w.c, inplace.IndexSpec{
				Name: fmt.Sprintf("logs-%03d", i), Shards: 100, Replicas: 1, Bytes: 100 << 20, Docs: 10000, Placement: spread(i),
			})
		}
	})
	require.NoError(b, err)
	require.NoError(b, w.engine.Run(w.engine.Now()+sim.Time(time.Minute)))
	return w
}

// BenchmarkRequests answers what a controller asks a cluster of 32,000 copies for.
func BenchmarkRequests(b *testing.B) {
	w := largeWorld(b)
	for _, uri := range []string{
		"/_cluster/health",
		"/_cat/shards?format=json&h=index,shard,prirep,state,node,unassigned.reason",
		"/_cat/shards?format=json&bytes=b&h=index,shard,prirep,state,store,node",
		"/_recovery?active_only=true",
		"/_cluster/stats", "/_cluster/stats?filter_path=cluster_name,indices.count,indices.docs.count,indices.store.size_in_bytes",
		"/_cat/allocation?format=json&bytes=b",
		"/_nodes/stats/fs,os",
	} {
		b.Run(uri, func(b *testing.B) {
			bytes := 0
			w.run(func(ctx context.Context) {
				for b.Loop() {
					r := w.do(ctx, "GET", uri, "")
					if r.err != nil || r.status != 200 {
						b.Errorf("%d %v", r.status, r.err)
						return
					}
					bytes = len(r.body)
				}
			})
			b.ReportMetric(float64(bytes), "B/answer")
		})
	}
}

// BenchmarkServedCluster answers what dashboards ask a cluster of 100 nodes and 10,000 copies
// for, and says how much processor time an answer takes: less than 100 ms.
func BenchmarkServedCluster(b *testing.B) {
	w := newWorld(b, 100)
	var err error
	w.run(func(ctx context.Context) {
		for i := 0; i < 50 && err == nil; i++ {
			on := make([]int, 100)
			for n := range on {
				on[n] = 2
			}
			err = inplace.CreateStarted(ctx, w.c, inplace.IndexSpec{
				Name: fmt.Sprintf("logs-%03d", i), Shards: 100, Replicas: 1, Bytes: 100 << 20, Docs: 10000, Placement: on,
			})
		}
	})
	require.NoError(b, err)
	require.NoError(b, w.engine.Run(w.engine.Now()+sim.Time(time.Minute)))
	for _, uri := range []string{"/_cat/shards", "/_cat/shards?format=json", "/_nodes/stats", "/_nodes/stats?level=shards", "/_cat/nodes", "/_stats", "/_internal/desired_balance"} {
		b.Run(uri, func(b *testing.B) {
			before := cputime.Used()
			w.run(func(ctx context.Context) {
				for b.Loop() {
					if r := w.do(ctx, "GET", uri, ""); r.err != nil || r.status != 200 {
						b.Errorf("%d %v", r.status, r.err)
						return
					}
				}
			})
			b.ReportMetric(float64((cputime.Used()-before).Microseconds())/1000/float64(b.N), "cpu-ms/answer")
		})
	}
}

// spread puts 200 copies on 32 nodes, six or seven each.
func spread(index int) []int {
	held := make([]int, 32)
	for i := range 200 {
		held[(index*8+i)%32]++
	}
	return held
}
