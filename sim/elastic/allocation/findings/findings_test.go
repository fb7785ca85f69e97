package findings_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardquake/shardquake/sim/elastic/allocation/findings"
	"github.com/shardquake/shardquake/sim/elastic/allocation/javaorder"
)

func TestExtremesThatAreRenewedAreThoseOfAllNodes(t *testing.T) {
	renewed := 0
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Float32Range(-3, 3), 1, 12).Draw(t, "weights")
		weight := func(n int32) float32 { return weights[n] }
		var j findings.Journal
		var e findings.Extremes
		for range rapid.IntRange(1, 20).Draw(t, "looks") {
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				n := int32(rapid.IntRange(0, len(weights)-1).Draw(t, "node"))
				weights[n] = float32(rapid.IntRange(-3, 3).Draw(t, "weight"))
				j.Note(n)
			}
			if rapid.IntRange(0, 9).Draw(t, "forgotten") == 0 {
				e.Forget()
			}
			if e.Renew(&j, weight) {
				renewed++
			} else {
				e.Afresh(&j, javaorder.Ascending(weights[0], 0))
				for n, w := range weights {
					e.See(javaorder.Ascending(w, int32(n)))
				}
			}
			least, most := weights[0], weights[0]
			for _, w := range weights {
				least, most = min(least, w), max(most, w)
			}
			require.Equal(t, least, e.Least())
			require.Equal(t, most, e.Most())
		}
	})
	require.Positive(t, renewed)
}

func TestASetHoldsANodeOnce(t *testing.T) {
	d := findings.NewDistinct(4)
	require.False(t, d.Has(0))
	require.Equal(t, []int32{2, 1}, d.Fill([]int32{2, 1, 2, 1}))
	require.True(t, d.Has(1))
	require.Equal(t, []int32{3}, d.Fill([]int32{3}))
	require.False(t, d.Has(1), "it was put in before")
}
