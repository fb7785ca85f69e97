package integration

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/restapi/contract"
)

// Real nodes with a place for snapshots answer as the contract of snapshots says.
func TestRealNodesAnswerAboutSnapshotsAsTheContractSays(t *testing.T) {
	ctx := requireDocker(t)
	c, err := Start(ctx, Options{
		ClusterName:     "cc",
		Nodes:           []NodeSpec{{Name: "n1", DiskBytes: 256 << 20}, {Name: "n2", DiskBytes: 256 << 20}},
		ClusterSettings: map[string]string{repoSetting: contract.RepoPath},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close(context.WithoutCancel(ctx))) })
	require.NoError(t, c.AwaitFormed(ctx))
	var answers []contract.Entry
	for _, q := range contract.SnapshotRequests() {
		r, err := contract.Ask(http.DefaultTransport, c.DirectURL("n1"), q)
		require.NoErrorf(t, err, "%s %s", q.Method, q.URI)
		answers = append(answers, contract.EntryOf(q, r))
	}
	if *recordContract {
		text, err := contract.Marshal(answers)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join("..", "sim", "elastic", "restapi", "contract", contract.SnapshotFile), text, 0o644))
		t.Skipf("recorded %d answers", len(answers))
	}
	recorded, err := contract.RecordedSnapshots()
	require.NoError(t, err)
	for i, q := range contract.SnapshotRequests() {
		for _, d := range contract.Differences(recorded[i].Answer, answers[i].Answer) {
			t.Errorf("%s %s %s\n  %s", q.Method, q.URI, q.Body, d)
		}
	}
}
