package controller_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/internal/clock"
)

// oneRecovery is GET /_recovery with one relocation under way.
const oneRecovery = `{"index_1":{"shards":[{"id":0,"type":"PEER","stage":"INDEX","primary":true,"total_time_in_millis":1500,
  "source":{"name":"node-1"},"target":{"name":"node-2"},
  "index":{"size":{"total_in_bytes":1100,"reused_in_bytes":100,"recovered_in_bytes":452},"files":{"total":3,"reused":1,"recovered":1}},
  "translog":{"recovered":0,"total":-1}}]}}`

func TestAnUnevenClusterIsRebalancedFollowedAndRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("index_1", 12, 4, 2)...)
		fake.persistent["cluster.routing.rebalance.enable"] = "none"
		fake.onSettings = func(f *fakeCluster) { f.recoveries = oneRecovery }
		r := run(t, fake, func(c *controller.Config) { c.PolicyName = "variance" })

		time.Sleep(6 * second)
		fake.set(func(f *fakeCluster) { f.recoveries, f.copies = "{}", started("index_1", 6, 6, 6) })
		time.Sleep(100 * second)
		require.NoError(t, r.end())

		require.Len(t, fake.sent(), 1, "sent once, although the policy ran four times")
		assert.JSONEq(t, `{"persistent":{"cluster.routing.rebalance.enable":"all","indices.recovery.max_bytes_per_sec":"50mb"}}`, fake.sent()[0],
			"two concurrent recoveries per node are the default already")
		assert.Equal(t, []string{"2000/01/01 00:00:05 [REBALANCE] index_1[0]: 45.2% (stage: index, node-1 -> node-2)",
			"2000/01/01 00:00:05 [REBALANCE] Total active recoveries: 1"}, linesWith(r, "[REBALANCE]"))
		assert.Equal(t, []string{"2000/01/01 00:00:10 Rebalancing completed - no active recoveries"}, linesWith(r, "completed"))
		assert.Len(t, r.log.with("Triggering shard rebalancing..."), 1)
		assert.Len(t, r.log.with("Shard rebalancing triggered successfully"), 1)

		require.Len(t, r.Decisions(), 4, "a record for every round")
		require.Len(t, r.acted(), 1)
		d := r.acted()[0]
		assert.Equal(t, 1, d.Seq)
		assert.Equal(t, "variance", d.Policy)
		assert.Equal(t, []policy.Action{policy.Rebalance}, d.Decided)
		assert.Contains(t, d.Done[0].Changes, controller.SettingChange{Key: "cluster.routing.rebalance.enable", From: "none", To: "all"})
		require.NotNil(t, d.Effect)
		assert.Equal(t, 10*second, d.Effect.After)
		assert.Equal(t, 1, d.Effect.Recoveries)
		after, _ := d.Effect.Now.Get("cv")
		before, _ := d.Effect.Before.Get("cv")
		assert.Zero(t, after)
		assert.InDelta(t, 0.72, before, 0.01)
		assert.Len(t, r.heard, 5, "four rounds, and one effect")
		assert.Contains(t, jsonOf(t, d), `"decided":["rebalance"]`)
	})
}

func TestTheNaivePolicySendsItsSettingsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 6, 6, 6)...)
		r := run(t, fake, func(c *controller.Config) { c.PolicyName = "threshold" })
		time.Sleep(10*time.Minute - second)
		require.NoError(t, r.end())
		require.Len(t, fake.sent(), 20)
		assert.JSONEq(t, `{"persistent":{"cluster.routing.rebalance.enable":"all","cluster.routing.allocation.node_concurrent_recoveries":"2",
			"indices.recovery.max_bytes_per_sec":"50mb"}}`, fake.sent()[19])
		assert.Len(t, r.acted(), 20)
	})
}

func TestWhatCanWaitWaitsForTheOffPeakWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 8, 6, 4)...)
		begun := time.Now()
		r := run(t, fake, func(c *controller.Config) {
			c.PolicyName = "variance"
			c.OffPeak = func(at time.Time) bool { return at.Sub(begun) > 10*time.Minute }
		})
		time.Sleep(11 * time.Minute)
		require.NoError(t, r.end())
		require.NotEmpty(t, r.acted())
		assert.GreaterOrEqual(t, r.acted()[0].Monotonic, 10*time.Minute)
	})
}

func TestPolicyNoneLooksOnAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 12, 4, 2)...)
		r := run(t, fake, func(c *controller.Config) { c.PolicyName = "none" })
		time.Sleep(time.Minute + second)
		require.NoError(t, r.end())
		assert.Empty(t, fake.sent())
		assert.Len(t, r.Decisions(), 3)
	})
}

func TestAShadowPolicyIsAskedAndDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 6, 6, 6)...)
		r := run(t, fake, func(c *controller.Config) { c.PolicyName, c.Shadow = "variance", []string{"threshold"} })
		time.Sleep(10*time.Minute - second)
		require.NoError(t, r.end())
		assert.Empty(t, fake.sent())
		would := 0
		for _, d := range r.Decisions() {
			if d.Shadow() {
				assert.Equal(t, "threshold", d.Policy)
				assert.Equal(t, []policy.Action{policy.Rebalance}, d.Decided)
				assert.False(t, d.Acted())
				would++
			}
		}
		assert.Equal(t, 20, would)
	})
}

func TestPolicyAndIntervalCanBeChangedWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 6, 6, 6)...)
		r := run(t, fake, func(c *controller.Config) { c.PolicyName = "none" })
		time.Sleep(45 * second)
		require.NoError(t, r.SetPolicy("threshold"))
		require.NoError(t, r.SetInterval(10*time.Second))
		require.Error(t, r.SetPolicy("wishful"))
		require.Error(t, r.SetInterval(0))
		time.Sleep(46 * second)
		require.NoError(t, r.end())
		assert.Len(t, r.acted(), 4, "at 60, 70, 80 and 90 s")
		assert.Equal(t, "threshold", r.PolicyName())
	})
}

func TestFollowingEndsAfterThirtyMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("index_1", 12, 4, 2)...)
		fake.recoveries = oneRecovery
		r := run(t, fake, func(c *controller.Config) {
			c.Policy = policy.NewVariance(policy.VarianceConfig{CoolDown: 24 * time.Hour})
		})
		time.Sleep(31 * time.Minute)
		require.NoError(t, r.end())
		assert.Len(t, r.log.with("[REBALANCE] Total active recoveries: 1"), 360, "every five seconds")
		assert.Equal(t, []string{"Rebalancing monitor timed out after 30 minutes"}, r.log.with("timed out"))
		require.NotEmpty(t, r.acted())
		require.NotNil(t, r.acted()[0].Effect)
		assert.True(t, r.acted()[0].Effect.TimedOut)
	})
}

func TestAClusterThatCantBeSeenIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 12, 4, 2)...)
		fake.fail = func(*http.Request) (int, string) {
			return 503, `{"error":{"type":"master_not_discovered_exception","reason":null},"status":503}`
		}
		r := run(t, fake, nil)
		time.Sleep(45 * second)
		fake.set(func(f *fakeCluster) { f.fail = nil })
		time.Sleep(30 * second)
		require.NoError(t, r.end())
		ds := r.Decisions()
		require.GreaterOrEqual(t, len(ds), 3)
		assert.Contains(t, ds[0].Reason, "could not be observed")
		assert.Contains(t, ds[0].Reason, "master_not_discovered_exception")
		assert.Empty(t, ds[0].Done)
		assert.True(t, ds[len(ds)-1].Acted(), "it goes on when the cluster is back")
		assert.NotEmpty(t, r.log.with("Error getting cluster stats:"))
		assert.NotEmpty(t, r.log.with("[ReplicationMonitor] Error getting shard allocation:"))
	})
}

func TestASettingThatSomebodyElseChangedIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 6, 6, 6)...)
		r := run(t, fake, nil)
		time.Sleep(10 * second)
		fake.set(func(f *fakeCluster) { f.persistent["cluster.routing.rebalance.enable"] = "none" })
		time.Sleep(40 * second)
		require.NoError(t, r.end())
		assert.Equal(t, "none", fake.persistent["cluster.routing.rebalance.enable"])
		assert.Contains(t, r.log.with("left at"), `Setting cluster.routing.rebalance.enable is left at "none": somebody else changed it from "all"`)
		last := r.Decisions()[len(r.Decisions())-1]
		require.Len(t, last.Done, 1)
		assert.Equal(t, []controller.SettingChange{{Key: "cluster.routing.rebalance.enable", From: "none", To: "all", Ours: "all"}}, last.Done[0].Contested)
	})
}

func TestSettingsArePutBackOnStopUnlessSomebodyElseChangedThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 6, 6, 6)...)
		fake.persistent["cluster.routing.rebalance.enable"] = "primaries"
		r := run(t, fake, func(c *controller.Config) { c.RestoreOnStop = true })
		time.Sleep(10 * second)
		fake.set(func(f *fakeCluster) { f.persistent["indices.recovery.max_bytes_per_sec"] = "10mb" })
		require.NoError(t, r.end())
		assert.Equal(t, map[string]string{
			"cluster.routing.rebalance.enable": "primaries", "indices.recovery.max_bytes_per_sec": "10mb",
		}, fake.persistent)
	})
}

func TestTransientScopeIsAnOption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 6, 6, 6)...)
		r := run(t, fake, func(c *controller.Config) { c.SettingsScope = controller.Transient })
		time.Sleep(second)
		require.NoError(t, r.end())
		assert.Empty(t, fake.persistent)
		assert.Equal(t, "50mb", fake.transient["indices.recovery.max_bytes_per_sec"])
	})
}

// As the documents' own command leaves it: a transient setting, which wins over a
// persistent one.
func TestATransientSettingIsChangedWhereItIsInForceAndPutBackThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const enable = "cluster.routing.rebalance.enable"
		fake := newFakeCluster(3, started("logs", 6, 6, 6)...)
		fake.transient[enable] = "none"
		r := run(t, fake, func(c *controller.Config) { c.RestoreOnStop = true })
		time.Sleep(10 * second)
		fake.set(func(f *fakeCluster) {
			assert.Equal(t, map[string]string{enable: "all"}, f.transient)
			assert.NotContains(t, f.persistent, enable)
			assert.Equal(t, "50mb", f.persistent["indices.recovery.max_bytes_per_sec"])
		})
		require.NoError(t, r.end())
		assert.Equal(t, map[string]string{enable: "none"}, fake.transient)
		assert.Empty(t, fake.persistent)
	})
}

func TestATransientSettingOverOursIsSomebodyElses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const enable = "cluster.routing.rebalance.enable"
		fake := newFakeCluster(3, started("logs", 6, 6, 6)...)
		r := run(t, fake, func(c *controller.Config) { c.RestoreOnStop = true })
		time.Sleep(10 * second)
		fake.set(func(f *fakeCluster) { f.transient[enable] = "none" })
		time.Sleep(40 * second)
		require.NoError(t, r.end())
		assert.Equal(t, map[string]string{enable: "none"}, fake.transient)
		assert.NotContains(t, fake.persistent, enable, "ours is put back all the same")
		assert.Contains(t, r.log.with("left at"), `Setting `+enable+` is left at "none": somebody else changed it from "all"`)
	})
}

func TestRunEndsAtOnceWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clk := clock.NewReal(1)
		fake := newFakeCluster(1)
		c, err := controller.New(controller.Config{Clock: clk, Client: newClient(t, clk, fake, nil, "silent"), RestoreOnStop: true})
		require.NoError(t, err)
		ctx, cancel := clk.WithTimeout(t.Context(), 3*second)
		defer cancel()
		start := time.Now()
		require.Error(t, c.Run(ctx))
		assert.Equal(t, 3*second, time.Since(start), "in the time of the test")
		assert.Empty(t, c.Decisions())
	})
}

func TestAConfigurationThatMakesNoSenseIsRefused(t *testing.T) {
	clk := clock.NewReal(1)
	client := newClient(t, clk, newFakeCluster(1), nil, "n1")
	for name, cfg := range map[string]controller.Config{
		"no clock":              {Client: client},
		"no client":             {Clock: clk},
		"unknown policy":        {Clock: clk, Client: client, PolicyName: "wishful"},
		"unknown shadow policy": {Clock: clk, Client: client, Shadow: []string{"wishful"}},
		"interval":              {Clock: clk, Client: client, Interval: -1},
		"scope":                 {Clock: clk, Client: client, SettingsScope: "eternal"},
	} {
		_, err := controller.New(cfg)
		assert.ErrorContains(t, err, strings.Fields(name)[len(strings.Fields(name))-1], name)
	}
}

// linesWith are the log lines that contain a text, with their time.
func linesWith(r *rig, text string) []string {
	var out []string
	for _, l := range r.log.all() {
		if strings.Contains(l, text) {
			out = append(out, l)
		}
	}
	return out
}
