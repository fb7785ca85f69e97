package explore

import (
	"encoding/json"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/source"
)

// clusterOf is a file that has a cluster: section alone.
func clusterOf(t *testing.T, text string) yaml.MapSlice {
	t.Helper()
	f, err := source.Parse("cluster.yaml", []byte("cluster: "+text))
	require.NoError(t, err)
	v, err := source.Ordered(f.Root())
	require.NoError(t, err)
	return v.(yaml.MapSlice)
}

func TestFaultsThatNameWhatIsGoneAreAimedAtWhatStays(t *testing.T) {
	from := clusterOf(t, "{nodes: {count: 7}, indices: [{name: logs, shards: 8}, {name: users, shards: 3}]}")
	to := clusterOf(t, "{nodes: {count: 3}, indices: [{name: users, shards: 2}]}")
	p := chaos.Plan{Entries: []chaos.Entry{
		{Fault: &chaos.NodeLoss{Node: "n6", Nodes: []chaos.Selector{"n1", "master"}}},
		{Fault: &chaos.NodeLoss{Node: "n7"}},
		{Fault: &chaos.NodeLoss{Node: "n6"}},
		{Fault: &chaos.Partition{Between: []chaos.Selector{"primary(logs,5)"}, And: []chaos.Selector{"rest"}}},
		{Fault: &chaos.Corruption{Index: "logs", Shard: 3, Copy: "primary"}},
		{Fault: &chaos.DiskSlow{Node: "replica(users,2)", By: 1}, Trigger: &chaos.Trigger{While: &chaos.While{Recovers: "logs"}}},
	}}
	got, err := redirect(p, from, to)
	require.NoError(t, err)
	loss := func(i int) *chaos.NodeLoss { return got.Entries[i].Fault.(*chaos.NodeLoss) }
	assert.Equal(t, chaos.Selector("n2"), loss(0).Node, "the first that no fault names")
	assert.Equal(t, []chaos.Selector{"n1", "master"}, loss(0).Nodes)
	assert.Equal(t, chaos.Selector("n3"), loss(1).Node, "another node stays another")
	assert.Equal(t, chaos.Selector("n2"), loss(2).Node, "the same stays the same")
	assert.Equal(t, chaos.Selector("primary(users,1)"), got.Entries[3].Fault.(*chaos.Partition).Between[0])
	assert.Equal(t, "users", got.Entries[4].Fault.(*chaos.Corruption).Index)
	assert.Equal(t, 1, got.Entries[4].Fault.(*chaos.Corruption).Shard)
	assert.Equal(t, chaos.Selector("replica(users,0)"), got.Entries[5].Fault.(*chaos.DiskSlow).Node)
	assert.Equal(t, "users", got.Entries[5].Trigger.While.Recovers)
}

func TestAPlanThatNamesNothingThatIsGoneStaysAsItIs(t *testing.T) {
	from := clusterOf(t, "{nodes: [{count: 2}, {count: 3}], indices: [{name: logs, shards: 8}]}")
	to := clusterOf(t, "{nodes: [{count: 2}, {count: 1}], indices: [{name: logs, shards: 8}]}")
	p := chaos.Plan{Entries: []chaos.Entry{{At: 1, Fault: &chaos.NodeLoss{Node: "n3", How: "pause", For: 5}}, {Fault: &chaos.CreateIndex{Index: "new"}}}}
	got, err := redirect(p, from, to)
	require.NoError(t, err)
	want, err := json.Marshal(p)
	require.NoError(t, err)
	have, err := json.Marshal(got)
	require.NoError(t, err)
	assert.JSONEq(t, string(want), string(have))
}
