package restapi_test

import (
	"encoding/json"
	"strings"
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
	assert.Contains(t, w.call("PUT", "/a/_alias/z", `{"filter":{"fuzzy":{"n":1}}}`).body, "the simulated node does not support query [fuzzy]")
	assert.Contains(t, w.call("PUT", "/a/_alias/z", `{"filter":{"nothing":{"n":1}}}`).body, "failed to parse filter for alias [z]")
	assert.Contains(t, w.call("GET", "/_cluster/state/metadata?filter_path=metadata.indices.a.aliases_version", "").body, `"aliases_version":2`)
}

func TestAnAliasShowsWhatItsFilterLetsThrough(t *testing.T) {
	w := newWorld(t, 1)
	assert.Equal(t, 200, w.call("PUT", "/a", `{"settings":{"number_of_replicas":0},"aliases":{"odd":{"filter":{"term":{"n":1}}}}}`).status)
	assert.Equal(t, 200, w.call("PUT", "/b", `{"settings":{"number_of_replicas":0}}`).status)
	for _, doc := range []string{"/a/_doc/1", "/b/_doc/3"} {
		assert.Equal(t, 201, w.call("PUT", doc+"?refresh", `{"n":1}`).status)
	}
	assert.Equal(t, 201, w.call("PUT", "/a/_doc/2?refresh", `{"n":2}`).status)
	for path, want := range map[string]string{"odd": "1", "od*": "1", "odd,b": "2", "odd,a": "2", "a": "2", "_all": "3"} {
		assert.Contains(t, w.call("GET", "/"+path+"/_count", "").body, `"count":`+want+",", path)
		assert.Contains(t, w.call("GET", "/"+path+"/_search", "").body, `"value":`+want+",", path)
	}
	assert.Contains(t, w.call("GET", "/odd/_search?scroll=1m", "").body, `"value":1,`)
	assert.Contains(t, w.call("GET", "/odd/_count", `{"query":{"term":{"n":2}}}`).body, `"count":0,`, "a query searches behind the filter")
	var pit struct{ ID string }
	assert.NoError(t, json.Unmarshal([]byte(w.call("POST", "/odd/_pit?keep_alive=1m", "").body), &pit))
	assert.Contains(t, w.call("GET", "/_search", `{"pit":{"id":"`+pit.ID+`"}}`).body, `"value":1,`)
	assert.Equal(t, "odd a * - - -\n", w.call("GET", "/_cat/aliases", "").body)
}

func TestAnAliasSendsWhereItsRoutingSays(t *testing.T) {
	w := newWorld(t, 1)
	assert.Equal(t, 200, w.call("PUT", "/a", `{"settings":{"number_of_shards":5,"number_of_replicas":0},"aliases":{"mine":{"routing":"7"},"wide":{"search_routing":"7,3"}}}`).status)
	assert.Equal(t, 201, w.call("PUT", "/mine/_doc/1?refresh", `{}`).status)
	assert.Contains(t, w.call("GET", "/mine/_doc/1", "").body, `"_routing":"7"`)
	assert.Contains(t, w.call("GET", "/a/_doc/1?routing=7", "").body, `"found":true`)
	assert.Contains(t, w.call("PUT", "/mine/_doc/2?routing=8", `{}`).body,
		"Alias [mine] has index routing associated with it [7], and was provided with routing value [8], rejecting operation")
	for path, want := range map[string]string{"a": "5", "mine": "1", "a/_count?routing=7": "1", "wide": "2", "wide/_count?routing=3,9": "1"} {
		if !strings.Contains(path, "/") {
			path += "/_count"
		}
		assert.Contains(t, w.call("GET", "/"+path, "").body, `"_shards":{"total":`+want+",", path)
	}
	assert.Contains(t, w.call("GET", "/mine/_count", "").body, `"count":1`)
	assert.Contains(t, w.call("GET", "/_cat/aliases/mine", "").body, "mine a - 7 7 -")
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
