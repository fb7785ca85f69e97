package contract

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
)

//go:embed snapshots.json
var snapshotText []byte

// SnapshotFile is where RecordedSnapshots comes from, in this package's folder.
const SnapshotFile = "snapshots.json"

// RepoPath is path.repo of the nodes that are asked SnapshotRequests.
const RepoPath = "/backup"

// SnapshotRequests are those about snapshots: a table of their own, for they are asked of
// nodes with a place for them.
func SnapshotRequests() []Request { return slices.Clone(snapshotRequests) }

// RecordedSnapshots is the contract of snapshots, an entry for each of the requests.
func RecordedSnapshots() ([]Entry, error) {
	var entries []Entry
	if err := json.Unmarshal(snapshotText, &entries); err != nil {
		return nil, fmt.Errorf("%s: %w", SnapshotFile, err)
	}
	for i, q := range snapshotRequests {
		if i >= len(entries) || entries[i].Request != q.Method+" "+q.URI {
			return nil, fmt.Errorf("%s: entry %d is not %s %s: the contract has to be recorded again", SnapshotFile, i, q.Method, q.URI)
		}
	}
	return entries, nil
}

// OfSimulatedSnapshots are the differences of the simulator, with their reasons.
func OfSimulatedSnapshots() *Reasons { return &Reasons{snapshotsSimulated, map[string]bool{}} }

var snapshotsSimulated = []known{}

var snapshotRequests = []Request{
	// Repositories.
	{Method: "GET", URI: "/_snapshot"},
	{Method: "GET", URI: "/_snapshot/r"},
	{Method: "PUT", URI: "/_snapshot/r"},
	{Method: "PUT", URI: "/_snapshot/r", Body: `{"settings":{}}`},
	{Method: "PUT", URI: "/_snapshot/r", Body: `{"type":"nope"}`},
	{Method: "PUT", URI: "/_snapshot/r", Body: `{"type":"fs"}`},
	{Method: "PUT", URI: "/_snapshot/r", Body: `{"type":"fs","settings":[1]}`},
	{Method: "PUT", URI: "/_snapshot/r", Body: `{"type":"fs","settings":{"location":"/elsewhere"}}`},
	{Method: "DELETE", URI: "/_snapshot/r"},
	{Method: "POST", URI: "/_snapshot/r/_verify"},
	{Method: "PUT", URI: "/_snapshot/r", Body: `{"type":"fs","settings":{"location":"/backup/r","max_snapshot_bytes_per_sec":"50mb"}}`},
	{Method: "GET", URI: "/_snapshot"},
	{Method: "GET", URI: "/_snapshot/r"},
	{Method: "GET", URI: "/_snapshot/r,nope"},
	{Method: "GET", URI: "/_snapshot/n*"},
	{Method: "POST", URI: "/_snapshot/r/_verify"},
	{Method: "POST", URI: "/_snapshot/nope/_verify"},
	{Method: "PUT", URI: "/_snapshot/r?foo=1", Body: `{"type":"fs","settings":{"location":"/backup/r"}}`},

	// Snapshots.
	{Method: "PUT", URI: "/sx?wait_for_active_shards=all", Body: `{"settings":{"number_of_shards":2,"number_of_replicas":1}}`},
	{Method: "PUT", URI: "/sx/_doc/1?refresh=true", Body: `{"a":1}`},
	{Method: "GET", URI: "/_cluster/health/sx?wait_for_status=green&timeout=60s"},
	{Method: "PUT", URI: "/_snapshot/r/Caps"},
	{Method: "PUT", URI: "/_snapshot/r/_under"},
	{Method: "PUT", URI: "/_snapshot/r/a,b"},
	{Method: "PUT", URI: "/_snapshot/nope/s1"},
	{Method: "PUT", URI: "/_snapshot/r/s1", Body: `{"indices":"nope"}`},
	{Method: "PUT", URI: "/_snapshot/r/s0?wait_for_completion=true", Body: `{"nonsense":1,"indices":"sx"}`},
	{Method: "PUT", URI: "/_snapshot/r/s1?wait_for_completion=true", Body: `{"indices":"sx"}`},
	{Method: "PUT", URI: "/_snapshot/r/s1"},
	{Method: "GET", URI: "/_snapshot/r/s1"},
	{Method: "GET", URI: "/_snapshot/r/s1?human"},
	{Method: "GET", URI: "/_snapshot/r/_all"},
	{Method: "GET", URI: "/_snapshot/r/_current"},
	{Method: "GET", URI: "/_snapshot/r/nope"},
	{Method: "GET", URI: "/_snapshot/r/nope?ignore_unavailable"},
	{Method: "GET", URI: "/_snapshot/r/n*"},
	{Method: "GET", URI: "/_snapshot/nope/_all"},
	{Method: "GET", URI: "/_snapshot/_status"},
	{Method: "GET", URI: "/_snapshot/r/_status"},
	{Method: "GET", URI: "/_snapshot/nope/_status"},
	{Method: "GET", URI: "/_snapshot/r/s1/_status"},
	{Method: "GET", URI: "/_snapshot/r/s1/_status?human"},
	{Method: "GET", URI: "/_snapshot/r/nope/_status"},
	{Method: "PUT", URI: "/_snapshot/r/s2?wait_for_completion=true", Body: `{"indices":["sx"],"include_global_state":false}`},

	// Restores.
	{Method: "POST", URI: "/_snapshot/r/s1/_restore"},
	{Method: "POST", URI: "/_snapshot/r/nope/_restore"},
	{Method: "POST", URI: "/_snapshot/nope/s1/_restore"},
	{Method: "POST", URI: "/_snapshot/r/s1/_restore", Body: `{"indices":"nope"}`},
	{Method: "POST", URI: "/_snapshot/r/s1/_restore", Body: `{"nonsense":1}`},
	{
		Method: "POST", URI: "/_snapshot/r/s1/_restore?wait_for_completion=true",
		Body: `{"indices":"sx","rename_pattern":"(.+)","rename_replacement":"back-$1"}`,
	},
	{Method: "GET", URI: "/_cluster/health/back-sx?wait_for_status=green&timeout=60s"},
	{Method: "GET", URI: "/back-sx/_recovery"},
	{Method: "GET", URI: "/_cat/recovery/back-sx?v&h=index,shard,type,stage,source_node,target_node,repository,snapshot"},
	{Method: "GET", URI: "/back-sx/_count"},
	{Method: "DELETE", URI: "/_snapshot/r/nope"},
	{Method: "DELETE", URI: "/_snapshot/r/s1"},
	{Method: "DELETE", URI: "/_snapshot/r/s*"},
	{Method: "GET", URI: "/_snapshot/r/_all"},
	{Method: "DELETE", URI: "/_snapshot/r"},
	{Method: "DELETE", URI: "/_snapshot/r"},
	{Method: "DELETE", URI: "/back-sx,sx"},
}
