package restapi_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/contract"
)

func TestContract(t *testing.T) {
	recorded, err := contract.Recorded()
	require.NoError(t, err)
	holds(t, newWorld(t, 2), contract.Requests(), recorded, contract.OfSimulator())
}

func TestContractOfSnapshots(t *testing.T) {
	recorded, err := contract.RecordedSnapshots()
	require.NoError(t, err)
	holds(t, newWorld(t, 2, "path.repo", contract.RepoPath), contract.SnapshotRequests(), recorded, contract.OfSimulatedSnapshots())
}

func TestContractOfOperations(t *testing.T) {
	recorded, err := contract.RecordedOperations()
	require.NoError(t, err)
	holds(t, newWorld(t, 2), contract.OperationRequests(), recorded, contract.OfSimulatedOperations())
}

// holds asks a cluster all that live nodes were asked: it answers the same, but for what there
// are reasons for.
func holds(t *testing.T, w *world, requests []contract.Request, recorded []contract.Entry, reasons *contract.Reasons) {
	w.run(func(ctx context.Context) {
		for i, q := range requests {
			r := w.do(ctx, q.Method, q.URI, q.Body, q.Headers...)
			if !assert.NoErrorf(t, r.err, "%s %s", q.Method, q.URI) {
				continue
			}
			got := contract.Reduce(contract.Reply{Status: r.status, Header: r.header, Body: r.body})
			for _, d := range contract.Differences(recorded[i].Answer, got) {
				if reasons.For(q, d) == "" {
					t.Errorf("%s %s %s\n  %s", q.Method, q.URI, q.Body, d)
				}
			}
		}
	})
	assert.Empty(t, reasons.Unused(), "for these reasons nothing differs any more")
}

// What only the default distribution has is held to what is documented: not held by live nodes.
func TestWhatIsDocumentedOfTheModules(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 2, "path.repo", contract.RepoPath)
	w.run(func(ctx context.Context) {
		for _, d := range contract.DocumentedRequests() {
			q := d.Request
			r := w.do(ctx, q.Method, q.URI, q.Body, q.Headers...)
			if !assert.NoErrorf(t, r.err, "%s %s", q.Method, q.URI) {
				continue
			}
			got := contract.Reduce(contract.Reply{Status: r.status, Header: r.header, Body: r.body})
			for _, difference := range contract.Differences(d.Answer(), got) {
				t.Errorf("%s %s %s\n  %s\n  %s", q.Method, q.URI, q.Body, difference, r.body)
			}
		}
	})
}
