package restapi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWritesToAnAliasGoToItsWriteIndexAndReadsToAllOfIt(t *testing.T) {
	w := newWorld(t, 1)
	one := `{"settings":{"number_of_replicas":0},"aliases":{"logs":{}}}`
	assert.Equal(t, 200, w.call("PUT", "/logs-1", one).status)
	assert.Contains(t, w.call("PUT", "/logs/_doc/a?refresh", `{"n":1}`).body, `"_index":"logs-1"`, "the only index is written to")
	assert.Contains(t, w.call("GET", "/logs/_doc/a", "").body, `"_index":"logs-1"`)

	assert.Equal(t, 200, w.call("PUT", "/logs-2", one).status)
	assert.Contains(t, w.call("PUT", "/logs/_doc/b", `{"n":2}`).body, "no write index is defined for alias [logs]")
	assert.Nil(t, w.c.Nodes()[0].Applied().Index("logs"), "an alias is not created as an index")

	swap := `{"actions":[{"add":{"index":"logs-1","alias":"logs","is_write_index":false}},{"add":{"index":"logs-2","alias":"logs","is_write_index":true}}]}`
	assert.Equal(t, 200, w.call("POST", "/_aliases", swap).status)
	bulk := w.call("POST", "/logs/_bulk?refresh", `{"index":{"_id":"b"}}`+"\n"+`{"n":2}`+"\n"+`{"delete":{"_id":"a"}}`+"\n").body
	assert.Contains(t, bulk, `"_index":"logs-2","_id":"b"`)
	assert.Contains(t, bulk, `"result":"not_found"`, "a stays in the index that is no longer written to")
	assert.Contains(t, w.call("GET", "/logs/_count", "").body, `"count":2`)
	assert.Equal(t, "logs-1\nlogs-2\n", w.call("GET", "/_cat/indices/logs?h=index&s=index", "").body)
	assert.Equal(t, "logs logs-1 - - - false\nlogs logs-2 - - - true\n", w.call("GET", "/_cat/aliases", "").body)

	assert.Equal(t, 200, w.call("DELETE", "/logs-1", "").status)
	assert.Equal(t, `{"logs-2":{"aliases":{"logs":{"is_write_index":true}}}}`, w.call("GET", "/_alias/logs", "").body, "an index takes its aliases with it")
}

func TestAliasesChangeTogetherOrNotAtAll(t *testing.T) {
	w := newWorld(t, 1)
	for _, name := range []string{"a", "b"} {
		assert.Equal(t, 200, w.call("PUT", "/"+name, `{"settings":{"number_of_replicas":0}}`).status)
	}
	r := w.call("POST", "/_aliases", `{"actions":[{"add":{"index":"a","alias":"x"}},{"add":{"indices":["a","b"],"alias":"y","is_write_index":true}}]}`)
	assert.Equal(t, 500, r.status)
	assert.Equal(t, `{"a":{"aliases":{}},"b":{"aliases":{}}}`, w.call("GET", "/_alias", "").body)

	r = w.call("POST", "/_aliases", `{"actions":[{"add":{"index":"a","alias":"x"}},{"remove":{"index":"b","alias":"y"}}]}`)
	assert.Equal(t, `{"acknowledged":true,"errors":true,"action_results":[`+
		`{"action":{"type":"add","indices":["a"],"aliases":["x"]},"status":200},`+
		`{"action":{"type":"remove","indices":["b"],"aliases":["y"]},"status":404,"error":{"type":"aliases_not_found_exception",`+
		`"reason":"aliases [y] missing","resource.type":"aliases","resource.id":"y"}}]}`, r.body)
	assert.Contains(t, w.call("PUT", "/a/_alias/z", `{"filter":{"term":{"n":1}}}`).body, "the simulated node does not support aliases with [filter]")
	assert.Contains(t, w.call("GET", "/_cluster/state/metadata?filter_path=metadata.indices.a.aliases_version", "").body, `"aliases_version":2`)
}

func TestRestoredIndicesHaveTheirAliasesUnlessToldOtherwise(t *testing.T) {
	w := newWorld(t, 1, "path.repo", "/backup")
	assert.Equal(t, 200, w.call("PUT", "/a", `{"settings":{"number_of_replicas":0},"aliases":{"x":{}}}`).status)
	assert.Equal(t, 200, w.call("PUT", "/_snapshot/r", `{"type":"fs","settings":{"location":"/backup"}}`).status)
	assert.Equal(t, 200, w.call("PUT", "/_snapshot/r/s?wait_for_completion", "").status)
	for _, c := range []struct{ target, body, want string }{
		{"b", `"include_aliases":false`, `{}`},
		{"c", `"include_aliases":true`, `{"x":{}}`},
	} {
		body := `{"rename_pattern":"a","rename_replacement":"` + c.target + `",` + c.body + `}`
		assert.Equal(t, 200, w.call("POST", "/_snapshot/r/s/_restore?wait_for_completion", body).status)
		assert.Equal(t, `{"`+c.target+`":{"aliases":`+c.want+`}}`, w.call("GET", "/"+c.target+"/_alias", "").body)
	}
}
