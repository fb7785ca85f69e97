package restapi_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic"
)

// stepOf is the step that an index's policy is at.
func (w *world) stepOf(index string) (phase, action, step string) {
	w.t.Helper()
	var out struct {
		Indices map[string]struct{ Phase, Action, Step string }
	}
	require.NoError(w.t, json.Unmarshal([]byte(w.call("GET", "/"+index+"/_ilm/explain", "").body), &out))
	i := out.Indices[index]
	return i.Phase, i.Action, i.Step
}

// An operator tries a failed step again, moves an index on, and takes it out of its policy.
func TestOperatorsRetryMoveAndRemoveThePoliciesOfIndices(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 1)
	w.call("PUT", "/_ilm/policy/p", `{"policy":{"phases":{"hot":{"actions":{"rollover":{"max_docs":1}}},"delete":{"min_age":"30d","actions":{"delete":{}}}}}}`)
	w.call("PUT", "/x-1", `{"settings":{"index.lifecycle.name":"p","index.lifecycle.rollover_alias":"x","number_of_replicas":0}}`)
	w.call("PUT", "/free", `{"settings":{"number_of_replicas":0}}`)
	assert.Contains(t, w.call("POST", "/free/_ilm/retry", "").body, "cannot retry an action for an index [free] that has not encountered an error")
	w.pass(21 * time.Minute)
	_, _, step := w.stepOf("x-1")
	require.Equal(t, "ERROR", step, "there is no alias to roll over")

	w.call("PUT", "/x-1/_alias/x", "")
	w.call("POST", "/x/_doc?refresh", `{"n":1}`)
	assert.Equal(t, ok, w.call("POST", "/x-1/_ilm/retry", "").body)
	w.pass(time.Second)
	assert.Equal(t, 200, w.call("HEAD", "/x-000002", "").status, "tried at once, not at the next look ten minutes later")
	phase, action, _ := w.stepOf("x-1")
	assert.Equal(t, "hot complete", phase+" "+action)

	move := func(current, next string) string {
		return w.call("POST", "/_ilm/move/x-1", `{"current_step":`+current+`,"next_step":`+next+`}`).body
	}
	at := `{"phase":"hot","action":"complete","name":"complete"}`
	assert.Contains(t, move(`{"phase":"hot","action":"rollover","name":"ERROR"}`, at), `is not on current step [{\"phase\":\"hot\",\"action\":\"rollover\",\"name\":\"ERROR\"}], currently: [{\"phase\":\"hot\",\"action\":\"complete\",\"name\":\"complete\"}]`)
	assert.Contains(t, move(at, `{"phase":"warm"}`), `with policy [p] does not exist`)
	assert.Contains(t, move(at, `{"phase":"hot","action":"rollover","name":"set-indexing-complete"}`), "the simulated node does not support the step [set-indexing-complete]")
	assert.Contains(t, w.call("POST", "/_ilm/move/x-1", `{"next_step":`+at+`}`).body, "Required [current_step]")
	assert.Contains(t, w.call("POST", "/_ilm/move/free", `{"current_step":`+at+`,"next_step":`+at+`}`).body, "index [free] is not associated with an Index Lifecycle Policy")
	assert.Contains(t, w.call("POST", "/_ilm/move/nope", `{"current_step":`+at+`,"next_step":`+at+`}`).body, "index [nope] does not exist")
	assert.JSONEq(t, ok, move(at, `{"phase":"delete"}`))
	w.pass(time.Second)
	assert.Equal(t, 404, w.call("HEAD", "/x-1", "").status, "deleted 30 days early")

	assert.JSONEq(t, `{"has_failures":false,"failed_indexes":[]}`, w.call("POST", "/x-000002/_ilm/remove", "").body)
	assert.Contains(t, w.call("GET", "/x-000002/_ilm/explain", "").body, `"managed":false`)
	assert.NotContains(t, w.call("GET", "/x-000002/_settings", "").body, "lifecycle")
	assert.Equal(t, 404, w.call("POST", "/nope/_ilm/remove", "").status)
}

// A policy takes snapshots at its times, by order, and lets old ones go.
func TestAPolicyTakesSnapshotsAndLetsOldOnesGo(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 2, "path.repo", "/backup")
	policy := `{"schedule":"0 0 * * * ?","name":"<hourly-{now/d}>","repository":"r","config":{"indices":"lo*","include_global_state":false},"retention":{"expire_after":"1d","min_count":1,"max_count":3}}`
	assert.Contains(t, w.call("PUT", "/_slm/policy/h", policy).body, "no such repository [r]")
	w.call("PUT", "/_snapshot/r", `{"type":"fs","settings":{"location":"/backup/r"}}`)
	w.call("PUT", "/logs?wait_for_active_shards=all", "")
	w.call("POST", "/logs/_doc?refresh", `{"n":1}`)
	assert.Equal(t, `{}`, w.call("GET", "/_slm/policy", "").body)
	assert.Contains(t, w.call("GET", "/_slm/policy/h", "").body, "snapshot lifecycle policy or policies [h] not found, no policies are configured")
	assert.Contains(t, w.call("PUT", "/_slm/policy/h", `{"schedule":"hourly","name":"<H>","repository":"r"}`).body, "1: invalid snapshot name [<H>]: must be lowercase;2: invalid schedule [hourly]: must be a valid cron expression or time unit;")
	assert.Contains(t, w.call("PUT", "/_slm/policy/h", `{"schedule":"1m","name":"h","repository":"r"}`).body, "schedule would be too frequent, executing more than every [15m]")
	assert.Contains(t, w.call("PUT", "/_slm/policy/h", `{"name":"h"}`).body, "Required [schedule, repository]")
	assert.Contains(t, w.call("PUT", "/_slm/policy/h", `{"names":"h"}`).body, "unknown field [names] did you mean [name]?")
	assert.Equal(t, ok, w.call("PUT", "/_slm/policy/h", policy).body)
	assert.Contains(t, w.call("GET", "/_slm/policy/h", "").body, `"next_execution_millis":`)
	assert.NotContains(t, w.call("GET", "/_slm/policy/h", "").body, `"last_success"`)

	var done struct {
		Name string `json:"snapshot_name"`
	}
	require.NoError(t, json.Unmarshal([]byte(w.call("POST", "/_slm/policy/h/_execute", "").body), &done))
	assert.Regexp(t, `^hourly-\d{4}\.\d\d\.\d\d-[a-z0-9_-]{22}$`, done.Name)
	w.pass(time.Minute)
	got := w.call("GET", "/_slm/policy/h", "").body
	assert.Contains(t, got, `"last_success":{"snapshot_name":"`+done.Name+`"`)
	assert.Contains(t, got, `"snapshots_taken":1`)
	assert.Contains(t, w.call("GET", "/_snapshot/r/"+done.Name, "").body, `"metadata":{"policy":"h"}`)
	assert.Contains(t, w.call("POST", "/_slm/policy/nope/_execute", "").body, "no such policy [nope]")

	w.pass(5 * time.Hour)
	assert.Contains(t, w.call("GET", "/_slm/policy/h", "").body, `"snapshots_taken":6`, "one an hour, on the hour")
	assert.Equal(t, ok, w.call("POST", "/_slm/stop", "").body)
	assert.Equal(t, `{"operation_mode":"STOPPED"}`, w.call("GET", "/_slm/status", "").body)
	w.pass(3 * time.Hour)
	assert.Contains(t, w.call("GET", "/_slm/stats", "").body, `"total_snapshots_taken":6`, "none while it was stopped")
	w.call("POST", "/_slm/start", "")

	assert.Equal(t, ok, w.call("POST", "/_slm/_execute_retention", "").body)
	w.pass(time.Minute)
	var left struct{ Total int }
	require.NoError(t, json.Unmarshal([]byte(w.call("GET", "/_snapshot/r/_all", "").body), &left))
	assert.Equal(t, 3, left.Total, "the newest three")
	assert.Contains(t, w.call("GET", "/_slm/stats", "").body, `"total_snapshots_deleted":3`)
	assert.Equal(t, ok, w.call("DELETE", "/_slm/policy/h", "").body)
	assert.Contains(t, w.call("DELETE", "/_slm/policy/h", "").body, "snapshot lifecycle policy not found: h")
}

// What a policy can't take it says; a lost master's snapshot is seen to its end by the next.
func TestAPolicySaysWhyASnapshotFailedAndOutlivesItsMaster(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 3, "path.repo", "/backup")
	w.call("PUT", "/_snapshot/r", `{"type":"fs","settings":{"location":"/backup/r"}}`)
	w.call("PUT", "/logs?wait_for_active_shards=all", `{"settings":{"number_of_replicas":2}}`)
	w.call("PUT", "/_slm/policy/p", `{"schedule":"30m","name":"s","repository":"r","config":{"indices":["nope"]}}`)
	w.pass(31 * time.Minute)
	assert.Contains(t, w.call("GET", "/_slm/policy/p", "").body, `no such index [nope]`)
	w.call("PUT", "/_slm/policy/p", `{"schedule":"30m","name":"s","repository":"r"}`)

	master := w.c.Nodes()[0].Applied().Master
	name := w.c.Nodes()[0].Applied().Node(master).Name
	other := "n1"
	if name == other {
		other = "n2"
	}
	require.NoError(t, w.c.Kill(name))
	w.pass(2 * time.Minute)
	w.pass(30 * time.Minute)
	assert.Contains(t, w.call("GET", "http://"+other+":9200/_slm/policy/p", "").body, `"last_success":{`, "the new master goes on with the schedule")
}

func TestANodeWithoutTheModulesHasNoPolicies(t *testing.T) {
	w := newWorldOf(t, elastic.MinimalDistribution, 1)
	for _, uri := range []string{"/_ilm/move/x", "/x/_ilm/retry", "/x/_ilm/remove", "/_slm/start", "/_slm/policy/p/_execute"} {
		assert.Contains(t, w.call("POST", uri, "").body, "no handler found for uri ["+uri+"] and method [POST]", uri)
	}
}
