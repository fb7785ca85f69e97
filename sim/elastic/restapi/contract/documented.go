package contract

import (
	"net/http"
	"slices"
)

// Documented is a request to a node of the default distribution, and the body that the
// documentation of 8.19 shows for it. It is not held: the nodes that can be had lack the modules,
// so that no live node was asked.
type Documented struct {
	Request Request
	Body    string
}

// Answer is the structure of the documented body.
func (d *Documented) Answer() Answer {
	return Reduce(Reply{Status: 200, Header: http.Header{"Content-Type": {"application/json"}, "X-Elastic-Product": {"Elasticsearch"}}, Body: d.Body})
}

// DocumentedRequests run in order against a fresh cluster of the default distribution with a place
// for snapshots, [RepoPath].
func DocumentedRequests() []Documented { return slices.Clone(documented) }

const acknowledged = `{"acknowledged":true}`

var documented = []Documented{
	// Policies of ageing.
	{Request{Method: "GET", URI: "/_ilm/status"}, `{"operation_mode":"RUNNING"}`},
	{Request{Method: "POST", URI: "/_ilm/stop"}, acknowledged},
	{Request{Method: "GET", URI: "/_ilm/status"}, `{"operation_mode":"STOPPED"}`},
	{Request{Method: "POST", URI: "/_ilm/start"}, acknowledged},
	{Request{Method: "PUT", URI: "/_ilm/policy/p", Body: `{"policy":{"_meta":{"by":"us"},"phases":{"hot":{"min_age":"0ms","actions":{"rollover":{"max_age":"30d"}}},"delete":{"min_age":"90d","actions":{"delete":{}}}}}}`}, acknowledged},
	{
		Request{Method: "GET", URI: "/_ilm/policy/p"},
		`{"p":{"version":1,"modified_date":"2026-01-01T00:00:00.000Z","policy":{"_meta":{"by":"us"},"phases":{"hot":{"min_age":"0ms","actions":{"rollover":{"max_age":"30d"}}},"delete":{"min_age":"90d","actions":{"delete":{"delete_searchable_snapshot":true}}}}},"in_use_by":{"indices":[],"data_streams":[],"composable_templates":[]}}}`,
	},
	{Request{Method: "PUT", URI: "/x-1", Body: `{"settings":{"number_of_replicas":0,"index.lifecycle.name":"p","index.lifecycle.rollover_alias":"x"},"aliases":{"x":{"is_write_index":true}}}`}, `{"acknowledged":true,"shards_acknowledged":true,"index":"x-1"}`},
	{
		Request{Method: "POST", URI: "/_ilm/move/x-1", Body: `{"current_step":{"phase":"new","action":"complete","name":"complete"},"next_step":{"phase":"hot","action":"rollover","name":"check-rollover-ready"}}`},
		acknowledged,
	},
	{
		Request{Method: "GET", URI: "/x-1/_ilm/explain"},
		`{"indices":{"x-1":{"index":"x-1","managed":true,"policy":"p","index_creation_date_millis":1538475653281,"time_since_index_creation":"15s","lifecycle_date_millis":1538475653281,"age":"15s","phase":"hot","phase_time_millis":1538475653317,"action":"rollover","action_time_millis":1538475653317,"step":"check-rollover-ready","step_time_millis":1538475653317,"phase_execution":{"policy":"p","phase_definition":{"min_age":"0ms","actions":{"rollover":{"max_age":"30d"}}},"version":1,"modified_date_in_millis":1539609701576}}}}`,
	},
	{Request{Method: "POST", URI: "/x-1/_ilm/remove"}, `{"has_failures":false,"failed_indexes":[]}`},
	{Request{Method: "GET", URI: "/x-1/_ilm/explain"}, `{"indices":{"x-1":{"index":"x-1","managed":false}}}`},

	// Policies of snapshots.
	{Request{Method: "GET", URI: "/_slm/policy"}, `{}`},
	{Request{Method: "PUT", URI: "/_snapshot/r", Body: `{"type":"fs","settings":{"location":"/backup/r"}}`}, acknowledged},
	{
		Request{Method: "PUT", URI: "/_slm/policy/daily", Body: `{"schedule":"0 30 1 * * ?","name":"<daily-snap-{now/d}>","repository":"r","config":{"indices":["x-*"],"ignore_unavailable":false,"include_global_state":false},"retention":{"expire_after":"30d","min_count":5,"max_count":50}}`},
		acknowledged,
	},
	{
		Request{Method: "GET", URI: "/_slm/policy/daily?human"},
		`{"daily":{"version":1,"modified_date":"2099-05-06T01:30:00.000Z","modified_date_millis":4081757400000,"policy":{"schedule":"0 30 1 * * ?","name":"<daily-snap-{now/d}>","repository":"r","config":{"indices":["x-*"],"ignore_unavailable":false,"include_global_state":false},"retention":{"expire_after":"30d","min_count":5,"max_count":50}},"stats":{"policy":"daily","snapshots_taken":0,"snapshots_failed":0,"snapshots_deleted":0,"snapshot_deletion_failures":0},"next_execution":"2099-05-07T01:30:00.000Z","next_execution_millis":4081843800000}}`,
	},
	{Request{Method: "POST", URI: "/_slm/policy/daily/_execute"}, `{"snapshot_name":"daily-snap-2019.04.24-gwrqoo2xtea3q57vvg0uea"}`},
	{Request{Method: "POST", URI: "/_slm/_execute_retention"}, acknowledged},
	{Request{Method: "GET", URI: "/_slm/status"}, `{"operation_mode":"RUNNING"}`},
	{Request{Method: "POST", URI: "/_slm/stop"}, acknowledged},
	{Request{Method: "POST", URI: "/_slm/start"}, acknowledged},
	{
		Request{Method: "GET", URI: "/_slm/stats"},
		`{"retention_runs":13,"retention_failed":0,"retention_timed_out":0,"retention_deletion_time":"1.4s","retention_deletion_time_millis":1404,"policy_stats":[{"policy":"daily","snapshots_taken":1,"snapshots_failed":1,"snapshots_deleted":0,"snapshot_deletion_failures":0}],"total_snapshots_taken":1,"total_snapshots_failed":1,"total_snapshots_deleted":0,"total_snapshot_deletion_failures":0}`,
	},
	{Request{Method: "DELETE", URI: "/_slm/policy/daily"}, acknowledged},

	// What the distribution has.
	{Request{Method: "GET", URI: "/_xpack?categories=build"}, `{"build":{"hash":"2798b1a3ce779b3611bb53a0082d4d741e4d3168","date":"2015-04-07T13:34:42Z"}}`},
	{Request{Method: "GET", URI: "/_xpack?categories=license"}, `{"license":{"uid":"893361dc-9749-4997-93cb-xxx","type":"basic","mode":"basic","status":"active"}}`},
	{Request{Method: "GET", URI: "/_xpack?filter_path=features.ilm,features.slm,features.ml"}, `{"features":{"ilm":{"available":true,"enabled":true},"ml":{"available":false,"enabled":true},"slm":{"available":true,"enabled":true}}}`},
	{
		Request{Method: "GET", URI: "/_xpack/usage?filter_path=slm,data_streams,data_tiers.data_warm"},
		`{"data_streams":{"available":true,"enabled":true,"data_streams":0,"indices_count":0},"data_tiers":{"data_warm":{"node_count":0,"index_count":0,"total_shard_count":0,"primary_shard_count":0,"doc_count":0,"total_size_bytes":0,"primary_size_bytes":0,"primary_shard_size_avg_bytes":0,"primary_shard_size_median_bytes":0,"primary_shard_size_mad_bytes":0}},"slm":{"available":true,"enabled":true}}`,
	},
	{
		Request{Method: "GET", URI: "/_license"},
		`{"license":{"status":"active","uid":"cbff45e7-c553-41f7-ae4f-9205eabd80xx","type":"basic","issue_date":"2018-10-20T22:05:12.332Z","issue_date_in_millis":1540073112332,"max_nodes":1000,"max_resource_units":null,"issued_to":"test","issuer":"elasticsearch","start_date_in_millis":-1}}`,
	},
}
