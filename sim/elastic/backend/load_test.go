package backend

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/calibration"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/inplace"
	"github.com/shardquake/shardquake/sim/elastic/load"
	"github.com/shardquake/shardquake/sim/elastic/reroute"
	"github.com/shardquake/shardquake/sim/elastic/search"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// still keeps copies where they are placed.
func still() wish { return with("cluster.routing.rebalance.enable", "none") }

func diskRate(bps int64) wish {
	return func(c *elastic.Config) {
		for i := range c.Nodes {
			c.Nodes[i].DiskReadBPS, c.Nodes[i].DiskWriteBPS = bps, bps
		}
	}
}

func (w *world) loadOf(name string) observed.NodeLoad { return nodeLoad(w.c, w.c.Node(name)) }

// copyOf is a copy's statistics.
func (w *world) copyOf(node string, shard int) elastic.ShardStats {
	w.t.Helper()
	for _, s := range figures.LocalShardStats(w.c.Node(node)) {
		if s.Shard == shard {
			return s
		}
	}
	require.Failf(w.t, "no such copy", "%s has no copy of shard %d", node, shard)
	return elastic.ShardStats{}
}

func (w *world) pool(node, name string) elastic.PoolStats {
	w.t.Helper()
	for _, p := range figures.LocalNodeStats(w.c.Node(node)).Pools {
		if p.Name == name {
			return p
		}
	}
	require.Failf(w.t, "no such pool", name)
	return elastic.PoolStats{}
}

func TestProcessorTimeIsWhatTheOperationsTookAndEveryOneIsCountedOnce(t *testing.T) {
	w := newWorld(t, 3, still())
	w.load(inplace.IndexSpec{Name: "docs", Shards: 3, Replicas: 1, Bytes: 300 * mb, Docs: 30000, Placement: []int{2, 2, 2}})
	w.c.SetLoad([]elastic.Load{{Index: "docs", WritesPerSec: 600, ReadsPerSec: 1500, DocBytes: 1000}})
	w.run(100 * time.Second)
	w.c.SetLoad(nil)
	traffic := w.c.Fluid.Traffic()
	assert.InDelta(t, 60_000, traffic.Acked, 3)
	assert.InDelta(t, 150_000, traffic.Reads, 3)
	assert.Zero(t, traffic.Failed+traffic.ReadsFailed)

	var written, searched int64
	var threads, processors float64
	for _, n := range w.c.Nodes() {
		for _, s := range figures.LocalShardStats(n) {
			written, searched = written+s.Indexing.Total, searched+s.Search.QueryTotal
			threads += s.Indexing.Time.Seconds() + s.Search.QueryTime.Seconds()
		}
		processors += figures.LocalNodeStats(n).CPUTime.Seconds()
	}
	assert.Equal(t, 2*traffic.Acked, written, "the primary and one replica index every document")
	assert.Equal(t, traffic.Reads, searched, "one copy serves a search")
	cal := calibration.Default()
	service := float64(written)*cal.IndexOp.Seconds() + float64(searched)*cal.SearchOp.Seconds()
	coordinated := float64(traffic.Acked+traffic.Reads) * cal.CoordinateOp.Seconds()
	refreshed := 600.0 * cal.RefreshOp.Seconds() // 6 copies, 100 s, one a second
	merged := 0.0
	for _, n := range w.c.Nodes() {
		for _, s := range figures.LocalShardStats(n) {
			merged += float64(s.Merges.Bytes) / float64(cal.MergeBPS)
			assert.InDelta(t, 100, s.RefreshTotal, 2)
			assert.Positive(t, s.Merges.Bytes)
		}
	}
	assert.InEpsilon(t, service+coordinated+refreshed+merged, processors, 0.01, "the utilisation law: busy time is arrivals times service")
	assert.Greater(t, threads, service, "threads also wait for a processor")
	assert.Less(t, threads, 2*service)
}

func TestThreadsInUseAreTheirRateTimesTheTimeTheyAreHeld(t *testing.T) {
	w := newWorld(t, 1, still())
	w.load(inplace.IndexSpec{Name: "docs", Shards: 1, Bytes: 100 * mb, Docs: 10000, Placement: []int{1}})
	w.c.SetLoad([]elastic.Load{{Index: "docs", WritesPerSec: 2000, ReadsPerSec: 5500, DocBytes: 100}})
	w.run(time.Second)
	before, at := w.copyOf("n1", 0), w.e.Now()
	w.run(10 * time.Second)
	after, d := w.copyOf("n1", 0), w.e.Now().Sub(at).Seconds()
	held := (after.Search.QueryTime - before.Search.QueryTime).Seconds()
	assert.InDelta(t, held/d, w.pool("n1", "search").Active, 0.5, "Little's law")
	assert.Greater(t, held/float64(after.Search.QueryTotal-before.Search.QueryTotal), 1.2*calibration.Default().SearchOp.Seconds(),
		"on a busy node a search takes longer than its own processor time")
}

func TestAHotShardMakesItsNodeHotAndMovingItRelievesThatNode(t *testing.T) {
	w := newWorld(t, 3, still())
	w.load(inplace.IndexSpec{Name: "docs", Shards: 6, Bytes: 60 * mb, Docs: 6000, Placement: []int{2, 2, 2}})
	w.c.SetLoad([]elastic.Load{{Index: "docs", WritesPerSec: 100, ReadsPerSec: 12000, Skew: 1.5}})
	w.observe()
	w.run(10 * time.Second)
	var hot observed.ShardLoad
	for _, o := range w.seen {
		if shards, ok := o.Sight.(observed.HotShards); ok {
			hot = shards[0]
		}
	}
	require.Zero(t, hot.Shard, "weights fall with the number of the shard")
	cold := "n1"
	for _, n := range w.c.Nodes() {
		if n.Name() != hot.Node {
			assert.Greater(t, w.loadOf(hot.Node).CPU, 1.5*w.loadOf(n.Name()).CPU)
			assert.Greater(t, w.loadOf(hot.Node).P99Ms, w.loadOf(n.Name()).P99Ms)
			if w.loadOf(n.Name()).CPU < w.loadOf(cold).CPU || cold == hot.Node {
				cold = n.Name()
			}
		}
	}
	l := w.loadOf(hot.Node)
	assert.Less(t, l.P50Ms, l.MeanMs)
	assert.Less(t, l.MeanMs, l.P90Ms)
	assert.Less(t, l.P90Ms, l.P99Ms)

	before := map[string]observed.NodeLoad{hot.Node: l, cold: w.loadOf(cold)}
	w.moveShard("docs", 0, hot.Node, cold)
	w.run(5 * time.Second)
	assert.Less(t, w.loadOf(hot.Node).CPU, before[hot.Node].CPU/2)
	assert.Less(t, w.loadOf(hot.Node).P99Ms, before[hot.Node].P99Ms)
	assert.Greater(t, w.loadOf(cold).CPU, before[cold].CPU, "the load has moved, not gone")
	stats := w.copyOf(cold, 0)
	w.run(10 * time.Second)
	reads := w.copyOf(cold, 0).Search.QueryTotal - stats.Search.QueryTotal
	assert.InEpsilon(t, hot.Reads*10, reads, 0.01, "the copy's counters show the same rate")
}

// moveShard has a shard's copy moved and waits for the end of it.
func (w *world) moveShard(index string, shard int, from, to string) {
	w.t.Helper()
	w.do(func(ctx context.Context) {
		_, err := reroute.Reroute(w.c.Leader(), ctx, reroute.Request{
			Commands:      []allocation.Command{{Kind: "move", Index: index, Shard: shard, From: from, Node: to}},
			MasterTimeout: time.Minute, AckTimeout: time.Minute,
		})
		require.NoError(w.t, err)
	})
	w.until(10*time.Minute, "moved", func() bool {
		return w.balanced() && w.st().Routing.Index(index).Shards[shard].Primary().Node == w.c.Node(to).ID()
	})
}

func TestANodeAskedForTooMuchDoesWhatItCanQueuesAndRefuses(t *testing.T) {
	w := newWorld(t, 1, still())
	w.load(inplace.IndexSpec{Name: "docs", Shards: 2, Bytes: 20 * mb, Docs: 2000, Placement: []int{2}})
	w.c.SetLoad([]elastic.Load{{Index: "docs", WritesPerSec: 30_000, DocBytes: 100}})
	w.run(500 * time.Millisecond)
	early := w.loadOf("n1")
	assert.Equal(t, 1.0, early.CPU)
	w.run(30 * time.Second)
	l, traffic := w.loadOf("n1"), w.c.Fluid.Traffic()
	assert.Equal(t, 1.0, l.CPU)
	assert.Greater(t, l.P50Ms, early.P50Ms, "latency grows with the queue")
	assert.Greater(t, l.MeanMs, 500.0, "ten thousand in front of two processors")
	assert.InDelta(t, 10_000, l.Queue, 100, "thread_pool.write.queue_size")
	most := 2 / (calibration.Default().IndexOp.Seconds())
	assert.Less(t, l.QPS, most, "two processors can't do more")
	assert.Greater(t, l.QPS, most/4)
	assert.InDelta(t, 30_000*30.5, traffic.Acked+traffic.Failed+l.Queue, 30, "what came is done, refused or in the queue")
	assert.Positive(t, traffic.Failed)
	assert.InEpsilon(t, traffic.Failed, l.Rejected, 0.01)
	assert.Equal(t, w.copyOf("n1", 0).Indexing.Total+w.copyOf("n1", 1).Indexing.Total, traffic.Acked)

	refused := 0
	w.do(func(ctx context.Context) {
		for range 20 {
			if got := put(ctx, w.c.Nodes()[0], item("a", `{"n":1}`), elastic.BulkOptions{}); got.Err != nil {
				refused++
				assert.Equal(t, 429, got.Status)
				assert.Equal(t, "es_rejected_execution_exception", got.Err.Type)
			}
		}
	})
	assert.NotZero(t, refused, "a client's own write has the same chance as any")

	w.c.SetLoad([]elastic.Load{{Index: "docs", WritesPerSec: 100, DocBytes: 100}})
	w.run(30 * time.Second)
	assert.Zero(t, w.loadOf("n1").Queue, "the queue is worked off")
	assert.Less(t, w.loadOf("n1").P99Ms, 10.0)
	w.do(func(ctx context.Context) {
		assert.Nil(t, put(ctx, w.c.Nodes()[0], item("b", `{"n":1}`), elastic.BulkOptions{}).Err)
	})
}

func TestSearchesBeyondTheQueueAreRefusedWithTooManyRequests(t *testing.T) {
	w := newWorld(t, 1, still())
	w.load(inplace.IndexSpec{Name: "docs", Shards: 1, Bytes: 10 * mb, Docs: 1000, Placement: []int{1}})
	w.c.SetLoad([]elastic.Load{{Index: "docs", ReadsPerSec: 50_000}})
	w.run(20 * time.Second)
	assert.InDelta(t, 1000, w.pool("n1", "search").Queue, 20)
	assert.Positive(t, w.c.Fluid.Traffic().ReadsFailed)
	refused := 0
	w.do(func(ctx context.Context) {
		for range 20 {
			_, err := search.Search(ctx, w.c.Nodes()[0], everything("docs"))
			if err != nil {
				refused++
				assert.Equal(t, 429, elastic.AsError(err).Status)
			}
		}
	})
	assert.NotZero(t, refused)
}

func TestManyWritesAtOnceWaitForAThreadAndThenAreRefused(t *testing.T) {
	w := newWorld(t, 1, nodeSetting("thread_pool.write.queue_size", "5"))
	w.create("docs", 1, 0)
	w.until(time.Minute, "green", w.green)
	var acked, refused, done int
	for range 20 {
		w.e.Go("writer", func(ctx context.Context) {
			switch got := put(ctx, w.c.Nodes()[0], item("", `{}`), elastic.BulkOptions{}); {
			case got.Err == nil:
				acked++
			case got.Status == 429:
				refused++
			}
			done++
		})
	}
	w.until(time.Minute, "all have an answer", func() bool { return done == 20 })
	assert.Equal(t, 7, acked, "two threads and a queue of five")
	assert.Equal(t, 13, refused)
	assert.EqualValues(t, 13, w.pool("n1", "write").Rejected)
}

// copyTime is how long one copy of 1 GB takes to recover on a new node while the disk
// also serves a load.
func copyTime(t *testing.T, writes float64) (took time.Duration, acked float64) {
	w := newWorld(t, 2, still(), diskRate(30_000_000))
	w.load(inplace.IndexSpec{Name: "docs", Shards: 1, Bytes: 1000 * mb, Docs: 100_000, Placement: []int{1, 0}})
	w.create("busy", 1, 0, "index.routing.allocation.include._name", "n2", "index.refresh_interval", "1s")
	w.until(time.Minute, "green", w.green)
	w.c.SetLoad([]elastic.Load{{Index: "busy", WritesPerSec: writes, DocBytes: 5000}})
	w.run(time.Second)
	from, before := w.e.Now(), w.c.Fluid.Traffic().Acked
	w.moveShard("docs", 0, "n1", "n2")
	took = w.e.Now().Sub(from)
	return took, float64(w.c.Fluid.Traffic().Acked-before) / took.Seconds()
}

func TestIndexingAndRecoveryShareTheDisk(t *testing.T) {
	alone, _ := copyTime(t, 0)
	light, lightAcked := copyTime(t, 50)
	heavy, heavyAcked := copyTime(t, 3000)
	assert.InEpsilon(t, alone.Seconds(), light.Seconds(), 0.1)
	assert.InEpsilon(t, 50, lightAcked, 0.02)
	assert.Greater(t, heavy.Seconds(), 1.7*alone.Seconds(), "each gets half of the disk")
	assert.Less(t, heavyAcked, 0.6*3000, "and so does the indexing")
	assert.Greater(t, heavyAcked, 0.1*3000)
}

func TestAShardThatNobodySearchesDoesNotRefreshAndATranslogThatIsFullIsFlushed(t *testing.T) {
	w := newWorld(t, 1, still())
	flush := settings.Of(map[string]string{"index.translog.flush_threshold_size": "10mb", "index.translog.flush_threshold_age": "1h"})
	w.load(inplace.IndexSpec{Name: "docs", Shards: 1, Bytes: mb, Docs: 100, Placement: []int{1}, Settings: flush})
	before := w.copyOf("n1", 0)
	w.c.SetLoad([]elastic.Load{{Index: "docs", WritesPerSec: 1000, DocBytes: 1000}})
	for range 60 {
		w.run(time.Second)
		w.copyOf("n1", 0) // whoever looks brings the copy up to date
	}
	after := w.copyOf("n1", 0)
	assert.InDelta(t, 1, after.RefreshTotal-before.RefreshTotal, 1, "only when the indexing buffer is full")
	assert.EqualValues(t, 60*1000*1000, after.StoreBytes-before.StoreBytes, "the store grows by the documents")
	assert.InDelta(t, 6, after.FlushTotal-before.FlushTotal, 1)
	assert.Less(t, after.TranslogBytes, int64(11*mb))

	w.c.SetLoad([]elastic.Load{{Index: "docs", WritesPerSec: 1000, ReadsPerSec: 1, DocBytes: 1000}})
	w.run(60 * time.Second)
	assert.InDelta(t, 60, w.copyOf("n1", 0).RefreshTotal-after.RefreshTotal, 2, "searched again")
}

func TestALoadHasNoEventsOfItsOwnWhileNodesKeepUp(t *testing.T) {
	events := func(loads []elastic.Load) uint64 {
		w := newWorld(t, 3, still())
		w.load(inplace.IndexSpec{Name: "docs", Shards: 3, Replicas: 1, Bytes: 300 * mb, Docs: 30000, Placement: []int{2, 2, 2}})
		w.c.SetLoad(loads)
		w.run(time.Second)
		from := w.e.Events()
		w.run(10 * time.Minute)
		return w.e.Events() - from
	}
	assert.InDelta(t, events(nil), events([]elastic.Load{{Index: "docs", WritesPerSec: 500, ReadsPerSec: 500}}), 200)
}

func TestTheSameLoadGivesTheSameRun(t *testing.T) {
	run := func() (uint64, observed.NodeLoad, load.Traffic) {
		w := newWorld(t, 3, still(), diskRate(20_000_000))
		w.load(inplace.IndexSpec{Name: "docs", Shards: 4, Replicas: 1, Bytes: 400 * mb, Docs: 40000, Placement: []int{3, 3, 2}})
		w.observe()
		w.c.SetLoad([]elastic.Load{{Index: "docs", WritesPerSec: 9000, ReadsPerSec: 30000, Skew: 1.1}})
		w.run(20 * time.Second)
		require.NoError(t, w.c.Kill("n3"))
		w.run(3 * time.Minute)
		return w.e.TraceHash(), w.loadOf("n1"), w.c.Fluid.Traffic()
	}
	hash, load, traffic := run()
	again, sameLoad, sameTraffic := run()
	assert.Equal(t, hash, again)
	assert.Equal(t, load, sameLoad)
	assert.Equal(t, traffic, sameTraffic)
	assert.Positive(t, load.Rejected)
}
