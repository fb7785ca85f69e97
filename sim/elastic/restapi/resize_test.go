package restapi_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAnIndexIsShrunkSplitAndClonedWithItsDocuments(t *testing.T) {
	w := newWorld(t, 3)
	body := `{"settings":{"number_of_shards":4,"number_of_replicas":0,"index.number_of_routing_shards":8,"index.routing.allocation.require._name":"n2"},"mappings":{"properties":{"n":{"type":"long"}}}}`
	assert.Equal(t, 200, w.call("PUT", "/src", body).status)
	for i := range 40 {
		assert.Equal(t, 201, w.call("PUT", fmt.Sprintf("/src/_doc/%d", i), fmt.Sprintf(`{"n":%d}`, i)).status)
	}
	assert.Contains(t, w.call("PUT", "/src/_shrink/small", "").body, "must be read-only to resize index")
	assert.Contains(t, w.call("PUT", "/src/_block/write", "").body, `"blocked":true`)
	for _, c := range []struct{ how, target, shards string }{{"shrink", "small", "2"}, {"split", "large", "8"}, {"clone", "same", "4"}} {
		r := w.call("PUT", "/src/_"+c.how+"/"+c.target, `{"settings":{"index.number_of_shards":`+c.shards+`,"index.routing.allocation.require._name":null,"index.blocks.write":null,"index.number_of_replicas":1},"aliases":{"a-`+c.target+`":{}}}`)
		assert.Equal(t, `{"acknowledged":true,"shards_acknowledged":true,"index":"`+c.target+`"}`, r.body)
		assert.Contains(t, w.call("GET", "/"+c.target+"/_count", "").body, `"count":40,"_shards":{"total":`+c.shards, c.how)
		for i := range 40 {
			assert.Contains(t, w.call("GET", fmt.Sprintf("/%s/_doc/%d", c.target, i), "").body, fmt.Sprintf(`"_source":{"n":%d}`, i), c.how)
		}
		assert.Contains(t, w.call("GET", "/"+c.target+"/_settings?flat_settings=true", "").body, `"index.resize.source.name":"src"`)
		assert.Contains(t, w.call("GET", "/"+c.target+"/_mapping", "").body, `"n":{"type":"long"}`)
		assert.Contains(t, w.call("GET", "/_cat/recovery/"+c.target+"?h=type", "").body, "local_shards")
	}
	assert.Contains(t, w.call("PUT", "/src/_split/odd", `{"settings":{"index.number_of_shards":6}}`).body, "the number of source shards [4] must be a factor of [6]")
	assert.Contains(t, w.call("PUT", "/src/_shrink/odd", `{"settings":{"index.number_of_shards":3}}`).body, "the number of source shards [4] must be a multiple of [3]")
}

func TestAnIndexThatIsSpreadIsNotShrunk(t *testing.T) {
	w := newWorld(t, 3)
	assert.Equal(t, 200, w.call("PUT", "/src", `{"settings":{"number_of_shards":6,"number_of_replicas":0,"index.blocks.write":true}}`).status)
	assert.Contains(t, w.call("PUT", "/src/_shrink/small", "").body, "must have all shards allocated on the same node to shrink index")
}

func TestASplitIndexWaitsForItsSource(t *testing.T) {
	w := newWorld(t, 2)
	assert.Equal(t, 200, w.call("PUT", "/src", `{"settings":{"number_of_shards":1,"number_of_replicas":0,"index.blocks.write":true,"index.routing.allocation.require._name":"n1"}}`).status)
	r := w.call("PUT", "/src/_split/more?timeout=5s", `{"settings":{"index.number_of_shards":2,"index.routing.allocation.require._name":"n2"}}`)
	assert.Contains(t, r.body, `"shards_acknowledged":false`, "its primaries may only be where its source is")
	why := w.call("GET", "/_cluster/allocation/explain", `{"index":"more","shard":0,"primary":true}`).body
	assert.Contains(t, why, `"decider":"resize"`)
	assert.Contains(t, why, "source primary is allocated on another node")
}
