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
	reasons := contract.OfSimulator()
	w := newWorld(t, 2)
	w.run(func(ctx context.Context) {
		for i, q := range contract.Requests() {
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

func TestContractOfSnapshots(t *testing.T) {
	recorded, err := contract.RecordedSnapshots()
	require.NoError(t, err)
	reasons := contract.OfSimulatedSnapshots()
	w := newWorld(t, 2, "path.repo", contract.RepoPath)
	w.run(func(ctx context.Context) {
		for i, q := range contract.SnapshotRequests() {
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

func TestContractOfOperations(t *testing.T) {
	recorded, err := contract.RecordedOperations()
	require.NoError(t, err)
	reasons := contract.OfSimulatedOperations()
	w := newWorld(t, 2)
	w.run(func(ctx context.Context) {
		for i, q := range contract.OperationRequests() {
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
