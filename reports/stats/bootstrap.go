package stats

import (
	"math/rand/v2"
	"slices"
)

// resamples is how many a bootstrap takes.
const resamples = 4000

// Median is the middle value, the mean of the two middle ones of an even number.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return middle(sorted)
}

func middle(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return 0
	}
	if n%2 == 1 {
		return sorted[n/2]
	}
	return sorted[n/2-1]/2 + sorted[n/2]/2
}

// BootstrapMedian is the percentile interval of the median by resampling; the same seed gives
// the same interval. It is meant for showing: at few values and high confidence it is too
// narrow, and decisions are made by tests that are exact.
func BootstrapMedian(values []float64, confidence float64, seed uint64) (lo, hi float64) {
	n := len(values)
	if n == 0 {
		return 0, 0
	}
	random := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	medians := make([]float64, resamples)
	draw := make([]float64, n)
	for i := range medians {
		for j := range draw {
			draw[j] = values[random.IntN(n)]
		}
		slices.Sort(draw)
		medians[i] = middle(draw)
	}
	slices.Sort(medians)
	cut := int(float64((1-confidence)/2) * resamples)
	return medians[cut], medians[resamples-1-cut]
}
