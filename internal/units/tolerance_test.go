package units

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAToleranceIsAPartOrAnAmount(t *testing.T) {
	for text, want := range map[string]Tolerance{
		"5%": {Relative: 0.05}, "2s": {Absolute: 2}, "500ms": {Absolute: 0.5}, "10mb": {Absolute: 10 << 20}, "3": {Absolute: 3}, "0": {},
	} {
		var got Tolerance
		require.NoError(t, got.UnmarshalText([]byte(text)), text)
		assert.Equal(t, want, got, text)
	}
	for _, bad := range []string{"", "-1", "-5%", "five", "2 apples"} {
		assert.ErrorContains(t, new(Tolerance).UnmarshalText([]byte(bad)), "is not a tolerance", bad)
	}
	assert.InDelta(t, 2, Tolerance{Relative: 0.02, Absolute: 0.1}.Of(-100), 1e-12, "the larger of both, of the magnitude")
	assert.InDelta(t, 0.1, Tolerance{Relative: 0.02, Absolute: 0.1}.Of(1), 1e-12)
}
