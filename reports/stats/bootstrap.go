package stats

import (
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

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

// Quantile is the smallest value that at least this part of the values is not above; of one
// half it is the median.
func Quantile(values []float64, q float64) float64 {
	if q == 0.5 || len(values) == 0 {
		return Median(values)
	}
	return stat.Quantile(q, stat.Empirical, slices.Sorted(slices.Values(values)), nil)
}

// BootstrapMedian is the percentile interval of the bootstrapped median. How often a value is
// the median of a resample follows from the binomial distribution, so nothing is drawn: it is
// what infinitely many resamples would give, and the same each time. Of an even number the
// lower of the two middle values bounds it from below, the upper from above. It is meant for
// showing: at few values and high confidence it is too narrow, and differences are decided by
// tests that are exact.
func BootstrapMedian(values []float64, confidence float64) (lo, hi float64) {
	n := len(values)
	if n == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(values))
	tail := (1 - confidence) / 2
	lo, hi = sorted[0], sorted[n-1]
	// P(the m-th of a resample ≤ the k-th value) is that of at least m of n draws among k of n.
	reached := func(k, m int) float64 {
		return 1 - distuv.Binomial{N: float64(n), P: float64(k) / float64(n)}.CDF(float64(m-1))
	}
	lower, upper := (n+1)/2, n/2+1
	for k := 1; k < n; k++ {
		if reached(k, lower) > tail {
			lo = sorted[k-1]
			break
		}
	}
	for k := n - 1; k >= 1; k-- {
		if 1-reached(k, upper) > tail {
			hi = sorted[k]
			break
		}
	}
	return lo, hi
}
