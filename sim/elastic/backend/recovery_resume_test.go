package backend

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/inplace"
)

// opsOf has a replica's node away for ten seconds under load, some time after the last
// flush, and returns how many operations its recovery replayed.
func opsOf(t *testing.T, away func(w *world, node string)) int64 {
	w := newWorld(t, 3, still())
	w.load(inplace.IndexSpec{Name: "docs", Shards: 1, Replicas: 1, Bytes: 100 * mb, Docs: 100_000, Placement: []int{1, 1, 0}})
	w.c.SetLoad([]elastic.Load{{Index: "docs", WritesPerSec: 100, DocBytes: 100}})
	w.run(55 * time.Second) // leases are synced, and files flushed, every 30 s
	replica := ""
	for _, c := range w.st().Routing.Index("docs").Shards[0].Copies {
		if !c.Primary {
			replica = w.c.NodeByID(c.Node).Name()
		}
	}
	w.observe()
	away(w, replica)
	w.run(10 * time.Second)
	require.NoError(t, w.c.StartNode(replica))
	w.run(time.Second)
	w.until(time.Minute, "green", w.green)
	require.Zero(t, w.count("files"))
	last := int64(0)
	for _, r := range w.recoveries() {
		if r.To == replica && r.Stop > 0 {
			last = r.Ops
		}
	}
	return last
}

func TestACopyThatWasKilledReplaysItsOwnTranslogToo(t *testing.T) {
	killed := opsOf(t, func(w *world, node string) { require.NoError(w.t, w.c.Kill(node)) })
	stopped := opsOf(t, func(w *world, node string) { require.NoError(w.t, w.c.Stop(node, nil)) })
	assert.Greater(t, killed-stopped, int64(2000), "what was written since the last flush; who is asked to stop flushes")
	assert.Greater(t, stopped, int64(1000), "what it missed")
}

func TestARecoveryThatIsInterruptedAfterItsFilesGoesOnByOperations(t *testing.T) {
	w := newWorld(t, 4, with("indices.recovery.max_bytes_per_sec", "10mb"))
	w.create("i", 1, 0)
	w.until(time.Minute, "green", w.green)
	require.NoError(t, inplace.Fill(w.c, inplace.IndexSpec{Name: "i", Shards: 1, Bytes: 50 * mb, Docs: 500_000}))
	w.c.SetLoad([]elastic.Load{{Index: "i", WritesPerSec: 4000, DocBytes: 100}})
	w.observe()
	w.addReplica("i")
	var run *elastic.Recovery
	w.until(time.Minute, "replaying", func() bool {
		for _, n := range w.c.Nodes() {
			for _, r := range n.Proc.Running {
				if r.Stage == elastic.StageTranslog {
					run = r
					return true
				}
			}
		}
		return false
	})
	from, to := run.Source.Name(), run.Shard.Process.Node.Name()
	w.c.Network().Cut(from, to, sim.Reset)
	w.run(100 * time.Millisecond)
	w.c.Network().Mend(from, to)
	w.until(2*time.Minute, "green", w.green)
	byFiles, byOps := 0, 0
	for _, r := range w.recoveries() {
		if r.Stop > 0 && !r.Failed && r.BytesTotal == 0 && r.Ops > 0 {
			byOps++
		}
		if r.Stop > 0 && !r.Failed && r.BytesTotal > 0 {
			byFiles++
		}
	}
	assert.Equal(t, 1, byOps)
	assert.Zero(t, byFiles, "no file is copied twice")
}

func TestACopyWaitsForTheLockOfAnOlderOneThatIsStillClosing(t *testing.T) {
	w := newWorld(t, 4, with("indices.recovery.max_bytes_per_sec", "5mb"))
	w.load(inplace.IndexSpec{Name: "i", Shards: 1, Replicas: 1, Bytes: 100 * mb, Docs: 1000, Placement: []int{0, 1, 1, 0}})
	two := "2"
	w.do(updateIndex(w, "i", map[string]*string{"index.number_of_replicas": &two}))
	w.run(3 * time.Second)
	var target *elastic.Process
	for _, n := range w.c.Nodes() {
		if len(n.Proc.Running) > 0 {
			target = n.Proc
		}
	}
	require.NotNil(t, target, "a copy is being recovered")
	primary := w.c.NodeByID(w.st().Routing.Index("i").Shards[0].Primary().Node)
	w.observe()
	require.NoError(t, w.c.Kill(primary.Name()))
	promoted := w.until(time.Minute, "promoted", func() bool {
		pr := target.Applied.Routing.Index("i").Shards[0].Primary()
		return pr != nil && pr.Active() && pr.Node != primary.ID()
	})
	var again time.Duration
	w.until(time.Minute, "recovering from the new primary", func() bool {
		for _, r := range w.recoveries() {
			if r.To == target.Node.Name() && r.From != primary.Name() && r.From != "" {
				again = r.Start - w.zero
				return true
			}
		}
		return false
	})
	assert.InDelta(t, 1, (again - promoted).Seconds(), 0.1)
}
