package es

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
)

const unlike = `name: unlike
about: Nodes of several kinds, one of them with a name of its own.
system: elasticsearch
cluster:
  nodes:
    - {count: 3, roles: [master, data_hot, data_content], disk: 2tb, cpus: 8, attributes: {zone: [a, b, c]}}
    - {count: 2, roles: [data_warm], disk: 12tb, disk-rate: 200mb/s}
    - {names: [archive], roles: [data_cold], disk: 1pb, late: 1}
  indices: [{name: logs, shards: 3, size: 1gb, placement: [2, 2, 2, 0, 0, 0]}]
expect: [{steady-state: green, at: start}]
duration: 1m
`

func TestNodesOfAGroupAreAlikeAndGroupsAreNot(t *testing.T) {
	s, err := scenarios.Parse("unlike.yaml", []byte(unlike), testVocabulary)
	require.NoError(t, err)
	nodes := s.ClusterSpec().Nodes
	require.Len(t, nodes, 6)
	assert.Equal(t, []string{"n1", "n2", "n3", "n4", "n5", "archive"}, s.NodeNames(), "names go on over the groups")
	assert.Equal(t, []string{"archive"}, s.Topology().Late)
	assert.EqualValues(t, 2<<40, nodes[2].Disk)
	assert.EqualValues(t, 12<<40, nodes[3].Disk)
	assert.Equal(t, []string{"data_warm"}, nodes[4].Roles)
	assert.Equal(t, map[string]string{"zone": "b"}, nodes[1].Attributes)
	assert.Equal(t, 8, nodes[0].CPUs)
	assert.Equal(t, 2, nodes[3].CPUs, "each group has the defaults")
	assert.EqualValues(t, 200<<20, nodes[3].DiskRate)
}

func TestSetReachesTheEntriesOfLists(t *testing.T) {
	s, err := scenarios.ParseSet("unlike.yaml", []byte(unlike), []string{"cluster.nodes[1].disk=6tb", "cluster.nodes[1].cpus=4", "cluster.indices[0].size=2gb"}, testVocabulary)
	require.NoError(t, err)
	nodes := s.ClusterSpec().Nodes
	assert.EqualValues(t, 6<<40, nodes[4].Disk)
	assert.Equal(t, 4, nodes[4].CPUs)
	assert.EqualValues(t, 2<<40, nodes[0].Disk)
	assert.EqualValues(t, 2<<30, s.Cluster.Indices[0].Size)
}

func TestWhatIsWrongWithAGroupIsSaidAtItsPlace(t *testing.T) {
	for _, c := range []struct{ was, is, want string }{
		{"roles: [data_warm]", "roles: [data_wram]", `unlike.yaml:7:26: unknown role "data_wram"`},
		{"count: 2", "count: -2", `-2 nodes; expected 1 or more`},
		{"names: [archive]", "names: [n2]", `there are two nodes "n2"`},
		{"names: [archive]", "names: ['a b']", `"a b" is not a node's name`},
		{"names: [archive]", "count: 1, names: [a, b]", `2 names for 1 nodes`},
		{"disk: 12tb", "dsk: 12tb", `unlike.yaml:7:38: unknown key "dsk"; did you mean "disk"?`},
		{"[2, 2, 2, 0, 0, 0]", "[2, 2, 1, 0, 0, 1]", `archive joins later and can hold nothing at t=0`},
		{"master, data_hot", "data_hot", `no node that is there from the start has the role master`},
	} {
		text := strings.Replace(unlike, c.was, c.is, 1)
		require.NotEqual(t, unlike, text, c.was)
		_, err := scenarios.Parse("unlike.yaml", []byte(text), testVocabulary)
		assert.ErrorContains(t, err, c.want, c.is)
	}
}

func TestAnAliasStandsForWhatItNamesInEveryPart(t *testing.T) {
	text := strings.NewReplacer("disk: 2tb", "disk: &big 2tb", "disk: 12tb", "disk: *big").Replace(unlike)
	s, err := scenarios.Parse("unlike.yaml", []byte(text), testVocabulary)
	require.NoError(t, err)
	assert.EqualValues(t, 2<<40, s.ClusterSpec().Nodes[4].Disk)
}
