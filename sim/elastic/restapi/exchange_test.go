package restapi_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios/es/client"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
)

// plainly hides that a transport can exchange.
type plainly struct{ http.RoundTripper }

// exchanged plays requests, some on broken ways, and tells all that came of them and the hash of
// every event.
func exchanged(t *testing.T, wrap func(http.RoundTripper) http.RoundTripper) []string {
	w := newWorldOf(t, elastic.DefaultDistribution, 3)
	way := wrap(w.client.Transport)
	var out []string
	ask := func(ctx context.Context, node, method, path, body string) {
		limited, cancel := w.engine.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		status, answer, err := client.Send(limited, way, client.Node{Name: node, URL: "http://" + node + ":9200"}, method, path, "application/json", []byte(body))
		out = append(out, fmt.Sprintf("%v %s %s %s: %d %s %v", w.engine.Now(), node, method, path, status, answer, err))
	}
	w.run(func(ctx context.Context) {
		for i := range 4 {
			ask(ctx, "n1", http.MethodPut, fmt.Sprintf("/logs/_doc/%d?timeout=5s", i), `{"n":1,"tracer":true}`)
			ask(ctx, "n2", http.MethodGet, fmt.Sprintf("/logs/_doc/%d", i), "")
		}
		ask(ctx, "n1", http.MethodGet, "/nothing/_doc/1", "")
		ask(ctx, "n1", http.MethodHead, "/logs", "")
		ask(ctx, "n1", http.MethodDelete, "/_cat/shards", "")
		ask(ctx, "n1", http.MethodGet, "/_cat/shards?format=json&h=index,shard,state&unknown=1", "")
		ask(ctx, "n1", http.MethodGet, "/_cat/shards?format=json&h=index,shard,state", "")
		ask(ctx, "n1", http.MethodGet, "/<logs-{now/d}>/_search", "") // is escaped: never exchanged
		ask(ctx, "n9", http.MethodGet, "/", "")
	})
	w.engine.After(time.Second, "test.cut", func() { w.net.Cut("client", "n3", sim.Reset) })
	w.run(func(ctx context.Context) {
		ask(ctx, "n3", http.MethodGet, "/_cluster/health?wait_for_nodes=7&timeout=30s", "")
		ask(ctx, "n3", http.MethodGet, "/", "")
	})
	w.net.Cut("n2", "client", sim.Blackhole)
	require.NoError(t, w.c.Kill("n1"))
	w.run(func(ctx context.Context) {
		ask(ctx, "n1", http.MethodGet, "/", "")
		ask(ctx, "n2", http.MethodGet, "/", "")
	})
	return append(out, fmt.Sprintf("%016x after %d events", w.engine.TraceHash(), w.engine.Events()))
}

func TestAnExchangeComesToWhatTheSameRoundTripComesTo(t *testing.T) {
	whole := exchanged(t, func(way http.RoundTripper) http.RoundTripper { return plainly{way} })
	short := exchanged(t, func(way http.RoundTripper) http.RoundTripper {
		require.Implements(t, (*client.Exchanger)(nil), way)
		return way
	})
	assert.Equal(t, whole, short)
}

func TestAnExchangeOutsideTheSimulationIsRefused(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 1)
	_, _, err := w.client.Transport.(client.Exchanger).Exchange(context.Background(), "n1", http.MethodGet, "/", nil)
	assert.ErrorContains(t, err, "outside a process")
}

// mostPerWrite is how many objects the write of a small document with a replica may allocate,
// from the client through both nodes and back.
const mostPerWrite = 88

func TestTheWriteOfASmallDocumentAllocatesLittle(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 2)
	way := w.client.Transport.(client.Exchanger)
	body := []byte(`{"n":1,"tracer":true}`)
	var made float64
	w.run(func(ctx context.Context) {
		write := func() {
			if status, answer, err := way.Exchange(ctx, "n1", http.MethodPut, "/logs/_doc/1?timeout=5s", body); err != nil || status > 201 {
				t.Errorf("%d %s %v", status, answer, err)
			}
		}
		write() // creates the index and maps its fields
		made = testing.AllocsPerRun(200, write)
	})
	assert.LessOrEqual(t, made, float64(mostPerWrite))
	t.Logf("%.0f objects", made)
}
