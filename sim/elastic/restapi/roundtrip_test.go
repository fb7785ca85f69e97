package restapi_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
)

func TestADeadNodeRefusesConnections(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 3)
	require.NoError(t, w.c.Kill("n2"))
	require.NoError(t, w.engine.Run(w.engine.Now()+sim.Time(time.Second)))
	r := w.call("GET", "http://n2:9200/_cluster/health", "")
	assert.ErrorIs(t, r.err, syscall.ECONNREFUSED)
	r = w.call("GET", "http://n1:9200/", "")
	assert.NoError(t, r.err)
	assert.Equal(t, 200, r.status)
}

func TestAnUnknownHostIsNotFound(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 1)
	var dns *net.DNSError
	r := w.call("GET", "http://n7:9200/", "")
	require.ErrorAs(t, r.err, &dns)
	assert.True(t, dns.IsNotFound)
}

func TestARequestOutsideTheSimulationIsRefused(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 1)
	req, err := http.NewRequest(http.MethodGet, "http://n1:9200/", http.NoBody)
	require.NoError(t, err)
	_, err = w.client.Transport.RoundTrip(req)
	assert.ErrorContains(t, err, "outside a process")
}

func TestAnAnswerTakesLatencyAndBandwidth(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 1)
	var quick, slow time.Duration
	took := func() time.Duration {
		before := w.engine.Now()
		r := w.call("GET", "/_cluster/settings?include_defaults", "")
		require.NoError(t, r.err)
		return w.engine.Now().Sub(before)
	}
	quick = took()
	w.net.Shape("n1", "client", sim.Shape{Latency: 250 * time.Millisecond})
	slow = took()
	assert.GreaterOrEqual(t, slow-quick, 250*time.Millisecond, "the answer travels over a slower link")
	assert.Less(t, slow-quick, 300*time.Millisecond)
}

func TestAResetEndsARequestThatWaits(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 1)
	w.engine.After(time.Second, "test.cut", func() { w.net.Cut("client", "n1", sim.Reset) })
	r := w.call("GET", "/_cluster/health?wait_for_nodes=2&timeout=30s", "")
	assert.ErrorIs(t, r.err, syscall.ECONNRESET)
}

func TestABlackholeIsSilentUntilTheCallerGivesUp(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 1)
	w.net.Cut("n1", "client", sim.Blackhole)
	var r reply
	var waited time.Duration
	w.run(func(ctx context.Context) {
		began := w.engine.Now()
		ctx, cancel := w.engine.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		r = w.do(ctx, "GET", "/", "")
		waited = w.engine.Now().Sub(began)
	})
	assert.ErrorIs(t, r.err, context.DeadlineExceeded)
	assert.Equal(t, 5*time.Second, waited)
}

func TestANodeThatDiesInMidRequestClosesTheConnection(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 1)
	w.engine.After(time.Second, "test.kill", func() { assert.NoError(t, w.c.Kill("n1")) })
	r := w.call("GET", "/_cluster/health?wait_for_nodes=2&timeout=30s", "")
	require.Error(t, r.err)
	assert.True(t, errors.Is(r.err, syscall.ECONNRESET) || errors.Is(r.err, syscall.ECONNREFUSED), "%v", r.err)
}

func TestAPausedNodeAnswersWhenItIsResumed(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 3)
	require.NoError(t, w.c.Pause("n3"))
	w.engine.After(2*time.Second, "test.resume", func() { assert.NoError(t, w.c.Resume("n3")) })
	before := w.engine.Now()
	r := w.call("GET", "http://n3:9200/", "")
	require.NoError(t, r.err)
	assert.Equal(t, 200, r.status)
	assert.GreaterOrEqual(t, w.engine.Now().Sub(before), 2*time.Second)
}

func TestAMinorityAnswersThatThereIsNoMaster(t *testing.T) {
	w := newWorldOf(t, elastic.DefaultDistribution, 3)
	for _, other := range []string{"n2", "n3"} {
		w.net.Cut("n1", other, sim.Reset)
		w.net.Cut(other, "n1", sim.Reset)
	}
	require.NoError(t, w.engine.Run(w.engine.Now()+sim.Time(10*time.Second)))
	r := w.call("GET", "/_cluster/health?master_timeout=1s", "")
	assert.Equal(t, 503, r.status)
	assert.Contains(t, r.body, `"type":"master_not_discovered_exception"`)
	r = w.call("GET", "/_cluster/health?local=true", "")
	assert.Equal(t, 200, r.status)
	assert.Contains(t, r.body, `"status":"red"`)
	r = w.call("GET", "http://n2:9200/_cluster/health", "")
	assert.Contains(t, r.body, `"number_of_nodes":2`)
}
