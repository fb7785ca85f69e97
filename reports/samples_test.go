package reports_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/compare"
	"github.com/shardquake/shardquake/reports/divergence"
	"github.com/shardquake/shardquake/reports/live"
	"github.com/shardquake/shardquake/reports/page"
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
	return out
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
