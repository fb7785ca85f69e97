package restapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/snapshotpolicies"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// world is a simulated cluster with a client that talks to it.
type world struct {
	t      *testing.T
	engine *sim.Engine
	net    *sim.Network
	c      *elastic.Cluster
	client *http.Client
}

// newWorld makes a cluster of nodes n1, n2, … in zones a, b, … that has formed; settings
// of the nodes' files follow as keys and values.
func newWorld(t testing.TB, nodes int, set ...string) *world {
	t.Helper()
	return newWorldOf(t, elastic.MinimalDistribution, nodes, set...)
}

// newWorldOf is newWorld of a distribution of Elasticsearch.
func newWorldOf(t testing.TB, distribution elastic.Distribution, nodes int, set ...string) *world {
	t.Helper()
	e := sim.NewEngine(sim.Config{Seed: 1})
	t.Cleanup(func() { _ = e.Close() })
	cfg := elastic.Config{Engine: e, Network: e.NewNetwork(e.NewFluid()), ClusterName: "cc", Distribution: distribution, Ageing: snapshotpolicies.Beside(metadata.NewAgeing)}
	file := map[string]string{}
	for i := 0; i+1 < len(set); i += 2 {
		file[set[i]] = set[i+1]
	}
	for i := range nodes {
		cfg.Nodes = append(cfg.Nodes, elastic.NodeConfig{
			Name: fmt.Sprintf("n%d", i+1), DiskBytes: 100 << 30, Latency: 100 * time.Microsecond, Settings: settings.Of(file),
			Attributes: []state.Attribute{{Name: "zone", Value: string(rune('a' + i))}},
		})
	}
	cfg.Network.AddEndpoint("client", sim.EndpointSpec{Latency: 100 * time.Microsecond})
	c, err := elastic.New(cfg)
	require.NoError(t, err)
	w := &world{engine: e, net: cfg.Network, c: c, client: &http.Client{Transport: restapi.New(c).RoundTripper("client")}}
	if tt, ok := t.(*testing.T); ok {
		w.t = tt
	}
	c.Start()
	require.NoError(t, e.RunUntil(func() bool {
		for _, n := range c.Nodes() {
			st := n.Applied()
			if !n.Serving() || st.Master == "" || len(st.Nodes) != nodes || len(st.Global) > 0 {
				return false
			}
		}
		return true
	}, e.Now()+sim.Time(5*time.Minute)), "the cluster forms")
	return w
}

// run runs f as a process and waits for its end.
func (w *world) run(f func(ctx context.Context)) {
	p := w.engine.Go("client", f)
	if err := w.engine.RunUntil(p.Done, w.engine.Now()+sim.Time(time.Hour)); err != nil {
		panic(err)
	}
}

// reply is an HTTP answer, or the error instead of one.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

// do sends a request from inside a process.
func (w *world) do(ctx context.Context, method, uri, body string, headers ...string) reply {
	if !strings.Contains(uri, "://") {
		uri = "http://n1:9200" + uri
	}
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, uri, content)
	if err != nil {
		return reply{err: err}
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if req.Header.Del(headers[i]); headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	resp, err := w.client.Transport.RoundTrip(req)
	if err != nil {
		return reply{err: err}
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return reply{status: resp.StatusCode, header: resp.Header, body: string(text), err: err}
}

// call sends one request in a process of its own.
func (w *world) call(method, uri, body string, headers ...string) reply {
	var r reply
	w.run(func(ctx context.Context) { r = w.do(ctx, method, uri, body, headers...) })
	return r
}
