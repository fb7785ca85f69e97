package backend

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/inplace"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// onlyOn lets an index's shards live on the nodes named.
func onlyOn(nodes string) settings.Settings {
	return settings.Of(map[string]string{"index.routing.allocation.include._name": nodes})
}

func (w *world) addReplica(index string) {
	one := "1"
	w.do(updateIndex(w, index, map[string]*string{"index.number_of_replicas": &one}))
}

func TestARecoveryThatFailsIsTriedFiveTimes(t *testing.T) {
	w := newWorld(t, 2, disks(1<<30), with("cluster.routing.allocation.disk.threshold_enabled", "false"))
	w.load(inplace.IndexSpec{Name: "i", Shards: 1, Bytes: 200 * mb, Docs: 1000, Placement: []int{1, 0}})
	w.c.Node("n2").Disk().Fill(95)
	w.addReplica("i")
	w.run(5 * time.Minute)
	replica := w.st().Routing.Index("i").Shards[0].Copies[1]
	assert.Equal(t, state.Unassigned, replica.State)
	assert.Equal(t, state.AllocationFailed, replica.Info.Reason)
	assert.Equal(t, 5, replica.Info.FailedAllocations)
	assert.Contains(t, replica.Info.Failure+replica.Info.Message, "No space left on device")
	assert.Equal(t, "yellow", w.health().Status)
}

func TestTheLimitOfARecoveryCanBeChangedWhileItRuns(t *testing.T) {
	w := newWorld(t, 2, with("indices.recovery.max_bytes_per_sec", "1mb"))
	w.load(inplace.IndexSpec{Name: "i", Shards: 1, Bytes: 100 * mb, Docs: 1000, Placement: []int{1, 0}})
	w.addReplica("i")
	w.run(10 * time.Second)
	running := figures.LocalRecoveries(w.c.Node("n2"))
	require.Len(t, running, 1)
	assert.Equal(t, elastic.StageIndex, running[0].Stage)
	assert.InDelta(t, 10*mb, running[0].Files.RecoveredBytes, mb)
	_, percent := running[0].Files.Percent()
	assert.InDelta(t, 10, percent, 1)
	w.settings("indices.recovery.max_bytes_per_sec", "40mb")
	took := w.until(time.Minute, "green", w.green)
	assert.Less(t, took, 4*time.Second)
}

func TestARecoveryWhoseLinkIsResetIsTriedAgain(t *testing.T) {
	w := newWorld(t, 4, with("indices.recovery.max_bytes_per_sec", "10mb"))
	master := w.c.Leader().Name()
	var pair []string
	for _, n := range w.c.Nodes() {
		if n.Name() != master && len(pair) < 2 {
			pair = append(pair, n.Name())
		}
	}
	w.create("i", 1, 0, "index.routing.allocation.include._name", pair[0])
	w.until(time.Minute, "green", w.green)
	require.NoError(t, inplace.Fill(w.c, inplace.IndexSpec{Name: "i", Shards: 1, Bytes: 100 * mb, Docs: 1000}))
	both := pair[0] + "," + pair[1]
	w.do(updateIndex(w, "i", map[string]*string{"index.routing.allocation.include._name": &both}))
	w.addReplica("i")
	w.run(3 * time.Second)
	w.observe()
	w.c.Network().Cut(pair[0], pair[1], sim.Reset)
	w.run(time.Second)
	w.c.Network().Mend(pair[0], pair[1])
	took := w.until(time.Minute, "green", w.green)
	assert.InDelta(t, 14, took.Seconds(), 2, "5 s until the next attempt, which copies everything again")
	assert.Len(t, w.st().Nodes, 4, "the master sees both all the time")
}

func TestANodeThatStopsGracefullyIsMissedAtOnce(t *testing.T) {
	w := newWorld(t, 3)
	w.create("docs", 2, 1)
	w.until(time.Minute, "green", w.green)
	ended := false
	require.NoError(t, w.c.Stop(w.victim(), func() { ended = true }))
	took := w.until(time.Minute, "removed", func() bool { return len(w.st().Nodes) == 2 })
	assert.True(t, ended)
	assert.Less(t, took, 2*time.Second)
	assert.Equal(t, "yellow", w.health().Status)
}

func TestTheSameSeedGivesTheSameRun(t *testing.T) {
	run := func() (uint64, uint64) {
		w := newWorld(t, 3)
		w.load(inplace.IndexSpec{Name: "docs", Shards: 6, Replicas: 1, Bytes: 60 * mb, Docs: 6000, Settings: delayed("3s")})
		w.c.SetLoad([]elastic.Load{{Index: "docs", WritesPerSec: 333, ReadsPerSec: 1000, Skew: 1.1}})
		wr := w.writers(3)
		w.run(5 * time.Second)
		victim := w.victim()
		require.NoError(t, w.c.Kill(victim))
		w.run(20 * time.Second)
		require.NoError(t, w.c.StartNode(victim))
		w.run(30 * time.Second)
		wr.stop = true
		w.run(time.Second)
		return w.e.TraceHash(), w.e.Events()
	}
	hash, events := run()
	for range 3 {
		again, count := run()
		assert.Equal(t, events, count)
		assert.Equal(t, hash, again)
	}
}

func TestTheFluidLoadFollowsItsRateAndStopsWhileAPrimaryIsMissing(t *testing.T) {
	w := newWorld(t, 3)
	w.load(inplace.IndexSpec{Name: "i", Shards: 3, Bytes: 30 * mb, Docs: 3000, Settings: onlyOn("n1,n2,n3"), Placement: []int{1, 1, 1}})
	w.c.SetLoad([]elastic.Load{{Index: "i", WritesPerSec: 300, ReadsPerSec: 900, DocBytes: 1000}})
	w.run(100 * time.Second)
	got := w.c.Fluid.Traffic()
	assert.InDelta(t, 30_000, got.Acked, 3)
	assert.InDelta(t, 90_000, got.Reads, 3)
	var docs, bytes int64
	for _, n := range w.c.Nodes() {
		for _, s := range figures.LocalShardStats(n) {
			docs, bytes = docs+s.DocsCount, bytes+s.StoreBytes
		}
	}
	assert.InDelta(t, 33_000, docs, 3)
	assert.InDelta(t, 30*mb+30_000_000, bytes, 10_000)
	assert.Positive(t, w.c.Utilisation("n1").CPU)

	require.NoError(t, w.c.Kill(w.victim()))
	w.run(100 * time.Second)
	later := w.c.Fluid.Traffic()
	assert.InDelta(t, 20_000, later.Acked-got.Acked, 50, "a third has no primary")
	assert.InDelta(t, 4_000, later.Failed, 100, "and fails once it has waited for a minute")
}
