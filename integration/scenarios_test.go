package integration_test

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/integration"
	"github.com/shardquake/shardquake/scenarios/scenariotest"
)

// These run shipped scenarios on containers: the same files, the same expectations as on
// the simulator.

func TestScenariosHoldOnRealNodes(t *testing.T) {
	requireContainers(t)
	for _, name := range []string{"rebalance-12-4-2", "one-node-lost", "node-cut-off-reset", "recovery-delayed", "corrupt-copy-rebuilt"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // nodes mostly wait; as many at once as there are processors
			result := scenariotest.Run(t, name, scenariotest.Backend("real"))
			if result == nil {
				return
			}
			for _, fault := range result.History.Faults {
				assert.True(t, fault.Shown(), "the fault was shown to bite: %+v", fault.Bites)
			}
		})
	}
}

func requireContainers(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts real nodes, which takes minutes: not with -short")
	}
	if err := integration.Available(context.Background()); err != nil {
		if os.Getenv("SHARDQUAKE_REQUIRE_DOCKER") == "1" {
			t.Fatalf("SHARDQUAKE_REQUIRE_DOCKER=1, but no containers can be started: %v", err)
		}
		t.Skipf("no containers (Docker): %v", err)
	}
}
