package planning_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/scenarios/planning"
)

// streaming is an imported cluster of four nodes with a data stream: an index of 50 GB was made
// every ten days, and nothing deletes it.
func streaming(t *testing.T, indices int) string {
	t.Helper()
	const day = int64(24 * 60 * 60 * 1000)
	now := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC).UnixMilli()
	c := &clusterfile.Cluster{Schema: clusterfile.Schema, System: clusterfile.Elasticsearch, Name: "streaming", At: clusterfile.Seen(now), Version: clusterfile.Version{Number: "8.19.0", Modelled: true}}
	used := make([]int64, 4)
	ds := clusterfile.DataStream{Name: "logs"}
	for k := range indices {
		ix := clusterfile.Index{Name: fmt.Sprintf(".ds-logs-%02d", k+1), UUID: fmt.Sprint("uuid-", k), ShardCount: 2, Replicas: 1, Created: clusterfile.Seen(now - int64(indices-k)*10*day)}
		for i := range 2 {
			sh := clusterfile.Shard{PrimaryTerm: 1}
			for r := range 2 {
				at := (2*k + i + 2*r + k/2) % 4
				id := fmt.Sprintf("copy-%d-%d-%d", k, i, r)
				sh.InSync = append(sh.InSync, id)
				sh.Copies = append(sh.Copies, clusterfile.Copy{Primary: r == 0, State: clusterfile.Started, Node: fmt.Sprint("es-", at), ID: id, Bytes: clusterfile.Seen(25 << 30), Docs: clusterfile.Seen(1_000_000)})
				used[at] += 25 << 30
			}
			ix.Shards = append(ix.Shards, sh)
		}
		ds.Indices = append(ds.Indices, ix.Name)
		c.Indices = append(c.Indices, ix)
	}
	c.DataStreams = []clusterfile.DataStream{ds}
	const disk = int64(800) << 30
	for i := range 4 {
		c.Nodes = append(c.Nodes, clusterfile.Node{
			Name: fmt.Sprint("es-", i), ID: fmt.Sprint("id-", i), Roles: []string{"data", "ingest", "master"},
			Disk:    clusterfile.Disk{Total: clusterfile.Seen(disk), Available: clusterfile.Seen(disk - used[i])},
			HeapMax: clusterfile.Seen(8 << 30), Processors: clusterfile.Seen(8),
		})
	}
	c.Coordination.Master = "es-0"
	require.NoError(t, c.Check())
	dir := t.TempDir()
	require.NoError(t, c.Save(filepath.Join(dir, "streaming.cluster.json.gz")))
	file := filepath.Join(dir, "streaming.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
name: streaming
about: A data stream that nothing deletes.
system: elasticsearch
cluster: {from: streaming.cluster.json.gz}
objectives: {survive: [node], green-within: 12h, disk-below: high}
growth: {until: 26w, holds: 26w}
expect: [{steady-state: green, at: end}]
duration: 1m
`), 0o600))
	return file
}

func TestWhereAStreamIsKeptForLessTimeTheObjectivesHoldForAsLongAsAsked(t *testing.T) {
	c := config(t, streaming(t, 8))
	c.Losses, c.Seeds = []string{planning.Node}, 1
	whole := plan(t, c)
	assert.Equal(t, "fail", string(whole.Verdict))
	full := breaks(t, whole, "green within 12h", "node")
	require.NotNil(t, full.Day, "5 GB a day fill the disks within half a year")
	assert.True(t, full.Confirmed)
	assert.Contains(t, full.Limit, "disk")
	require.NotEmpty(t, whole.Growth.How)
	assert.Contains(t, whole.Growth.How[0], "data stream logs gets 5gb a day, and no policy deletes it")

	c.Changes = []string{"retention=.ds-logs-*:65d"}
	r := plan(t, c)
	assert.Equal(t, "pass", string(r.Verdict), r.Headline)
	for _, b := range r.Growth.Breaks {
		assert.Nil(t, b.Day, "%s after %s", b.Objective, b.After)
	}
	assert.Contains(t, r.Growth.How[0], "deleted after 65 days")
	require.NotNil(t, r.Transition)
	assert.Empty(t, r.Transition.Untold)
	assert.Len(t, r.Transition.Steps, 2, "those of 70 and 80 days go at once")
	days := r.Growth.Days
	assert.Less(t, days[0].Bytes, whole.Growth.Days[0].Bytes)
	assert.InDelta(t, float64(days[0].Bytes), float64(days[len(days)-1].Bytes), float64(110<<30), "as much goes as comes")
}

func TestWhatIsNotYetSoOldIsKeptForLessTimeAsItGrows(t *testing.T) {
	c := config(t, streaming(t, 4))
	c.Losses, c.Seeds, c.Set = []string{planning.Node}, 1, []string{"growth={until: 12w}"}
	c.Changes = []string{"retention=.ds-logs-*:60d"}
	r := plan(t, c)
	require.NotEmpty(t, r.Transition.Untold)
	assert.Contains(t, r.Transition.Untold[0], "none of these indices is older than 60d")
	assert.Contains(t, r.Growth.How[0], "deleted after 60 days")

	described := config(t, march)
	described.Losses, described.Seeds = []string{planning.Node}, 1
	described.Set = []string{"growth.until=8w"}
	described.Changes = []string{"retention=logs-1:50d"}
	r = plan(t, described)
	assert.Contains(t, r.Transition.Untold[0], "nobody told how old")
	assert.Contains(t, r.Growth.How[1], "kept for 50 days")
	described.Changes = []string{"retention=users:50d"}
	_, err := planning.Run(t.Context(), described)
	assert.ErrorContains(t, err, "expected growth.streams that users belong to")
}
