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
	assert.Equal(t, recordedApart[:], parts)
}
