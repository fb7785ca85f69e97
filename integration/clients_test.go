package integration_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/scenarios/scenariotest"
)

// deadNodeUsed loses a node under a client that neither repeats nor sets nodes aside, so that
// every third write meets the dead one until the end.
const deadNodeUsed = `name: dead-node-used
about: A client that goes round all nodes, whatever they answer, feels a dead one at every third write.
system: elasticsearch
cluster:
  nodes: {count: 3, disk: 128mb, attributes: {zone: [a, b, c]}}
  indices: [{name: logs, shards: 3, replicas: 1, size: 1mb, docs: 500}]
  settings: {index.unassigned.node_left.delayed_timeout: 1s}
workload: [{index: logs, writes: 5/s, tracers: 10/s}]
client: {retries: 0, set-aside: false}
faults: [{at: 5s, node-loss: {node: n2}}]
expect: [{client-errors: {share: "< 50 %", of: node-loss}}]
duration: 35s
`

// What clients are told of the same loss must not depend on what the cluster is made of: a
// dead node refuses, and nobody has seen the write.
func TestClientsAreToldTheSameByBothBackends(t *testing.T) {
	requireContainers(t)
	file := filepath.Join(t.TempDir(), "dead-node-used.yaml")
	require.NoError(t, os.WriteFile(file, []byte(deadNodeUsed), 0o600))
	for name, options := range map[string][]scenariotest.Option{"simulated": nil, "real": {scenariotest.Backend("real")}} {
		result := scenariotest.Run(t, file, options...)
		require.NotNil(t, result, name)
		h := result.History
		lost := h.Faults[0].At + time.Second // what was under way at the loss has no answer
		told := make(map[observed.Cause]int)
		sum := 0
		for _, op := range h.Tracers.Operations {
			if op.At > lost && op.Node == "n2" && op.Cause != observed.CauseEnded {
				told[op.Cause]++
				sum++
			}
		}
		t.Logf("%s: %v", name, told)
		require.Greater(t, sum, 30, "%s: every third write goes to the dead node", name)
		assert.GreaterOrEqual(t, 10*told[observed.CauseDeadNode], 9*sum, "%s: it refuses: %v", name, told)
	}
}
