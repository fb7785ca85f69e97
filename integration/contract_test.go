package integration

import (
	"context"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/restapi/contract"
)

var recordContract = flag.Bool("record-contract", false, "write down what the nodes answer instead of comparing with it")

// The simulator answers as the contract says; so do real nodes, asked the same in the
// same order.
func TestRealNodesAnswerAsTheContractSays(t *testing.T) {
	answers := ask(t, Options{
		ClusterName: "cc",
		Nodes: []NodeSpec{
			{Name: "n1", DiskBytes: 256 << 20, Attributes: map[string]string{"zone": "a"}},
			{Name: "n2", DiskBytes: 256 << 20, Attributes: map[string]string{"zone": "b"}},
		},
	}, contract.Requests(), contract.File)
	recorded, err := contract.Recorded()
	require.NoError(t, err)
	hold(t, answers, recorded, contract.Requests(), contract.OfContainers())
}

// Real nodes with a place for snapshots answer as the contract of snapshots says.
func TestRealNodesAnswerAboutSnapshotsAsTheContractSays(t *testing.T) {
	answers := ask(t, Options{
		ClusterName:     "cc",
		Nodes:           []NodeSpec{{Name: "n1", DiskBytes: 256 << 20}, {Name: "n2", DiskBytes: 256 << 20}},
		ClusterSettings: map[string]string{repoSetting: contract.RepoPath},
	}, contract.SnapshotRequests(), contract.SnapshotFile)
	recorded, err := contract.RecordedSnapshots()
	require.NoError(t, err)
	hold(t, answers, recorded, contract.SnapshotRequests(), &contract.Reasons{})
}

// ask starts a cluster and puts the requests to its first node. To record, it writes
// the answers into the contract's file and ends the test.
func ask(t *testing.T, o Options, requests []contract.Request, file string) []contract.Entry {
	ctx := requireDocker(t)
	c, err := Start(ctx, o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close(context.WithoutCancel(ctx))) })
	require.NoError(t, c.AwaitFormed(ctx))
	var answers []contract.Entry
	for _, q := range requests {
		r, err := contract.Ask(http.DefaultTransport, c.DirectURL("n1"), q)
		require.NoErrorf(t, err, "%s %s", q.Method, q.URI)
		answers = append(answers, contract.EntryOf(q, r))
	}
	if *recordContract {
		text, err := contract.Marshal(answers)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join("..", "sim", "elastic", "restapi", "contract", file), text, 0o644))
		t.Skipf("recorded %d answers", len(answers))
	}
	return answers
}

func hold(t *testing.T, answers, recorded []contract.Entry, requests []contract.Request, reasons *contract.Reasons) {
	for i, q := range requests {
		for _, d := range contract.Differences(recorded[i].Answer, answers[i].Answer) {
			if reasons.For(q, d) == "" {
				t.Errorf("%s %s %s\n  %s", q.Method, q.URI, q.Body, d)
			}
		}
	}
}

// Real nodes answer what operators' tools ask as the contract of operations says.
func TestRealNodesAnswerOperatorsAsTheContractSays(t *testing.T) {
	answers := ask(t, Options{
		ClusterName: "cc",
		Nodes: []NodeSpec{
			{Name: "n1", DiskBytes: 256 << 20, Attributes: map[string]string{"zone": "a"}},
			{Name: "n2", DiskBytes: 256 << 20, Attributes: map[string]string{"zone": "b"}},
		},
	}, contract.OperationRequests(), contract.OperationsFile)
	recorded, err := contract.RecordedOperations()
	require.NoError(t, err)
	hold(t, answers, recorded, contract.OperationRequests(), contract.OfContainers())
}
