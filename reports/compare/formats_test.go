package compare

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/formattest"
)

func TestComparisonsOfEarlierVersionsStillLoad(t *testing.T) {
	var r Result
	formattest.Kept(t, "1-compare.json", &r)
	assert.Equal(t, Schema, r.Schema)
	assert.Equal(t, "a", r.Base)
	assert.Len(t, r.Contenders, 1)
}

func TestHistoriesOfEarlierVersionsStillLoad(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "formats", "1-runs.jsonl"))
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // reading only
	records, bad, err := ReadRecords(f)
	require.NoError(t, err)
	assert.Empty(t, bad)
	require.Len(t, records, 2)
	assert.Equal(t, "shop, nothing", records[0].Scenario)
	assert.NotEmpty(t, records[0].Figures)
}
