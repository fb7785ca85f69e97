package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es/client"
	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/sim"
)

// nodes answers for n1, n2 and n3 as a test says, and remembers who was asked.
type nodes struct {
	asked  []string
	answer func(node string) (int, string, error)
}

func (n *nodes) RoundTrip(req *http.Request) (*http.Response, error) {
	node := req.URL.Host
	n.asked = append(n.asked, node)
	status, body, err := n.answer(node)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}, Request: req}, nil
}

var refused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

// play runs f with a client as a process in virtual time.
func play(t *testing.T, n *nodes, spec func(*scenarios.ClientSection), f func(ctx context.Context, clk clock.Clock, c *client.Client)) {
	t.Helper()
	yes, three := true, 3
	s := scenarios.ClientSection{SetAside: &yes, Retries: &three, Timeout: units.Duration(10 * time.Second)}
	if spec != nil {
		spec(&s)
	}
	e := sim.NewEngine(sim.Config{Seed: 1})
	clk := e.Clock("client")
	done := false
	p := e.Go("test", func(ctx context.Context) {
		var all []client.Node
		for _, name := range []string{"n1", "n2", "n3"} {
			all = append(all, client.Node{Name: name, URL: "http://" + name})
		}
		c := client.New(client.Config{Clock: clk, Transport: n, Nodes: all, Spec: s})
		f(ctx, clk, c)
		done = true
	})
	require.NoError(t, e.RunUntil(p.Done, sim.Never))
	require.True(t, done)
}

func put(ctx context.Context, c *client.Client) client.Result {
	return c.Do(ctx, http.MethodPut, "/i/_doc/1", "application/json", []byte(`{}`))
}

func TestAClientGoesRoundItsNodesAndSetsADeadOneAside(t *testing.T) {
	n := &nodes{answer: func(node string) (int, string, error) {
		if node == "n2" {
			return 0, "", refused
		}
		return 201, `{}`, nil
	}}
	play(t, n, nil, func(ctx context.Context, clk clock.Clock, c *client.Client) {
		for range 5 {
			r := put(ctx, c)
			assert.Equal(t, observed.FateAcked, r.Fate())
		}
		assert.Equal(t, []string{"n1", "n2", "n1", "n3", "n1", "n3"}, n.asked, "n2 is asked once, and what it refused goes to the next")
		n.asked = nil
		require.NoError(t, clk.Sleep(ctx, 61*time.Second))
		for range 4 {
			put(ctx, c)
		}
		assert.Contains(t, n.asked, "n2", "after a minute it is tried again")
		n.asked = nil
		require.NoError(t, clk.Sleep(ctx, 61*time.Second))
		for range 4 {
			put(ctx, c)
		}
		assert.NotContains(t, n.asked, "n2", "the second time it is left alone for two minutes")
	})
}

func TestWithoutRetriesAndSettingAsideADeadNodeIsUsedAgainAndAgain(t *testing.T) {
	n := &nodes{answer: func(node string) (int, string, error) {
		if node == "n2" {
			return 0, "", refused
		}
		return 201, `{}`, nil
	}}
	plain := func(s *scenarios.ClientSection) {
		no, zero := false, 0
		s.SetAside, s.Retries = &no, &zero
	}
	play(t, n, plain, func(ctx context.Context, _ clock.Clock, c *client.Client) {
		failed := 0
		for range 9 {
			if r := put(ctx, c); r.Fate() == observed.FateFailed {
				failed++
				assert.Equal(t, observed.CauseDeadNode, r.Cause)
				assert.Equal(t, "n2", r.Node)
			}
		}
		assert.Equal(t, 3, failed)
	})
}

func TestOneNodeIsStayedWith(t *testing.T) {
	n := &nodes{answer: func(string) (int, string, error) { return 0, "", refused }}
	one := func(s *scenarios.ClientSection) { s.Nodes = []string{"n3"} }
	play(t, n, one, func(ctx context.Context, _ clock.Clock, c *client.Client) {
		r := put(ctx, c)
		assert.Equal(t, observed.FateFailed, r.Fate())
		assert.Equal(t, []string{"n3", "n3", "n3", "n3"}, n.asked, "a request and three retries")
	})
}

func TestAWriteWithoutAnAnswerStaysUnknownWhateverItsRetriesAreTold(t *testing.T) {
	n := &nodes{answer: func(node string) (int, string, error) {
		if node == "n1" {
			return 0, "", &net.OpError{Op: "read", Err: syscall.ECONNRESET}
		}
		return 503, `{"error":{"type":"master_not_discovered_exception"}}`, nil
	}}
	play(t, n, nil, func(ctx context.Context, _ clock.Clock, c *client.Client) {
		r := put(ctx, c)
		assert.Equal(t, observed.FateUnknown, r.Fate())
		assert.Equal(t, observed.CauseBroken, r.Cause)
		assert.Equal(t, "n1", r.Node)
		assert.Equal(t, 4, r.Requests)
	})
}

func TestSniffingFindsTheNodesThatTheClusterNames(t *testing.T) {
	n := &nodes{answer: func(string) (int, string, error) {
		return 200, `{"nodes":{"x":{"name":"n3"},"y":{"name":"n1"}}}`, nil
	}}
	sniffing := func(s *scenarios.ClientSection) { s.Sniff = units.Duration(time.Minute) }
	play(t, n, sniffing, func(ctx context.Context, clk clock.Clock, c *client.Client) {
		working, stop := clk.WithCancel(ctx)
		clk.Go(working, "sniff", c.Sniff)
		require.NoError(t, clk.Sleep(ctx, 61*time.Second))
		stop()
		n.asked = nil
		for range 4 {
			put(ctx, c)
		}
		assert.NotContains(t, n.asked, "n2", "the cluster doesn't name it")
		assert.Contains(t, n.asked, "n1")
		assert.Contains(t, n.asked, "n3")
	})
}

func TestOneClassificationNamesWhatBecameOfARequest(t *testing.T) {
	timeout, stop := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer stop()
	for _, c := range []struct {
		status int
		body   string
		err    error
		want   observed.Cause
		fate   string
	}{
		{201, `{}`, nil, "", observed.FateAcked},
		{0, "", refused, observed.CauseDeadNode, observed.FateFailed},
		{0, "", &net.OpError{Op: "dial", Err: errors.New("no route to host")}, observed.CauseUnreachable, observed.FateFailed},
		{0, "", timeout.Err(), observed.CauseTimeout, observed.FateUnknown},
		{0, "", io.ErrUnexpectedEOF, observed.CauseBroken, observed.FateUnknown},
		{503, `{"error":{"type":"master_not_discovered_exception","reason":null},"status":503}`, nil, observed.CauseNoMaster, observed.FateFailed},
		{503, `{"error":{"type":"cluster_block_exception","reason":"blocked by: [SERVICE_UNAVAILABLE/2/no master];"}}`, nil, observed.CauseNoMaster, observed.FateFailed},
		{403, `{"error":{"type":"cluster_block_exception","reason":"index [logs] blocked by: [FORBIDDEN/8/index write (api)];"}}`, nil, observed.CauseBlocked, observed.FateFailed},
		{429, `{"error":{"type":"cluster_block_exception","reason":"blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark]"}}`, nil, observed.CauseBlocked, observed.FateFailed},
		{429, `{"error":{"type":"es_rejected_execution_exception","reason":"queue capacity"}}`, nil, observed.CauseRejected, observed.FateFailed},
		{503, `{"error":{"type":"unavailable_shards_exception","reason":"[logs][0] primary shard is not active Timeout"}}`, nil, observed.CauseNoPrimary, observed.FateFailed},
		{404, `{"error":{"type":"index_not_found_exception"}}`, nil, observed.CauseNoIndex, observed.FateFailed},
		{502, `<html>`, nil, observed.CauseRefused, observed.FateFailed},
	} {
		r := client.Result{Cause: client.Classify(c.status, []byte(c.body), c.err)}
		assert.Equal(t, c.want, r.Cause, "%d %s %v", c.status, c.body, c.err)
		assert.Equal(t, c.fate, r.Fate(), "%d %s %v", c.status, c.body, c.err)
	}
}
