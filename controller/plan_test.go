package controller_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/internal/clock"
)

// planOf makes the plan of a policy on a fake cluster, inside a synctest bubble.
func planOf(t *testing.T, fake *fakeCluster, name string) controller.Plan {
	t.Helper()
	clk := clock.NewReal(1)
	c, err := controller.New(controller.Config{Clock: clk, Client: newClient(t, clk, fake, nil, "n1"), PolicyName: name})
	require.NoError(t, err)
	p, err := c.Plan(t.Context())
	require.NoError(t, err)
	return p
}

func TestAPlanShowsSettingsMovesBytesTimeAndBalanceAndChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 12, 4, 2)...)
		fake.storeBytes = 500 << 20
		fake.refuse = map[string]string{"n2": "not there"}
		p := planOf(t, fake, "variance")
		assert.Equal(t, []controller.SettingChange{{Key: "indices.recovery.max_bytes_per_sec", From: "40mb", To: "50mb"}}, p.Settings)
		require.Len(t, p.Moves, 6)
		assert.True(t, p.Estimated)
		to := map[string]int{}
		for _, m := range p.Moves {
			assert.Equal(t, "n1", m.From)
			assert.Equal(t, m.To == "n2", m.Refused != "")
			to[m.To]++
		}
		assert.Equal(t, map[string]int{"n2": 2, "n3": 4}, to)
		assert.Equal(t, int64(3000<<20), p.Bytes)
		assert.Equal(t, time.Minute, p.Time, "n1 must send 3,000 MiB at 50 MiB/s")
		before, _ := p.Before.Get("cv")
		after, _ := p.After.Get("cv")
		assert.InDelta(t, 0.72, before, 0.01)
		assert.Zero(t, after)
		assert.Empty(t, fake.sent())
		for _, r := range fake.reroutes {
			assert.Contains(t, r, "dry ")
		}
		assert.Contains(t, p.Text(), "[PLAN] moves, about (Elasticsearch chooses them): 6, 2.9gb, about 1m0s")
		assert.Contains(t, p.Text(), "[PLAN] policy variance would do: rebalance")
		assert.Contains(t, p.Text(), "refused now: disk_threshold: not there")
	})
}

func TestAPlanLeavesOutWhatSomebodyElseHasChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 6, 6, 6)...)
		r := run(t, fake, nil)
		time.Sleep(10 * second)
		fake.set(func(f *fakeCluster) {
			f.persistent["cluster.routing.rebalance.enable"] = "none"
			delete(f.persistent, "indices.recovery.max_bytes_per_sec")
		})
		p, err := r.Plan(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []policy.Action{policy.Rebalance}, p.Decided)
		assert.Empty(t, p.Settings, "neither is the controller's to change any more")
		assert.Contains(t, p.Text(), "[PLAN] settings: none would change")
		require.NoError(t, r.end())
	})
}

func TestAPlanToDoNothingSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := planOf(t, newFakeCluster(3, started("logs", 2, 2, 2)...), "hotspot")
		assert.Empty(t, p.Moves)
		assert.Equal(t, "nothing is hot", p.Reason, "rates were measured for the plan")
		assert.Contains(t, p.Text(), "would do: nothing")
		assert.NotContains(t, p.Text(), "settings")
	})
}
