package quantity_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/reports/quantity"
)

func TestWhatAnExpectationObservedGatesAndItsUnitSaysWhatIsTooSmallToMatter(t *testing.T) {
	for unit, least := range map[string]float64{"s": 0.1, "ms": 0.5, "b": 1 << 20, "": 0.005} {
		q := quantity.OfExpectation("name", unit, quantity.Higher)
		assert.True(t, q.Gates, "what the file expects decides")
		assert.InDelta(t, least, q.Minimum.Absolute, 1e-12, unit)
		assert.Positive(t, q.Minimum.Relative)
		assert.Equal(t, quantity.Higher, q.Better)
		assert.Equal(t, unit, q.Unit)
	}
}
