package policy_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller/policy"
)

// spread makes an observation of nodes a, b, c, … with these numbers of shards.
func spread(at time.Duration, shards ...int) policy.Observation {
	o := policy.Observation{At: at, DataNodes: len(shards)}
	for i, n := range shards {
		o.Nodes = append(o.Nodes, policy.Node{Name: string(rune('a' + i)), Shards: n})
		o.Shards += n
	}
	return o
}

func TestEveryPolicyIsFoundByItsNameAndDocumentedAndSaysWhy(t *testing.T) {
	docs, err := os.ReadFile(filepath.Join("..", "..", "docs", "controller.md"))
	require.NoError(t, err)
	last := ""
	for _, k := range policy.Registry() {
		p, err := policy.New(k.Name)
		require.NoError(t, err)
		assert.Equal(t, k.Name, p.Name(), "a policy calls itself what the table calls it")
		assert.Less(t, last, k.Name, "in the order of their names")
		last = k.Name
		assert.NotEmpty(t, k.About)
		assert.True(t, strings.Contains(string(docs), "\n| `"+k.Name+"` | "), "the table of policies in docs/controller.md has no row for %s", k.Name)
		v := p.Decide(spread(0, 12, 4, 2))
		assert.NotEmpty(t, v.Reason)
		assert.NotEmpty(t, v.Numbers)
	}
	_, err = policy.New("nonsense")
	require.ErrorIs(t, err, policy.ErrUnknown)
	assert.Contains(t, err.Error(), "none")
	assert.Contains(t, err.Error(), "variance")
}

func TestThresholdFiresAboveFiveShardsPerNodeAndNotAtFive(t *testing.T) {
	p := policy.NewThreshold(policy.ThresholdConfig{})
	at := p.Decide(spread(0, 5, 5, 5))
	assert.False(t, at.Acts())
	assert.Equal(t, "5 shards per node on average, not above 5", at.Reason)

	above := p.Decide(spread(0, 12, 4, 2))
	assert.Equal(t, []policy.Action{policy.Rebalance}, above.Actions)
	assert.Equal(t, "6 shards per node on average, above 5", above.Reason)
	avg, ok := above.Numbers.Get("avg_shards_per_node")
	assert.True(t, ok)
	assert.InDelta(t, 6, avg, 0)
}

func TestThresholdFiresForEverOnABalancedClusterAndVarianceDoesNot(t *testing.T) {
	naive, better := policy.NewThreshold(policy.ThresholdConfig{}), policy.NewVariance(policy.VarianceConfig{})
	for round := range 100 {
		o := spread(time.Duration(round)*30*time.Second, 6, 6, 6)
		assert.True(t, naive.Decide(o).Acts())
		assert.False(t, better.Decide(o).Acts())
	}
}

func TestThresholdCountsNodesWithoutShards(t *testing.T) {
	p := policy.NewThreshold(policy.ThresholdConfig{})
	o := spread(0, 6)
	o.DataNodes = 2
	assert.False(t, p.Decide(o).Acts(), "6 shards on 2 nodes are 3 per node")
	assert.False(t, p.Decide(policy.Observation{}).Acts(), "an empty cluster has nothing to rebalance")
}

func TestThresholdOptimizesWhenThereAreHotShards(t *testing.T) {
	o := spread(0, 2, 2)
	o.LoadKnown = true
	o.Copies = []policy.Copy{
		{Index: "i", Shard: 0, Node: "a", QPS: 500}, {Index: "i", Shard: 1, Node: "a", QPS: 20},
		{Index: "i", Shard: 2, Node: "b", QPS: 20}, {Index: "i", Shard: 3, Node: "b", QPS: 20},
	}
	v := policy.NewThreshold(policy.ThresholdConfig{}).Decide(o)
	assert.Equal(t, []policy.Action{policy.Optimize}, v.Actions)
	assert.Contains(t, v.Reason, "i[0] on a is hot: 500 operations/s, more than 2 times the mean of 140")

	o.LoadKnown = false
	assert.False(t, policy.NewThreshold(policy.ThresholdConfig{}).Decide(o).Acts(), "rates that were not measured make nothing hot")
}

func TestAShardIsHotByRateNodeByCPUAndShardByLatency(t *testing.T) {
	o := policy.Observation{LoadKnown: true, Nodes: []policy.Node{{Name: "a", CPUPercent: 80}, {Name: "b", CPUPercent: 80.1}}}
	for shard := range 40 {
		o.Copies = append(o.Copies, policy.Copy{Index: "i", Shard: shard, Node: "a", QPS: 100, Latency: 10 * time.Millisecond})
	}
	o.Copies[3].Latency = 16 * time.Millisecond
	o.Copies[7].QPS = 200
	hot := policy.FindHot(o, policy.HotLimits{})
	require.Len(t, hot.Nodes, 1)
	assert.Equal(t, "b", hot.Nodes[0].Node.Name)
	require.Len(t, hot.Shards, 1)
	assert.Equal(t, 3, hot.Shards[0].Copy.Shard, "16 ms is more than 1.5 × 10 ms; 200 is less than twice the mean, which it raises itself")
}

// The slowest of a few is their 95th percentile: it is compared with the others'.
func TestASlowShardIsHotAmongFewAsWell(t *testing.T) {
	few := func(latencies ...time.Duration) policy.Hot {
		o := policy.Observation{LoadKnown: true}
		for shard, l := range latencies {
			o.Copies = append(o.Copies, policy.Copy{Index: "i", Shard: shard, Node: "a", QPS: 100, Latency: l * time.Millisecond})
		}
		return policy.FindHot(o, policy.HotLimits{})
	}
	hot := few(10, 10, 40, 10)
	require.Len(t, hot.Shards, 1)
	assert.Equal(t, 2, hot.Shards[0].Copy.Shard)
	assert.Contains(t, hot.Shards[0].Reason, "latency 40ms, more than 1.5 times the others' 95th percentile of 10ms")
	assert.False(t, few(10, 10, 15, 10).Any())
	assert.False(t, few(40, 10, 40, 10).Any(), "two that are equally slow are not out of line")
	assert.False(t, few(40).Any(), "there is nothing to compare with")
}

func TestAnIdleClusterHasNoHotShards(t *testing.T) {
	o := policy.Observation{LoadKnown: true, Copies: []policy.Copy{{Index: "i", QPS: 0.5}, {Index: "j"}, {Index: "k"}}}
	assert.False(t, policy.FindHot(o, policy.HotLimits{}).Any(), "half an operation per second is more than twice the mean, and nothing")
	assert.False(t, policy.FindHot(policy.Observation{LoadKnown: true}, policy.HotLimits{}).Any())
}

func TestSpreadMeasuresWhatIsAvoidable(t *testing.T) {
	s := policy.SpreadOf(spread(0, 12, 4, 2))
	assert.InDelta(t, 6, s.Mean, 1e-12)
	assert.InDelta(t, math.Sqrt(56.0/3)/6, s.CV, 1e-12)
	assert.InDelta(t, 0, s.BestCV, 1e-12)

	s = policy.SpreadOf(spread(0, 3, 2, 2))
	assert.InDelta(t, s.CV, s.BestCV, 1e-12, "seven shards can't lie better on three nodes")

	empty := spread(0, 4, 2)
	empty.DataNodes = 3
	s = policy.SpreadOf(empty)
	assert.Equal(t, 0, s.Min)
	assert.InDelta(t, policy.SpreadOf(spread(0, 4, 2, 0)).CV, s.CV, 1e-12)
	assert.Equal(t, policy.Spread{Nodes: 3}, policy.SpreadOf(policy.Observation{DataNodes: 3}))
}

func TestVarianceHasHysteresisAndCoolDown(t *testing.T) {
	p := policy.NewVariance(policy.VarianceConfig{High: 0.3, Low: 0.1, CoolDown: 5 * time.Minute})
	steps := []struct {
		at     time.Duration
		shards []int
		acts   bool
		why    string
	}{
		{0, []int{11, 10, 9}, false, "not above 0.3"},
		{30 * time.Second, []int{20, 5, 5}, true, "above 0.3"},
		{60 * time.Second, []int{20, 5, 5}, false, "acted 30s ago; cool-down is 5m0s"},
		{331 * time.Second, []int{13, 9, 8}, true, "above 0.1"},
		{700 * time.Second, []int{11, 10, 9}, false, "not above 0.1: content"},
		{730 * time.Second, []int{13, 9, 8}, false, "not above 0.3"},
		{760 * time.Second, []int{10, 10, 10}, false, "as even as whole shards can be"},
	}
	for _, s := range steps {
		v := p.Decide(spread(s.at, s.shards...))
		assert.Equal(t, s.acts, v.Acts(), "at %v: %s", s.at, v.Reason)
		assert.Contains(t, v.Reason, s.why)
	}
}

func TestVarianceLeavesWhatCanWaitToTheNight(t *testing.T) {
	p := policy.NewVariance(policy.VarianceConfig{})
	o := spread(0, 8, 6, 4)
	o.Peak = true
	v := p.Decide(o)
	assert.False(t, v.Acts())
	assert.Contains(t, v.Reason, "can wait for the off-peak window: not above 0.5")
	urgent := spread(30*time.Second, 16, 1, 1)
	urgent.Peak = true
	assert.True(t, p.Decide(urgent).Acts(), "one node bears nearly everything")
	o.At, o.Peak = 10*time.Minute, false
	assert.True(t, p.Decide(o).Acts())
}

func TestPoliciesForgetWhatCouldNotBeDone(t *testing.T) {
	variance := policy.NewVariance(policy.VarianceConfig{})
	o := spread(0, 12, 4, 2)
	require.True(t, variance.Decide(o).Acts())
	variance.Failed()
	o.At = 30 * time.Second
	assert.True(t, variance.Decide(o).Acts(), "it did not act, so nothing has to cool down")
	o.At = 60 * time.Second
	assert.False(t, variance.Decide(o).Acts())

	full := policy.Observation{DataNodes: 2, Nodes: []policy.Node{{Name: "a", DiskUsed: 83, DiskTotal: 100}, {Name: "b", DiskUsed: 10, DiskTotal: 100}},
		Copies: []policy.Copy{{Index: "i", Node: "a", Bytes: 9}}}
	disk := policy.NewDisk(policy.DiskConfig{})
	require.True(t, disk.Decide(full).Acts())
	disk.Failed()
	full.At = 10 * time.Second
	assert.Equal(t, []policy.Action{policy.Hold, policy.Move}, disk.Decide(full).Actions)

	hot := loaded(0, busy("a", 400), busy("a", 300), busy("b", 50), busy("b", 50), busy("c", 30), busy("c", 20))
	hotspot := policy.NewHotspot(policy.HotspotConfig{})
	require.True(t, hotspot.Decide(hot).Acts())
	hotspot.Failed()
	hot.At = 10 * time.Second
	assert.True(t, hotspot.Decide(hot).Acts())
}

func TestVarianceWaitsWhileShardsAreOnTheMove(t *testing.T) {
	p := policy.NewVariance(policy.VarianceConfig{})
	o := spread(0, 12, 4, 2)
	o.Relocating = 2
	assert.False(t, p.Decide(o).Acts())
	o.Relocating = 0
	assert.True(t, p.Decide(o).Acts())
	single := spread(time.Hour, 12)
	assert.False(t, policy.NewVariance(policy.VarianceConfig{}).Decide(single).Acts(), "one node can't be balanced")
}

func TestVarianceHoldsRebalancingWhileNodesComeAndGo(t *testing.T) {
	p := policy.NewVariance(policy.VarianceConfig{Settle: time.Minute})
	steps := []struct {
		at     time.Duration
		shards []int
		do     []policy.Action
		why    string
	}{
		{0, []int{6, 6, 6}, nil, "as even as whole shards can be"},
		{20 * time.Second, []int{9, 9}, nil, "as even as whole shards can be"},
		{50 * time.Second, []int{9, 9, 0}, []policy.Action{policy.Rebalance}, "above 0.1"},
		{80 * time.Second, []int{9, 9}, []policy.Action{policy.Hold}, "data nodes left 2 times"},
		{110 * time.Second, []int{9, 9, 0}, []policy.Action{policy.Hold}, "the 3 that are there have been the same for 0s"},
		{169 * time.Second, []int{9, 9, 0}, []policy.Action{policy.Hold}, "the same for 59s, and rebalancing is held until it is 1m0s"},
		{170 * time.Second, []int{9, 9, 0}, []policy.Action{policy.Release}, "the same for 1m0s"},
		{500 * time.Second, []int{9, 9, 0}, []policy.Action{policy.Rebalance}, "above"},
	}
	for _, s := range steps {
		v := p.Decide(spread(s.at, s.shards...))
		assert.Equal(t, s.do, v.Actions, "at %v: %s", s.at, v.Reason)
		assert.Contains(t, v.Reason, s.why)
	}
}

func TestVarianceLetsGoOfRebalancingWhenNodesNeverSettle(t *testing.T) {
	p := policy.NewVariance(policy.VarianceConfig{Settle: time.Minute, MostHeld: 5 * time.Minute})
	var holds, releases int
	p.Decide(spread(0, 6, 6, 6))
	for round := 1; round <= 22; round++ {
		o := spread(time.Duration(round)*30*time.Second, 6, 6, 6)
		if round%2 == 1 {
			o = spread(time.Duration(round)*30*time.Second, 9, 9)
		}
		for _, a := range p.Decide(o).Actions {
			switch a {
			case policy.Hold:
				holds++
			case policy.Release:
				releases++
			}
		}
	}
	assert.Equal(t, 10, holds, "from the second loss on for five minutes, and then no more")
	assert.Equal(t, 1, releases)
}

func TestVarianceHoldsNothingForASingleLossOrANewNode(t *testing.T) {
	p := policy.NewVariance(policy.VarianceConfig{})
	assert.False(t, p.Decide(spread(0, 6, 6, 6)).Acts())
	v := p.Decide(spread(30*time.Second, 6, 6, 6, 0))
	assert.Equal(t, []policy.Action{policy.Rebalance}, v.Actions, "somebody has added room: %s", v.Reason)
	assert.False(t, p.Decide(spread(10*time.Minute, 6, 6, 6)).Acts())
	v = p.Decide(spread(21*time.Minute, 9, 9))
	assert.False(t, v.Acts(), "two losses eleven minutes apart are two losses: %s", v.Reason)
}

func TestNumbersKeepTheirOrderInJSON(t *testing.T) {
	n := policy.Numbers{{"z", 1.5}, {"a", 2}, {"inf", math.Inf(1)}}
	text, err := json.Marshal(n)
	require.NoError(t, err)
	assert.JSONEq(t, `{"z":1.5,"a":2,"inf":null}`, string(text))
	assert.Equal(t, `{"z":1.5,"a":2,"inf":null}`, string(text))
	var back policy.Numbers
	require.NoError(t, json.Unmarshal(text, &back))
	require.Len(t, back, 3)
	assert.Equal(t, policy.Number{Name: "a", Value: 2}, back[1])
	assert.True(t, math.IsNaN(back[2].Value))
	assert.Error(t, json.Unmarshal([]byte(`[1]`), &back))
	assert.Equal(t, "z=1.5 a=2", n[:2].String())
}
