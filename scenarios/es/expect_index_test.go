package es

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios"
)

func TestBalanceIsBackWithinATimeAfterAFaultAndStays(t *testing.T) {
	s := func() story {
		return tell("n1", "n2").members(-1, "n1", "n1", "n2").health(-1, "green").shard(-1, 0, "n1").shard(-1, 1, "n2").
			fault(10, 0, &chaos.NodeLoss{Node: "n2"}).shard(12, 1, "n1").shard(30, 1, "n2")
	}
	const even = `cv: "< 0.1"`
	assert.Equal(t, scenarios.Pass, verdict(t, s(), "{balance: shards, "+even+", within: 20s, of: node-loss}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s(), "{balance: shards, "+even+", within: 19s, of: node-loss}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s().shard(40, 1, "n1"), "{balance: shards, "+even+", within: 20s, of: node-loss}"), "it did not stay")
	assert.Equal(t, scenarios.Pass, verdict(t, s(), "{balance: shards, "+even+", within: 30s}"), "from t=0 on")
}

func TestWhatIsExpectedOfAnIndexGoesByItsCopiesAlone(t *testing.T) {
	s := func() story { // the cluster is red for another index all along
		return tell("n1", "n2").members(-1, "n1", "n1", "n2").health(-1, "red").shard(-1, 0, "n1", "n2").
			fault(10, 0, &chaos.NodeLoss{Node: "n2"}).shard(12, 0, "n1", "-").shard(20, 0, "n1>n2", "-").shard(30, 0, "n1", "n2")
	}
	assert.Equal(t, scenarios.Fail, verdict(t, s(), "{recovered: green, within: 1m, of: node-loss}"))
	assert.Equal(t, scenarios.Pass, verdict(t, s(), "{recovered: green, within: 20s, of: node-loss, index: logs}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s(), "{recovered: green, within: 19s, of: node-loss, index: logs}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s(), "{no-red-longer-than: 10s}"))
	assert.Equal(t, scenarios.Pass, verdict(t, s(), "{no-red-longer-than: 0s, index: logs}"))
	assert.Equal(t, scenarios.Pass, verdict(t, s(), "{unassigned-at-most: 0, for-longer-than: 18s, index: logs}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s(), "{unassigned-at-most: 0, for-longer-than: 17s, index: logs}"))
	assert.Equal(t, scenarios.Pass, verdict(t, s(), "{moves-at-most: 1, index: logs}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s(), "{moves-at-most: 0, index: logs}"))
}
