package backend_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios/importer"
	"github.com/shardquake/shardquake/sim/elastic/backend"
)

func TestTheModelWantsCopiesWhereTheClusterDoes(t *testing.T) {
	c, err := importer.Import(t.Context(), importer.Options{Sources: []string{"../../../scenarios/importer/testdata/zones.zip"}})
	require.NoError(t, err)
	a, err := backend.Agree(t.Context(), c)
	require.NoError(t, err)
	assert.True(t, a.Own)
	assert.Equal(t, 62, a.Copies)
	assert.Equal(t, 62, a.Agree, "%+v", a.Differences)

	// A copy on a node that is excluded is wanted elsewhere, and it is said why they differ.
	c.Persistent["cluster.routing.allocation.exclude._name"] = "n4"
	a, err = backend.Agree(t.Context(), c)
	require.NoError(t, err)
	assert.Less(t, a.Agree, a.Copies)
	require.NotEmpty(t, a.Differences)
	assert.Contains(t, a.Differences[0].Why, "the cluster leaves the copies where they are")
}
