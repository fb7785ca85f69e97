package reports_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/reports"
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
	text, err := reports.PoliciesHTML(reports.SamplePolicies())
	add("policies", text, err)
	return out
}

// liveSample serves a live page with a cluster of two nodes, one of which is lost; finish
// ends its stream.
func liveSample(t *testing.T) (url string, finish func()) {
	t.Helper()
	stream, err := live.NewStream(map[string]any{"nodes": []string{"n1", "n2"}})
	require.NoError(t, err)
	p := live.Page{Head: page.Verdict{Text: "RUNNING", Title: "a node is lost", About: "A cluster at work."}, Meta: "backend sim", Stream: "/events", Orders: []live.Order{{Path: "/halt", Text: "halt"}}}
	h, err := p.Handler()
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.Handle("/events", stream)
	mux.HandleFunc("POST /halt", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("halted\n")) })
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
		{live.Decision, map[string]any{"t": 4, "a": true}},
		{live.Now, map[string]any{"t": 5}},
	} {
		require.NoError(t, stream.Publish(e.kind, e.data))
	}
	t.Cleanup(stream.End)
	return server.URL + "/", stream.End
}
