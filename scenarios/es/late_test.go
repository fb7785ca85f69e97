package es

import (
	"github.com/shardquake/shardquake/scenarios"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const lateSample = `name: late
about: A node joins later, a setting changes, the load begins later.
system: elasticsearch
cluster:
  nodes: {count: 4, late: 1}
  indices:
    - {name: logs, shards: 6, placement: [4, 4, 4, 0]}
workload:
  - {index: logs, writes: 5/s, from: 20s}
faults:
  - {at: 5s, node-join: {node: n4}}
  - {at: 9s, settings: {index: logs, set: {index.number_of_replicas: 2}}}
expect:
  - {steady-state: green, at: end}
duration: 60s
`

func TestLateNodesAreDescribedAndLateLoadsComeWhenTheirTimeHas(t *testing.T) {
	s, err := scenarios.Parse("late.yaml", []byte(lateSample), testVocabulary)
	require.NoError(t, err)
	var late []bool
	for _, n := range s.ClusterSpec().Nodes {
		late = append(late, n.Late)
	}
	assert.Equal(t, []bool{false, false, false, true}, late)
	assert.Equal(t, []string{"n4"}, s.Topology().Late)
	assert.Empty(t, loadsAt(s.Scenario, 19*time.Second))
	assert.Len(t, loadsAt(s.Scenario, 20*time.Second), 1)
	assert.Len(t, LoadSpecs(s.Scenario), 1)
}

func TestWhatIsWrongWithLateNodesAndChangedSettingsIsSaid(t *testing.T) {
	voc := testVocabulary
	voc.CheckSetting = func(key, _ string, _ bool) error {
		if strings.HasPrefix(key, "index.number") {
			return nil
		}
		return assert.AnError
	}
	for _, c := range []struct{ was, is, want string }{
		{"late: 1", "late: 4", "4 of 4 nodes join later"},
		{"[4, 4, 4, 0]", "[4, 4, 2, 2]", "n4 joins later and can hold nothing at t=0"},
		{"node: n4", "node: n1", `"n1" does not join later; expected one of n4`},
		{"index: logs, set", "index: log, set", `unknown index "log"`},
		{"index.number_of_replicas: 2", "index.nonsense: 2", assert.AnError.Error()},
		{"from: 20s", "from: 2m", "the load begins at 2m"},
	} {
		text := strings.Replace(lateSample, c.was, c.is, 1)
		require.NotEqual(t, lateSample, text, c.was)
		_, err := scenarios.Parse("late.yaml", []byte(text), voc)
		require.Error(t, err, c.is)
		assert.Contains(t, err.Error(), c.want)
	}
}
