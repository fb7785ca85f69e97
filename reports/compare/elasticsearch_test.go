package compare

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/stats"
	"github.com/shardquake/shardquake/scenarios"
)

// recoveries are the figures that are long enough to be compared, in seconds.
var recoveries = [...]string{"first recovery starts", "recovering", "balanced"}

// fromElasticsearch are runs of real Elasticsearch 8.19.0 nodes in containers, three to five of
// them on two processors that had other work as well, as fidelity keeps them. No scenario was
// run often enough for two sides of eight, so those with recoveries that were run at least four
// times are put together: each figure of the first phase stands in parts of its scenario's
// median, ten seconds for a run like most.
func fromElasticsearch(t *testing.T) []Record {
	t.Helper()
	type recording struct {
		Scenario string
		Phases   []struct {
			Values map[string]float64
		}
	}
	f, err := os.Open("../fidelity/testdata/recorded.jsonl")
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // reading only
	byScenario := make(map[string][]recording)
	var order []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, mostLine)
	for lines.Scan() {
		var r recording
		require.NoError(t, json.Unmarshal(lines.Bytes(), &r))
		if len(r.Phases) == 0 {
			continue
		}
		if byScenario[r.Scenario] == nil {
			order = append(order, r.Scenario)
		}
		byScenario[r.Scenario] = append(byScenario[r.Scenario], r)
	}
	require.NoError(t, lines.Err())
	var out []Record
	for _, name := range order {
		all := byScenario[name]
		if len(all) < 4 {
			continue
		}
		lacks := func(figure string) bool {
			return slices.ContainsFunc(all, func(r recording) bool { return r.Phases[0].Values[figure] == 0 })
		}
		if slices.ContainsFunc(recoveries[:], lacks) {
			continue
		}
		for _, r := range all {
			rec := Record{Schema: HistorySchema, Scenario: "elasticsearch", System: "elasticsearch", Backend: "real", Verdict: scenarios.Pass}
			for _, figure := range recoveries {
				var values []float64
				for _, o := range all {
					values = append(values, o.Phases[0].Values[figure])
				}
				rec.Expectations = append(rec.Expectations, Expectation{Name: figure, Verdict: scenarios.Pass, Better: lower})
				rec.Figures = append(rec.Figures, reports.Figure{Name: figure, Unit: "s", Value: 10 * r.Phases[0].Values[figure] / stats.Median(values)})
			}
			out = append(out, rec)
		}
	}
	return out
}

func TestRunsOfElasticsearchDealtToTwoSidesSeldomDiffer(t *testing.T) {
	all := fromElasticsearch(t)
	require.Greater(t, len(all), 2*realRuns)
	random := rand.New(rand.NewPCG(6, 15))
	alarms, found := 0, 0
	const tries, slow = 1000, 200
	for i := range tries {
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		a, b := split(all[:2*realRuns])
		if gating, _ := alarmOf(t, a, b); gating != "" {
			alarms++
		}
		if i >= slow {
			continue
		}
		if gating, _ := alarmOf(t, a, slowed(b, 2)); gating != "" {
			found++
		}
	}
	t.Logf("%d runs, %d alarms in %d; a side twice as slow was found in %d of %d", len(all), alarms, tries, found, slow)
	assert.LessOrEqual(t, alarms, tries/100)
	assert.GreaterOrEqual(t, found, slow*95/100, "a test that never finds anything has no false alarms either")
}
