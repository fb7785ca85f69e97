package reports_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/compare"
	"github.com/shardquake/shardquake/reports/divergence"
	"github.com/shardquake/shardquake/reports/fidelity"
	gamedayreport "github.com/shardquake/shardquake/reports/gameday"
	"github.com/shardquake/shardquake/reports/live"
	"github.com/shardquake/shardquake/reports/losses"
	"github.com/shardquake/shardquake/reports/page"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/explore"
	"github.com/shardquake/shardquake/scenarios/gameday"
	"github.com/shardquake/shardquake/scenarios/planning"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// samplePages are pages of every kind, by the names that their pictures get.
func samplePages(t *testing.T) map[string][]byte {
	t.Helper()
	out := make(map[string][]byte)
	add := func(name string, text []byte, err error) {
		require.NoError(t, err, name)
		out[name] = text
	}
	for name, res := range reports.SampleRuns() {
		rep, err := reports.Build(res)
		require.NoError(t, err)
		text, err := reports.HTML(rep, res, "shardquake replay shardquake-out/told-by-hand/1")
		add(name, text, err)
	}
	var seeds []*reports.Report
	for seed := uint64(1); seed <= 12; seed++ {
		res := reports.SampleSeed(seed)
		rep, err := reports.Build(res)
		require.NoError(t, err)
		seeds = append(seeds, rep)
	}
	sweep, err := reports.SweepHTML(reports.SweepOf(seeds), "shardquake run told-by-hand --seed 12", true)
	add("sweep", sweep, err)
	result, trend := comparisonSample(t)
	text, err := result.HTML()
	add("compare", text, err)
	result.Policies = reports.SamplePolicies()
	text, err = result.HTML()
	add("policies", text, err)
	text, err = trend.HTML()
	add("trend", text, err)
	text, err = fidelitySample().HTML()
	add("fidelity", text, err)
	text, err = losses.HTML(plannedSample(t))
	add("plan", text, err)
	text, err = exploredSample().HTML()
	add("explore", text, err)
	plan, predicted := gamedaySample(t)
	text, err = gamedayreport.ApprovalPage(plan, strings.Repeat("0123456789abcdef", 4), predicted)
	add("gameday-approval", text, err)
	day := &gamedayreport.Record{
		Began: time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC), Plan: plan, Hash: strings.Repeat("0123456789abcdef", 4), Prediction: predicted, Held: "no",
		Approval: gameday.Approval{Name: "M. Vogel", Reason: "the week before the sale"}, Actions: []string{"look into relocations"},
	}
	ran := reports.SampleRuns()["run-failed"]
	rep, err := reports.Build(ran)
	require.NoError(t, err)
	day.Conclude(rep, ran.History)
	text, err = day.HTML(ran)
	add("gameday", text, err)
	return out
}

// fidelitySample is a comparison in which one quantity is outside its target.
func fidelitySample() *fidelity.Table {
	dist := func(runs int, values ...float64) fidelity.Dist {
		d := fidelity.Dist{Runs: runs, N: len(values), Values: values}
		if len(values) > 0 {
			d.Min, d.Median, d.Max = values[0], values[len(values)/2], values[len(values)-1]
		}
		return d
	}
	return &fidelity.Table{
		Scenario: "one-node-lost", RealFrom: "3 runs in containers", Notes: []string{"the links' bandwidth holds per connection on real nodes"},
		Rows: []fidelity.Row{
			{Phase: "node-loss n2", Quantity: "time to detect", Unit: fidelity.Seconds, Sim: dist(4, 0.1, 0.12, 0.13, 0.14), Real: dist(3, 0.1, 0.11, 0.16), Error: 0.02, Relative: 0.18, Limit: 0.3, Determined: true, Verdict: fidelity.Within},
			{Phase: "node-loss n2", Quantity: "time to green", Unit: fidelity.Seconds, Sim: dist(4, 13.9, 14, 14.1, 14.2), Real: dist(3, 17.8, 18, 18.3), Error: -3.9, Relative: -0.22, Limit: 2.7, Determined: true, Verdict: fidelity.Outside},
			{Phase: "node-loss n2", Quantity: "time to yellow", Unit: fidelity.Seconds, Sim: dist(4, 0, 0, 0, 0), Real: dist(3), Verdict: fidelity.Outside, Note: "it happened in no real run"},
			{Phase: "the end", Quantity: "relocations", Unit: fidelity.Count, Sim: dist(4, 2, 2, 3, 4), Real: dist(3, 2, 3, 5), Verdict: fidelity.Within},
		},
		Orders: []fidelity.Order{{Phase: "the end", SimRuns: 4, SimAgree: 2, RealRuns: 3, RealAgree: 1, Verdict: fidelity.Within}},
	}
}

// plannedSample is a plan for a cluster that can't lose a zone.
func plannedSample(t *testing.T) *planning.Result {
	t.Helper()
	backend, err := catalog.Backend("sim")
	require.NoError(t, err)
	r, err := planning.Run(t.Context(), planning.Config{
		File: "../scenarios/planning/testdata/zone-not-lost.yaml", Vocabulary: catalog.Vocabulary(), Seeds: 1,
		Runner: func() *scenarios.Runner {
			return &scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor, Explain: catalog.Explain}
		},
	})
	require.NoError(t, err)
	return r
}

// exploredSample is a search that has found one plan.
func exploredSample() *explore.Result {
	plan := chaos.Plan{Entries: []chaos.Entry{{At: units.Duration(3 * time.Second), Fault: &chaos.NodeLoss{Nodes: []chaos.Selector{"n2"}, How: "kill"}}}}
	return &explore.Result{
		Scenario: "tight", System: "elasticsearch", Seed: 1, Rounds: 4, Plans: explore.Counts{Held: 180, Broke: 15, Undecided: 5}, Runs: 260,
		Claims: []explore.Asked{{Claim: "green after node-loss", Held: 180, Broke: 15, Undecided: 5}, {Claim: "acknowledged writes lost", Held: 200}},
		Found: []*explore.Find{{
			Claim: "green after node-loss", Name: "tight-breaks-recovered", File: "found/tight-breaks-recovered.yaml", About: "the cluster was still not green when the run ended", Seed: 1,
			Plan: plan, First: plan, Tries: 12, Minimal: true, Smaller: []string{"nodes 5 → 3"}, Smallest: true, GoTest: "found/tight_breaks_recovered_found_test.go", Confirmed: &explore.Confirmed{Backend: "real", Came: explore.Agreed, Why: "green 12 s after the fault"}, Plans: 15, Nth: 7, Others: explore.Others{Seeds: 20, Broke: 18, Held: 2},
		}},
		Undecided: []explore.Trouble{{Nth: 3, Plan: plan, Seed: 3, Why: "the next fault struck before the limit"}},
		Coverage: explore.Coverage{
			Reached: []explore.Cell{{Reached: explore.Reached{Fault: "node-loss", Phase: "green"}, Plans: explore.Counts{Held: 90, Broke: 15}}, {Reached: explore.Reached{Fault: "partition", Phase: "yellow, moving"}, Plans: explore.Counts{Held: 20}}},
			Growth:  []explore.Growth{{Plans: 50, Reached: 30}, {Plans: 100, Reached: 44}, {Plans: 150, Reached: 50}, {Plans: 200, Reached: 51}}, Never: []string{"disk-slow"},
		},
	}
}

// gamedaySample is the plan of a game day, before anybody has approved it.
func gamedaySample(t *testing.T) (*gameday.Plan, *gameday.Prediction) {
	t.Helper()
	l, err := scenarios.Load("../cmd/shardquake/testdata/gameday.yaml", nil, catalog.Vocabulary())
	require.NoError(t, err)
	predicted := &gameday.Prediction{
		Seeds: 5, Verdicts: map[string]int{"pass": 4, "fail": 1}, Failing: []string{"green after node-loss: 1 of 5"}, Touched: []string{"unassigned > 4: 1 of 5"},
		Bands:    []gameday.Band{{Figure: "unassigned", About: "copies without a node", Lo: []float64{0, 0, 0, 0}, Hi: []float64{0, 2, 4, 1}}},
		Outcomes: []gameday.Expected{{Name: "green after node-loss", Unit: "s", Lo: 12, Mid: 14, Hi: 21}},
	}
	plan, err := gameday.NewPlan(l, l.Scenario, "real", predicted)
	require.NoError(t, err)
	return plan, predicted
}

// comparisonSample is a comparison in which one side is slower, with its reason, and the trend
// of a history in which a figure changes once.
func comparisonSample(t *testing.T) (*compare.Result, *compare.Trend) {
	t.Helper()
	sides := map[string][]compare.Record{}
	var history []compare.Record
	for seed := uint64(1); seed <= 32; seed++ {
		for side, slower := range map[string]float64{"base": 0, "slow-network": 2} {
			r := compare.Record{Schema: compare.HistorySchema, Scenario: "one-node-lost", Backend: "sim", Seed: seed, Verdict: "pass", TraceSHA256: side}
			r.Figures = []reports.Figure{
				{Name: "time to green", Unit: "s", Value: 14 + float64(seed%7)/10 + slower}, {Name: "bytes copied", Unit: "b", Value: 120 << 20},
				{Name: "p99 latency", Unit: "ms", Value: 10 + 4*float64(seed%3)*slower},
			}
			sides[side] = append(sides[side], r)
			if (seed > 16) == (slower > 0) {
				r.Version.Version, r.Version.Revision = "v0.1.0-"+strconv.FormatUint(seed, 10), "0123456789abcdef"
				history = append(history, r)
			}
		}
	}
	result, err := compare.Judge("base", sides, []string{"slow-network"}, compare.Options{})
	require.NoError(t, err)
	const trace = `{"at_s":20,"kind":"fault","data":{"kind":"node-loss","victims":["n2"]}}` + "\n"
	why, err := divergence.Of([2]string{"base", "slow-network"}, []byte(trace+`{"at_s":34,"kind":"health","data":{"status":"green","master":true}}`), []byte(trace+`{"at_s":36,"kind":"health","data":{"status":"green","master":true}}`))
	require.NoError(t, err)
	result.Contenders[0].Scenarios[0].Why = why
	return result, compare.TrendOf(history, nil)
}

// liveSample serves a live page with a cluster of two nodes, one of which is lost; finish
// ends its stream.
func liveSample(t *testing.T) (url string, finish func()) {
	t.Helper()
	stream, err := live.NewStream(map[string]any{"nodes": []string{"n1", "n2"}})
	require.NoError(t, err)
	p := live.Page{Head: page.Verdict{Text: "RUNNING", Title: "a node is lost", About: "A cluster at work."}, Meta: "backend sim", Stream: "/events", Orders: []live.Order{{Path: "/halt", Text: "halt"}}, Faults: []live.Suggestion{
		{Kind: "node-loss", About: "a node's process is killed", Order: "{node-loss: {node: n1}}"}, {Kind: "disk-slow", About: "a node's disk becomes slow", Order: "{disk-slow: {node: n1}}"},
	}}
	h, err := p.Handler()
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.Handle("/events", stream)
	mux.HandleFunc("POST /halt", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("halted\n")) })
	mux.HandleFunc("DELETE /faults/1", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"id": 1, "state": "healed"}`)) })
	mux.HandleFunc("POST /faults", func(w http.ResponseWriter, r *http.Request) {
		order, _ := io.ReadAll(r.Body)
		text, _ := json.Marshal(map[string]string{"error": "time stands still for " + string(order)})
		w.WriteHeader(http.StatusConflict)
		_, _ = w.Write(text)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for _, e := range []struct {
		kind string
		data any
	}{
		{live.Members, map[string]any{"t": 0, "m": "n1", "n": []string{"n1", "n2"}}},
		{live.Health, map[string]any{"from": 0, "status": "green"}},
		{live.Counts, map[string]any{"t": 0, "v": []int{1, 1}}},
		{live.Shards, map[string]any{"t": 0, "i": "logs", "s": 0, "c": []map[string]any{{"p": true, "st": "S", "n": "n1"}, {"p": false, "st": "S", "n": "n2"}}}},
		{live.Fault, map[string]any{"from": 3, "label": "node-loss n2"}},
		{live.Log, map[string]any{"t": 3, "text": "n2 was lost"}},
		{live.Plan, map[string]any{"speed": 10, "faults": []map[string]any{{
			"id": 1, "state": "in force", "struck_at": "3.0001s", "planned": map[string]any{"kind": "node-loss"}, "victims": []string{"n2"},
			"bites": []map[string]any{{"what": "kill n2", "shown": true, "saw": "the process of n2: exited"}},
		}}}},
		{live.Decision, map[string]any{"t": 4, "a": true}},
		{live.Now, map[string]any{"t": 5}},
	} {
		require.NoError(t, stream.Publish(e.kind, e.data))
	}
	t.Cleanup(stream.End)
	return server.URL + "/", stream.End
}
