package es

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
)

const exact = `name: exact
about: where each copy is
system: elasticsearch
cluster:
  nodes: [{count: 3, roles: [master, data]}, {names: [lead], roles: [master]}, {names: [down], late: 1}]
  indices:
    - name: logs
      size: 100mb
      copies:
        - {primary: n1, replicas: [n2], size: 70mb}
        - {primary: {last: down}, replicas: [missing]}
        - {primary: n2, replicas: [{node: n3, state: initializing}]}
steady: {status: red, unassigned: 2}
expect: [{steady-state: described, at: start}]
duration: 1m
`

func TestTheCopiesOfAFileMakeTheCluster(t *testing.T) {
	s, err := scenarios.Parse("exact.yaml", []byte(exact), testVocabulary)
	require.NoError(t, err)
	ix := s.Cluster.Indices[0]
	assert.Equal(t, 3, ix.Shards, "one for each entry")
	assert.Equal(t, 1, *ix.Replicas)
	f := Formed(s.Scenario)
	require.NotNil(t, f)
	require.NoError(t, f.Check())
	assert.Len(t, f.Nodes, 4, "without the one that joins later")
	assert.Equal(t, []string{"n1", "n2", "n3"}, f.Coordination.Committed, "of four that may vote an odd number does")
	shards := f.Indices[0].Shards
	assert.EqualValues(t, 70<<20, shards[0].Copies[1].Bytes.V)
	assert.EqualValues(t, 15<<20, shards[1].Copies[0].Bytes.V, "an equal part of what is left")
	assert.EqualValues(t, 15<<10, shards[1].Copies[0].Docs.V, "one for each kb")
	assert.Equal(t, "down", shards[1].Copies[0].Unassigned.LastNode)
	assert.Equal(t, "INITIALIZING", shards[2].Copies[1].State)
	assert.Empty(t, loadedIndices(s.Scenario), "nothing is left to load")
}

func TestWhatIsWrongWithCopiesIsSaidAtItsPlace(t *testing.T) {
	for _, c := range []struct{ was, is, want string }{
		{"replicas: [n2], size", "replicas: [n4], size", `exact.yaml:10:36: unknown node "n4"; did you mean "n1"?`},
		{"replicas: [n2], size", "replicas: [lead], size", `lead holds no data: its roles are master`},
		{"replicas: [n2], size", "replicas: [down], size", `down joins later and can hold no copy at the start; expected missing, with last: down`},
		{"replicas: [n2], size", "replicas: [n1], size", `n1 would hold two copies of the shard`},
		{"replicas: [n2], size", "size", `shard 1 has 1 replicas; expected 0`},
		{"replicas: [missing]", "replicas: [n2]", `a replica on n2 without a started primary would be promoted`},
		{"replicas: [missing]", "replicas: [n2, n3]", `shard 1 has 2 replicas; expected 1, and missing for one that has no node`},
		{"state: initializing", "state: initialising", `unknown state "initialising"; did you mean "initializing"?`},
		{"{last: down}", "{last: dwon}", `unknown node "dwon"; did you mean "down"?`},
		{"{last: down}", "{last: down, why: node-gone}", `unknown reason "node-gone" (expected one of: allocation-failed, index-created, node-left, replica-added)`},
		{"{last: down}", "{lost: down}", `unknown key "lost"; did you mean "last"?`},
		{"size: 100mb", "size: 60mb", `the shards have 70mb in all; expected the same here, or nothing`},
		{"size: 100mb", "size: 100mb\n      shards: 2", `3 shards are described; expected 2, one entry for each shard`},
		{"size: 100mb", "size: 100mb\n      placement: [2, 2, 2, 0, 0]", `copies: says where the copies of logs are; expected one of both`},
		{"{status: red, unassigned: 2}", "{status: rad}", `unknown status "rad"; did you mean "red"?`},
		{"{status: red, unassigned: 2}", "{status: green, unassigned: 2}", `a cluster with copies that are not active is not green`},
		{"{status: red, unassigned: 2}", "never", `"never" is no steady state; expected none, or what there is`},
		{"steady: {status: red, unassigned: 2}", "steady: none", `the file describes no steady state; expected steady: with a mapping`},
	} {
		_, err := scenarios.Parse("exact.yaml", []byte(strings.Replace(exact, c.was, c.is, 1)), testVocabulary)
		assert.ErrorContains(t, err, c.want, c.is)
	}
}
