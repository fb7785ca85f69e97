package page

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDistributionsOfTwoSidesShareTheirBins(t *testing.T) {
	drawn := string(Distributions([]float64{1, 1, 1, 2}, []float64{9, 9, 9, 9, 9, 9, 9, 5}, [2]int{0, 3}, plain))
	assert.Equal(t, 2, strings.Count(drawn, `fill="var(--c5)"`), "a bar for five and one for nine")
	assert.Equal(t, 1, strings.Count(drawn, `fill="var(--c0)"`), "one and two share a bin, as the other side is far away")
	assert.Contains(t, drawn, "4 of 4")
	assert.Contains(t, drawn, "7 of 8")
	assert.Contains(t, drawn, "medians 1 and 9")
	assert.Contains(t, drawn, "never: 0 and 3")
}

func TestBarsAreInPartsOfTheirSidesRuns(t *testing.T) {
	drawn := string(Distributions([]float64{1, 9}, []float64{1, 9, 1, 9, 1, 9}, [2]int{}, plain))
	assert.Equal(t, 4, strings.Count(drawn, `height="30.0"`), "half of the runs of either side are in each bin")
	assert.NotContains(t, drawn, "never")
}

func TestNoDistributionIsDrawnWhereNothingIsSpread(t *testing.T) {
	assert.Empty(t, Distributions([]float64{3, 3}, []float64{3}, [2]int{}, plain))
	assert.Empty(t, Distributions(nil, []float64{1, 2}, [2]int{2, 0}, plain))
}

func plain(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

func TestAxesSayValuesWithTheirUnits(t *testing.T) {
	mb := func(v float64) string { return fmt.Sprintf("%g mb", v) }
	one, three := 1.0, 3.0
	assert.Contains(t, string(Distributions([]float64{1, 2}, []float64{3}, [2]int{}, mb)), ">3 mb</text>")
	assert.Contains(t, string(Trend([]float64{1, 3}, nil, mb)), "<span>3 mb</span><span>1 mb</span>")
	assert.Contains(t, string(Dots([][2]*float64{{&one, &three}}, mb)), ">3 mb</text>")
	assert.NotContains(t, string(Dots([][2]*float64{{&one, &one}}, mb)), "mb</text>", "of one value there is no axis")
}
