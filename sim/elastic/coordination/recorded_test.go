package coordination

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	timelines "github.com/shardquake/shardquake/scenarios/recorded"
)

func TestNoticesOfNodesKilledTogetherLieApartAsRecorded(t *testing.T) {
	all, err := timelines.Pairs()
	require.NoError(t, err)
	var parts []float64
	for _, p := range all {
		if p.Apart == 0 {
			parts = append(parts, math.Round(100*(p.Noticed[1]-p.Noticed[0])/p.Noticed[0])/100)
		}
	}
	slices.Sort(parts)
	require.NotEmpty(t, parts)
	assert.GreaterOrEqual(t, recordedApart[0], parts[0])
	assert.LessOrEqual(t, recordedApart[len(recordedApart)-1], parts[len(parts)-1])
	middle := func(of []float64) float64 { return of[len(of)/2] }
	assert.InDelta(t, middle(parts), middle(recordedApart[:]), 0.25, "half of them earlier, half later, in parts of the first's time")
}
