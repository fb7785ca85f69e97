package cat

import "github.com/shardquake/shardquake/sim/elastic/restapi/rest"

// Routes are the endpoints of the _cat API.
func Routes() []*rest.Route {
	return []*rest.Route{
		{On: []string{"GET /_cat/health"}, Prepare: prepareCatHealth, Rendering: catRendering},
		{On: []string{"GET /_cat/nodes"}, Prepare: prepareCatNodes, Rendering: catRendering},
		{On: []string{"GET /_cat/shards", "GET /_cat/shards/{index}"}, Prepare: prepareCatShards, Rendering: catRendering},
		{On: []string{"GET /_cat/recovery", "GET /_cat/recovery/{index}"}, Prepare: prepareCatRecovery, Rendering: catRendering},
		{On: []string{"GET /_cat/allocation", "GET /_cat/allocation/{nodes}"}, Prepare: prepareCatAllocation, Rendering: catRendering},
		{On: []string{"GET /_cat/aliases", "GET /_cat/aliases/{alias}"}, Prepare: prepareCatAliases, Rendering: catRendering},
		{On: []string{"GET /_cat/master"}, Prepare: prepareCatMaster, Rendering: catRendering},
		{On: []string{"GET /_cat/nodeattrs"}, Prepare: prepareCatNodeattrs, Rendering: catRendering},
		{On: []string{"GET /_cat/plugins"}, Prepare: prepareCatPlugins, Rendering: catRendering},
		{On: []string{"GET /_cat/fielddata", "GET /_cat/fielddata/{fields}"}, Prepare: prepareCatFielddata, Rendering: catRendering},
		{
			On:      []string{"GET /_cat/thread_pool", "GET /_cat/thread_pool/{thread_pool_patterns}"},
			Prepare: prepareCatThreadPool, Rendering: catRendering,
		},
		{On: []string{"GET /_cat/pending_tasks"}, Prepare: prepareCatPendingTasks, Rendering: catRendering},
		{On: []string{"GET /_cat/count", "GET /_cat/count/{index}"}, Prepare: prepareCatCount, Rendering: catRendering},
		{On: []string{"GET /_cat/templates", "GET /_cat/templates/{name}"}, Prepare: prepareCatTemplates, Rendering: catRendering},
		{
			On:      []string{"GET /_cat/component_templates", "GET /_cat/component_templates/{name}"},
			Prepare: prepareCatComponentTemplates, Rendering: catRendering,
		},
		{On: []string{"GET /_cat/repositories"}, Prepare: prepareCatRepositories, Rendering: catRendering},
		{On: []string{"GET /_cat/snapshots", "GET /_cat/snapshots/{repository}"}, Prepare: prepareCatSnapshots, Rendering: catRendering},
		{On: []string{"GET /_cat/segments", "GET /_cat/segments/{index}"}, Prepare: prepareCatSegments, Rendering: catRendering},
		{On: []string{"GET /_cat/tasks"}, Prepare: prepareCatTasks, Rendering: catRendering},
		{On: []string{"GET /_cat/indices", "GET /_cat/indices/{index}"}, Prepare: prepareCatIndices, Rendering: catRendering},
	}
}
