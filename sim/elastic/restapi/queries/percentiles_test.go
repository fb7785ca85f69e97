package queries

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAQuantileLiesBetweenTheValuesNearestToIt(t *testing.T) {
	values := []float64{1, 2, 3, 4}
	for q, want := range map[float64]float64{0: 1, 0.25: 1.5, 0.5: 2.5, 0.75: 3.5, 0.99: 4, 1: 4} {
		assert.InDelta(t, want, quantile(values, q), 1e-9, "%v", q)
	}
	assert.InDelta(t, 7, quantile([]float64{7}, 0.5), 0)
}
