package units_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/units"
)

func TestAToleranceIsReadFromWhatItIsWrittenAs(t *testing.T) {
	for _, want := range []units.Tolerance{{Relative: 0.05}, {Absolute: 2}, {Relative: 0.02, Absolute: 0.1}, {}} {
		text, err := json.Marshal(&want)
		require.NoError(t, err)
		var got units.Tolerance
		require.NoError(t, json.Unmarshal(text, &got), "%s", text)
		assert.Equal(t, want, got)
	}
	var got units.Tolerance
	require.NoError(t, json.Unmarshal([]byte(`"5%"`), &got), "as a file has it")
	assert.Equal(t, units.Tolerance{Relative: 0.05}, got)
	assert.ErrorContains(t, json.Unmarshal([]byte(`"much"`), &got), "is not a tolerance")
	assert.Error(t, json.Unmarshal([]byte(`[]`), &got))
}
