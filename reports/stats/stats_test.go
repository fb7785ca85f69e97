package stats

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tails are a test's probabilities by alternative.
type tails struct {
	Less, Greater, Differs float64
}

// scipy is what SciPy and statsmodels answer, see testdata/make.py.
type scipy struct {
	SignedRank []struct {
		D []float64
		tails
	} `json:"signed_rank"`
	SignedRankLarge struct {
		D       []float64
		Differs float64
	} `json:"signed_rank_large"`
	Sign []struct {
		A, B int
		P    float64
	}
	U []struct {
		X, Y []float64
		tails
	}
	Welch []struct {
		X, Y []float64
		P    float64
	}
	Holm, BH []struct{ P, Adjusted []float64 }
	Kendall  []struct {
		Y []float64
		P float64
	}
	Theil []struct {
		Y     []float64
		Slope float64
	}
	Skew []struct {
		Y    []float64
		Skew float64
	}
}

func answers(t *testing.T) scipy {
	t.Helper()
	data, err := os.ReadFile("testdata/scipy.json")
	require.NoError(t, err)
	var s scipy
	require.NoError(t, json.Unmarshal(data, &s))
	return s
}

func TestTheTestsAnswerAsSciPyDoes(t *testing.T) {
	s := answers(t)
	require.NotEmpty(t, s.SignedRank)
	for _, c := range s.SignedRank {
		for tail, want := range map[Tail]float64{Less: c.Less, Greater: c.Greater, Differs: c.Differs} {
			p, _ := SignedRank(c.D, tail)
			assert.InDelta(t, want, p, 1e-9, "signed rank of %v, tail %d", c.D, tail)
		}
	}
	p, n := SignedRank(s.SignedRankLarge.D, Differs)
	assert.Equal(t, 400, n)
	assert.InDelta(t, s.SignedRankLarge.Differs, p, 1e-6)
	for _, c := range s.Sign {
		assert.InDelta(t, c.P, SignTest(c.A, c.B), 1e-9, "%d against %d", c.A, c.B)
	}
	for _, c := range s.U {
		for tail, want := range map[Tail]float64{Less: c.Less, Greater: c.Greater, Differs: c.Differs} {
			p, err := MannWhitney(c.X, c.Y, tail)
			require.NoError(t, err)
			assert.InDelta(t, want, p, 1e-9)
		}
	}
	for _, c := range s.Welch {
		assert.InDelta(t, c.P, Welch(c.X, c.Y), 1e-9)
	}
	for _, c := range s.Holm {
		assert.InDeltaSlice(t, c.Adjusted, Holm(c.P), 1e-9)
	}
	for _, c := range s.BH {
		assert.InDeltaSlice(t, c.Adjusted, BenjaminiHochberg(c.P), 1e-9)
	}
	for _, c := range s.Kendall {
		assert.InDelta(t, c.P, MannKendall(c.Y), 1e-9)
	}
	for _, c := range s.Theil {
		assert.InDelta(t, c.Slope, TheilSen(c.Y), 1e-9)
	}
	for _, c := range s.Skew {
		assert.InDelta(t, c.Skew, Skewness(c.Y), 1e-9)
	}
}

// Critical values of the signed-rank statistic, two-sided 0.05, as printed in every table
// since Wilcoxon and Wilcox (1964).
func TestTheSignedRankTestAgreesWithThePublishedTable(t *testing.T) {
	for n, critical := range map[int]int{6: 0, 7: 2, 8: 3, 9: 5, 10: 8, 12: 13, 15: 25, 20: 52, 25: 89} {
		for w, significant := range map[int]bool{critical: true, critical + 1: false} {
			// Ranks 1 … n of which the positive ones add up to w.
			d := make([]float64, n)
			left := w
			for r := n; r >= 1; r-- {
				d[r-1] = -float64(r)
				if r <= left {
					d[r-1], left = float64(r), left-r
				}
			}
			require.Zero(t, left)
			p, _ := SignedRank(d, Differs)
			assert.Equal(t, significant, p <= 0.05, "n %d, W %d, p %g", n, w, p)
		}
	}
}

// Critical values of U, two-sided 0.05 (Mann and Whitney 1947, Siegel 1956).
func TestTheUTestAgreesWithThePublishedTable(t *testing.T) {
	for size, critical := range map[[2]int]int{{4, 4}: 0, {5, 5}: 2, {6, 8}: 8, {10, 10}: 23} {
		for u, significant := range map[int]bool{critical: true, critical + 1: false} {
			a, b := samplesWithU(size[0], size[1], u)
			p, err := MannWhitney(a, b, Differs)
			require.NoError(t, err)
			assert.Equal(t, significant, p <= 0.05, "sizes %v, U %d, p %g", size, u, p)
		}
	}
}

// samplesWithU are two samples such that in u pairs the first value is the greater one.
func samplesWithU(n, m, u int) (a, b []float64) {
	for i := range m {
		b = append(b, float64(i+1))
	}
	for i := range n {
		over := min(u, m)
		u -= over
		a = append(a, float64(over)+0.5+float64(i)/100)
	}
	return a, b
}

func TestWhatTellsNothingIsNoDifference(t *testing.T) {
	p, n := SignedRank([]float64{0, 0, 0}, Differs)
	assert.Equal(t, 1.0, p)
	assert.Zero(t, n)
	p, err := MannWhitney([]float64{3, 3}, []float64{3, 3, 3}, Differs)
	require.NoError(t, err)
	assert.Equal(t, 1.0, p)
	assert.Equal(t, 1.0, Welch([]float64{1}, []float64{2, 3}))
	assert.Equal(t, 0.0, Welch([]float64{1, 1, 1}, []float64{2, 2, 2}), "two constants that differ")
	assert.Equal(t, 1.0, MannKendall([]float64{5, 5, 5}))
}

func TestTheLooksSpendTheErrorOnce(t *testing.T) {
	sum := 0.0
	for k := range 4 {
		sum += Spend(k, 4)
	}
	assert.InDelta(t, 1, sum, 1e-12)
	assert.Equal(t, 1.0, Spend(0, 1), "a single look has all of it")
	assert.Less(t, Spend(0, 4), Spend(3, 4))
}

func TestABootstrapIsTheSameEachTimeAndCoversTheMedian(t *testing.T) {
	covered := 0
	const tries = 300
	for i := range tries {
		random := rand.New(rand.NewPCG(uint64(i), 1))
		var values []float64
		for range 32 {
			values = append(values, 3+random.NormFloat64())
		}
		lo, hi := BootstrapMedian(values, 0.95)
		again, _ := BootstrapMedian(values, 0.95)
		assert.Equal(t, lo, again)
		if lo <= 3 && 3 <= hi {
			covered++
		}
	}
	assert.Greater(t, covered, tries*91/100, "of 95 %% nominal")
}

func TestAQuantilesIntervalSaysWhenTheSampleIsTooSmall(t *testing.T) {
	values := []float64{5, 1, 3, 2, 4}
	lo, hi, ok := QuantileInterval(values, 0.5, 0.99)
	assert.False(t, ok)
	assert.Equal(t, []float64{1, 5}, []float64{lo, hi})
	for i := range 45 {
		values = append(values, float64(i))
	}
	_, _, ok = QuantileInterval(values, 0.5, 0.99)
	assert.True(t, ok)
}

// steps is a noisy series that goes to another level at each of these indices.
func steps(n int, seed uint64, noise float64, levels map[int]float64) []float64 {
	random := rand.New(rand.NewPCG(seed, 2))
	level := 100.0
	var out []float64
	for i := range n {
		if l, ok := levels[i]; ok {
			level = l
		}
		out = append(out, level+noise*random.NormFloat64())
	}
	return out
}

func TestChangePointsAreFoundWhereTheyAreAndNowhereElse(t *testing.T) {
	got := ChangePoints(steps(200, 1, 2, map[int]float64{60: 110, 140: 95}), 0.001)
	require.Len(t, got, 2)
	assert.InDelta(t, 60, got[0], 1)
	assert.InDelta(t, 140, got[1], 1)
	alarms := 0
	for seed := range uint64(40) {
		alarms += len(ChangePoints(steps(200, 100+seed, 2, nil), 0.001))
	}
	assert.LessOrEqual(t, alarms, 6, "40 series of 200 without a change")
	assert.Empty(t, ChangePoints(steps(100, 1, 0, nil), 0.001), "a constant has none")
	assert.Equal(t, []int{50}, ChangePoints(steps(100, 1, 0, map[int]float64{50: 101}), 0.001), "a deterministic quantity changes exactly")
	assert.Empty(t, ChangePoints([]float64{1, 2}, 0.001))
}

func TestALongHistoryIsAnalysedInTime(t *testing.T) {
	series := steps(10_000, 3, 2, map[int]float64{5000: 108})
	got := ChangePoints(series, 0.001)
	found := false
	for _, p := range got {
		found = found || (p >= 4998 && p <= 5002)
	}
	assert.True(t, found, "%v", got)
}
