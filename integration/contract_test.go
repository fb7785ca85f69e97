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
	ctx := requireDocker(t)
	c, err := Start(ctx, Options{
		ClusterName: "cc",
		Nodes: []NodeSpec{
			{Name: "n1", DiskBytes: 256 << 20, Attributes: map[string]string{"zone": "a"}},
			{Name: "n2", DiskBytes: 256 << 20, Attributes: map[string]string{"zone": "b"}},
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close(context.WithoutCancel(ctx))) })
	require.NoError(t, c.AwaitFormed(ctx))
	var answers []contract.Entry
	for _, q := range contract.Requests() {
		r, err := contract.Ask(http.DefaultTransport, c.DirectURL("n1"), q)
		require.NoErrorf(t, err, "%s %s", q.Method, q.URI)
		answers = append(answers, contract.EntryOf(q, r))
	}
	if *recordContract {
		text, err := contract.Marshal(answers)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join("..", "sim", "elastic", "restapi", "contract", contract.File), text, 0o644))
		t.Skipf("recorded %d answers", len(answers))
	}
	recorded, err := contract.Recorded()
	reasons := contract.OfContainers()
	require.NoError(t, err)
	for i, q := range contract.Requests() {
		for _, d := range contract.Differences(recorded[i].Answer, answers[i].Answer) {
			if reasons.For(q, d) == "" {
				t.Errorf("%s %s %s\n  %s", q.Method, q.URI, q.Body, d)
			}
		}
	}
}
