package repositories

import "github.com/shardquake/shardquake/sim/elastic/restapi/rest"

// Routes are the endpoints of repositories and snapshots.
func Routes() []*rest.Route {
	return []*rest.Route{
		{On: []string{"GET /_snapshot", "GET /_snapshot/{repository}"}, Prepare: prepareGetRepositories},
		{On: []string{"PUT /_snapshot/{repository}", "POST /_snapshot/{repository}"}, Prepare: preparePutRepository},
		{On: []string{"DELETE /_snapshot/{repository}"}, Prepare: prepareDeleteRepository},
		{On: []string{"POST /_snapshot/{repository}/_verify"}, Prepare: prepareVerifyRepository},
		{On: []string{"POST /_snapshot/{repository}/_cleanup"}, Prepare: prepareCleanup},
		{
			On:      []string{"GET /_snapshot/_status", "GET /_snapshot/{repository}/_status", "GET /_snapshot/{repository}/{snapshot}/_status"},
			Prepare: prepareSnapshotStatus,
		},
		{On: []string{"PUT /_snapshot/{repository}/{snapshot}", "POST /_snapshot/{repository}/{snapshot}"}, Prepare: prepareCreateSnapshot},
		{On: []string{"GET /_snapshot/{repository}/{snapshot}"}, Prepare: prepareGetSnapshots},
		{On: []string{"DELETE /_snapshot/{repository}/{snapshot}"}, Prepare: prepareDeleteSnapshot},
		{On: []string{"POST /_snapshot/{repository}/{snapshot}/_restore"}, Prepare: prepareRestoreSnapshot},
	}
}
