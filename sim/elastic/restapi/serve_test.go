package restapi_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/paced"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/backend"
	"github.com/shardquake/shardquake/sim/elastic/restapi"
	"github.com/shardquake/shardquake/sim/elastic/restapi/contract"
)

// served is a cluster on real ports.
type served struct {
	urls []string
	stop func() error
}

func serve(t *testing.T, nodes int, token string) served {
	t.Helper()
	w := newWorldOf(t, elastic.DefaultDistribution, nodes)
	cfg := restapi.ServeConfig{Viewer: "client", Speed: 100, Token: token}
	var s served
	for range nodes {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		cfg.Listeners = append(cfg.Listeners, l)
		s.urls = append(s.urls, "http://"+l.Addr().String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- restapi.New(w.c).Serve(ctx, cfg) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { assert.NoError(t, s.stop()) })
	return s
}

func ask(t *testing.T, url string, q contract.Request) reply {
	t.Helper()
	r, err := contract.Ask(http.DefaultTransport, url, q)
	return reply{status: r.Status, header: r.Header, body: r.Body, err: err}
}

func get(t *testing.T, url string, headers ...string) reply {
	t.Helper()
	return ask(t, url, contract.Request{Method: "GET", Headers: headers})
}

func TestRealClientsTalkToEveryNodeAtOnce(t *testing.T) {
	s := serve(t, 3, "")
	created := ask(t, s.urls[0], contract.Request{Method: "PUT", URI: "/logs", Body: `{"settings":{"number_of_replicas":1}}`})
	require.Equal(t, 200, created.status, created.body)
	var group sync.WaitGroup
	for i := range 60 {
		group.Go(func() {
			url := fmt.Sprintf("%s/logs/_doc/%d", s.urls[i%3], i)
			req, err := http.NewRequest(http.MethodPut, url, strings.NewReader(`{"n":1}`))
			if !assert.NoError(t, err) {
				return
			}
			req.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(req)
			if !assert.NoError(t, err) {
				return
			}
			_, err = io.Copy(io.Discard, resp.Body)
			assert.NoError(t, err)
			assert.NoError(t, resp.Body.Close())
			assert.Equal(t, 201, resp.StatusCode)
		})
	}
	group.Wait()
	get(t, s.urls[1]+"/logs/_refresh")
	assert.Contains(t, get(t, s.urls[2]+"/logs/_count").body, `"count":60`)
	names := map[string]bool{}
	for _, u := range s.urls {
		r := get(t, u+"/?filter_path=name")
		assert.Equal(t, "Elasticsearch", r.header.Get("X-Elastic-Product"))
		names[r.body] = true
	}
	assert.Len(t, names, 3, "every port is another node")
	assert.NoError(t, s.stop())
}

func TestAClientThatLeavesDoesNotHoldTheOthersUp(t *testing.T) {
	s := serve(t, 1, "")
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.urls[0]+"/_cluster/health?wait_for_nodes=9&timeout=1d", http.NoBody)
	require.NoError(t, err)
	left := make(chan error, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			err = resp.Body.Close()
		}
		left <- err
	}()
	assert.Equal(t, 200, get(t, s.urls[0]+"/_cluster/health").status)
	cancel()
	assert.ErrorIs(t, <-left, context.Canceled)
	assert.Equal(t, 200, get(t, s.urls[0]+"/_cluster/health").status)
}

func TestOnlyThoseWithTheTokenAreLetIn(t *testing.T) {
	s := serve(t, 1, "open sesame")
	denied := get(t, s.urls[0]+"/_cluster/health")
	assert.Equal(t, 401, denied.status)
	assert.Contains(t, denied.body, `"type":"security_exception"`)
	assert.Equal(t, "Bearer", denied.header.Get("Www-Authenticate"))
	assert.Contains(t, denied.body, `"reason":"missing authentication credentials for REST request [/_cluster/health]"`)
	wrong := get(t, s.urls[0]+"/_cluster/health", "Authorization", "ApiKey sesame")
	assert.Equal(t, 401, wrong.status)
	assert.Contains(t, wrong.body, `"reason":"unable to authenticate with provided credentials and anonymous access is not allowed for this request"`)
	assert.Contains(t, get(t, s.urls[0]+"/_cat/shards?v", "Authorization", "Basic ZWxhc3RpYzpubw==").body, `"reason":"unable to authenticate user [elastic] for REST request [/_cat/shards?v]"`)
	assert.Equal(t, 200, get(t, s.urls[0]+"/_cluster/health", "Authorization", "Bearer open sesame").status)
	assert.Equal(t, 200, get(t, s.urls[0]+"/_cluster/health", "Authorization", "ApiKey open sesame").status)
}

func TestWithoutATokenForeignNamesOfThisMachineAreRefused(t *testing.T) {
	s := serve(t, 1, "")
	req, err := http.NewRequest(http.MethodGet, s.urls[0]+"/", http.NoBody)
	require.NoError(t, err)
	req.Host = "attacker.example"
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { assert.NoError(t, resp.Body.Close()) }()
	assert.Equal(t, 403, resp.StatusCode)
}

func TestTheMachinesPortsDoWhatTheNodesDo(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 3)
	l := make([]net.Listener, 3)
	for i := range l {
		var err error
		l[i], err = net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
	}
	url := func(i int) string { return "http://" + l[i].Addr().String() }
	clock, pacer := w.engine.Clock("client"), paced.New(100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		script := sim.Script{Engine: w.engine, Clock: clock, Broken: w.c.Err}
		ended <- script.Run(ctx, func(run, _ context.Context) error {
			return restapi.New(w.c).Attend(run, clock, pacer, restapi.ServeConfig{Viewer: "client", Listeners: l})
		})
	}()
	to := backend.ChaosTarget(w.c).Processes
	do := func(f func(ctx context.Context) error) {
		var failed error
		require.NoError(t, pacer.Do(ctx, "test", func(ctx context.Context) { failed = f(ctx) }))
		require.NoError(t, failed)
	}
	settle := func() { // the ports are looked after between two steps of time
		do(func(ctx context.Context) error { return clock.Sleep(ctx, 2*time.Minute) })
	}
	assert.Equal(t, 200, get(t, url(1)+"/_cluster/health").status)

	do(func(ctx context.Context) error { return to.Kill(ctx, "n2") })
	settle()
	assert.ErrorIs(t, get(t, url(1)+"/").err, syscall.ECONNREFUSED, "a dead node's port refuses")
	assert.Contains(t, get(t, url(0)+"/_cluster/health").body, `"number_of_nodes":2`)

	do(func(ctx context.Context) error { return to.Start(ctx, "n2") })
	settle()
	assert.Equal(t, 200, get(t, url(1)+"/").status, "started again, it has the same port")

	do(func(ctx context.Context) error { return to.Pause(ctx, "n3") })
	asked, giveUp := context.WithCancel(ctx)
	hangs := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(asked, http.MethodGet, url(2)+"/", http.NoBody)
		if err == nil {
			var resp *http.Response
			if resp, err = http.DefaultClient.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		}
		hangs <- err
	}()
	settle()
	assert.Empty(t, hangs, "a paused node's port neither answers nor refuses")
	giveUp()
	assert.ErrorIs(t, <-hangs, context.Canceled)
	cancel()
	assert.NoError(t, <-ended)
	assert.ErrorIs(t, pacer.Do(t.Context(), "late", func(context.Context) {}), paced.ErrOver)
}
