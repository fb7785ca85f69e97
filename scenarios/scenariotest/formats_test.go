package scenariotest_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
)

func TestScenarioFilesOfEveryFormatStillLoad(t *testing.T) {
	files, err := filepath.Glob("testdata/formats/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	seen := map[int]bool{}
	for _, f := range files {
		s, err := scenarios.Load(f, nil, catalog.Vocabulary())
		require.NoError(t, err, f)
		assert.True(t, strings.HasPrefix(filepath.Base(f), "1-"), "the name says which format: %s", f)
		seen[s.Format] = true
	}
	assert.True(t, seen[scenarios.FileFormat], "the present format has a file that later versions are held to")
}

func TestAFileOfALaterFormatIsRefusedWithItsPlace(t *testing.T) {
	_, err := scenarios.Load("testdata/formats/1-kv.yaml", []string{"format=2"}, catalog.Vocabulary())
	assert.ErrorContains(t, err, "1-kv.yaml:2:9: file format 2; this version of Shardquake reads format 1")
}

func TestAToleranceBelongsToAnExpectationOrAQuantity(t *testing.T) {
	s, err := scenarios.Load("one-node-lost", []string{"expect=[{recovered: green, within: 1m, of: node-loss, tolerance: 5%}]", "tolerance={time to green: 2s}"}, catalog.Vocabulary())
	require.NoError(t, err)
	assert.InDelta(t, 0.05, s.Expect[0].Tolerance.Relative, 1e-12)
	assert.InDelta(t, 2, s.Tolerance["time to green"].Absolute, 1e-12)
	_, err = scenarios.Load("one-node-lost", []string{"tolerance={time to gren: 2s}"}, catalog.Vocabulary())
	assert.ErrorContains(t, err, `unknown quantity "time to gren"; did you mean "time to green"?`)
	_, err = scenarios.Load("one-node-lost", []string{"expect=[{lost-acked-writes: 0, tolerance: a lot}]"}, catalog.Vocabulary())
	assert.ErrorContains(t, err, `"a lot" is not a tolerance`)
}
