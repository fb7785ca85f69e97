package integration

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios/observed"
)

// reading is a node's answer in the form of _nodes/stats: operations of logs[0] and logs[1].
func reading(t *testing.T, at time.Duration, processor, disk, indexed, searched, rejected int64) *counters {
	t.Helper()
	text := fmt.Sprintf(`{"nodes":{"x":{
		"fs":{"total":{"total_in_bytes":100,"available_in_bytes":60},"io_stats":{"total":{"io_time_in_millis":%d}}},
		"process":{"cpu":{"total_in_millis":%d}},
		"thread_pool":{"write":{"queue":3,"rejected":%d},"search":{"queue":2,"rejected":1}},
		"indices":{"shards":{"logs":[
			{"0":{"routing":{"primary":true},"store":{"size_in_bytes":10},"indexing":{"index_total":%d,"index_time_in_millis":%d},"get":{"total":5,"time_in_millis":1},"search":{"query_total":%d,"query_time_in_millis":%d}}},
			{"1":{"routing":{"primary":false},"store":{"size_in_bytes":20},"indexing":{"index_total":7,"index_time_in_millis":7},"get":{"total":0},"search":{"query_total":0}}}]}}}}}`,
		disk, processor, rejected, indexed, 2*indexed, searched, 3*searched)
	var a statsAnswer
	require.NoError(t, json.Unmarshal([]byte(text), &a))
	seen := a.seen(at, "n1")
	assert.Equal(t, observed.Disk{Node: "n1", Used: 40, Total: 100}, seen.disk)
	assert.Equal(t, map[shardID]int64{{"logs", 0}: 10, {"logs", 1}: 20}, seen.bytes)
	return seen.load
}

func TestANodesLoadIsWhatItsCountersGrewBy(t *testing.T) {
	before := reading(t, 10*time.Second, 1000, 100, 100, 50, 4)
	now := reading(t, 15*time.Second, 6000, 600, 600, 150, 9)
	load, shards := rates("n1", 2, before, now)
	assert.Equal(t, observed.NodeLoad{
		Node: "n1", CPU: 0.5, Disk: 0.1, QPS: 120, MeanMs: 2.1667, Queue: 5, Rejected: 10,
	}, load, "5 s of 2 processors, 500 writes of 2 ms and 100 searches of 3 ms")
	require.Len(t, shards, 1, "a copy without operations has no load")
	assert.Equal(t, observed.ShardLoad{Index: "logs", Shard: 0, Node: "n1", Primary: true, Writes: 100, Reads: 20, MeanMs: 2.1667}, shards[0])
}

func TestANodeThatWasStartedAgainCountsFromZero(t *testing.T) {
	before := reading(t, 10*time.Second, 9000, 5000, 600, 150, 4)
	now := reading(t, 20*time.Second, 2000, 1000, 100, 0, 0)
	load, _ := rates("n1", 1, before, now)
	assert.InDelta(t, 0.2, load.CPU, 1e-9)
	assert.InDelta(t, 0.1, load.Disk, 1e-9)
	assert.Positive(t, load.QPS)
	assert.Zero(t, load.P99Ms, "Elasticsearch tells no percentiles")
}

func TestTheHottestCopiesOfAllNodesComeFirst(t *testing.T) {
	rated := map[string][]observed.ShardLoad{
		"n1": {{Index: "a", Shard: 0, Node: "n1", Writes: 5}, {Index: "a", Shard: 1, Node: "n1", Reads: 9}},
		"n2": {{Index: "a", Shard: 0, Node: "n2", Writes: 5}, {Index: "a", Shard: 2, Node: "n2", Writes: 6, Reads: 6}},
	}
	for i := range 20 {
		rated["n3"] = append(rated["n3"], observed.ShardLoad{Index: "b", Shard: i, Node: "n3", Reads: 1})
	}
	hot := hotShards(rated)
	require.Len(t, hot, hottest)
	var order []string
	for _, h := range hot[:4] {
		order = append(order, fmt.Sprintf("%s%d@%s", h.Index, h.Shard, h.Node))
	}
	assert.Equal(t, []string{"a2@n2", "a1@n1", "a0@n1", "a0@n2"}, order)
}
