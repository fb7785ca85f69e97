package controller_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller"
)

// replicated makes copies of one index from letters, one string per shard, primary
// first: S started, I initializing, R relocating, U unassigned. Lower case: replica.
func replicated(index string, shards ...string) []fakeCopy {
	states := map[rune]string{'S': "STARTED", 'I': "INITIALIZING", 'R': "RELOCATING", 'U': "UNASSIGNED"}
	var out []fakeCopy
	for shard, letters := range shards {
		for i, l := range letters {
			c := fakeCopy{index: index, shard: shard, state: states[rune(strings.ToUpper(string(l))[0])], primary: l < 'a', node: "n" + string(rune('1'+i)), seqMax: 99, local: 99}
			if c.state == "RELOCATING" {
				c.node += " -> 10.0.0.9 q2w3e4 n9"
			}
			out = append(out, c)
		}
	}
	return out
}

func TestStatusOfAnIndexFollowsItsCopies(t *testing.T) {
	cases := []struct {
		name     string
		shards   []string
		status   string
		serving  int
		progress float64
	}{
		{"all started", []string{"Ss", "Ss"}, controller.StatusHealthy, 4, 100},
		{"no replicas wanted", []string{"S"}, controller.StatusHealthy, 1, 100},
		{"a replica initializing", []string{"Ss", "Si"}, controller.StatusSyncing, 3, 75},
		{"a copy relocating still serves", []string{"Rs", "Ss"}, controller.StatusSyncing, 4, 100},
		{"a replica unassigned", []string{"Ss", "Su"}, controller.StatusDegraded, 3, 75},
		{"unassigned is worse than initializing", []string{"Si", "Ss", "Su"}, controller.StatusDegraded, 4, 66.7},
		{"exactly half is not below half", []string{"Su", "Su"}, controller.StatusDegraded, 2, 50},
		{"below half", []string{"Suu"}, controller.StatusFailed, 1, 33.3},
		{"a primary unassigned", []string{"Ss", "Ss", "Us"}, controller.StatusFailed, 5, 83.3},
		{"a primary initializing serves nobody", []string{"S", "S", "I"}, controller.StatusFailed, 2, 66.7},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, newFakeCluster(3, replicated("idx", c.shards...)...), func(cfg *controller.Config) { cfg.PolicyName = "none" })
				time.Sleep(second)
				s, err := r.Monitor().GetReplicationStatus("idx")
				require.NoError(t, err)
				assert.Equal(t, c.status, s.Status)
				assert.Equal(t, c.serving, s.ReplicatedShards)
				assert.Equal(t, s.TotalShards-c.serving, s.UnreplicatedShards)
				assert.InDelta(t, c.progress, s.ReplicationProgress, 0.05)
				require.NoError(t, r.end())
			})
		})
	}
}

func TestTheReportHasTheFormThatOperatorsKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		copies := append(replicated("my_index_1", "Ss", "Ss", "S"), replicated("my_index_2", "Ssi")...)
		copies = append(copies, replicated("my_index_3", "S", "S", "U", "U", "U")...)
		r := run(t, newFakeCluster(3, copies...), func(c *controller.Config) { c.PolicyName, c.SyncDelayInterval = "none", -1 })
		time.Sleep(second)
		require.NoError(t, r.end())
		line := strings.Repeat("=", 40)
		var got []string
		for _, l := range r.log.all() {
			if !strings.Contains(l, "Controller started") {
				got = append(got, strings.TrimPrefix(l, "2000/01/01 00:00:00 "))
			}
		}
		assert.Equal(t, []string{
			line,
			"[ReplicationMonitor] Replication Status Report",
			line,
			"[INDEX] my_index_1: 100.0% (5/5 shards) - Status: healthy",
			"[INDEX] my_index_2: 66.7% (2/3 shards) - Status: syncing",
			"[INDEX] my_index_3: 40.0% (2/5 shards) - Status: failed",
			line,
			"[SUMMARY] Total: 3 | Healthy: 1 | Syncing: 1 | Degraded: 0 | Failed: 1",
			line,
			"[ALERT] Index my_index_3 replication FAILED: 40.0% complete",
			"[RECOVERY] Triggering recovery for index: my_index_3",
			"[RECOVERY] Found 3 unassigned shards: [2 3 4]",
			"[RECOVERY] Nothing switched on for index my_index_3: allocation is on",
		}, got)
	})
}

func TestStatusInJSONHasTheDocumentedFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, newFakeCluster(3, replicated("my_index_1", "Ss", "Ss", "S")...), func(c *controller.Config) { c.PolicyName = "none" })
		time.Sleep(second)
		assert.JSONEq(t, `{"my_index_1":{"index":"my_index_1","total_shards":5,"replicated_shards":5,"unreplicated_shards":0,
			"replication_progress":100.0,"last_check_time":"2000-01-01T00:00:00Z","status":"healthy"}}`, jsonOf(t, r.Monitor().GetAllReplicationStatuses()))
		_, err := r.Monitor().GetReplicationStatus("other")
		require.ErrorIs(t, err, controller.ErrNoSuchIndex)
		require.NoError(t, r.end())
	})
}

func TestAllocationIsSwitchedOnAfterThePatienceWhereThatIsWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, replicated("idx", "Su")...)
		fake.persistent["cluster.routing.allocation.enable"] = "none"
		r := run(t, fake, func(c *controller.Config) {
			c.PolicyName, c.Trigger, c.Patience = "none", controller.TriggerAct, 10*time.Minute
		})
		time.Sleep(9 * time.Minute)
		assert.Empty(t, fake.sent(), "somebody may be restarting nodes")
		assert.Contains(t, r.log.with("Nothing switched on")[0], `cluster.routing.allocation.enable is "none"; somebody may be at work, left alone until 00:10:00 at least`)
		fake.set(func(f *fakeCluster) { f.dataNodes = 2 }) // they are
		time.Sleep(9 * time.Minute)
		assert.Empty(t, fake.sent(), "a node went away: somebody is at work still")
		time.Sleep(2 * time.Minute)
		require.Len(t, fake.sent(), 1)
		assert.JSONEq(t, `{"persistent":{"cluster.routing.allocation.enable":"all"}}`, fake.sent()[0])
		require.Len(t, r.acted(), 1)
		assert.Equal(t, "replication-monitor", r.acted()[0].Actor)
		assert.Equal(t, []string{"[RECOVERY] Allocation enabled for index: idx"}, r.log.with("Allocation enabled"), "said when it was done")

		fake.set(func(f *fakeCluster) { f.persistent["cluster.routing.allocation.enable"] = "primaries" })
		time.Sleep(time.Hour)
		assert.Len(t, fake.sent(), 1, "a person has switched it off again: they mean it")
		assert.Contains(t, r.log.with("Allocation left"), `[RECOVERY] Allocation left at "primaries" for index idx: somebody else changed it from "all"`)
		require.NoError(t, r.end())
	})
}

func TestAllocationThatWasForgottenRaisesAnAlarmAndIsLeftAlone(t *testing.T) {
	for trigger, alarms := range map[controller.Trigger]int{"": 1, controller.TriggerAlarm: 1, controller.TriggerNever: 0} {
		synctest.Test(t, func(t *testing.T) {
			fake := newFakeCluster(3, replicated("idx", "Su")...)
			fake.persistent["cluster.routing.allocation.enable"] = "primaries"
			r := run(t, fake, func(c *controller.Config) { c.PolicyName, c.Trigger = "none", trigger })
			time.Sleep(29 * time.Minute)
			assert.Empty(t, r.log.with("[ALERT] cluster"), "a restart may take so long")
			time.Sleep(2 * time.Hour)
			assert.Empty(t, fake.sent(), "policy none changes nothing")
			assert.Len(t, r.log.with("[ALERT] cluster"), alarms, "trigger %q", trigger)
			assert.Empty(t, r.log.with("Allocation enabled"))
			require.NoError(t, r.end())
		})
	}
}

func TestAPolicyWaitsWhileSomebodyIsAtWork(t *testing.T) {
	for name, c := range map[string]struct {
		begin, end func(f *fakeCluster)
		says       string
	}{
		"allocation is switched off": {
			func(f *fakeCluster) { f.transient["cluster.routing.allocation.enable"] = "primaries" },
			func(f *fakeCluster) { delete(f.transient, "cluster.routing.allocation.enable") },
			`cluster.routing.allocation.enable is "primaries"`,
		},
		"a node is registered for a shutdown": {
			func(f *fakeCluster) {
				f.shutdowns = `{"nodes":[{"node_id":"id-n1","type":"RESTART","status":"COMPLETE"}]}`
			},
			func(f *fakeCluster) { f.shutdowns = `{"nodes":[]}` },
			"nodes are registered for a shutdown: n1 (restart)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := newFakeCluster(3, started("logs", 12, 4, 2)...)
				fake.shutdowns = `{"nodes":[]}`
				c.begin(fake)
				r := run(t, fake, func(cfg *controller.Config) { cfg.PolicyName = "threshold" })
				time.Sleep(10 * time.Minute)
				assert.Empty(t, fake.sent())
				assert.Contains(t, r.Decisions()[0].Done[0].What, c.says)
				fake.set(c.end)
				time.Sleep(time.Minute)
				assert.NotEmpty(t, fake.sent(), "they are done")
				require.NoError(t, r.end())
			})
		})
	}
}

func TestWatchOnlyReportsAndTouchesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, replicated("idx", "Su")...)
		fake.persistent["cluster.routing.allocation.enable"] = "none"
		r := run(t, fake, func(c *controller.Config) { c.PolicyName, c.WatchOnly = "none", true })
		time.Sleep(second)
		require.NoError(t, r.end())
		assert.Empty(t, fake.sent())
		assert.Equal(t, []string{"[ALERT] Index idx replication DEGRADED: 50.0% complete"}, r.log.with("[ALERT]"))
	})
}

func TestAReplicaFarBehindItsPrimaryRaisesAnAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		copies := replicated("idx", "Ss")
		copies[0].seqMax, copies[1].local = 5000, 3999
		fake := newFakeCluster(2, copies...)
		r := run(t, fake, func(c *controller.Config) { c.PolicyName = "none" })
		time.Sleep(second)
		assert.Equal(t, []string{"[ALERT] Replica of idx[0] on n2 is 1001 operations behind its primary"}, r.log.with("behind"))
		health, err := r.Monitor().GetReplicaHealth("idx")
		require.NoError(t, err)
		require.Len(t, health, 2)
		assert.Equal(t, controller.ReplicaHealth{Index: "idx", Primary: true, State: "STARTED", Node: "n1", DocsCount: 10, StoreSize: "2kb",
			LastSyncTime: "2000-01-01T00:00:00Z"}, health[0])
		assert.Equal(t, int64(1001), health[1].SyncDelay)
		assert.Empty(t, health[1].LastSyncTime)

		require.NoError(t, r.Monitor().SetSyncDelayThreshold(2000))
		fake.set(func(f *fakeCluster) { f.copies[0].seqMax = 5500 })
		time.Sleep(2 * time.Minute)
		assert.Len(t, r.log.with("behind"), 1, "1501 is no longer too many")

		fake.set(func(f *fakeCluster) { f.copies[1].local = 5500 })
		time.Sleep(2 * time.Minute)
		health, err = r.Monitor().GetReplicaHealth("idx")
		require.NoError(t, err)
		assert.Zero(t, health[1].SyncDelay)
		assert.Equal(t, "2000-01-01T00:04:00Z", health[1].LastSyncTime)
		require.NoError(t, r.end())
	})
}

func TestTheMonitorCanBeStoppedStartedAndSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(1, replicated("idx", "S")...)
		r := run(t, fake, func(c *controller.Config) { c.PolicyName = "none" })
		time.Sleep(second)
		m := r.Monitor()
		require.Error(t, m.Start(t.Context()), "it runs already")
		require.NoError(t, m.SetCheckInterval(10*time.Minute))
		time.Sleep(30 * second)
		reports := len(r.log.with("Status Report"))
		assert.Equal(t, 2, reports)
		time.Sleep(9 * time.Minute)
		assert.Len(t, r.log.with("Status Report"), reports, "the next one is due after ten minutes")
		time.Sleep(time.Minute)
		assert.Len(t, r.log.with("Status Report"), reports+1)

		m.Stop()
		m.Stop()
		time.Sleep(time.Hour)
		assert.Len(t, r.log.with("Status Report"), reports+1)
		require.NoError(t, m.Start(t.Context()))
		time.Sleep(second)
		assert.Len(t, r.log.with("Status Report"), reports+2)
		m.Stop()
		require.Error(t, m.SetCheckInterval(0))
		require.Error(t, m.SetSyncDelayThreshold(-1))
		require.NoError(t, r.end())
	})
}

func TestBothLoopsShareOneLookAtTheShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 2, 2, 2)...)
		r := run(t, fake, func(c *controller.Config) { c.PolicyName, c.SyncDelayInterval = "none", -1 })
		time.Sleep(10*time.Minute - second)
		require.NoError(t, r.end())
		looks := 0
		for _, path := range fake.requests {
			if path == "GET /_cat/shards" {
				looks++
			}
		}
		assert.Equal(t, 20, looks, "ten minutes are twenty rounds of each loop")
	})
}
