// Package policies are the endpoints of policies: those by which indices age, _ilm, with what
// operators do to them, and those by which snapshots are taken, _slm. They come from documented answers:
// only nodes of the default distribution have them.
package policies

import "github.com/shardquake/shardquake/sim/elastic/restapi/rest"

// Routes are the endpoints.
func Routes() []*rest.Route {
	return []*rest.Route{
		{On: []string{"PUT /_ilm/policy/{name}"}, Prepare: preparePutPolicy, Modules: true},
		{On: []string{"GET /_ilm/policy", "GET /_ilm/policy/{name}"}, Prepare: prepareGetPolicies, Modules: true},
		{On: []string{"DELETE /_ilm/policy/{name}"}, Prepare: prepareDeletePolicy, Modules: true},
		{On: []string{"POST /_ilm/stop"}, Prepare: prepareAgeing(true), Modules: true},
		{On: []string{"POST /_ilm/start"}, Prepare: prepareAgeing(false), Modules: true},
		{On: []string{"GET /_ilm/status"}, Prepare: prepareAgeingStatus, Modules: true},
		{On: []string{"GET /{index}/_ilm/explain"}, Prepare: prepareExplainAgeing, Modules: true},
		{On: []string{"POST /{index}/_ilm/retry"}, Prepare: prepareRetry, Modules: true},
		{On: []string{"POST /{index}/_ilm/remove"}, Prepare: prepareRemove, Modules: true},
		{On: []string{"POST /_ilm/move/{name}"}, Prepare: prepareMove, Modules: true},
		{On: []string{"GET /_slm/policy", "GET /_slm/policy/{name}"}, Prepare: prepareGet, Modules: true},
		{On: []string{"PUT /_slm/policy/{name}"}, Prepare: preparePut, Modules: true},
		{On: []string{"DELETE /_slm/policy/{name}"}, Prepare: prepareDelete, Modules: true},
		{On: []string{"PUT /_slm/policy/{name}/_execute", "POST /_slm/policy/{name}/_execute"}, Prepare: prepareExecute, Modules: true},
		{On: []string{"POST /_slm/_execute_retention"}, Prepare: prepareRetention, Modules: true},
		{On: []string{"POST /_slm/start"}, Prepare: prepareStopped(false), Modules: true},
		{On: []string{"POST /_slm/stop"}, Prepare: prepareStopped(true), Modules: true},
		{On: []string{"GET /_slm/status"}, Prepare: prepareStatus, Modules: true},
		{On: []string{"GET /_slm/stats"}, Prepare: prepareStats, Modules: true},
	}
}
