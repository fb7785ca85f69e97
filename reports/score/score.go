package score

import (
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/stat"
)

// Balance says how evenly a quantity is spread over nodes.
type Balance struct {
	Mean        float64 `json:"mean"`
	Variance    float64 `json:"variance"` // of the population
	Stddev      float64 `json:"stddev"`
	CV          float64 `json:"cv"`            // standard deviation over mean; 0 where the mean is 0
	MaxOverMean float64 `json:"max_over_mean"` // 0 where the mean is 0
}

// BalanceOf scores the values of the nodes. Without values everything is 0.
func BalanceOf(values []float64) Balance {
	if len(values) == 0 {
		return Balance{}
	}
	mean, variance := stat.PopMeanVariance(values, nil)
	b := Balance{Mean: mean, Variance: variance, Stddev: math.Sqrt(variance)}
	if mean != 0 {
		b.CV = b.Stddev / mean
		b.MaxOverMean = slices.Max(values) / mean
	}
	return Balance{Round(b.Mean), Round(b.Variance), Round(b.Stddev), Round(b.CV), Round(b.MaxOverMean)}
}

// Kind is one of the figures of a [Balance], as scenario files bound it.
type Kind struct {
	Name string
	Of   func(Balance) float64
}

// Kinds are the figures that scenario files may bound, in the order in which verdicts come.
func Kinds() []Kind {
	return []Kind{
		{"cv", func(b Balance) float64 { return b.CV }},
		{"variance", func(b Balance) float64 { return b.Variance }},
		{"stddev", func(b Balance) float64 { return b.Stddev }},
		{"max-over-mean", func(b Balance) float64 { return b.MaxOverMean }},
	}
}

// Round keeps nine significant digits.
func Round(v float64) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return v
	}
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 9, 64), 64)
	if err != nil {
		return v
	}
	return r
}

// Distribution sums up repeated measurements.
type Distribution struct {
	N      int     `json:"n"`
	Min    float64 `json:"min"`
	P10    float64 `json:"p10"`
	Median float64 `json:"median"`
	P90    float64 `json:"p90"`
	Max    float64 `json:"max"`
	Mean   float64 `json:"mean"`
}

// DistributionOf sums up values; without values everything is 0.
func DistributionOf(values []float64) Distribution {
	if len(values) == 0 {
		return Distribution{}
	}
	v := slices.Sorted(slices.Values(values))
	q := func(p float64) float64 { return Round(stat.Quantile(p, stat.LinInterp, v, nil)) }
	return Distribution{N: len(v), Min: Round(v[0]), P10: q(0.1), Median: Round(median(v)), P90: q(0.9), Max: Round(v[len(v)-1]), Mean: Round(stat.Mean(v, nil))}
}

func median(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// Percentile is the smallest value that at least p (0 to 1) of the values do not exceed.
func Percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	return Round(stat.Quantile(p, stat.Empirical, v, nil))
}
