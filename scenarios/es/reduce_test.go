package es_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/scenarios/es"
)

// wide is an imported cluster of three masters and forty data nodes of two tiers in two zones,
// with a hundred indices.
func wide() *clusterfile.Cluster {
	c := &clusterfile.Cluster{
		Schema: clusterfile.Schema, System: clusterfile.Elasticsearch, Name: "wide", At: clusterfile.Seen(1_796_000_000_000),
		Persistent: clusterfile.Settings{
			"cluster.routing.allocation.exclude._name": "hot-3", "cluster.routing.allocation.awareness.attributes": "az", "xpack.monitoring.collection.enabled": "true",
		},
	}
	node := func(name string, roles []string, az string) {
		c.Nodes = append(c.Nodes, clusterfile.Node{
			Name: name, ID: "id-" + name, Roles: roles, Attributes: map[string]string{"az": az, "rack": name}, Disk: clusterfile.Disk{Total: clusterfile.Seen(4 << 40)},
			HeapMax: clusterfile.Seen(30 << 30), Processors: clusterfile.Seen(16),
		})
	}
	for i := range 3 {
		node(fmt.Sprintf("master-%d", i), []string{"master"}, string(rune('a'+i)))
	}
	for i := range 20 {
		node(fmt.Sprintf("hot-%d", i), []string{"data_content", "data_hot"}, []string{"a", "b"}[i%2])
		node(fmt.Sprintf("warm-%d", i), []string{"data_warm"}, []string{"a", "b"}[i%2])
	}
	c.Coordination.Master = "master-0"
	for i := range 100 {
		ix := clusterfile.Index{Name: fmt.Sprintf("logs-%02d", i), ShardCount: 20, Replicas: 1, Settings: clusterfile.Settings{"index.routing.allocation.include._tier_preference": "data_hot", "index.analysis.x": "y"}}
		for range ix.ShardCount {
			ix.Shards = append(ix.Shards, clusterfile.Shard{Copies: []clusterfile.Copy{
				{Primary: true, State: clusterfile.Started, Node: "hot-0", ID: "x", Bytes: clusterfile.Seen(int64(i+1) << 30)}, {State: clusterfile.Started, Node: "hot-1", ID: "y", Bytes: clusterfile.Seen(int64(i+1) << 30)},
			}})
		}
		c.Indices = append(c.Indices, ix)
	}
	return c
}

func TestAnImportedClusterIsScaledDownForRealNodes(t *testing.T) {
	voc := catalog.Vocabulary()
	voc.ReadCluster = func(string) (*clusterfile.File, error) { return &clusterfile.File{Cluster: wide(), SHA256: "0"}, nil }
	sc, err := scenarios.Parse("wide.yaml", []byte(`
name: wide
about: An imported cluster.
system: elasticsearch
cluster: {from: wide.cluster.json.gz}
faults: [{at: 5s, node-loss: {node: hot-17}}]
workload: [{index: logs-00, writes: 10/s}]
expect: [{recovered: green, within: 5m, of: node-loss}]
duration: 1m
real: {bytes: 1/100000, disk: 1gb}
`), voc)
	require.NoError(t, err)
	small, notes := sc.Scaled(scenarios.AsReal)
	var names []string
	zones := map[string]bool{}
	for _, n := range small.NodeSpecs() {
		names = append(names, n.Name)
		zones[strings.Join(n.Roles, " ")+n.Attributes["az"]] = true
		assert.LessOrEqual(t, n.Heap, int64(256<<20))
		assert.Equal(t, int64(1<<30), n.Disk)
	}
	assert.Contains(t, names, "hot-17", "the one that the scenario names")
	assert.Subset(t, names, []string{"master-0", "master-1", "master-2"})
	assert.Len(t, zones, 7, "a node of every tier and zone: %v", names)
	assert.LessOrEqual(t, len(names), 8)
	assert.Nil(t, small.Imported())
	assert.Nil(t, es.Formed(small), "it forms")
	assert.Equal(t, "0", small.TakenFrom().SHA256, "and a copy of the file still goes with the run")

	byName := map[string]scenarios.IndexSection{}
	for _, ix := range small.Cluster.Indices {
		byName[ix.Name] = ix
	}
	assert.Contains(t, byName, "logs-00", "the scenario writes to it")
	assert.Contains(t, byName, "logs-99", "the largest")
	assert.NotContains(t, byName, "logs-01")
	assert.Equal(t, map[string]string{"index.routing.allocation.include._tier_preference": "data_hot"}, byName["logs-99"].Settings)
	assert.EqualValues(t, 20*100<<30/100000, byName["logs-99"].Size)
	assert.Equal(t, map[string]string{"cluster.routing.allocation.awareness.attributes": "az"}, small.Cluster.Settings)

	all := strings.Join(notes, "\n")
	for _, said := range []string{
		"nodes for the 43 of the imported cluster, of every tier and zone", "2 for the 10 of data_content data_hot az=b", "of 100 indices", "have fewer shards or copies", "1/100000 of the cluster's",
		"settings of the cluster that are left out: cluster.routing.allocation.exclude._name, xpack.monitoring.collection.enabled", "disks are 1gb instead of",
	} {
		assert.Contains(t, all, said)
	}
	same, none := sc.Scaled(scenarios.AsDescribed)
	assert.Empty(t, none)
	assert.NotNil(t, es.Formed(same), "simulated it is as it was")
}
