package allocation

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardquake/shardquake/sim/elastic/allocation/javaorder"
	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
)

func TestSortsLeftOutLeaveTheOrderThatAllOfThemWould(t *testing.T) {
	without, caughtUp := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		st, in := drawPlainState(t, true)
		if rapid.Bool().Draw(t, "ties") {
			for _, m := range st.Indices {
				*m.ForecastWriteLoad = math.Trunc(*m.ForecastWriteLoad)
			}
			clear(in.Info.ShardBytes)
		}
		lazy, eager := newBalancer(benchmarkService().newPass(st, in)), newBalancer(benchmarkService().newPass(st, in))
		eagerly := func(idx *routing.Index) (delta float32) {
			eager.look(idx)
			eager.weighNodes(eager.order)
			javaorder.IntroSort(eager.order)
			return eager.order[len(eager.order)-1].Weight() - eager.order[0].Weight()
		}
		for range 6 {
			var wanted []javaorder.Pair
			for i, idx := range eager.p.Indices {
				wanted = append(wanted, javaorder.Descending(eagerly(idx), int32(i)))
			}
			javaorder.IntroSort(wanted)
			for i, idx := range lazy.mostUnbalancedFirst() {
				require.Equal(t, int(wanted[i].Value()), idx.Pos)
			}
			for range rapid.IntRange(1, 3).Draw(t, "sorts") {
				i := rapid.IntRange(0, len(st.Indices)-1).Draw(t, "index")
				lazy.look(lazy.p.Indices[i])
				eagerly(eager.p.Indices[i])
				if lazy.unsorted {
					if lazy.sortWithoutTies() {
						without++
					} else {
						caughtUp++
					}
				}
				lazy.sortNodes(len(lazy.order))
				require.Equal(t, eager.order, lazy.order)
				least, most := lazy.extremes()
				require.Equal(t, lazy.order[0].Weight(), least)
				require.Equal(t, lazy.order[len(lazy.order)-1].Weight(), most)
			}
		}
	})
	if testing.Short() {
		return // twenty drawn states may show too few of one kind
	}
	require.Greater(t, without, 10, "enough sorts stood alone")
	require.Greater(t, caughtUp, 10, "enough sorts needed those before them")
}
