package stats

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"
	"gonum.org/v1/gonum/stat/distuv"
)

// Tail is the alternative that a test is made against.
type Tail int

// The alternatives: the first sample (or the differences) lie lower, differ, lie higher.
const (
	Less    Tail = -1
	Differs Tail = 0
	Greater Tail = 1
)

// mostExact is up to how many differences the signed-rank distribution is computed exactly.
const mostExact = 256

// SignedRank is Wilcoxon's signed-rank test of paired differences: the probability of ranks
// as one-sided as these when each difference is as likely negative as positive. Zeros are
// left out, ties share the mean of their ranks, and the distribution is that of these very
// ranks. N is how many differences were not zero; with none, p is 1.
func SignedRank(d []float64, tail Tail) (p float64, n int) {
	ranks, positive := twiceRanks(d)
	n = len(ranks)
	if n == 0 {
		return 1, 0
	}
	total, w := 0, 0
	for i, r := range ranks {
		total += r
		if positive[i] {
			w += r
		}
	}
	if n > mostExact {
		return signedRankNormal(ranks, w, total, tail), n
	}
	below, above := signedRankTails(ranks, w, total)
	return ofTails(below, above, tail), n
}

// twiceRanks are the doubled ranks of the magnitudes that are not zero, which are whole
// numbers even where magnitudes tie.
func twiceRanks(d []float64) (ranks []int, positive []bool) {
	type value struct {
		size float64
		up   bool
	}
	var all []value
	for _, v := range d {
		if v != 0 {
			all = append(all, value{math.Abs(v), v > 0})
		}
	}
	slices.SortStableFunc(all, func(a, b value) int { return cmp.Compare(a.size, b.size) })
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].size == all[i].size {
			j++
		}
		for k := i; k < j; k++ {
			ranks, positive = append(ranks, i+1+j), append(positive, all[k].up)
		}
		i = j
	}
	return ranks, positive
}

// signedRankTails are P(W ≤ w) and P(W ≥ w).
func signedRankTails(ranks []int, w, total int) (below, above float64) {
	prob := make([]float64, total+1)
	prob[0] = 1
	reach := 0
	for _, r := range ranks {
		reach += r
		for s := reach; s >= 0; s-- {
			v := prob[s] / 2
			if s >= r {
				v += prob[s-r] / 2
			}
			prob[s] = v
		}
	}
	for s, v := range prob {
		if s <= w {
			below += v
		}
		if s >= w {
			above += v
		}
	}
	return below, above
}

func signedRankNormal(ranks []int, w, total int, tail Tail) float64 {
	squares := 0.0
	for _, r := range ranks {
		squares += float64(r) * float64(r)
	}
	sd := math.Sqrt(squares) / 2
	mean := float64(total) / 2
	below := distuv.UnitNormal.CDF((float64(w) + 1 - mean) / sd) // half a rank, doubled
	above := distuv.UnitNormal.Survival((float64(w) - 1 - mean) / sd)
	return ofTails(below, above, tail)
}

func ofTails(below, above float64, tail Tail) float64 {
	switch tail {
	case Less:
		return min(1, below)
	case Greater:
		return min(1, above)
	}
	return min(1, 2*min(below, above))
}

// SignTest is the exact sign test, and McNemar's with the two counts of pairs that changed:
// how probable a split as uneven as this is when both ways are as likely.
func SignTest(a, b int) float64 {
	n := a + b
	if n == 0 {
		return 1
	}
	d := distuv.Binomial{N: float64(n), P: 0.5}
	return min(1, 2*d.CDF(float64(min(a, b))))
}

// MannWhitney is the U test of two samples that are not paired, exact where they are small.
// Samples that are all of one value tell nothing: p is 1.
func MannWhitney(a, b []float64, tail Tail) (float64, error) {
	r, err := stats.MannWhitneyUTest(a, b, stats.LocationHypothesis(tail))
	if errors.Is(err, stats.ErrSamplesEqual) {
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	return min(1, r.P), nil
}

// Welch is Welch's t-test of two samples; 1 where one has fewer than two values, 0 where both
// are constant and differ.
func Welch(a, b []float64) float64 {
	r, err := stats.TwoSampleWelchTTest(stats.Sample{Xs: a}, stats.Sample{Xs: b}, stats.LocationDiffers)
	switch {
	case errors.Is(err, stats.ErrZeroVariance):
		if a[0] == b[0] {
			return 1
		}
		return 0
	case err != nil || math.IsNaN(r.P):
		return 1
	}
	return min(1, r.P)
}

// QuantileInterval is an interval for a quantile without assumptions on the distribution,
// with at least this confidence; ok is false where the sample is too small for one, and lo
// and hi are its extremes.
func QuantileInterval(values []float64, q, confidence float64) (lo, hi float64, ok bool) {
	ci := stats.QuantileCI(len(values), q, confidence)
	sorted := slices.Sorted(slices.Values(values))
	_, lo, hi = ci.SampleCI(stats.Sample{Xs: sorted, Sorted: true})
	ok = !math.IsInf(lo, 0) && !math.IsInf(hi, 0) && ci.Confidence >= confidence
	if math.IsInf(lo, 0) {
		lo = sorted[0]
	}
	if math.IsInf(hi, 0) {
		hi = sorted[len(sorted)-1]
	}
	return lo, hi, ok
}
