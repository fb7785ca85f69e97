package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
)

func TestMoreShardsThanTheNodesMayHaveAreForeseenAtTheirLine(t *testing.T) {
	const words = "creating index validations: validation_exception: Validation Failed: 1: " +
		"this action would add [16] shards, but this cluster currently has [993]/[1000] maximum normal shards open;"
	foreseen := func(set ...string) error {
		t.Helper()
		s, err := scenarios.Load("../../scenarios/scenariotest/testdata/operators/max-shards-per-node.yaml", set, catalog.Vocabulary())
		require.NoError(t, err)
		return s.Foresee()
	}
	assert.ErrorContains(t, foreseen(), "max-shards-per-node.yaml:9:14: "+words)
	assert.NoError(t, foreseen("cluster.nodes.count=2"))
	assert.NoError(t, foreseen("cluster.settings={cluster.max_shards_per_node: 1009}"))
	assert.ErrorContains(t, foreseen("cluster.nodes.count=2", "cluster.nodes.late=1"), words, "a node that isn't there yet makes no room")
	assert.ErrorContains(t, foreseen("cluster.nodes=[{roles: [master, data]}, {roles: [data_frozen]}]"), words, "nor does one for frozen data only")
	assert.ErrorContains(t, foreseen("cluster.indices[0].placement=[500]"), ":7:14: creating index ledger:", "an index with a placement comes after those without")
}

func TestVersionsOfNodesThatAreNotModelledAreTold(t *testing.T) {
	s, err := scenarios.Load("half-upgraded", nil, catalog.Vocabulary())
	require.NoError(t, err)
	assert.Contains(t, catalog.OtherVersions(s.Scenario), "n1, n2 run 8.18.2: ")
	s, err = scenarios.Load("half-upgraded", []string{"cluster.nodes[0].version=8.19.0"}, catalog.Vocabulary())
	require.NoError(t, err)
	assert.Empty(t, catalog.OtherVersions(s.Scenario))
	_, err = scenarios.Load("half-upgraded", []string{"cluster.nodes[0].version=7.17.0"}, catalog.Vocabulary())
	assert.ErrorContains(t, err, `"7.17.0" is not a version of Elasticsearch 8`)
}
