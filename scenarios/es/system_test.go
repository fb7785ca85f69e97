package es

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
)

func TestTwoMasterEligibleNodesAreNotedInThePreview(t *testing.T) {
	for nodes, noted := range map[string]bool{
		"{count: 2}": true, "{count: 3, roles-of: {n3: [data]}}": true, "{count: 3}": false, "{count: 1}": false,
	} {
		file := "name: a\nabout: b\nsystem: elasticsearch\ncluster:\n  nodes: " + nodes + "\n  indices: [{name: logs, replicas: 0}]\nexpect: [{steady-state: green}]\nduration: 1m\n"
		s, err := scenarios.Parse("a.yaml", []byte(file), testVocabulary)
		require.NoError(t, err, nodes)
		assert.Equal(t, noted, strings.Contains(strings.Join(s.Describe(), "\n"), "note      two master-eligible nodes (n1, n2) survive no loss"), nodes)
	}
}
