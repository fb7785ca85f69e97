package controller_test

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/policy"
)

func TestAHotShardMakesTheDocumentedPolicyOptimize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 2, 2, 1)...)
		fake.persistent["cluster.routing.allocation.balance.shard"] = "0.1"
		r := run(t, fake, nil)
		time.Sleep(second)
		fake.set(func(f *fakeCluster) {
			for i := range f.copies {
				f.copies[i].searches += 1200
			}
			f.copies[0].searches = 120000
		})
		time.Sleep(2 * time.Minute)
		require.NoError(t, r.end())
		require.Len(t, r.acted(), 1)
		d := r.acted()[0]
		assert.Equal(t, []policy.Action{policy.Optimize}, d.Decided)
		assert.Equal(t, 2*time.Minute, d.Monotonic, "rates need two looks at the counters")
		assert.Contains(t, d.Reason, "logs[0] on n1 is hot: 1000 operations/s, more than 2 times the mean of 208")
		assert.Equal(t, []controller.SettingChange{{Key: "cluster.routing.allocation.balance.shard", From: "0.1", To: "0.45"}}, d.Done[0].Changes)
	})
}

func TestWeightsThatDoNotHelpArePutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 2, 2, 1)...)
		fake.persistent["cluster.routing.allocation.balance.shard"] = "0.1"
		r := run(t, fake, nil)
		time.Sleep(second)
		for range 8 {
			fake.set(func(f *fakeCluster) {
				for i := range f.copies {
					f.copies[i].searches += 1200
				}
				f.copies[0].searches += 120000
			})
			time.Sleep(2 * time.Minute)
		}
		require.NoError(t, r.end())
		d := r.acted()[0]
		require.NotNil(t, d.Effect)
		require.NotNil(t, d.Effect.Helped)
		assert.False(t, *d.Effect.Helped)
		require.NotNil(t, d.Effect.Undone)
		assert.Equal(t, "0.1", d.Effect.Undone.Changes[0].To)
		assert.Contains(t, d.Effect.Note, "1 hot before and 1 now")
		assert.Len(t, r.log.with("New weights did not help"), 1, "they are not tried again for an hour")
		assert.Len(t, fake.sent(), 2, "set and put back")
	})
}

func TestWeightsThatHelpStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 3, 2, 0)...)
		fake.persistent["cluster.routing.allocation.balance.shard"] = "0.1"
		fake.onSettings = func(f *fakeCluster) { f.copies[0].node = "n3" }
		r := run(t, fake, nil)
		time.Sleep(second)
		fake.set(func(f *fakeCluster) {
			f.copies[0].searches += 120000
			for i := range f.copies {
				f.copies[i].searches += 1200
			}
		})
		time.Sleep(6 * time.Minute)
		require.NoError(t, r.end())
		require.Len(t, r.acted(), 1)
		require.NotNil(t, r.acted()[0].Effect.Helped)
		assert.True(t, *r.acted()[0].Effect.Helped)
		assert.Equal(t, 1, r.acted()[0].Effect.Moved)
		assert.Equal(t, "0.45", fake.persistent["cluster.routing.allocation.balance.shard"])
	})
}

func TestMetricsAreKeptAtEveryLevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, replicated("idx", "Ss", "Ss")...)
		fake.cpu = map[string]float64{"n2": 37}
		fake.diskUsed = map[string]int64{"n1": 850}
		r := run(t, fake, func(c *controller.Config) { c.PolicyName = "none" })
		time.Sleep(second)
		m, ok := r.Monitor().GetMetrics()
		require.True(t, ok)
		assert.InDelta(t, -1, m.Indices[0].QPS, 0, "rates need two looks")
		fake.set(func(f *fakeCluster) { f.sentBytes, f.copies[3].searches = 1200, 600 })
		time.Sleep(2 * time.Minute)
		m, _ = r.Monitor().GetMetrics()
		require.Len(t, m.Nodes, 3)
		n1, n2 := m.Nodes[0], m.Nodes[1]
		assert.Equal(t, "n1", n1.Name)
		assert.Equal(t, int64(150), n1.DiskFree)
		assert.Equal(t, 2, n1.Shards)
		assert.InDelta(t, 10, n1.SentPerSecond, 1e-9)
		assert.InDelta(t, 37, n2.CPUPercent, 0)
		assert.Zero(t, m.Nodes[2].Shards)
		require.Len(t, m.Indices, 1)
		assert.Equal(t, controller.IndexMetric{Index: "idx", Copies: 4, Docs: 20, StoreBytes: 8192, QPS: 5, Latency: 2 * time.Millisecond}, m.Indices[0])
		assert.Len(t, m.Shards, 4)
		assert.Equal(t, 3, m.Cluster.DataNodes)
		require.NoError(t, r.end())
	})
}

func TestCountsOfCopiesAreAsOfTheLastCheckNotOfTheLastLookAtDetails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, replicated("idx", "Ss", "Ss")...)
		r := run(t, fake, func(c *controller.Config) { c.PolicyName = "none" })
		time.Sleep(second)
		m, _ := r.Monitor().GetMetrics()
		assert.Equal(t, "green", m.Cluster.Status)
		assert.Equal(t, 2, m.Nodes[1].Shards)
		for _, c := range []struct {
			change func(*fakeCopy)
			status string
			active int
		}{
			{func(c *fakeCopy) { c.state, c.node = "UNASSIGNED", "" }, "yellow", 3},
			{func(c *fakeCopy) { c.primary = true }, "red", 3},
			{func(c *fakeCopy) { c.state, c.node = "RELOCATING", "n2 -> 10.0.0.9 q2w3e4 n3" }, "green", 4},
		} {
			fake.set(func(f *fakeCluster) {
				f.copies = slices.Clone(f.copies)
				c.change(&f.copies[1])
			})
			time.Sleep(30 * time.Second)
			m, _ = r.Monitor().GetMetrics()
			assert.Equal(t, c.status, m.Cluster.Status)
			assert.Equal(t, c.active, m.Cluster.ActiveShards)
			assert.InDelta(t, 25*float64(c.active), m.Cluster.ActiveShardsPercent, 0)
		}
		assert.Equal(t, []int{2, 1, 1}, []int{m.Nodes[0].Shards, m.Nodes[1].Shards, m.Nodes[2].Shards}, "a copy counts where it is going to be")
		assert.Equal(t, 1, m.Cluster.RelocatingShards)
		require.NoError(t, r.end())
	})
}

func TestOnALargeClusterLooksAtDetailsAreFurtherApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 4000, 4000, 4000)...)
		r := run(t, fake, func(c *controller.Config) { c.PolicyName, c.Interval = "none", 2*time.Minute })
		time.Sleep(9 * time.Minute)
		require.NoError(t, r.end())
		looks := 0
		for _, path := range fake.requests {
			if path == "GET /_nodes/stats/os,jvm,fs,transport" {
				looks++
			}
		}
		assert.Equal(t, 3, looks, "12,000 copies are looked at every three minutes at most: at every other round")
	})
}

func TestLoadThatCantBeHadIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 2, 2, 1)...)
		refuse := true
		fake.fail = func(r *http.Request) (int, string) {
			if refuse && r.URL.Path == "/_nodes/stats/os,jvm,fs,transport" {
				return 400, `{"error":"no","status":400}`
			}
			return 0, ""
		}
		r := run(t, fake, func(c *controller.Config) { c.SyncDelayInterval = -1 })
		time.Sleep(time.Minute + second)
		fake.set(func(*fakeCluster) { refuse = false })
		time.Sleep(time.Minute)
		require.NoError(t, r.end())
		assert.Len(t, r.log.with("Load of shards and nodes is not known"), 1)
		assert.Len(t, r.log.with("Load of shards and nodes is known again"), 1)
		assert.Empty(t, r.acted())
	})
}

func TestRecoveriesHaveAPaceAndAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, replicated("index_1", "Si")...)
		recovery := func(stage string, recovered, throttled int) string {
			return jsonOf(t, map[string]any{"index_1": map[string]any{"shards": []any{map[string]any{
				"id": 0, "type": "PEER", "stage": stage, "total_time_in_millis": 10_000, "source": map[string]any{"name": "n1"}, "target": map[string]any{"name": "n2"},
				"index": map[string]any{
					"size":                           map[string]any{"total_in_bytes": 10_000, "recovered_in_bytes": recovered},
					"source_throttle_time_in_millis": throttled,
				},
				"translog": map[string]any{"recovered": 0, "total": -1},
			}}}})
		}
		fake.recoveries = recovery("INDEX", 1000, 0)
		r := run(t, fake, func(c *controller.Config) { c.PolicyName = "none" })
		time.Sleep(second)
		progress := func() controller.RecoveryProgress {
			all := r.Monitor().GetRecoveries()
			require.Len(t, all, 1)
			return all[0]
		}
		p := progress()
		assert.InDelta(t, 100, p.BytesPerSecond, 1e-9, "1,000 bytes in the 10 s that it has taken")
		assert.Equal(t, 90*second, p.Remaining)
		assert.Empty(t, p.Slow)

		fake.set(func(f *fakeCluster) { f.recoveries = recovery("INDEX", 2500, 20_000) })
		time.Sleep(30 * second)
		p = progress()
		assert.InDelta(t, 50, p.BytesPerSecond, 1e-9, "since the last look")
		assert.Equal(t, 150*second, p.Remaining)
		assert.Contains(t, p.Slow, "the source keeps to its limit", "held back for 20 of 30 s")

		time.Sleep(30 * second)
		p = progress()
		assert.Equal(t, time.Duration(-1), p.Remaining)
		assert.Equal(t, "no byte copied for 30s: the link between the nodes or one of the disks is stuck", p.Slow)

		fake.set(func(f *fakeCluster) { f.recoveries = recovery("FINALIZE", 10_000, 20_000) })
		time.Sleep(30 * second)
		assert.Empty(t, progress().Slow, "a new stage is progress")
		time.Sleep(30 * second)
		assert.Contains(t, progress().Slow, "marked in sync")
		assert.Contains(t, r.log.with("[SLOW]")[0], "[SLOW] index_1[0]: 25.0% (stage: index, n1 -> n2): the source keeps to its limit")
		require.NoError(t, r.end())
	})
}
