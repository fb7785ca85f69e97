package compare

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/quantity"
	"github.com/shardquake/shardquake/scenarios"
)

// history is a run per revision with these times to green.
func history(n int, green func(i int) float64) []Record {
	var out []Record
	for i := range n {
		r := ran(1, green(i))
		r.Version.Version, r.Version.Revision, r.Branch = fmt.Sprintf("v0.0.0-%04d", i), fmt.Sprintf("rev%09d", i), "main"
		out = append(out, r)
	}
	return out
}

func text(t *testing.T, tr *Trend) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, tr.Text(&out))
	return out.String()
}

func TestAStepIsFoundWithItsFirstRevision(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	tr := TrendOf(history(120, func(i int) float64 {
		level := 20.0
		if i >= 70 {
			level = 23
		}
		return level + 0.3*random.NormFloat64()
	}), nil)
	require.Len(t, tr.Series, 1)
	require.Len(t, tr.Series[0].Changes, 1)
	c := tr.Series[0].Changes[0]
	assert.Equal(t, 70, c.At)
	assert.Equal(t, "rev000000070", c.First.Revision)
	assert.Equal(t, Worse, c.Verdict)
	assert.Nil(t, tr.Series[0].Drift, "a step is no drift")
	assert.Contains(t, text(t, tr), "WORSE    a-node-dies, time to green: 19.97 s → 22.99 s from v0.0.0-0070")
	page, err := tr.HTML()
	require.NoError(t, err)
	assert.Contains(t, string(page), "from v0.0.0-0070")
}

func TestASlowDriftIsFoundThoughEveryStepIsWithinTolerance(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 1))
	tr := TrendOf(history(60, func(i int) float64 { return 20 * (1 + 0.0008*float64(i)) * (1 + 0.008*random.NormFloat64()) }), nil)
	s := tr.Series[0]
	for _, c := range s.Changes {
		assert.Equal(t, Same, c.Verdict, "every step counts as none")
	}
	require.NotNil(t, s.Drift, "%+v", s.Changes)
	assert.Equal(t, Worse, s.Drift.Verdict)
	assert.Equal(t, Worse, tr.Worst())
	assert.Contains(t, text(t, tr), "drifts from 20")
}

func TestAQuietHistoryShowsNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 1))
	tr := TrendOf(history(200, func(int) float64 { return 20 + 0.3*random.NormFloat64() }), nil)
	assert.Contains(t, text(t, tr), "1 figures without a change, 200 runs")
}

func TestBaselinesAreChosenByRule(t *testing.T) {
	all := history(6, func(int) float64 { return 20 })
	all[1].Version.Version = "v1.0.0"
	all[2].Version.Version = "v1.1.0-rc1"
	all[5].Verdict = scenarios.Fail
	all = append(all, all[5])
	all[6].Verdict = scenarios.Pass // another run of the revision that failed
	tr := TrendOf(all, nil)
	require.Len(t, tr.Baselines, 2)
	assert.Equal(t, "v1.0.0", tr.Baselines[0].Version.Version, "a candidate is no release")
	assert.Equal(t, "rev000000004", tr.Baselines[1].Version.Revision, "the newest that failed nothing")
}

func TestOldLinesStayReadableAndBrokenOnesAreNamed(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, WriteRecords(&out, history(2, func(int) float64 { return 20 })))
	out.WriteString("nonsense\n\n{\"schema\":\"shardquake.history/9\"}\n")
	records, bad, err := ReadRecords(&out)
	require.NoError(t, err)
	assert.Equal(t, history(2, func(int) float64 { return 20 }), records)
	require.Len(t, bad, 2)
	assert.Contains(t, bad[0], "line 3")
	assert.Contains(t, bad[1], `schema "shardquake.history/9"`)
}

func TestSidesAreChosenFromAHistory(t *testing.T) {
	labels := func(sides []Chosen) (out []string) {
		for _, s := range sides {
			out = append(out, s.Label)
		}
		return out
	}
	all := history(5, func(i int) float64 { return 20 + float64(i) })
	all[3].Verdict = scenarios.Fail
	sides, err := LastSides(all)
	require.NoError(t, err)
	assert.Equal(t, []string{all[2].Version.String(), all[4].Version.String()}, labels(sides), "the newest against the last green one of main")

	compared := append([]Record(nil), all...)
	for i := range compared {
		compared[i].Label = []string{"main", "change"}[i%2]
	}
	compared = append(compared, compared[4]) // the same run once more
	compared[5].Verdict = scenarios.Unknown
	compared[5].Look, compared[5].Looks = 2, 4
	sides, err = LastSides(compared)
	require.NoError(t, err)
	require.Equal(t, []string{"main", "change"}, labels(sides))
	assert.Equal(t, []Record{compared[5]}, sides[0].Records, "of the newest version, and of a seed the last line")
	assert.Equal(t, []Record{compared[3]}, sides[1].Records)
	look, looks := LookOf(sides)
	assert.Equal(t, [2]int{2, 4}, [2]int{look, looks})

	one, err := OfRevision(all, "old", "rev000000001")
	require.NoError(t, err)
	assert.Equal(t, Chosen{"old", all[1:2]}, one)
	_, err = OfRevision(all, "old", "rev")
	assert.ErrorContains(t, err, "rev may be ")
	_, err = OfRevision(all, "old", "other")
	assert.ErrorContains(t, err, "no run of other")
	_, err = LastSides(all[:1])
	assert.ErrorContains(t, err, "one version only")
}

func TestSidesOfOneVersionAreSeriesOfTheirOwn(t *testing.T) {
	var all []Record
	for i, r := range history(20, func(int) float64 { return 20 }) {
		base, other := r, ran(1, 20)
		base.Label = "threshold"
		other.Version, other.Label = r.Version, "variance"
		other.Figures[0].Value = 30 + 10*float64(i/10)
		all = append(all, base, other)
	}
	tr := TrendOf(all, nil)
	require.Len(t, tr.Series, 2)
	assert.Equal(t, "threshold", tr.Series[0].Label)
	assert.Empty(t, tr.Series[0].Changes)
	require.Len(t, tr.Series[1].Changes, 1)
	assert.Contains(t, text(t, tr), "WORSE    a-node-dies (variance), time to green: 30.00 s → 40.00 s")

	for i := range all {
		all[i].Version.Version += all[i].Label // as when the sides are two programs
	}
	assert.Len(t, TrendOf(all, nil).Series, 1)
}

// BenchmarkTrend reads and analyses a history of 10,000 lines: a hundred revisions of twenty
// scenarios with five seeds, as a nightly comparison of the library leaves them.
func BenchmarkTrend(b *testing.B) {
	random := rand.New(rand.NewPCG(5, 1))
	var out bytes.Buffer
	for revision := range 100 {
		for scenario := range 20 {
			for seed := range uint64(5) {
				r := long(seed+1, random)
				r.Scenario = fmt.Sprintf("scenario-%d", scenario)
				r.Version.Revision, r.Branch = fmt.Sprintf("%040d", revision), "main"
				if err := WriteRecords(&out, []Record{r}); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.ReportMetric(float64(out.Len())/1e6, "MB")
	for b.Loop() {
		records, bad, err := ReadRecords(bytes.NewReader(out.Bytes()))
		if err != nil || len(bad) > 0 || len(records) != 10_000 {
			b.Fatal(err, bad, len(records))
		}
		if _, err := TrendOf(records, nil).HTML(); err != nil {
			b.Fatal(err)
		}
	}
}

// long is a run with as many figures as those of the library have.
func long(seed uint64, random *rand.Rand) Record {
	r := ran(seed, 20+0.3*random.NormFloat64())
	for k := range 8 {
		name := fmt.Sprintf("expectation %d", k)
		r.Expectations = append(r.Expectations, Expectation{Name: name, Verdict: scenarios.Pass, Better: lower, Line: k})
		r.Figures = append(r.Figures, reports.Figure{Name: name, Unit: "s", Value: 10 + random.NormFloat64()})
	}
	for _, q := range reports.ScoreKinds() {
		if q.Name != quantity.TimeToGreen {
			r.Figures = append(r.Figures, reports.Figure{Name: q.Name, Unit: q.Unit, Value: 10 + random.NormFloat64()})
		}
	}
	return r
}
