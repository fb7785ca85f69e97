package scenariotest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/reports/compare"
	"github.com/shardquake/shardquake/scenarios/scenariotest"
)

func TestASideThatChangesNothingIsUnchanged(t *testing.T) {
	r := scenariotest.Compare(t, "one-node-lost", nil, scenariotest.Side{scenariotest.Set("cluster.nodes.count=3")})
	assert.Equal(t, compare.Unchanged, r.Verdict)
}

func TestAFasterNetworkIsBetter(t *testing.T) {
	r := scenariotest.Compare(t, "one-node-lost", scenariotest.Side{scenariotest.Set("cluster.nodes.network=100mbit")}, nil)
	assert.Equal(t, compare.Better, r.Verdict)
}

func TestEverySeedIsATestOfItsOwn(t *testing.T) {
	scenariotest.RunSeeds(t, "one-node-lost", 1, 3)
}

func BenchmarkOneNodeLost(b *testing.B) { scenariotest.Benchmark(b, "one-node-lost") }
