package cases

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// verify runs all cases of files and returns the printed report.
func verify(t *testing.T, files []string) string {
	t.Helper()
	var out bytes.Buffer
	differ, err := Main(context.Background(), files, nil, &out, Options{Verify: true})
	require.NoError(t, err)
	assert.False(t, differ, "decisions differ from Elasticsearch's:\n%s", out.String())
	return out.String()
}

func TestDecisionsAreElasticsearchs(t *testing.T) {
	files, err := filepath.Glob("testdata/*.jsonl*")
	require.NoError(t, err)
	require.Len(t, files, 8, "one file per family")
	report := verify(t, files)
	for _, family := range []string{
		"balance_factors", "combined", "disk", "enable_throttle", "filters_awareness", "fresh", "node_left", "rebalance",
	} {
		assert.Contains(t, report, family)
	}
	assert.NotContains(t, report, "0 of 0", "every family was compared with both allocators")
}

// The cases are some that integration/oracle drew and recorded: mixtures of all families
// with settings, failures and returns that the others lack.
func TestDecisionsAreElasticsearchsInBoldCases(t *testing.T) {
	report := verify(t, []string{"testdata/bold/bold.jsonl.gz"})
	assert.Equal(t, 16, strings.Count(report, "8 of 8 agree"), "eight cases of each family, both allocators:\n%s", report)
}

// Without data nodes there is no desired balance; it is all new when the first returns.
func TestDecisionsAreElasticsearchsWhenAllNodesLeave(t *testing.T) {
	assert.Equal(t, 2, strings.Count(verify(t, []string{"testdata/bold/all_leave.jsonl"}), "4 of 4 agree"))
}

// Moves towards the previous desired balance compete for nodes whose copies are limited:
// the first in the order of Elasticsearch's map wins, down to the chains of its buckets.
func TestDecisionsAreElasticsearchsWhenMovesCompete(t *testing.T) {
	assert.Equal(t, 2, strings.Count(verify(t, []string{"testdata/bold/competing.jsonl.gz"}), "12 of 12 agree"))
}

// Nodes of one bucket stand in the order in which they came into Elasticsearch's map, which
// differs from run to run: every such order is taken as it was.
func TestDecisionsAreElasticsearchsWithSeveralNodesInABucket(t *testing.T) {
	assert.Equal(t, 2, strings.Count(verify(t, []string{"testdata/bold/one_bucket.jsonl"}), "1 of 1 agree"))
}

func TestAnOrderOfNodesThatTheMapCantHaveIsRefused(t *testing.T) {
	data, err := os.ReadFile("testdata/bold/one_bucket.jsonl")
	require.NoError(t, err)
	const order = `"node_order":["A1aaaaaaaaaaaaaaaaaaaa","E5eeeeeeeeeeeeeeeeeeee","C3cccccccccccccccccccc","B2bbbbbbbbbbbbbbbbbbbb","D4dddddddddddddddddddd"]`
	require.Contains(t, string(data), order)
	broken := strings.Replace(string(data), order, `"node_order":["B2bbbbbbbbbbbbbbbbbbbb","A1aaaaaaaaaaaaaaaaaaaa","E5eeeeeeeeeeeeeeeeeeee","C3cccccccccccccccccccc","D4dddddddddddddddddddd"]`, 1)
	_, err = Main(context.Background(), nil, strings.NewReader(broken), &bytes.Buffer{}, Options{Verify: true})
	assert.ErrorContains(t, err, "in any order within a bucket")
}

func TestDecisionsAreElasticsearchsInAllRecordedCases(t *testing.T) {
	files, err := filepath.Glob("../../../../../shared/oracle/allocation/*.jsonl.gz")
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("no recorded cases beside the module (../shared/oracle/allocation): nothing to compare with")
	}
	if testing.Short() {
		t.Skip("all recorded cases take too long for -short")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".jsonl.gz"), func(t *testing.T) {
			t.Parallel()
			t.Log("\n" + verify(t, []string{file}))
		})
	}
}

func TestWrittenCasesVerify(t *testing.T) {
	var written bytes.Buffer
	_, err := Main(context.Background(), []string{"testdata/rebalance.jsonl"}, nil, &written, Options{})
	require.NoError(t, err)
	original, err := os.ReadFile("testdata/rebalance.jsonl")
	require.NoError(t, err)
	assert.Equal(t, compactLines(t, original), compactLines(t, written.Bytes()), "written in the form in which cases are recorded")
	differ, err := Main(context.Background(), nil, &written, new(bytes.Buffer), Options{Verify: true})
	require.NoError(t, err)
	assert.False(t, differ)
}

// compactLines decodes lines, so that the order of keys does not matter.
func compactLines(t *testing.T, data []byte) []any {
	t.Helper()
	var out []any
	d := json.NewDecoder(bytes.NewReader(data))
	for d.More() {
		var v any
		require.NoError(t, d.Decode(&v))
		out = append(out, v)
	}
	return out
}

const tiny = `{"case":"tiny","family":"example","max_rounds":5,"settings":{},"events":[],"node_order":["A","B"],"index_order":["logs"],` +
	`"nodes":[{"id":"A","name":"a","host":"10.0.0.1","attributes":{},"roles":["data"],"disk":null},` +
	`{"id":"B","name":"b","host":"10.0.0.2","attributes":{},"roles":["data"],"disk":null}],` +
	`"indices":[{"name":"logs","uuid":"u","creation_date":1,"settings":{"index.number_of_shards":"2","index.number_of_replicas":"0"},"shards":[` +
	`{"shard":0,"copies":[{"primary":true,"state":"STARTED","node":"A","allocation_id":"a1"}]},` +
	`{"shard":1,"copies":[{"primary":true,"state":"STARTED","node":"A","allocation_id":"a2"}]}]}]`

func TestTheCopyWithTheHighestShardNumberMoves(t *testing.T) {
	c, err := Parse([]byte(tiny + "}"))
	require.NoError(t, err)
	got, err := Run(c, "balanced")
	require.NoError(t, err)
	require.True(t, got.Converged)
	require.Len(t, got.Rounds, 2)
	assert.Equal(t, []Decision{{"logs", 1, "p", "A", "B", "RELOCATING"}}, got.Rounds[0].Decisions)
	assert.Empty(t, got.Rounds[1].Decisions)
	assert.Equal(t, []string{"logs/0/p/STARTED/A/-", "logs/1/p/STARTED/B/-"}, got.Final)
}

func TestADifferenceIsToldWithWeightsAndDeciders(t *testing.T) {
	recorded := tiny + `,"expected":{"balanced":{"converged":true,"rounds":[` +
		`{"round":1,"decisions":[["logs",0,"p","A","B","RELOCATING"]],"unassigned":[0,0],"digest":"x"}]}}}`
	var out bytes.Buffer
	differ, err := Main(context.Background(), nil, strings.NewReader(recorded), &out, Options{Verify: true})
	require.NoError(t, err)
	assert.True(t, differ)
	report := out.String()
	assert.Contains(t, report, "0 of 1 agree")
	assert.Contains(t, report, "example, balanced: first difference in case tiny, round 1, shard [logs][0]")
	assert.Contains(t, report, `decided   [["logs",1,"p","A","B","RELOCATING"]]`)
	assert.Contains(t, report, `expected  [["logs",0,"p","A","B","RELOCATING"]]`)
	assert.Contains(t, report, "B -0.09090909 (0 of the index, 0 in all)")
	assert.Contains(t, report, "copy p STARTED on A: rebalance yes")
}

func TestMalformedInputIsToldWithItsLine(t *testing.T) {
	for name, test := range map[string]struct{ line, want string }{
		"no JSON":            {`{"case":`, "standard input:2: not a case"},
		"unknown field":      {`{"cases":1}`, `standard input:2: not a case: json: unknown field "cases"`},
		"two values":         {tiny + "}{}", "standard input:2: more than one value"},
		"no name":            {`{"max_rounds":1}`, "standard input:2: case : no name"},
		"wrong node order":   {strings.Replace(tiny, `["A","B"]`, `["B","A"]`, 1) + "}", "standard input:2: case tiny: node_order is [B A]"},
		"unknown setting":    {strings.Replace(tiny, `"settings":{}`, `"settings":{"x":"1"}`, 1) + "}", "case tiny: unknown setting [x]"},
		"bad setting":        {strings.Replace(tiny, `"settings":{}`, `"settings":{"cluster.routing.allocation.enable":"some"}`, 1) + "}", "No enum constant"},
		"missing node":       {strings.Replace(tiny, `"node":"A"`, `"node":"C"`, 1) + "}", `case tiny: index logs, shard 0: a copy is on "C"`},
		"unknown event type": {strings.Replace(tiny, `"events":[]`, `"events":[{"round":1,"type":"x"}]`, 1) + "}", `unknown event type "x"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Main(context.Background(), nil, strings.NewReader(tiny+"}\n"+test.line), new(bytes.Buffer), Options{})
			require.Error(t, err)
			assert.Contains(t, err.Error(), test.want)
		})
	}
}

func TestNothingToVerifyIsAnError(t *testing.T) {
	_, err := Main(context.Background(), nil, strings.NewReader(tiny+"}"), new(bytes.Buffer), Options{Verify: true})
	assert.ErrorContains(t, err, "no case has recorded decisions")
}

func TestAnEndlessComputationEnds(t *testing.T) {
	// With this state Elasticsearch 8.19.0 computes for ever: three copies keep taking
	// each other's places.
	line, err := os.ReadFile("testdata/endless/endless.jsonl")
	require.NoError(t, err)
	c, err := Parse(bytes.TrimSpace(line))
	require.NoError(t, err)
	w, err := newWorld(c, "desired_balance")
	require.NoError(t, err)
	w.service.Reroute(w.st, w.input())
	computation := w.service.Compute()
	assert.False(t, computation.Converged)
	assert.Less(t, computation.Iterations, 100)
	_, ok := w.service.Desired(w.st.Indices[0], 0)
	assert.True(t, ok, "the balance of that moment is kept")
}
