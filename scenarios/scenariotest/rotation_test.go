package scenariotest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/scenarios/scenariotest"
)

func TestALoadGoesOnToTheNextIndexOfItsAliasAndFollowsTheHour(t *testing.T) {
	res := scenariotest.Run(t, "logs-through-tiers")
	seen := map[string]time.Duration{} // when the copies of an index were seen first
	grown := map[string]int64{}
	for _, o := range res.History.Observations {
		copies, _ := o.Sight.(observed.Copies)
		for _, c := range copies {
			if _, known := seen[c.Index]; !known {
				seen[c.Index] = o.At
			}
			grown[c.Index] = max(grown[c.Index], c.Bytes)
		}
	}
	require.Contains(t, seen, "app-000004")
	for i, name := range []string{"app-000002", "app-000003", "app-000004"} {
		day := time.Duration(i+1) * 24 * time.Hour
		assert.InDelta(t, day.Hours(), seen[name].Hours(), 0.6, "%s: a day later, at the next look of the lifecycle", name)
	}
	// 60 writes a second with the parts of the day above: 12.75 hours' worth a day, by three shards.
	day := 60 * 3600 * 12.75 / 3
	assert.InDelta(t, day, float64(grown["app-000002"])/1024, day/10)
	// What was written in an hour follows it.
	written := func(hour int) (n int64) {
		from, to := int64(-1), int64(0)
		for _, s := range res.History.Traffic {
			if s.At >= time.Duration(hour)*time.Hour && from < 0 {
				from = s.Acked
			}
			if s.At < time.Duration(hour+1)*time.Hour {
				to = s.Acked
			}
		}
		return to - from
	}
	assert.InDelta(t, 60*3600*0.10, float64(written(27)), 60*3600*0.005, "the fourth hour of the second day")
	assert.InDelta(t, 60*3600*1.00, float64(written(35)), 60*3600*0.02)
}
