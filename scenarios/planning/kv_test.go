package planning_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/planning"
)

const shop = "testdata/shop.yaml"

func TestAKeyValueClusterIsPlannedAsWell(t *testing.T) {
	c := config(t, shop)
	c.Seeds, c.Set = 1, []string{"growth=null"}
	r := plan(t, c)
	assert.Equal(t, scenarios.Pass, r.Verdict, r.Headline)
	kinds := map[string]int{}
	for _, l := range r.Sides[0].Losses {
		kinds[l.Kind]++
		assert.Empty(t, l.Runs[0].Unknown)
	}
	assert.Equal(t, map[string]int{"nothing": 1, "node": 6, "master": 1, "zone": 3, "restart": 1, "drain": 6}, kinds, "it keeps copies apart by zone, and knows no upgrade")
	assert.NotContains(t, r.Notes, "zone is no awareness attribute: the cluster does not keep copies apart by it")
	zone := loss(t, r.Sides[0], "zone a")
	assert.InDelta(t, 36, *zone.GreenP95.Value, 4, "it waits 30 s before it makes copies anew")
	require.NotNil(t, zone.PeakDisk.Value)
	assert.Positive(t, *zone.PeakDisk.Value)
	assert.Empty(t, zone.Crossed, "it has no watermarks")
	assert.NotNil(t, loss(t, r.Sides[0], "drain n1").Took.Value)
}

func TestTheValuesOfAKeyValueClusterGrow(t *testing.T) {
	c := config(t, shop)
	c.Seeds, c.Losses, c.Set = 1, []string{"zone"}, []string{"objectives.survive=[zone]"}
	r := plan(t, c)
	require.NotNil(t, r.Growth)
	assert.Contains(t, r.Growth.How[0], "the values grow by 80%/week")
	var disk *planning.Break
	for i := range r.Growth.Breaks {
		if b := &r.Growth.Breaks[i]; b.Objective == "disks below 10%" && b.After == "zone" {
			disk = b
		}
	}
	require.NotNil(t, disk)
	require.NotNil(t, disk.Day, "80 % a week are more than tenfold in four")
	assert.True(t, disk.Confirmed)
	assert.Equal(t, "disk", disk.Limit)
	assert.Equal(t, time.Date(2026, 12, 1+*disk.Day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), disk.Date)
	assert.Less(t, r.Growth.Days[0].Bytes, r.Growth.Days[len(r.Growth.Days)-1].Bytes/4)
	assert.Equal(t, "assumed", disk.Tag, "the file says how it grows, and nothing has measured it")
}

func TestWhatIfAKeyValueClusterHadOtherCopiesAndNodes(t *testing.T) {
	c := config(t, shop)
	c.Seeds, c.Losses, c.Set = 1, []string{"zone"}, []string{"growth=null", "objectives.survive=[zone]"}
	c.Changes = []string{"cluster.kv.replication=1"}
	r := plan(t, c)
	assert.Equal(t, scenarios.Pass, r.Sides[0].Verdict)
	assert.Equal(t, scenarios.Fail, r.Sides[1].Verdict, "what has one copy goes with its zone")
	c.Changes = []string{"add-nodes=1"}
	r = plan(t, c)
	assert.Equal(t, scenarios.Pass, r.Sides[1].Verdict, r.Headline)
	require.NotNil(t, r.Transition)
	require.NotNil(t, r.Transition.Cost)
	assert.True(t, r.Transition.Cost.Safe, r.Transition.Cost.Reason)
}

func TestWatermarksAreNoObjectiveOfAKeyValueCluster(t *testing.T) {
	c := config(t, shop)
	c.Set = []string{"objectives.disk-below=high"}
	_, err := planning.Run(t.Context(), c)
	assert.ErrorContains(t, err, "system kv has no watermarks; expected a percentage such as 85%")
}
