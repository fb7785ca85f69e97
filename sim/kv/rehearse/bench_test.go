package rehearse_test

import (
	"testing"

	"github.com/shardquake/shardquake/sim/kv/rehearse"
)

// BenchmarkRehearse tells how many events of nodes, disks, network and clients are
// simulated per second.
func BenchmarkRehearse(b *testing.B) {
	var events uint64
	for seed := uint64(0); b.Loop(); seed++ {
		r, err := rehearse.Shard(rehearse.Options{Seed: seed})
		if err != nil || r.Bad() {
			b.Fatal(err, r)
		}
		events += r.Events
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}
