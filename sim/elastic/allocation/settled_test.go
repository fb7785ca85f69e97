package allocation

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// forgetting has computations look at every index in every round, as long as f runs.
func forgetting(f func()) {
	d := &deciders[0]
	d.lasting = false
	defer func() { d.lasting = true }()
	f()
}

// drawUneven are what tells nodes apart: zones, tiers by filter, limits, disks.
func drawUneven(t *rapid.T, st *state.State, in *Input) {
	set := make(map[string]string)
	zones := rapid.IntRange(1, 3).Draw(t, "zones")
	for i, n := range st.Nodes {
		n.Attributes = []state.Attribute{
			{Name: "zone", Value: string(rune('a' + i%zones))}, {Name: "tier", Value: []string{"hot", "warm"}[rapid.IntRange(0, 1).Draw(t, "tier")]},
		}
	}
	if rapid.Bool().Draw(t, "aware") {
		set["cluster.routing.allocation.awareness.attributes"] = "zone"
	}
	if rapid.IntRange(0, 3).Draw(t, "limited") == 0 {
		set["cluster.routing.allocation.total_shards_per_node"] = fmt.Sprint(rapid.IntRange(2, 12).Draw(t, "limit"))
	}
	set["cluster.routing.allocation.balance.threshold"] = []string{"1", "1.1", "2"}[rapid.IntRange(0, 2).Draw(t, "threshold")]
	if rapid.IntRange(0, 3).Draw(t, "by other things") == 0 {
		set["cluster.routing.allocation.balance.shard"] = "0"
	}
	set["cluster.routing.allocation.cluster_concurrent_rebalance"] = []string{"1", "2", "-1"}[rapid.IntRange(0, 2).Draw(t, "rebalances")]
	st.Persistent = st.Persistent.With(pointers(set))
	for _, m := range st.Indices {
		if rapid.IntRange(0, 3).Draw(t, "filtered") == 0 {
			m.Settings = settings.Of(map[string]string{"index.routing.allocation.require.tier": "hot"})
		}
	}
	if rapid.Bool().Draw(t, "disks") {
		in.Info.Nodes = make(map[string]routing.DiskUsage)
		for i, n := range st.Nodes {
			if i == 0 || rapid.IntRange(0, 9).Draw(t, "told") > 0 { // of the others the average stands
				in.Info.Nodes[n.ID] = routing.DiskUsage{Path: "/data", TotalBytes: 1 << 36, FreeBytes: rapid.Int64Range(1<<32, 1<<36).Draw(t, "free")}
			}
		}
	}
}

func pointers(set map[string]string) map[string]*string {
	out := make(map[string]*string, len(set))
	for k, v := range set {
		out[k] = &v
	}
	return out
}

// What an index was found to be is kept from round to round. Whatever states are drawn, a
// computation that keeps it goes through the same rounds to the same balance as one that looks at
// every index again.
func TestAComputationThatKeepsWhatItFoundDecidesAsOneThatForgets(t *testing.T) {
	zones, limits := countAsked(t, "awareness"), countAsked(t, "shards_limit") // they are asked first
	rounds, asked, anew := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		st, in := drawPlainState(t, rapid.IntRange(0, 4).Draw(t, "weighted") > 0)
		if len(in.Info.ShardBytes) > 0 && rapid.Bool().Draw(t, "ties") {
			for _, m := range st.Indices {
				*m.ForecastWriteLoad = math.Trunc(*m.ForecastWriteLoad)
			}
			clear(in.Info.ShardBytes)
		}
		drawUneven(t, st, &in)
		run := func() (Computation, *Service, int) {
			s, before := benchmarkService(), zones.allocate+limits.allocate
			s.Reroute(st, in)
			c := s.Compute()
			return c, s, zones.allocate + limits.allocate - before
		}
		c, s, k := run()
		var again Computation
		var plain *Service
		var l int
		forgetting(func() { again, plain, l = run() })
		require.Equal(t, again, c)
		require.Equal(t, plain.desired.byIndex, s.desired.byIndex)
		if c.Iterations > 2 {
			rounds, asked, anew = rounds+c.Iterations, asked+k, anew+l
		}
	})
	if testing.Short() {
		return // twenty drawn states may balance at once
	}
	require.Greater(t, rounds, 50)
	require.Less(t, asked, anew, "in %d rounds", rounds)
}

// Whether a copy may go to a node is asked again where one of the two nodes has changed since the
// round before.
func TestARoundAsksAboutNodesThatChanged(t *testing.T) {
	const nodes, copies = 60, 6000
	st := inZones(placedState(nodes, copies))
	in, s := withDisks(st), benchmarkService()
	in.NowNanos = 1
	st, _ = withoutAZone(s, st, in)
	s.Reroute(st, in)
	n := countAsked(t, "awareness")
	input, previous := *s.wanted, s.desired
	c := s.Compute()
	require.Greater(t, c.Iterations, 3)
	kept := n.allocate
	n.allocate = 0
	s.wanted, s.desired = &input, previous
	forgetting(func() { require.Equal(t, c, s.Compute()) })
	t.Logf("%d rounds ask %d times, %d where nothing is kept", c.Iterations, kept, n.allocate)
	assert.Less(t, kept, n.allocate/2)
}

// BenchmarkAComputationWhileCopiesWait is one computation of the desired balance while what a zone
// held waits for its turn.
func BenchmarkAComputationWhileCopiesWait(b *testing.B) {
	for _, shards := range []int{5, 100} {
		b.Run(fmt.Sprintf("shards=%d", shards), func(b *testing.B) {
			st := inZones(placedStateOf(100, 10_000, shards))
			in, s := withDisks(st), benchmarkService()
			in.NowNanos = 1
			st, _ = withoutAZone(s, st, in)
			s.Reroute(st, in)
			input, previous := *s.wanted, s.desired
			iterations := 0
			measure(b, 0, func() {
				again := input
				s.wanted, s.desired = &again, previous
				iterations = s.Compute().Iterations
			})
			b.ReportMetric(float64(iterations), "iterations")
		})
	}
}
