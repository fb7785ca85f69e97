package integration_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/foreign"
	"github.com/shardquake/shardquake/scenarios"
)

// crooked needs somebody who lets Elasticsearch rebalance; it does so within the half minute
// after which the effect of a decision is looked at.
const crooked = `name: crooked
about: Somebody else's controller evens a crooked cluster of real nodes out.
system: elasticsearch
cluster:
  nodes: {count: 3, disk: 128mb}
  indices: [{name: logs, shards: 6, replicas: 0, size: 1mb, docs: 600, placement: [4, 1, 1]}]
  settings: {cluster.routing.rebalance.enable: none}
controller: {policy: none}
expect: [{balance: shards, cv: "< 0.1", at: end}]
duration: 40s
`

// A command, here the shell's with curl, looks after real nodes as it does after simulated
// ones: what it changes is in the run as a decision, with its effect.
func TestACommandLooksAfterRealNodes(t *testing.T) {
	requireContainers(t)
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("SHARDQUAKE_REQUIRE_DOCKER") == "1" {
			t.Fatal("SHARDQUAKE_REQUIRE_DOCKER=1, but there is no curl for the controller of this test")
		}
		t.Skip("no curl here: the controller of this test needs it")
	}
	script, err := filepath.Abs("../internal/foreign/testdata/controller.sh")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "crooked.yaml")
	require.NoError(t, os.WriteFile(file, []byte(crooked), 0o600))
	loaded, err := scenarios.Load(file, nil, catalog.Vocabulary())
	require.NoError(t, err)
	backend, err := catalog.Backend("real")
	require.NoError(t, err)
	command := foreign.Config{Command: "sh " + script + " {url} 1"}
	runner := &scenarios.Runner{Backend: backend, NewSupervisor: func(c scenarios.SupervisorConfig) (scenarios.Supervisor, error) { return foreign.New(command, c) }}
	res, err := runner.Run(t.Context(), loaded, scenarios.Options{})
	require.NoError(t, err)
	assert.Equal(t, scenarios.Pass, res.Verdict, "%v", res.Outcomes)
	require.Len(t, res.History.Decisions, 1, "it looks first, and changes what differs")
	d := res.History.Decisions[0]
	assert.Equal(t, "PUT /_cluster/settings", d.Decided)
	assert.Contains(t, d.Done, "answered 200")
	assert.Contains(t, d.Effect, "30s later: green → green, relocating 0 → ")
}
