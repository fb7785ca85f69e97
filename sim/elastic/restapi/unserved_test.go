package restapi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPathsThatTheModelLacksAreNotTakenForNodesOrIndices(t *testing.T) {
	w := newWorld(t, 1)
	for _, c := range []struct{ method, uri, nearest string }{
		{"POST", "/_reindex", "POST /_bulk"},
		{"GET", "/_ingest/pipeline", ""},
		{"GET", "/_dangling", ""},
		{"GET", "/_features", ""},
		{"GET", "/_mtermvectors", ""},
		{"GET", "/_resolve/cluster/x", "GET /_resolve/index/{name}"},
		{"PUT", "/_synonyms/x", ""},
	} {
		r := w.call(c.method, c.uri, "")
		assert.Equal(t, 400, r.status, c.uri)
		assert.Contains(t, r.body, "the simulated node does not support "+c.method+" /_", c.uri)
		if c.nearest != "" {
			assert.Contains(t, r.body, "; the nearest that it has is "+c.nearest, c.uri)
		}
		assert.NotContains(t, r.body, "Invalid index name", c.uri)
	}
	explain := w.call("POST", "/ix/_explain/1", `{"query":{"match_all":{}}}`)
	assert.Contains(t, explain.body, "the simulated node does not support POST /ix/_explain/1; the nearest that it has is POST /{index}/_search")
	assert.Contains(t, w.call("GET", "/_nodes/n1/os", "").body, `"successful":1`, "a node with its metric is still one")
	assert.Contains(t, w.call("DELETE", "/_health_report", "").body, "Incorrect HTTP method")
}

func TestAnAcceptListOfSeveralMediaTypesIsNoPreference(t *testing.T) {
	w := newWorld(t, 1)
	for _, accept := range []string{
		"application/vnd.elasticsearch+json; compatible-with=8,text/plain", // the JavaScript client's
		"text/html,application/xhtml+xml,*/*;q=0.8",
		"application/json, text/plain, */*",
	} {
		r := w.call("GET", "/_cluster/health", "", "Accept", accept)
		assert.Equal(t, 200, r.status, accept)
		assert.Equal(t, "application/json", r.header.Get("Content-Type"), accept)
		assert.Contains(t, w.call("GET", "/_cat/health?h=cluster", "", "Accept", accept).body, "cc\n", accept)
	}
}

func TestAClientOfAnotherVersionIsToldWhichOnesThereAre(t *testing.T) {
	w := newWorld(t, 1)
	nine := "application/vnd.elasticsearch+json; compatible-with=9"
	r := w.call("GET", "/", "", "Accept", nine)
	assert.Equal(t, 400, r.status)
	assert.Contains(t, r.body, "Accept version must be either version 8 or 7, but found 9")
	r = w.call("PUT", "/logs", "{}", "Content-Type", nine)
	assert.Equal(t, 400, r.status)
	assert.Contains(t, r.body, "Content-Type version must be either version 8 or 7, but found 9")
}
