package scenariotest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/scenarios/scenariotest"
)

func TestWhatElasticsearchRefusesOfAFileIsToldAtItsLineInItsWords(t *testing.T) {
	s, err := scenarios.Load("testdata/operators/max-shards-per-node.yaml", nil, catalog.Vocabulary())
	require.NoError(t, err)
	backend, err := catalog.Backend("sim")
	require.NoError(t, err)
	_, err = (&scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor}).Run(t.Context(), s, scenarios.Options{})
	assert.ErrorContains(t, err, "max-shards-per-node.yaml:9:14: creating index validations: validation_exception: Validation Failed: 1: "+
		"this action would add [16] shards, but this cluster currently has [993]/[1000] maximum normal shards open;")
}

func TestIndicesLieOnTheTierTheyPrefer(t *testing.T) {
	scenariotest.Run(t, "testdata/operators/tiers.yaml")
	res := run(t, "testdata/operators/tiers.yaml", "expect=[{no-copies-on: data_hot, index: hot-1}]")
	assert.Equal(t, scenarios.Fail, res.Verdict, "all copies are there")
}

func TestABulkLoadObeysAWriteBlock(t *testing.T) {
	res := scenariotest.Run(t, "testdata/operators/write-block.yaml")
	var before, after observed.Traffic
	for _, s := range res.History.Traffic {
		if s.At.Seconds() < 60 {
			before = s.Traffic
		}
		after = s.Traffic
	}
	assert.Greater(t, after.Failed-before.Failed, int64(400*200), "four minutes of writes are refused")
	assert.Less(t, after.Acked-before.Acked, int64(400*10), "none but those between the last look and the block")
}

func TestSwitchingTheDiskThresholdOffLiftsTheFloodBlock(t *testing.T) {
	scenariotest.Run(t, "testdata/operators/threshold-off-while-flooded.yaml")
}
