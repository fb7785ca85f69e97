package explore_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
)

func TestWhatExplorationsHaveFoundStaysMended(t *testing.T) {
	files, err := filepath.Glob("testdata/found/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		l, err := scenarios.Load(file, nil, catalog.Vocabulary())
		require.NoError(t, err, file)
		res, err := play(t.Context(), l, l.Seed)
		require.NoError(t, err, file)
		assert.Equal(t, scenarios.Pass, res.Verdict, "%s: %+v", file, res.Outcomes)
	}
}

// What planted defects were shrunk to is nothing that the model or the controller does without
// them; a build with the tag mutants looks that each shows its defect.
func TestWhatPlantedDefectsWereShrunkToHoldsWithoutThem(t *testing.T) {
	files, err := filepath.Glob("testdata/shrunk/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		l, err := scenarios.Load(file, nil, catalog.Vocabulary())
		require.NoError(t, err, file)
		res, err := play(t.Context(), l, l.Seed)
		require.NoError(t, err, file)
		assert.NotEqual(t, scenarios.Fail, res.Verdict, "%s: %+v", file, res.Outcomes)
	}
}
