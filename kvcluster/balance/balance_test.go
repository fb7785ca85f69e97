package balance_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardquake/shardquake/kvcluster/balance"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
)

func balancer(t require.TestingT, cfg balance.Config, weights ...int) *balance.Balancer {
	b, err := balance.New(cfg)
	require.NoError(t, err)
	for i, w := range weights {
		b.Set(id(i), w)
	}
	return b
}

func id(i int) shardmap.NodeID { return shardmap.NodeID(fmt.Sprint("n", i)) }

func TestSmoothRoundRobinSpreadsTheHeavyNode(t *testing.T) {
	b := balancer(t, balance.Config{Strategy: balance.WeightedRoundRobin}, 5, 1, 1)
	var order string
	for range 7 {
		n, err := b.SelectNode(0)
		require.NoError(t, err)
		order += string(n[1:])
	}
	assert.Equal(t, "0010200", order, "the sequence of nginx's documentation")
}

// TestAFullCycleIsExactlyProportional holds for round robin with equal weights too.
func TestAFullCycleIsExactlyProportional(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, 9), 1, 6).Draw(t, "weights")
		strategy := rapid.SampledFrom([]balance.Strategy{balance.RoundRobin, balance.WeightedRoundRobin}).Draw(t, "strategy")
		b := balancer(t, balance.Config{Strategy: strategy}, weights...)
		cycle := len(weights)
		if strategy == balance.WeightedRoundRobin {
			cycle = 0
			for _, w := range weights {
				cycle += w
			}
		}
		count := make(map[shardmap.NodeID]int)
		for range cycle * 3 {
			n, err := b.SelectNodeForKey("any", 0)
			require.NoError(t, err)
			count[n]++
		}
		for i, w := range weights {
			if strategy == balance.RoundRobin {
				w = 1
			}
			require.Equal(t, 3*w, count[id(i)])
		}
	})
}

func TestLeastConnectionsKeepsRequestsInProportion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, 4), 2, 5).Draw(t, "weights")
		b := balancer(t, balance.Config{Strategy: balance.LeastConnections}, weights...)
		active := make([]int, len(weights))
		for range rapid.IntRange(1, 60).Draw(t, "requests") {
			n, err := b.SelectNode(0)
			require.NoError(t, err)
			b.Begin(n)
			for i := range weights {
				if id(i) == n {
					active[i]++
				}
			}
			for i := range weights {
				for j := range weights { // i never has what j could have taken for less
					require.LessOrEqual(t, active[i]*weights[j], (active[j]+1)*weights[i])
				}
			}
		}
	})
}

func TestBoundedLoadsHoldAndAKeyStaysWhereItFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 6).Draw(t, "nodes")
		b := balancer(t, balance.Config{Strategy: balance.ConsistentHash}, make([]int, count)...)
		home, err := b.SelectNodeForKey("hot", 0)
		require.NoError(t, err)
		active := make(map[shardmap.NodeID]int)
		total := 0
		for range rapid.IntRange(1, 50).Draw(t, "requests") {
			n, err := b.SelectNodeForKey("hot", 0)
			require.NoError(t, err)
			b.Begin(n)
			active[n]++
			total++
			bound := (125*total + 100*count - 1) / (100 * count)
			require.LessOrEqual(t, active[n], bound)
		}
		for n, c := range active {
			for range c {
				b.Done(n)
			}
		}
		again, err := b.SelectNodeForKey("hot", 0)
		require.NoError(t, err)
		require.Equal(t, home, again)
	})
}

func TestAFailingNodeIsIsolatedAndComesBackGradually(t *testing.T) {
	b := balancer(t, balance.Config{RampUp: 10 * time.Second}, 1, 1)
	share := func(now time.Duration) int {
		s, err := b.Share("n0", now)
		require.NoError(t, err)
		return s
	}
	assert.False(t, b.Report("n0", false, 0))
	assert.False(t, b.Report("n0", false, 0))
	assert.False(t, b.Report("n0", true, 0), "a success in between starts the count again")
	for range 2 {
		assert.False(t, b.Report("n0", false, 0))
	}
	assert.True(t, b.Report("n0", false, 0))
	assert.False(t, b.Healthy("n0"))
	for range 10 {
		n, err := b.SelectNode(0)
		require.NoError(t, err)
		assert.Equal(t, shardmap.NodeID("n1"), n)
	}
	b.Report("n0", true, time.Second)
	b.Report("n0", true, time.Second)
	assert.Zero(t, share(time.Second))
	assert.True(t, b.Report("n0", true, 2*time.Second))
	assert.Equal(t, 100, share(2*time.Second))
	assert.Equal(t, 550, share(7*time.Second))
	assert.Equal(t, 1000, share(12*time.Second))
	b.SetLoad("n0", 100)
	assert.Equal(t, 100, share(13*time.Second))
}

func TestWhenEveryNodeIsIsolatedNoneIsChosen(t *testing.T) {
	for s := balance.RoundRobin; s <= balance.ConsistentHash; s++ {
		b := balancer(t, balance.Config{Strategy: s, FailureThreshold: 1}, 1, 1)
		b.Report("n0", false, 0)
		got, err := b.SelectReplicaNodes(2, 0)
		assert.ErrorIs(t, err, balance.ErrTooFew)
		assert.Equal(t, []shardmap.NodeID{"n1"}, got)
		b.Report("n1", false, 0)
		_, err = b.SelectNodeForKey("k", 0)
		assert.ErrorIs(t, err, balance.ErrNoNode)
	}
}

// TestChoicesAreHealthyAndDistinctWhateverHappens drives all strategies at random.
func TestChoicesAreHealthyAndDistinctWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := balancer(t, balance.Config{
			Strategy:         balance.Strategy(rapid.IntRange(0, 3).Draw(t, "strategy")),
			FailureThreshold: 2, RecoveryThreshold: 2,
		}, 1, 2, 3)
		now := time.Duration(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond
			n := id(rapid.IntRange(0, 4).Draw(t, "node"))
			switch rapid.IntRange(0, 6).Draw(t, "what") {
			case 0, 1:
				b.Report(n, rapid.Bool().Draw(t, "ok"), now)
			case 2:
				b.Set(n, rapid.IntRange(0, 5).Draw(t, "weight"))
			case 3:
				b.Remove(n)
			case 4:
				b.Begin(n)
			case 5:
				b.Done(n)
			case 6:
				b.SetLoad(n, rapid.IntRange(-5, 120).Draw(t, "load"))
			}
			healthy := 0
			for i := range 5 {
				if b.Healthy(id(i)) {
					healthy++
				}
			}
			got, err := b.SelectReplicaNodes(3, now)
			require.Len(t, got, min(3, healthy))
			require.Equal(t, healthy < 3, err != nil)
			seen := make(map[shardmap.NodeID]bool)
			for _, n := range got {
				require.True(t, b.Healthy(n))
				require.False(t, seen[n])
				seen[n] = true
			}
			one, err := b.SelectAmong("key", []shardmap.NodeID{"n0", "n1"}, now)
			require.Equal(t, b.Healthy("n0") || b.Healthy("n1"), err == nil)
			require.Contains(t, []shardmap.NodeID{"", "n0", "n1"}, one)
		}
	})
}

func TestConfigurationsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, cfg := range []balance.Config{{BoundPercent: 99}, {Strategy: 9}, {RampUp: -1}, {FailureThreshold: -1}} {
		_, err := balance.New(cfg)
		assert.Error(t, err, "%+v", cfg)
	}
	s, err := balance.ParseStrategy("least-connections")
	require.NoError(t, err)
	assert.Equal(t, balance.LeastConnections, s)
	_, err = balance.ParseStrategy("best")
	assert.ErrorContains(t, err, "consistent-hash")
	b := balancer(t, balance.Config{})
	_, err = b.Share("n7", 0)
	assert.ErrorIs(t, err, balance.ErrUnknownNode)
}
