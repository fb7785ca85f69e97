package contract

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
)

//go:embed operations.json
var operationsText []byte

// OperationsFile is where RecordedOperations comes from, in this package's folder.
const OperationsFile = "operations.json"

// OperationRequests are what operators, their dashboards and their automation ask: templates,
// rollovers, merges, tables, searches. They run in order against a fresh cluster of two nodes,
// n1 in zone a and n2 in zone b.
func OperationRequests() []Request { return slices.Clone(operationRequests) }

// RecordedOperations is the contract of them, an entry for each of the requests.
func RecordedOperations() ([]Entry, error) {
	var entries []Entry
	if err := json.Unmarshal(operationsText, &entries); err != nil {
		return nil, fmt.Errorf("%s: %w", OperationsFile, err)
	}
	for i, q := range operationRequests {
		if i >= len(entries) || entries[i].Request != q.Method+" "+q.URI {
			return nil, fmt.Errorf("%s: entry %d is not %s %s: the contract has to be recorded again", OperationsFile, i, q.Method, q.URI)
		}
	}
	return entries, nil
}

// OfSimulatedOperations are the differences of the simulator, with their reasons.
func OfSimulatedOperations() *Reasons { return &Reasons{operationsSimulated, map[string]bool{}} }

var operationRequests = slices.Concat(firstOperations, laterOperations)

var firstOperations = []Request{
	{Method: "GET", URI: "/_cluster/health?wait_for_nodes=2&timeout=60s"},

	// Component templates.
	{Method: "GET", URI: "/_component_template"},
	{Method: "GET", URI: "/_component_template/nope"},
	{Method: "HEAD", URI: "/_component_template/nope"},
	{Method: "PUT", URI: "/_component_template/c1"},
	{Method: "PUT", URI: "/_component_template/c1", Body: `{}`},
	{Method: "PUT", URI: "/_component_template/c1", Body: `{"template":{"settings":{"number_of_shard":1}}}`},
	{Method: "PUT", URI: "/_component_template/c1", Body: `{"template":{"nonsense":{}}}`},
	{Method: "PUT", URI: "/_component_template/c1", Body: `{"nonsense":{}}`},
	{Method: "PUT", URI: "/_component_template/c1", Body: `{"template":{"settings":{"number_of_replicas":0},"mappings":{"properties":{"@timestamp":{"type":"date"}}}},"version":3,"_meta":{"by":"us"}}`},
	{Method: "PUT", URI: "/_component_template/c1?create=true", Body: `{"template":{}}`},
	{Method: "PUT", URI: "/_component_template/c2", Body: `{"template":{"aliases":{"all":{}}}}`},
	{Method: "GET", URI: "/_component_template/c1"},
	{Method: "GET", URI: "/_component_template/c*?flat_settings"},
	{Method: "HEAD", URI: "/_component_template/c1"},
	{Method: "DELETE", URI: "/_component_template/nope"},

	// Index templates.
	{Method: "GET", URI: "/_index_template"},
	{Method: "GET", URI: "/_index_template/nope"},
	{Method: "HEAD", URI: "/_index_template/nope"},
	{Method: "PUT", URI: "/_index_template/t1", Body: `{}`},
	{Method: "PUT", URI: "/_index_template/t1", Body: `{"index_patterns":["logs-*"],"composed_of":["nope"]}`},
	{Method: "PUT", URI: "/_index_template/t1", Body: `{"index_patterns":["logs-*"],"template":{"settings":{"nope":1}}}`},
	{Method: "PUT", URI: "/_index_template/t1", Body: `{"index_patterns":["logs-*"],"nope":1}`},
	{Method: "PUT", URI: "/_index_template/t1", Body: `{"index_patterns":"logs-*","composed_of":["c1","c2"],"priority":10,"version":7,"template":{"settings":{"index":{"number_of_shards":2}},"mappings":{"properties":{"n":{"type":"long"}}}}}`},
	{Method: "PUT", URI: "/_index_template/t2", Body: `{"index_patterns":["logs-a*"],"priority":10}`},
	{Method: "PUT", URI: "/_index_template/t2", Body: `{"index_patterns":["logs-a*"],"priority":5}`},
	{Method: "GET", URI: "/_index_template/t1"},
	{Method: "GET", URI: "/_index_template/t*?flat_settings"},
	{Method: "HEAD", URI: "/_index_template/t1"},
	{Method: "POST", URI: "/_index_template/_simulate_index/logs-x"},
	{Method: "POST", URI: "/_index_template/_simulate_index/other"},
	{Method: "POST", URI: "/_index_template/_simulate/t1"},
	{Method: "POST", URI: "/_index_template/_simulate/nope"},
	{Method: "POST", URI: "/_index_template/_simulate", Body: `{"index_patterns":["x-*"],"template":{"settings":{"number_of_replicas":2}}}`},
	{Method: "DELETE", URI: "/_component_template/c1"},
	{Method: "DELETE", URI: "/_index_template/nope"},
	{Method: "DELETE", URI: "/_index_template/t2"},

	// Templates of the older kind.
	{Method: "GET", URI: "/_template"},
	{Method: "GET", URI: "/_template/nope"},
	{Method: "HEAD", URI: "/_template/nope"},
	{Method: "PUT", URI: "/_template/l1", Body: `{}`},
	{Method: "PUT", URI: "/_template/l1", Body: `{"index_patterns":["old-*"],"nope":1}`},
	{Method: "PUT", URI: "/_template/l1", Body: `{"index_patterns":["old-*"],"order":1,"version":2,"settings":{"number_of_replicas":0},"mappings":{"properties":{"k":{"type":"keyword"}}},"aliases":{"{index}-al":{}}}`},
	{Method: "PUT", URI: "/_template/l1?create=true", Body: `{"index_patterns":["old-*"]}`},
	{Method: "PUT", URI: "/_template/l2", Body: `{"index_patterns":["old-*"],"order":0,"settings":{"number_of_replicas":1,"number_of_shards":3}}`},
	{Method: "GET", URI: "/_template/l1"},
	{Method: "GET", URI: "/_template/l*?flat_settings"},
	{Method: "HEAD", URI: "/_template/l1"},
	{Method: "PUT", URI: "/old-1"},
	{Method: "GET", URI: "/old-1"},
	{Method: "DELETE", URI: "/_template/nope"},
	{Method: "GET", URI: "/_cat/templates?v&s=name"},
	{Method: "GET", URI: "/_cat/templates/t*?format=json"},
	{Method: "GET", URI: "/_cat/component_templates?v&s=name"},
	{Method: "DELETE", URI: "/_template/l*"},
	{Method: "DELETE", URI: "/old-1"},

	// Rollover.
	{Method: "PUT", URI: "/logs-000001", Body: `{"aliases":{"logs":{"is_write_index":true}}}`},
	{Method: "GET", URI: "/_cluster/health/logs-000001?wait_for_status=green&timeout=60s"},
	{Method: "GET", URI: "/logs-000001"},
	{Method: "PUT", URI: "/logs/_doc/1?refresh", Body: `{"n":1,"@timestamp":"2026-01-01T00:00:00Z"}`},
	{Method: "POST", URI: "/nope/_rollover"},
	{Method: "POST", URI: "/logs-000001/_rollover"},
	{Method: "POST", URI: "/logs/_rollover?dry_run", Body: `{"conditions":{"max_docs":1,"max_age":"7d","max_size":"5gb"}}`},
	{Method: "POST", URI: "/logs/_rollover", Body: `{"conditions":{"max_docs":5,"max_primary_shard_size":"50gb"}}`},
	{Method: "POST", URI: "/logs/_rollover", Body: `{"conditions":{"nope":5}}`},
	{Method: "POST", URI: "/logs/_rollover", Body: `{"nope":5}`},
	{Method: "POST", URI: "/logs/_rollover", Body: `{"conditions":{"max_docs":1}}`},
	{Method: "GET", URI: "/_alias/logs"},
	{Method: "GET", URI: "/_cluster/state/metadata/logs-000001?filter_path=**.rollover_info"},
	{Method: "POST", URI: "/logs/_rollover/logs-9", Body: `{"settings":{"number_of_replicas":0}}`},
	{Method: "POST", URI: "/logs/_rollover/logs-9"},
	{Method: "PUT", URI: "/plain", Body: `{"aliases":{"pl":{}},"settings":{"number_of_replicas":0}}`},
	{Method: "POST", URI: "/pl/_rollover"},
	{Method: "POST", URI: "/pl/_rollover/plain2"},
	{Method: "GET", URI: "/_alias/pl"},

	// Mappings.
	{Method: "PUT", URI: "/plain/_mapping"},
	{Method: "PUT", URI: "/plain/_mapping", Body: `{"properties":{"a":{"type":"long"},"o":{"properties":{"k":{"type":"keyword"}}}}}`},
	{Method: "PUT", URI: "/plain/_mapping", Body: `{"properties":{"a":{"type":"keyword"}}}`},
	{Method: "PUT", URI: "/plain/_mapping", Body: `{"properties":{"b":{"type":"nope"}}}`},
	{Method: "PUT", URI: "/nope/_mapping", Body: `{"properties":{"b":{"type":"long"}}}`},
	{Method: "PUT", URI: "/plain/_mapping", Body: `{"dynamic":"strict","properties":{"t":{"type":"text"}}}`},
	{Method: "GET", URI: "/plain/_mapping"},
	{Method: "GET", URI: "/plain/_mapping/field/a"},
	{Method: "GET", URI: "/plain/_mapping/field/nope"},
	{Method: "GET", URI: "/_mapping/field/o.*"},
	{Method: "PUT", URI: "/plain/_doc/1", Body: `{"zz":1}`},
	{Method: "PUT", URI: "/dyn/_doc/1?refresh", Body: `{"s":"x","i":1,"f":1.5,"b":true,"d":"2026-01-01","o":{"i":2},"l":["a"]}`},
	{Method: "GET", URI: "/dyn/_mapping"},
	{Method: "GET", URI: "/dyn/_field_caps?fields=*"},
	{Method: "GET", URI: "/_resolve/index/*"},
	{Method: "GET", URI: "/_resolve/index/dyn,pl"},

	// Merges, segments, stores, caches.
	{Method: "PUT", URI: "/m", Body: `{"settings":{"number_of_shards":1,"number_of_replicas":1}}`},
	{Method: "GET", URI: "/_cluster/health/m?wait_for_status=green&timeout=60s"},
	{Method: "PUT", URI: "/m/_doc/1?refresh", Body: `{"k":1}`},
	{Method: "PUT", URI: "/m/_doc/2?refresh", Body: `{"k":2}`},
	{Method: "POST", URI: "/m/_forcemerge?max_num_segments=1"},
	{Method: "POST", URI: "/m/_forcemerge?max_num_segments=1&only_expunge_deletes"},
	{Method: "POST", URI: "/nope/_forcemerge"},
	{Method: "POST", URI: "/_forcemerge"},
	{Method: "GET", URI: "/m/_segments"},
	{Method: "GET", URI: "/nope/_segments"},
	{Method: "GET", URI: "/_cat/segments/m?v&h=index,shard,prirep,docs.count,docs.deleted,committed,searchable"},
	{Method: "GET", URI: "/m/_shard_stores"},
	{Method: "GET", URI: "/m/_shard_stores?status=green"},
	{Method: "GET", URI: "/_shard_stores?status=nope"},
	{Method: "GET", URI: "/_shard_stores"},
	{Method: "POST", URI: "/m/_cache/clear"},
	{Method: "POST", URI: "/_cache/clear?query=true"},
	{Method: "GET", URI: "/m/_search_shards"},

	// Shrink, split, clone.
	{Method: "PUT", URI: "/src", Body: `{"settings":{"number_of_shards":2,"number_of_replicas":0,"index.number_of_routing_shards":4,"index.routing.allocation.require._name":"n1"}}`},
	{Method: "GET", URI: "/_cluster/health/src?wait_for_status=green&timeout=60s"},
	{Method: "PUT", URI: "/src/_doc/1?refresh", Body: `{"k":1}`},
	{Method: "PUT", URI: "/src/_doc/2?refresh", Body: `{"k":2}`},
	{Method: "PUT", URI: "/src/_doc/3?refresh", Body: `{"k":3}`},
	{Method: "POST", URI: "/src/_shrink/small", Body: `{"settings":{"index.number_of_shards":1}}`},
	{Method: "PUT", URI: "/src/_settings", Body: `{"index.blocks.write":true}`},
	{Method: "POST", URI: "/src/_shrink/small", Body: `{"settings":{"index.number_of_shards":3}}`},
	{Method: "POST", URI: "/nope/_shrink/small"},
	{Method: "POST", URI: "/src/_shrink/small", Body: `{"settings":{"index.number_of_shards":1,"index.routing.allocation.require._name":null,"index.blocks.write":null}}`},
	{Method: "GET", URI: "/_cluster/health/small?wait_for_status=green&timeout=60s"},
	{Method: "GET", URI: "/small/_settings?flat_settings"},
	{Method: "GET", URI: "/small/_recovery"},
	{Method: "GET", URI: "/small/_count"},
	{Method: "GET", URI: "/small/_doc/2"},
	{Method: "POST", URI: "/src/_split/big", Body: `{"settings":{"index.number_of_shards":4}}`},
	{Method: "GET", URI: "/_cluster/health/big?wait_for_status=green&timeout=60s"},
	{Method: "GET", URI: "/big/_count"},
	{Method: "POST", URI: "/src/_split/odd", Body: `{"settings":{"index.number_of_shards":3}}`},
	{Method: "POST", URI: "/src/_split/none"},
	{Method: "POST", URI: "/src/_clone/twin"},
	{Method: "GET", URI: "/_cluster/health/twin?wait_for_status=green&timeout=60s"},
	{Method: "GET", URI: "/twin/_count"},

	// Nodes and tasks.
	{Method: "GET", URI: "/_tasks?actions=nope*&group_by=none"},
	{Method: "GET", URI: "/_tasks?actions=nope*&group_by=parents"},
	{Method: "GET", URI: "/_tasks?group_by=x"},
	{Method: "GET", URI: "/_tasks/x"},
	{Method: "GET", URI: "/_tasks/n:1"},
	{Method: "POST", URI: "/_tasks/_cancel?actions=nope*"},
	{Method: "GET", URI: "/_cat/tasks?v&actions=nope*"},
	{Method: "GET", URI: "/_nodes/hot_threads?threads=1&interval=10ms"},
	{Method: "GET", URI: "/_nodes/n1/hot_threads?threads=1&interval=10ms"},
	{Method: "GET", URI: "/_nodes/usage"},
	{Method: "GET", URI: "/_nodes/n1/usage/rest_actions"},
	{Method: "GET", URI: "/_nodes/usage/nope"},
	{Method: "DELETE", URI: "/_internal/desired_balance"},
	{Method: "GET", URI: "/_cluster/pending_tasks"},
	{Method: "GET", URI: "/_health_report"},
	{Method: "GET", URI: "/_health_report?verbose=false"},
	{Method: "GET", URI: "/_health_report/shards_availability"},
	{Method: "GET", URI: "/_health_report/nope"},
	{Method: "GET", URI: "/_remote/info"},

	// Tables.
	{Method: "GET", URI: "/_cat"},
	{Method: "GET", URI: "/_cat/thread_pool?v&s=node_name,name"},
	{Method: "GET", URI: "/_cat/thread_pool/write,search?format=json&h=node_name,name,active,queue,rejected,size,type&s=node_name,name"},
	{Method: "GET", URI: "/_cat/thread_pool/nope"},
	{Method: "GET", URI: "/_cat/thread_pool?help"},
	{Method: "GET", URI: "/_cat/master?v"},
	{Method: "GET", URI: "/_cat/master?help"},
	{Method: "GET", URI: "/_cat/pending_tasks?v"},
	{Method: "GET", URI: "/_cat/pending_tasks?help"},
	{Method: "GET", URI: "/_cat/count?v&h=count"},
	{Method: "GET", URI: "/_cat/count/m?v&h=count"},
	{Method: "GET", URI: "/_cat/count/nope"},
	{Method: "GET", URI: "/_cat/count?help"},
	{Method: "GET", URI: "/_cat/nodeattrs?v&h=node,attr,value&s=node,attr"},
	{Method: "GET", URI: "/_cat/nodeattrs?help"},
	{Method: "GET", URI: "/_cat/segments?help"},
	{Method: "GET", URI: "/_cat/templates?help"},
	{Method: "GET", URI: "/_cat/component_templates?help"},
	{Method: "GET", URI: "/_cat/repositories?v"},
	{Method: "GET", URI: "/_cat/repositories?help"},
	{Method: "GET", URI: "/_cat/snapshots?help"},
	{Method: "GET", URI: "/_cat/snapshots/nope"},
	{Method: "GET", URI: "/_cat/tasks?help"},
	{Method: "GET", URI: "/_cat/plugins?v"},
	{Method: "GET", URI: "/_cat/plugins?help"},
	{Method: "GET", URI: "/_cat/fielddata?v"},
	{Method: "GET", URI: "/_cat/fielddata?help"},

	// Many documents at once.
	{Method: "PUT", URI: "/docs", Body: `{"settings":{"number_of_shards":1,"number_of_replicas":0},"mappings":{"properties":{"k":{"type":"keyword"},"n":{"type":"long"},"t":{"type":"date"},"txt":{"type":"text"}}}}`},
	{Method: "POST", URI: "/docs/_bulk?refresh", Body: `{"index":{"_id":"1"}}
{"k":"a","n":1,"t":"2026-01-01T00:10:00Z","txt":"the quick fox"}
{"index":{"_id":"2"}}
{"k":"b","n":2,"t":"2026-01-01T01:10:00Z","txt":"a Slow fox"}
{"index":{"_id":"3"}}
{"k":"a","n":3,"t":"2026-01-01T01:20:00Z"}
{"index":{"_id":"4"}}
{"k":"c","n":4,"t":"2026-01-01T03:20:00Z","txt":"prefixed words"}
`},
	{Method: "GET", URI: "/_mget", Body: `{"docs":[{"_index":"docs","_id":"1"},{"_index":"docs","_id":"9"},{"_index":"nope","_id":"1"}]}`},
	{Method: "GET", URI: "/docs/_mget", Body: `{"ids":["1","2"]}`},
	{Method: "GET", URI: "/docs/_mget", Body: `{"docs":[{"_id":"1","_source":["n"]}]}`},
	{Method: "GET", URI: "/docs/_mget", Body: `{"ids":[]}`},
	{Method: "GET", URI: "/docs/_mget", Body: `{}`},
	{Method: "GET", URI: "/_mget"},
	{Method: "POST", URI: "/_msearch", Body: "{\"index\":\"docs\"}\n{\"query\":{\"term\":{\"k\":\"a\"}}}\n{\"index\":\"nope\"}\n{}\n"},
	{Method: "POST", URI: "/docs/_msearch", Body: "{}\n{\"size\":0}\n"},
	{Method: "POST", URI: "/docs/_msearch"},
	{Method: "GET", URI: "/docs/_search?scroll=1m&size=3", Body: `{"sort":["_doc"]}`},
	{Method: "POST", URI: "/_search/scroll", Body: `{"scroll":"1m"}`},
	{Method: "POST", URI: "/_search/scroll", Body: `{"scroll_id":"nope"}`},
	{Method: "DELETE", URI: "/_search/scroll", Body: `{"scroll_id":"_all"}`},
	{Method: "DELETE", URI: "/_search/scroll/_all"},

	// Queries.
	{Method: "GET", URI: "/docs/_search", Body: `{"query":{"term":{"k":"a"}},"sort":["n"]}`},
	{Method: "GET", URI: "/docs/_search", Body: `{"query":{"term":{"k":{"value":"a","boost":2}}},"sort":[{"n":"desc"}]}`},
	{Method: "GET", URI: "/docs/_search", Body: `{"query":{"term":{"n":3}},"sort":["n"]}`},
	{Method: "GET", URI: "/docs/_search", Body: `{"query":{"terms":{"k":["b","c"]}},"sort":["n"]}`},
	{Method: "GET", URI: "/docs/_search", Body: `{"query":{"range":{"n":{"gte":2,"lt":4}}},"sort":[{"n":{"order":"asc"}}]}`},
	{Method: "GET", URI: "/docs/_search", Body: `{"query":{"range":{"t":{"gte":"2026-01-01T01:00:00Z"}}},"sort":["n"]}`},
	{Method: "GET", URI: "/docs/_search", Body: `{"query":{"range":{"t":{"gte":"2026-01-01||/d","lt":"2026-01-01||+2h"}}},"sort":["n"]}`},
	{Method: "GET", URI: "/docs/_search", Body: `{"query":{"range":{"n":{"nope":2}}}}`},
	{Method: "GET", URI: "/docs/_search", Body: `{"query":{"exists":{"field":"txt"}},"sort":["n"]}`},
	{Method: "GET", URI: "/docs/_search", Body: `{"query":{"exists":{"field":"nope"}},"sort":["n"]}`},
	{Method: "GET", URI: "/docs/_search", Body: `{"query":{"match":{"txt":"FOX quick"}},"sort":["n"]}`},
	{Method: "GET", URI: "/docs/_search", Body: `{"query":{"match":{"txt":{"query":"slow fox","operator":"and"}}},"sort":["n"]}`},
	{Method: "GET", URI: "/docs/_search", Body: `{"query":{"prefix":{"k":"a"}},"sort":["n"]}`},
	{Method: "GET", URI: "/docs/_search", Body: `{"query":{"prefix":{"txt":{"value":"pref"}}},"sort":["n"]}`},
	{Method: "GET", URI: "/docs/_search", Body: `{"query":{"bool":{"filter":[{"term":{"k":"a"}}],"must_not":{"range":{"n":{"gt":2}}}}},"sort":["n"]}`},
	{Method: "GET", URI: "/docs/_search", Body: `{"query":{"term":{"k":"a","n":1}}}`},
	{Method: "GET", URI: "/docs/_search", Body: `{"query":{"term":{"n":"abc"}}}`},
	{Method: "GET", URI: "/docs/_search?q=k:a&sort=n"},
	{Method: "GET", URI: "/docs/_count", Body: `{"query":{"term":{"k":"a"}}}`},
	{Method: "GET", URI: "/docs/_validate/query", Body: `{"query":{"term":{"k":"a"}}}`},
	{Method: "GET", URI: "/docs/_validate/query", Body: `{"query":{"nope":{}}}`},

	// Aggregations.
	{Method: "GET", URI: "/docs/_search?size=0", Body: `{"aggs":{"by":{"terms":{"field":"k"}}}}`},
	{Method: "GET", URI: "/docs/_search?size=0", Body: `{"aggs":{"by":{"terms":{"field":"k","size":1,"order":{"_key":"desc"}},"aggs":{"s":{"sum":{"field":"n"}}}}}}`},
	{Method: "GET", URI: "/docs/_search?size=0", Body: `{"aggs":{"by":{"terms":{"field":"n"}}}}`},
	{Method: "GET", URI: "/docs/_search?size=0", Body: `{"aggs":{"h":{"date_histogram":{"field":"t","fixed_interval":"1h"},"aggs":{"n":{"avg":{"field":"n"}}}}}}`},
	{Method: "GET", URI: "/docs/_search?size=0", Body: `{"aggs":{"h":{"date_histogram":{"field":"t","calendar_interval":"day","min_doc_count":1}}}}`},
	{Method: "GET", URI: "/docs/_search?size=0", Body: `{"aggs":{"a":{"sum":{"field":"n"}},"b":{"avg":{"field":"n"}},"c":{"min":{"field":"n"}},"d":{"max":{"field":"n"}},"e":{"value_count":{"field":"k"}},"f":{"cardinality":{"field":"k"}}}}`},
	{Method: "GET", URI: "/docs/_search?size=0", Body: `{"aggs":{"d":{"max":{"field":"t"}},"none":{"max":{"field":"zz"}}}}`},
	{Method: "GET", URI: "/docs/_search?size=0&typed_keys", Body: `{"aggs":{"a":{"sum":{"field":"n"}},"by":{"terms":{"field":"k"}}}}`},
	{Method: "GET", URI: "/docs/_search?size=0", Body: `{"aggs":{"a":{"nope":{"field":"n"}}}}`},
	{Method: "GET", URI: "/docs/_search?size=0", Body: `{"aggs":{"by":{"terms":{"field":"txt"}}}}`},
	{Method: "GET", URI: "/docs/_search?size=0", Body: `{"aggs":{"f":{"filter":{"term":{"k":"a"}},"aggs":{"m":{"max":{"field":"n"}}}}}}`},

	// What looks right and isn't.
	{Method: "PUT", URI: "/nosrc", Body: `{"settings":{"number_of_replicas":0},"mappings":{"_source":{"enabled":false}}}`},
	{Method: "PUT", URI: "/nosrc/_doc/1?refresh", Body: `{"a":1}`},
	{Method: "GET", URI: "/nosrc/_doc/1"},
	{Method: "GET", URI: "/nosrc/_source/1"},
	{Method: "GET", URI: "/nosrc/_search"},
	{Method: "POST", URI: "/nosrc/_update/1", Body: `{"doc":{"a":2}}`},
	{Method: "POST", URI: "/docs/_bulk", Body: "{\"update\":{\"_id\":\"1\",\"if_seq_no\":99,\"if_primary_term\":1}}\n{\"doc\":{\"n\":1}}\n"},
	{Method: "POST", URI: "/docs/_update/1?if_seq_no=99&if_primary_term=1", Body: `{"doc":{"n":1}}`},
	{Method: "PUT", URI: "/sd", Body: `{"settings":{"index.soft_deletes.enabled":false}}`},
	{Method: "PUT", URI: "/sd", Body: `{"settings":{"index.translog.retention.age":"1h"}}`},
	{Method: "PUT", URI: "/%3Cdm-%7Bnow%2Fd%7D%3E", Body: `{"settings":{"number_of_replicas":0}}`},
	{Method: "GET", URI: "/%3Cdm-%7Bnow%2Fd%7D%3E/_count"},
	{Method: "PUT", URI: "/empty", Body: `{"settings":{"number_of_replicas":0}}`},
	{Method: "GET", URI: "/_cluster/health/empty?wait_for_status=green&timeout=60s"},
	{Method: "GET", URI: "/empty/_stats"},
	{Method: "GET", URI: "/empty/_stats?level=shards"},
	{Method: "PUT", URI: "/lim", Body: `{"settings":{"index.mapping.depth.limit":2,"number_of_replicas":0},"mappings":{"properties":{"a":{"properties":{"b":{"properties":{"c":{"type":"long"}}}}}}}}`},
	{Method: "PUT", URI: "/lim", Body: `{"settings":{"index.mapping.total_fields.limit":1,"number_of_replicas":0},"mappings":{"properties":{"a":{"type":"long"},"b":{"type":"long"}}}}`},
	{Method: "GET", URI: "/docs/_search", Body: `{"docvalue_fields":["n"]}`},
	{Method: "GET", URI: "/docs/_search", Body: `{"fields":["n"],"_source":false,"sort":["n"]}`},
	{Method: "DELETE", URI: "/_index_template/t1"},
	{Method: "DELETE", URI: "/_component_template/c1,c2"},
}

var operationsSimulated = []known{
	{
		uri: "/small/_settings", parts: []string{"write: null", "_name: null", "resize", "routing_partition_size", "number_of_routing_shards", "initial_recovery"},
		reason: "settings that a resize takes away are told as null, and what it came from is forgotten in the end",
	},
	{uri: "/_nodes/usage", parts: []string{"rest_actions: {}"}, reason: "each of the recorded nodes was asked whether it had formed"},
	{uri: "/_nodes/n1,n2/usage", parts: []string{"rest_actions: {}"}, reason: "each of the recorded nodes was asked whether it had formed"},
	{uri: "/_nodes/hot_threads", parts: []string{""}, reason: "simulated nodes have no threads with stacks"},
	{uri: "/_nodes/n1/hot_threads", parts: []string{""}, reason: "simulated nodes have no threads with stacks"},
	{uri: "/m/_segments", parts: []string{".segments._"}, reason: "segments are numbered by what is there, not by what has been"},
	{uri: "/_index_template/t1", parts: []string{"unknown setting [index.nope]"}, reason: "an unknown setting is refused as that of an index is"},
}
