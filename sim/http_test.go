package sim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// roundTripper answers after a while in virtual time: the request parks, and so
// does reading the body.
type roundTripper struct {
	e     *Engine
	delay time.Duration
	body  string
}

func (rt *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	p, ok := Current(req.Context())
	if !ok {
		return nil, ErrOutside
	}
	rt.e.After(rt.delay, "http.response", p.Wake)
	if err := p.Park(req.Context()); err != nil {
		return nil, err
	}
	header := http.Header{"Content-Type": {"application/json"}, "X-Elastic-Product": {"Elasticsearch"}}
	return &http.Response{
		StatusCode: http.StatusOK, Header: header, Request: req,
		Body: &slowBody{rt: rt, ctx: req.Context(), Buffer: bytes.NewBufferString(rt.body)},
	}, nil
}

type slowBody struct {
	*bytes.Buffer
	rt  *roundTripper
	ctx context.Context
}

func (b *slowBody) Read(p []byte) (int, error) {
	if err := b.rt.e.Sleep(b.ctx, b.rt.delay); err != nil {
		return 0, err
	}
	return b.Buffer.Read(p)
}

func (b *slowBody) Close() error { return nil }

func TestTheRealElasticsearchClientWaitsInVirtualTime(t *testing.T) {
	e := NewEngine(Config{})
	clk := e.Clock("controller")
	es, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses:    []string{"http://n1:9200"},
		Transport:    &roundTripper{e: e, delay: time.Second, body: `{"status":"green"}`},
		DisableRetry: true,
	})
	require.NoError(t, err)
	goroutines := runtime.NumGoroutine()
	var body string
	var late error
	clk.Go(bg, "asker", func(ctx context.Context) {
		ctx, cancel := clk.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		res, err := es.Cluster.Health(es.Cluster.Health.WithContext(ctx))
		if !assert.NoError(t, err) {
			return
		}
		defer func() { _ = res.Body.Close() }()
		b, err := io.ReadAll(res.Body)
		assert.NoError(t, err)
		body = fmt.Sprintf("%s at %v", b, clk.Monotonic())

		short, cancelShort := clk.WithTimeout(ctx, time.Millisecond)
		defer cancelShort()
		_, late = es.Cluster.Health(es.Cluster.Health.WithContext(short))
		assert.LessOrEqual(t, runtime.NumGoroutine(), goroutines+2, "the run's and the coroutine's")
	})
	run(t, e)
	assert.Equal(t, `{"status":"green"} at 3s`, body)
	assert.ErrorIs(t, late, context.DeadlineExceeded)
}
