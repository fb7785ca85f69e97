package restapi_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
)

const ok = `{"acknowledged":true}`

func TestAnIndexBeginsAsItsTemplatesSay(t *testing.T) {
	w := newWorld(t, 1)
	assert.Equal(t, ok, w.call("PUT", "/_component_template/base", `{"template":{"settings":{"number_of_replicas":0,"refresh_interval":"5s"},
		"mappings":{"properties":{"@timestamp":{"type":"date"}}}}}`).body)
	assert.Equal(t, ok, w.call("PUT", "/_index_template/logs", `{"index_patterns":["logs-*"],"composed_of":["base"],"priority":10,
		"template":{"settings":{"number_of_shards":2,"refresh_interval":"9s"},"mappings":{"properties":{"n":{"type":"long"}}},"aliases":{"all":{}}}}`).body)
	assert.Equal(t, ok, w.call("PUT", "/_index_template/lower", `{"index_patterns":["logs-a*"],"priority":1,"template":{"settings":{"number_of_shards":7}}}`).body)
	assert.Equal(t, 200, w.call("PUT", "/logs-a", `{"settings":{"refresh_interval":"1s"}}`).status)
	got := w.call("GET", "/logs-a?filter_path=*.aliases,*.mappings,*.settings.index.number_of*,*.settings.index.refresh_interval", "").body
	assert.JSONEq(t, `{"logs-a":{"aliases":{"all":{}},"mappings":{"properties":{"@timestamp":{"type":"date"},"n":{"type":"long"}}},
		"settings":{"index":{"number_of_replicas":"0","number_of_shards":"2","refresh_interval":"1s"}}}}`, got,
		"components below the template, the template below the request; the template of the highest priority alone counts")
	assert.Equal(t, 200, w.call("DELETE", "/_index_template/logs", "").status)
	assert.Equal(t, 200, w.call("PUT", "/logs-b", "").status)
	assert.Contains(t, w.call("GET", "/logs-b/_settings", "").body, `"number_of_shards":"1"`)
}

func TestTemplatesOfTheOlderKindAreLaidOverEachOtherInOrder(t *testing.T) {
	w := newWorld(t, 1)
	w.call("PUT", "/_template/high", `{"index_patterns":["old*"],"order":5,"settings":{"number_of_shards":3}}`)
	w.call("PUT", "/_template/low", `{"index_patterns":["o*"],"order":1,"settings":{"number_of_shards":2,"number_of_replicas":0},"aliases":{"of-{index}":{}}}`)
	w.call("PUT", "/old/_doc/1", `{"a":1}`)
	got := w.call("GET", "/old?filter_path=*.aliases,*.settings.index.number_of*", "").body
	assert.JSONEq(t, `{"old":{"aliases":{"of-old":{}},"settings":{"index":{"number_of_replicas":"0","number_of_shards":"3"}}}}`, got)
}

func TestARolloverMovesTheWritesOfAnAliasWhenItsConditionsAreMet(t *testing.T) {
	w := newWorld(t, 2)
	w.call("PUT", "/logs-000001", `{"aliases":{"logs":{"is_write_index":true}}}`)
	w.call("PUT", "/logs/_doc/1?refresh", `{"n":1}`)
	not := w.call("POST", "/logs/_rollover", `{"conditions":{"max_docs":2,"max_age":"1d"}}`).body
	assert.Contains(t, not, `"rolled_over":false`)
	assert.Contains(t, not, `"conditions":{"[max_age: 1d]":false,"[max_docs: 2]":false}`)
	dry := w.call("POST", "/logs/_rollover?dry_run", `{"conditions":{"max_docs":1}}`).body
	assert.Contains(t, dry, `"rolled_over":false,"dry_run":true`)
	min := w.call("POST", "/logs/_rollover", `{"conditions":{"max_docs":1,"min_docs":5}}`).body
	assert.Contains(t, min, `"rolled_over":false`, "what it must have at least holds it back")
	done := w.call("POST", "/logs/_rollover", `{"conditions":{"max_docs":1}}`).body
	assert.Contains(t, done, `"old_index":"logs-000001","new_index":"logs-000002","rolled_over":true`)
	w.call("PUT", "/logs/_doc/2", `{"n":2}`)
	assert.Contains(t, w.call("GET", "/logs-000002/_doc/2", "").body, `"found":true`)
	assert.JSONEq(t, `{"logs-000001":{"aliases":{"logs":{"is_write_index":false}}},"logs-000002":{"aliases":{"logs":{"is_write_index":true}}}}`,
		w.call("GET", "/_alias/logs", "").body)
	assert.Contains(t, w.call("GET", "/_cluster/state/metadata/logs-000001", "").body, `"rollover_info":{"logs":{"met_conditions":{"max_docs":1},"time":`)
}

func TestADataStreamIsMadeByItsFirstDocumentAndRollsOver(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 2)
	w.call("PUT", "/_index_template/m", `{"index_patterns":["metrics-*"],"data_stream":{},"template":{"settings":{"number_of_replicas":0}}}`)
	assert.Contains(t, w.call("PUT", "/metrics-x", "").body, "creates data streams only")
	assert.Contains(t, w.call("PUT", "/metrics-a/_doc/1", `{"@timestamp":1}`).body, "only write ops with an op_type of create")
	wrote := w.call("POST", "/metrics-a/_create/1", `{"@timestamp":"2026-01-01T00:00:00Z"}`)
	assert.Equal(t, 201, wrote.status, wrote.body)
	assert.Regexp(t, `"_index":"\.ds-metrics-a-\d{4}\.\d\d\.\d\d-000001"`, wrote.body)
	rolled := w.call("POST", "/metrics-a/_rollover", "").body
	assert.Regexp(t, `"new_index":"\.ds-metrics-a-.*-000002","rolled_over":true`, rolled)
	w.call("POST", "/metrics-a/_create/2?refresh", `{"@timestamp":"2026-01-01T00:00:00Z"}`)
	w.call("POST", "/metrics-a/_refresh", "")
	assert.Contains(t, w.call("GET", "/metrics-a/_count", "").body, `"count":2`)
	assert.Contains(t, w.call("GET", "/_data_stream/metrics-a", "").body, `"generation":2,"status":"GREEN","template":"m"`)
	assert.Contains(t, w.call("DELETE", "/_index_template/m", "").body, "in use by a data streams [metrics-a]")
	stats := w.call("GET", "/_data_stream/metrics-a/_stats", "").body
	assert.Contains(t, stats, `"data_stream":"metrics-a","backing_indices":2`)
	assert.NotContains(t, stats, "maximum_timestamp", "what is not known is not told as 0")
	assert.Equal(t, ok, w.call("DELETE", "/_data_stream/metrics-a", "").body)
	assert.Equal(t, `{"data_streams":[]}`, w.call("GET", "/_data_stream", "").body)
}

func TestAForcedMergeTakesItsTimeAndLeavesOneSegment(t *testing.T) {
	w := newWorld(t, 2)
	w.call("PUT", "/m", `{"settings":{"number_of_replicas":1}}`)
	w.call("GET", "/_cluster/health/m?wait_for_status=green", "")
	for range 3 {
		w.call("POST", "/m/_doc?refresh", `{"n":1}`)
		w.call("POST", "/m/_flush", "")
	}
	segments := func(want string) {
		assert.Contains(t, w.call("GET", "/m/_stats/segments?filter_path=_all.primaries.segments.count", "").body, want)
	}
	segments(`"count":3`)
	before := w.engine.Now()
	r := w.call("POST", "/m/_forcemerge?max_num_segments=1", "")
	assert.Contains(t, r.body, `"successful":2,"failed":0`)
	segments(`"count":1`)
	assert.Greater(t, w.engine.Now()-before, sim.Time(time.Microsecond), "reading and writing takes time")
	assert.Contains(t, w.call("GET", "/m/_stats/merge?filter_path=_all.primaries.merges.total", "").body, `"total":1`)
}
