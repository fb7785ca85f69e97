package stats

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Change points are looked for as E-divisive does, with a t-test instead of a permutation
// test, so that the answer is the same each time; in windows, so that a long history costs
// no more per entry than a short one.
const (
	window = 50
	// edge is the fewest values on either side of a change.
	edge = 3
)

// ChangePoints are the indices at which a series changes to another level: the first index
// of the new level. Level is the probability below which a t-test of the two neighbouring
// stretches takes them for different.
func ChangePoints(series []float64, level float64) []int {
	var found []int
	for start := 0; ; start += window / 2 {
		end := min(start+window, len(series))
		found = append(found, split(series, start, end, level)...)
		if end == len(series) {
			break
		}
	}
	slices.Sort(found)
	return merge(series, slices.Compact(found), level)
}

// split looks for changes between start and end.
func split(series []float64, start, end int, level float64) []int {
	at := bestSplit(series[start:end])
	if at < 0 {
		return nil
	}
	at += start
	if Welch(series[start:at], series[at:end]) >= level {
		return nil
	}
	return append(append(split(series, start, at, level), at), split(series, at, end, level)...)
}

// bestSplit is where the energy distance between the two sides is largest; -1 where the
// series is too short or constant.
func bestSplit(x []float64) int {
	n := len(x)
	if n < 2*edge {
		return -1
	}
	// Sums of |difference| within the left side, within the right, and between them, as the
	// split moves on by one.
	var left, right, between float64
	for i := range n {
		for j := i + 1; j < n; j++ {
			right += math.Abs(x[i] - x[j])
		}
	}
	best, at := 0.0, -1
	for tau := 1; tau <= n-edge; tau++ {
		moved := x[tau-1]
		toLeft, toRight := 0.0, 0.0
		for _, v := range x[:tau-1] {
			toLeft += math.Abs(v - moved)
		}
		for _, v := range x[tau:] {
			toRight += math.Abs(v - moved)
		}
		left += toLeft
		right -= toRight
		between += toRight - toLeft
		if tau < edge {
			continue
		}
		m, k := float64(tau), float64(n-tau)
		q := m * k / (m + k) * (2*between/(m*k) - 2*left/(m*m) - 2*right/(k*k))
		if q > best*(1+1e-12) {
			best, at = q, tau
		}
	}
	return at
}

// merge drops, weakest first, the changes that a t-test of their whole neighbouring stretches
// doesn't bear out: windows see only a part of them.
func merge(series []float64, points []int, level float64) []int {
	for {
		weakest, worst := -1, level
		for i, p := range points {
			from, to := 0, len(series)
			if i > 0 {
				from = points[i-1]
			}
			if i+1 < len(points) {
				to = points[i+1]
			}
			if prob := Welch(series[from:p], series[p:to]); p-from < edge || to-p < edge || prob >= worst {
				weakest, worst = i, max(prob, level)
			}
		}
		if weakest < 0 {
			return points
		}
		points = slices.Delete(points, weakest, weakest+1)
	}
}

// MannKendall is the probability that a series without a trend rises or falls as steadily as
// this one, by the normal approximation with a correction for ties.
func MannKendall(series []float64) float64 {
	n := len(series)
	s := 0.0
	for i := range n {
		for j := i + 1; j < n; j++ {
			switch {
			case series[j] > series[i]:
				s++
			case series[j] < series[i]:
				s--
			}
		}
	}
	f := float64(n)
	variance := f * (f - 1) * (2*f + 5)
	sorted := slices.Sorted(slices.Values(series))
	for i := 0; i < n; {
		j := i
		for j < n && sorted[j] == sorted[i] {
			j++
		}
		t := float64(j - i)
		variance -= t * (t - 1) * (2*t + 5)
		i = j
	}
	if variance <= 0 || s == 0 {
		return 1
	}
	z := (math.Abs(s) - 1) / math.Sqrt(variance/18)
	return 2 * distuv.UnitNormal.Survival(z)
}

// TheilSen is the median slope between all pairs of values, by index.
func TheilSen(series []float64) float64 {
	var slopes []float64
	for i := range series {
		for j := i + 1; j < len(series); j++ {
			slopes = append(slopes, (series[j]-series[i])/float64(j-i))
		}
	}
	return Median(slopes)
}

// Skewness is the third standardised moment; 0 of fewer than three values or constant ones.
func Skewness(values []float64) float64 {
	n := float64(len(values))
	if n < 3 {
		return 0
	}
	mean := 0.0
	for _, v := range values {
		mean += v / n
	}
	var m2, m3 float64
	for _, v := range values {
		d := v - mean
		m2 += d * d / n
		m3 += d * d * d / n
	}
	if m2 == 0 {
		return 0
	}
	return m3 / math.Pow(m2, 1.5)
}
