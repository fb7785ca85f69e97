package reports_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
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
	own := *plan
	own.Cluster, own.Orders = "staging/Zx8uV1TqS9m0oUeXbcN1Kw", ownOrders
	text, err = gamedayreport.ApprovalPage(&own, strings.Repeat("0123456789abcdef", 4), predicted)
	add("gameday-approval-own", text, err)
	text, err = controllerSample()
	add("controller", text, err)
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

// ownOrders are commands of a plan for a cluster of one's own, of every length.
var ownOrders = []string{
	"do    node-loss   docker kill own-es-1", "undo  node-loss   docker start own-es-1",
	`do    node-loss   ssh -o BatchMode=yes -o ConnectTimeout=5 -p 2222 -i /home/ops/.ssh/gameday ops@es-2.staging.example 'sh -c '\''nohup sh -c "sleep 900; sudo -n systemctl start elasticsearch; rm -f /tmp/shardquake-es-2-kill.timer" >/dev/null 2>&1 </dev/null & sudo -n systemctl kill --signal=KILL elasticsearch'\'''`,
	"undo  node-loss   ssh -o BatchMode=yes -o ConnectTimeout=5 ops@es-2.staging.example 'sh -c '\\''sudo -n systemctl start elasticsearch'\\'''",
}

// controllerSample is the controller's own page, with something in every table: its script draws
// what the server would tell.
func controllerSample() ([]byte, error) {
	text, err := os.ReadFile("../controller/httpapi/page.html")
	if err != nil {
		return nil, err
	}
	const told = `show({running: true, ready: true, policy: "variance", last_check: "2026-01-31T08:00:00Z", last_look: "2026-01-31T08:00:01Z", faults_watched: true,
  cluster: {cluster_name: "staging", status: "yellow"},
  nodes: [{name: "es-1", shards: 12, cpu_percent: 31.5, heap_max_bytes: 1e9, heap_used_bytes: 4e8, disk_total_bytes: 1e11, disk_available_bytes: 3e10, disk_busy_percent: 12, transport_sent_bytes_per_second: 12e6, transport_received_bytes_per_second: 3e6},
    {name: "a-node-with-a-long-name-in-zone-b", shards: 3, cpu_percent: -1, heap_max_bytes: 0, disk_total_bytes: 0, disk_busy_percent: -1, transport_sent_bytes_per_second: -1, transport_received_bytes_per_second: -1}],
  indices: [{index: "logs", docs: 1234567, store_bytes: 4e9, qps: 120.5, latency_ns: 3.2e6}],
  statuses: Object.fromEntries(["healthy", "syncing", "degraded", "failed"].map((status, i) => ["logs" + (i || ""), {index: "logs" + (i || ""), status, replication_progress: 50, replicated_shards: 1, total_shards: 2}])),
  consistency: {logs: "consistent", logs1: "inconsistent"},
  recoveries: [{index: "logs", shard: 0, stage: "index", type: "peer", source_node: "es-1", target_node: "es-2", percent: 40, bytes_per_second: 4e7, remaining_ns: 3e10, origin: "node es-2 joined", slow: "slower than it was"}],
  faults: [{cause: "node es-3 has left the cluster", copies: ["logs[0]", "logs[1]", "logs[2]", "logs[3]", "logs[4]", "logs[5]"], state: "mending", detected: "2026-01-31T08:00:00Z", detail: "six copies are not started, each has another that is", advice: "start the node"}],
  decisions: [{seq: 7, at: "2026-01-31T08:00:00Z", policy: "variance", actor: "balancer", decided: ["move logs[2] from es-1 to es-2", "move logs[3] from es-1 to es-2"], reason: "the variance of shards falls from 20.3 to 2.1", done: [{what: "reroute", calls: 1}], effect: {note: "balanced after 12 s"}}]});
</script>`
	page := strings.Replace(string(text), "connect();\n</script>", told, 1)
	if page == string(text) {
		return nil, errors.New("the controller's page does not end as it is known to")
	}
	return []byte(page), nil
}

// gamedayLiveSample serves the live page of a drill in the middle of a step.
func gamedayLiveSample(t *testing.T) (url string) {
	t.Helper()
	plan, predicted := gamedaySample(t)
	stream, err := live.NewStream(map[string]any{"nodes": []string{"n1", "n2", "n3"}, "bands": predicted.Bands})
	require.NoError(t, err)
	p := live.Page{
		Head: page.Verdict{Mark: "unknown", Text: "GAME DAY", Title: plan.Scenario, About: plan.Hypothesis},
		Meta: "sim, seed 1; predicted from 5 simulated runs; approved by M. Vogel: the week before the sale", Stream: "/events", Gameday: true,
		Figures: []live.Figure{{Name: "unassigned", About: "copies without a node"}},
		Orders:  []live.Order{{Path: "/halt", Text: "halt", With: "NAME: reason"}, {Path: "/next", Text: "next step"}, {Path: "/pause", Text: "pause"}, {Path: "/resume", Text: "resume"}, {Path: "/note", Text: "note", With: "NAME: note"}},
	}
	h, err := p.Handler()
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.Handle("/events", stream)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	v := 3.0
	limit, observed := 20.0, 4.0
	for _, e := range []struct {
		kind string
		data any
	}{
		{live.Members, map[string]any{"t": 0, "m": "n1", "n": []string{"n1", "n2", "n3"}}},
		{live.Health, map[string]any{"from": 0, "status": "green"}},
		{live.Health, map[string]any{"from": 2, "status": "yellow"}},
		{live.Counts, map[string]any{"t": 0, "v": []int{2, 2, 2}}},
		{live.Shards, map[string]any{"t": 0, "i": "logs", "s": 0, "c": []map[string]any{{"p": true, "st": "S", "n": "n1"}, {"p": false, "st": "S", "n": "n2"}}}},
		{live.Fault, map[string]any{"from": 2, "label": "node-loss n2"}},
		{"values", gamedayreport.Sample{T: 1, P: 1, V: map[string]*float64{"unassigned": &v}}},
		{"values", gamedayreport.Sample{T: 3, P: 2, V: map[string]*float64{"unassigned": &v}}},
		{"sight", gamedayreport.Shown{
			T: 3, Standing: "step the master dies waits for approval", Steps: []gameday.StepState{{Name: "look around", State: "begun"}, {Name: "the master dies", State: "waiting"}},
			Rails:  []gameday.Rail{{Name: "no red longer than 20s", Saw: "the cluster was never red", Used: 0.1}, {Name: "departure of not-started", Saw: "3, predicted 0 to 2, for 4s", Used: 0.8}, {Name: "probe shop", Saw: "answered 503, for 2s", Used: 0.2}},
			Expect: []scenarios.Outcome{{Name: "green after node-loss", Unit: "s", Verdict: scenarios.Unknown, Observed: &observed, Limit: &limit, Reason: "the cluster is not green yet"}},
		}},
		{live.Log, map[string]any{"t": 3, "text": "wait: step the master dies waits for approval"}},
		{live.Now, map[string]any{"t": 3}},
	} {
		require.NoError(t, stream.Publish(e.kind, e.data))
	}
	t.Cleanup(stream.End)
	return server.URL + "/"
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
