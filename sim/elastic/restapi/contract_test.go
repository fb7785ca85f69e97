package restapi_test

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recordFrom is the base URL of node n1 of an empty Elasticsearch 8.19.0 cluster "cc"
// of two nodes, n1 and n2, with the attribute zone. With it the test records the
// contract instead of comparing with it.
var recordFrom = flag.String("record", "", "record the contract from the Elasticsearch cluster at this `URL`")

const contractFile = "testdata/contract.json"

// entry is a request and the structure of its answer.
type entry struct {
	Request string   `json:"request"`
	Body    string   `json:"body,omitempty"`
	Headers []string `json:"headers,omitempty"`
	Answer  recorded `json:"answer"`
}

func entryOf(q contractRequest, r reply) entry {
	return entry{Request: q.method + " " + q.uri, Body: q.body, Headers: q.headers, Answer: record(r)}
}

func TestContract(t *testing.T) {
	if *recordFrom != "" {
		recordContract(t, *recordFrom)
		return
	}
	text, err := os.ReadFile(contractFile)
	require.NoError(t, err)
	var contract []entry
	require.NoError(t, json.Unmarshal(text, &contract))
	require.Len(t, contract, len(contractRequests), "record the contract again")
	w := newWorld(t, 2)
	used := map[string]bool{}
	w.run(func(ctx context.Context) {
		for i, q := range contractRequests {
			r := w.do(ctx, q.method, q.uri, q.body, q.headers...)
			if !assert.NoErrorf(t, r.err, "%s %s", q.method, q.uri) {
				continue
			}
			got := entryOf(q, r)
			want := contract[i]
			assert.Equalf(t, want.Request, got.Request, "request %d: record the contract again", i)
			for _, d := range differences(want.Answer, got.Answer) {
				if reason := reasonFor(q.uri, d); reason != "" {
					used[reason] = true
					continue
				}
				t.Errorf("%s %s %s\n  %s", q.method, q.uri, q.body, d)
			}
		}
	})
	for _, k := range knownDifferences {
		assert.Truef(t, used[k.reason], "nothing differs any more for this reason: %s", k.reason)
	}
}

// reasonFor finds why a difference is there, or "".
func reasonFor(uri, difference string) string {
	for _, k := range knownDifferences {
		if k.uri != "" && !strings.HasPrefix(uri, k.uri) {
			continue
		}
		for _, part := range k.parts {
			if strings.Contains(difference, part) {
				return k.reason
			}
		}
	}
	return ""
}

// recordContract asks a real cluster.
func recordContract(t *testing.T, base string) {
	var contract []entry
	for _, q := range contractRequests {
		r := ask(t, base, q)
		require.NoErrorf(t, r.err, "%s %s", q.method, q.uri)
		contract = append(contract, entryOf(q, r))
	}
	text, err := marshal(contract)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll("testdata", 0o755))
	require.NoError(t, os.WriteFile(contractFile, text, 0o644))
	t.Logf("recorded %d answers", len(contract))
}

func ask(t *testing.T, base string, q contractRequest) reply {
	t.Helper()
	var content io.Reader
	if q.body != "" {
		content = strings.NewReader(q.body)
	}
	req, err := http.NewRequest(q.method, base+q.uri, content)
	require.NoError(t, err)
	if q.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(q.headers); i += 2 {
		req.Header.Del(q.headers[i])
		if q.headers[i+1] != "" {
			req.Header.Set(q.headers[i], q.headers[i+1])
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer func() { assert.NoError(t, resp.Body.Close()) }()
	text, err := io.ReadAll(resp.Body)
	return reply{status: resp.StatusCode, header: resp.Header, body: string(text), err: err}
}
