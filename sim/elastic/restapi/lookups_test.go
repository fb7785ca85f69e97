package restapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSlicesOfAScrollHaveEveryDocumentOnce(t *testing.T) {
	w := newWorld(t, 1)
	assert.Equal(t, 200, w.call("PUT", "/a", `{"settings":{"number_of_shards":3,"number_of_replicas":0}}`).status)
	for i := range 30 {
		assert.Equal(t, 201, w.call("PUT", fmt.Sprintf("/a/_doc/%d?refresh", i), `{}`).status)
	}
	for _, slices := range []int{2, 3, 7} {
		seen := map[string]int{}
		for id := range slices {
			body := w.call("POST", "/a/_search?scroll=1m&size=100", fmt.Sprintf(`{"slice":{"id":%d,"max":%d}}`, id, slices)).body
			for _, part := range strings.Split(body, `"_id":"`)[1:] {
				seen[part[:strings.IndexByte(part, '"')]]++
			}
		}
		assert.Len(t, seen, 30, "%d slices", slices)
		for id, n := range seen {
			assert.Equal(t, 1, n, id)
		}
	}
	assert.Contains(t, w.call("POST", "/a/_search", `{"slice":{"id":0,"max":2}}`).body, "[slice] can only be used with [scroll] or [point-in-time] requests")
}

func TestFieldCapabilitiesOfIndicesThatDiffer(t *testing.T) {
	w := newWorld(t, 1)
	for name, mapping := range map[string]string{
		"a": `{"n":{"type":"long"},"t":{"type":"text","fields":{"raw":{"type":"keyword","doc_values":false}}}}`,
		"b": `{"n":{"type":"keyword"}}`,
	} {
		assert.Equal(t, 200, w.call("PUT", "/"+name, `{"settings":{"number_of_replicas":0},"mappings":{"properties":`+mapping+`}}`).status)
	}
	assert.Equal(t, `{"indices":["a","b"],"fields":{"n":{`+
		`"keyword":{"type":"keyword","metadata_field":false,"searchable":true,"aggregatable":true,"indices":["b"]},`+
		`"long":{"type":"long","metadata_field":false,"searchable":true,"aggregatable":true,"indices":["a"]}},`+
		`"t.raw":{"keyword":{"type":"keyword","metadata_field":false,"searchable":true,"aggregatable":false}}}}`,
		w.call("GET", "/_field_caps?fields=n,t.raw", "").body)
	assert.Contains(t, w.call("GET", "/_field_caps", "").body, "no fields specified")
}

func TestStatisticsTellGroupsOfSearchesAndTextsInMemory(t *testing.T) {
	w := newWorld(t, 1)
	assert.Equal(t, 200, w.call("PUT", "/a", `{"settings":{"number_of_replicas":0},"mappings":{"properties":{"t":{"type":"text","fielddata":true}}}}`).status)
	for i, text := range []string{"one two", "two three"} {
		assert.Equal(t, 201, w.call("PUT", fmt.Sprintf("/a/_doc/%d?refresh", i), `{"t":"`+text+`"}`).status)
	}
	assert.Equal(t, 200, w.call("POST", "/a/_search", `{"sort":["t"],"stats":["mine"]}`).status)
	told := w.call("GET", "/a/_stats/search,fielddata?groups=mine&fields=t&filter_path=_all.total", "").body
	assert.Contains(t, told, `"groups":{"mine":{"query_total":1,`)
	assert.Contains(t, told, `"fields":{"t":{"memory_size_in_bytes":27}}`, "three words, and four bytes for each of four places")
	assert.Equal(t, "t 27b\n", w.call("GET", "/_cat/fielddata?h=field,size", "").body)
	assert.Equal(t, 200, w.call("POST", "/a/_cache/clear", "").status)
	assert.Empty(t, w.call("GET", "/_cat/fielddata?h=field,size", "").body)
}

func TestSnapshotsCarryMetadataAndAreToldInShort(t *testing.T) {
	w := newWorld(t, 1, "path.repo", "/backup")
	assert.Equal(t, 200, w.call("PUT", "/_snapshot/r", `{"type":"fs","settings":{"location":"/backup"}}`).status)
	assert.Equal(t, 200, w.call("PUT", "/_snapshot/r/s?wait_for_completion", `{"metadata":{"by":"me"}}`).status)
	assert.Contains(t, w.call("GET", "/_snapshot/r/s", "").body, `"metadata":{"by":"me"}`)
	assert.NotContains(t, w.call("GET", "/_snapshot/r/s?verbose=false", "").body, `"shards"`)
	assert.Contains(t, w.call("POST", "/_snapshot/r/_cleanup", "").body, `"deleted_blobs":0`)
	assert.Equal(t, `{"snapshots":[]}`, w.call("GET", "/_snapshot/r/gone/_status?ignore_unavailable", "").body)
}
