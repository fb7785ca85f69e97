package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/quantity"
	"github.com/shardquake/shardquake/scenarios"
)

// ran is a simulated run in which the cluster was green after so long; its trace is its own.
func ran(seed uint64, green float64) Record {
	return Record{
		Schema: HistorySchema, Scenario: "a-node-dies", System: "elasticsearch", Backend: "sim", Seed: seed, Verdict: scenarios.Pass,
		TraceSHA256: fmt.Sprintf("%d %g", seed, green), Figures: []reports.Figure{{Name: quantity.TimeToGreen, Unit: "s", Value: green}},
	}
}

// runs are runs with seeds from 1 on, changed by seed.
func runs(n int, green func(seed uint64) float64) []Record {
	var out []Record
	for seed := uint64(1); seed <= uint64(n); seed++ {
		out = append(out, ran(seed, green(seed)))
	}
	return out
}

// judged compares two sides as the last of so many looks.
func judged(t *testing.T, base, contender []Record, looks int) *Result {
	t.Helper()
	r, err := Judge("base", map[string][]Record{"base": base, "new": contender}, []string{"new"}, Options{Look: looks, Looks: looks})
	require.NoError(t, err)
	return r
}

func only(t *testing.T, r *Result) Scenario {
	t.Helper()
	require.Len(t, r.Contenders, 1)
	require.Len(t, r.Contenders[0].Scenarios, 1)
	return r.Contenders[0].Scenarios[0]
}

func TestEqualTracesAreUnchangedWithoutStatistics(t *testing.T) {
	same := runs(3, func(seed uint64) float64 { return 10 + float64(seed) })
	r := judged(t, same, same, 1)
	assert.Equal(t, Unchanged, r.Verdict)
	s := only(t, r)
	assert.Equal(t, 3, s.Equal)
	assert.Empty(t, s.Rows)
}

func TestASlowdownIsWorseAndASpeedupBetter(t *testing.T) {
	base := runs(16, func(seed uint64) float64 { return 20 + float64(seed%5) })
	slower := runs(16, func(seed uint64) float64 { return 23 + float64(seed%5) + float64(seed)/100 })
	r := judged(t, base, slower, 1)
	assert.Equal(t, Worse, r.Verdict)
	row := only(t, r).Rows[0]
	assert.InDelta(t, 3.085, *row.Difference, 1e-9)
	assert.LessOrEqual(t, row.Interval[0], *row.Difference)
	assert.EqualValues(t, 16, only(t, r).Worst, "the pair that differs most")
	assert.Equal(t, Better, judged(t, slower, base, 1).Verdict)
}

func TestSamenessIsShownNotAssumed(t *testing.T) {
	base := runs(16, func(uint64) float64 { return 20 })
	near := runs(16, func(seed uint64) float64 { return 20 + float64(seed)/100 }) // up to 0.16 s, of 0.4
	assert.Equal(t, Same, judged(t, base, near, 1).Verdict)
	noisy := runs(16, func(seed uint64) float64 { return 20 + 3*math.Pow(-1, float64(seed)) })
	assert.Equal(t, Undecided, judged(t, base, noisy, 1).Verdict, "neither a difference nor sameness")
	assert.Equal(t, Undecided, judged(t, base[:4], near[:4], 1).Verdict, "four pairs show nothing")
}

func TestTooFewPairsForAnyAnswerAreTold(t *testing.T) {
	base, slower := runs(6, func(uint64) float64 { return 20 }), runs(6, func(uint64) float64 { return 30 })
	assert.Equal(t, []string{"6 pairs are too few for an answer to all that gates at once; it takes 7 or more"}, only(t, judged(t, base, slower, 1)).Warnings)
	base, slower = runs(7, func(uint64) float64 { return 20 }), runs(7, func(uint64) float64 { return 30 })
	assert.Equal(t, Worse, judged(t, base, slower, 1).Verdict)
}

func TestARealButSmallDifferenceIsNotWorse(t *testing.T) {
	base := runs(64, func(uint64) float64 { return 100 })
	r := judged(t, base, runs(64, func(uint64) float64 { return 101 }), 1)
	assert.Equal(t, Same, r.Verdict, "every pair differs by 1 %, the minimum is 2 %")
	for i := range base {
		base[i].Tolerance = map[string]units.Tolerance{quantity.TimeToGreen: {Relative: 0.005}}
	}
	stricter := runs(64, func(uint64) float64 { return 101 })
	for i := range stricter {
		stricter[i].Tolerance = base[i].Tolerance
	}
	assert.Equal(t, Worse, judged(t, base, stricter, 1).Verdict, "the scenario asks for 0.5 %")
}

func TestWhatNeverHappenedIsWorseThanAnyTime(t *testing.T) {
	base := runs(16, func(uint64) float64 { return 20 })
	never := runs(16, func(uint64) float64 { return 0 })
	for i := range never {
		never[i].Figures = nil
	}
	r := judged(t, base, never, 1)
	assert.Equal(t, Worse, r.Verdict)
	assert.Nil(t, only(t, r).Rows[0].Difference)
}

func TestThePageShowsHowBothSidesAreSpread(t *testing.T) {
	base := runs(16, func(seed uint64) float64 { return 20 + float64(seed%5) })
	other := runs(16, func(seed uint64) float64 { return 30 + float64(seed%5) })
	other[0].Figures = nil
	text, err := judged(t, base, other, 1).HTML()
	require.NoError(t, err)
	assert.Contains(t, string(text), "distributions from 20.00 s to 34.00 s, medians 22.00 s and 32.00 s")
	assert.Contains(t, string(text), "never: 0 and 1")
}

func TestExpectationsThatFailAreCountedPairByPair(t *testing.T) {
	base := runs(16, func(uint64) float64 { return 20 })
	fails := runs(16, func(uint64) float64 { return 20 })
	for i := range fails {
		fails[i].TraceSHA256 += "!"
		fails[i].Verdict = scenarios.Fail
	}
	r := judged(t, base, fails, 1)
	assert.Equal(t, Worse, r.Verdict)
	assert.Len(t, only(t, r).Verdicts.Lost, 16)
	for i := range fails[1:] {
		fails[i+1].Verdict = scenarios.Pass
	}
	r = judged(t, base, fails, 1)
	assert.Equal(t, Undecided, r.Verdict, "one of sixteen may be chance, and is named")
	assert.Equal(t, []uint64{1}, only(t, r).Verdicts.Lost)
	assert.EqualValues(t, 1, only(t, r).Worst)
}

func TestWhatIsNotAlikeTravelsAsAWarning(t *testing.T) {
	base := runs(8, func(uint64) float64 { return 20 })
	other := runs(8, func(seed uint64) float64 { return 20 + math.Exp(float64(seed)) })
	for i := range other {
		other[i].Scale, other[i].EndS, other[i].Version.Version = "real", 30, "v2"
	}
	s := only(t, judged(t, base, other, 1))
	require.Len(t, s.Warnings, 3)
	assert.Contains(t, s.Warnings[2], "version of Shardquake: v2")
	assert.Contains(t, s.Rows[0].Warnings[0], "skewed")
}

func TestSidesWithNothingInCommonAreNamed(t *testing.T) {
	a, b := runs(2, func(uint64) float64 { return 1 }), runs(2, func(uint64) float64 { return 1 })
	b[0].Seed, b[1].Seed = 8, 9
	_, err := Judge("base", map[string][]Record{"base": a, "new": b}, []string{"new"}, Options{})
	assert.ErrorContains(t, err, "no seed in common")
	b[0].Scenario, b[1].Scenario = "other", "other"
	_, err = Judge("base", map[string][]Record{"base": a, "new": b}, []string{"new"}, Options{})
	assert.ErrorContains(t, err, "no scenario in common")
}

// What can be compared is, whatever else lies in the folders.
func TestWhatCannotBeComparedIsToldAndTheRestCompared(t *testing.T) {
	named := func(name string, all []Record) []Record {
		for i := range all {
			all[i].Scenario = name
		}
		return all
	}
	constant := func(uint64) float64 { return 20 }
	base := append(named("both", runs(4, constant)), named("other-seeds", runs(2, constant))...)
	base = append(append(base, named("only-here", runs(1, constant))...), named("other-backend", runs(1, constant))...)
	other := append(named("both", runs(6, constant)), named("other-seeds", runs(2, constant))...)
	other = append(other, named("other-backend", runs(1, constant))...)
	other[6].Seed, other[7].Seed, other[8].Backend = 8, 9, "real"
	base[3].Aborted = "interrupted"
	r := judged(t, base, other, 1)
	assert.Equal(t, Unchanged, r.Verdict)
	s := only(t, r)
	assert.Equal(t, "both", s.Name)
	assert.Equal(t, [2]int{3, 3}, s.Runs)
	assert.Equal(t, []string{
		"both, base with seed 4: left out, as it says nothing: interrupted",
		"other-seeds, new against base: they have no seed in common",
		"only-here, new against base: only one of them has runs of it",
		"other-backend, new against base: runs of backend real are not compared with those of sim: shardquake fidelity does",
	}, r.Notes)
}

func TestVersionsThatASideMixesAreNamed(t *testing.T) {
	base, other := runs(8, func(uint64) float64 { return 20 }), runs(8, func(uint64) float64 { return 21 })
	other[7].Version.Version, other[6].Scale = "v2", "real"
	assert.Equal(t, []string{"scale differs:  and real, was ", "version of Shardquake: a version that was not recorded and v2, not a version that was not recorded"}, only(t, judged(t, base, other, 1)).Warnings)
}

func TestRealRunsHaveIntervalsOfQuantiles(t *testing.T) {
	real := func(all []Record) []Record {
		for i := range all {
			all[i].Backend = "real"
		}
		return all
	}
	base := real(runs(40, func(seed uint64) float64 { return 20 + float64(seed)/10 }))
	other := real(runs(8, func(seed uint64) float64 { return 40 + float64(seed)/10 }))
	r := judged(t, base, other, 1)
	row := only(t, r).Rows[0]
	require.Len(t, row.Quantiles, 2)
	assert.Equal(t, Quantile{Of: 0.5, Sides: [2]Spread{{22.05, &[2]float64{21.4, 22.7}}, {40.45, &[2]float64{40.1, 40.7}}}}, row.Quantiles[0])
	assert.Equal(t, 0.9, row.Quantiles[1].Of)
	assert.InDelta(t, 23.6, float64(row.Quantiles[1].Sides[0].Value), 1e-9)
	assert.NotNil(t, row.Quantiles[1].Sides[0].Interval)
	assert.Nil(t, row.Quantiles[1].Sides[1].Interval, "eight runs tell nothing of one in ten")
	assert.Equal(t, Same, only(t, r).Verdicts.Verdict, "all of 40 and all of 8 held")
	var out strings.Builder
	require.NoError(t, r.Text(&out))
	assert.NotContains(t, out.String(), "held in")
	page, err := r.HTML()
	require.NoError(t, err)
	const median = "22.05 s (21.40 s … 22.70 s) → 40.45 s (40.10 s … 40.70 s)"
	assert.Contains(t, strings.Join(strings.Fields(out.String()), " "), "time to green median "+median)
	assert.Contains(t, strings.Join(strings.Fields(out.String()), " "), "90 % of runs 23.60 s")
	assert.Contains(t, string(page), "median: "+median)
	assert.Contains(t, string(page), "(too few runs for an interval)")
	assert.Contains(t, string(r.Markdown()), "(21.40 s … 22.70 s) → (40.10 s … 40.70 s)")
}

// tries is how many comparisons a simulation makes.
const tries = 400

// grown plays a comparison whose sample grows from 8 pairs to 64 until it is decided: ten
// gating figures of which the first is slower by this part; the others only vary.
func grown(random *rand.Rand, slower, deviation float64) Verdict {
	var base, contender []Record
	const looks = 4
	for look := 1; look <= looks; look++ {
		for len(base) < 4<<look {
			seed := uint64(len(base) + 1)
			a, b := ran(seed, 100), ran(seed, 0)
			a.Figures, b.Figures = nil, nil
			for k := range 10 {
				by := 0.0
				if k == 0 {
					by = slower
				}
				name := fmt.Sprintf("green after fault %d", k)
				common := 10 * random.NormFloat64() // the seed's, on both sides
				a.Figures = append(a.Figures, reports.Figure{Name: name, Unit: "s", Value: 100 + common})
				b.Figures = append(b.Figures, reports.Figure{Name: name, Unit: "s", Value: 100 + common + 100*(by+deviation*random.NormFloat64())})
				for _, r := range []*Record{&a, &b} {
					r.Expectations = append(r.Expectations, Expectation{Name: name, Verdict: scenarios.Pass, Better: lower})
				}
			}
			a.TraceSHA256, b.TraceSHA256 = "a", "b"
			base, contender = append(base, a), append(contender, b)
		}
		r, err := Judge("base", map[string][]Record{"base": base, "new": contender}, []string{"new"}, Options{Look: look, Looks: looks})
		if err != nil {
			panic(err)
		}
		if first := r.Contenders[0].Scenarios[0].Rows[0].Verdict; first == Worse || first == Better || look == looks {
			for _, row := range r.Contenders[0].Scenarios[0].Rows[1:] {
				if slower == 0 && (row.Verdict == Worse || row.Verdict == Better) {
					return row.Verdict
				}
			}
			return first
		}
	}
	return Undecided
}

// The minimum effect is 2 %, the standard deviation of the paired differences 8 %, ten figures
// gate, and four looks share the error.
func TestASlowdownOfFivePercentIsFoundInAtMost64Pairs(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 15))
	found := 0
	for range tries {
		if grown(random, 0.05, 0.08) == Worse {
			found++
		}
	}
	t.Logf("found in %d of %d", found, tries)
	assert.GreaterOrEqual(t, found, tries*95/100)
}

func TestNoChangeIsSeldomTakenForOne(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 15))
	alarms := 0
	for range tries {
		if v := grown(random, 0, 0.08); v == Worse || v == Better {
			alarms++
		}
	}
	t.Logf("%d alarms in %d", alarms, tries)
	assert.LessOrEqual(t, alarms, tries*5/100, "over ten figures and four looks together")
}
