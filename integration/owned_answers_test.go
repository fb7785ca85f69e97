package integration

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/integration/own"
	"github.com/shardquake/shardquake/scenarios"
)

// answering is a cluster of one node that answers as told, without any cluster behind it.
func answering(t *testing.T, answer http.HandlerFunc) *ownCluster {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	cfg, err := own.Parse("cluster.yaml", []byte(fmt.Sprintf("name: staging\nuuid: u\nnodes:\n  es-1: {http: %q}\n", server.URL)))
	require.NoError(t, err)
	c := &ownCluster{cfg: cfg, spec: scenarios.ClusterSpec{System: "elasticsearch", Nodes: []scenarios.NodeSpec{{Name: "es-1"}}}}
	c.outside = newOutside(c, nil, scenarios.StartOptions{}, restOver(nil), func() http.RoundTripper { return nil })
	t.Cleanup(c.stop)
	return c
}

// ahead answers as a node does whose clock is ahead of this machine's.
func ahead(by time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		now := time.Now().Add(by)
		switch {
		case strings.HasPrefix(r.URL.Path, "/_cluster/state"):
			fmt.Fprint(w, `{"cluster_name":"staging","cluster_uuid":"u"}`)
		case r.URL.Path == "/_nodes/_local":
			fmt.Fprint(w, `{"nodes":{"x":{"name":"es-1","version":"8.19.0"}}}`)
		case strings.HasPrefix(r.URL.Path, "/_nodes/_local/stats"):
			fmt.Fprintf(w, `{"nodes":{"x":{"timestamp":%d}}}`, now.UnixMilli())
		case strings.HasPrefix(r.URL.Path, "/_snapshot"):
			fmt.Fprintf(w, `{"snapshots":[{"state":"SUCCESS","end_time_in_millis":%d}]}`, now.Add(-time.Hour).UnixMilli())
		default:
			http.NotFound(w, r)
		}
	}
}

func TestAClockThatDiffersIsMeasuredToldAndCorrected(t *testing.T) {
	for _, by := range []time.Duration{3 * time.Hour, -40 * time.Minute} {
		c := answering(t, ahead(by))
		require.NoError(t, c.identify(t.Context()))
		require.Len(t, c.noted(), 1)
		assert.Contains(t, c.noted()[0], "the clock of node es-1 is "+by.String()[:2])
		// A recovery that the node says began now began now, by this machine's clock.
		told := c.toldBy("es-1", time.Now().Add(by).UnixMilli())
		assert.InDelta(t, 0, time.Since(told).Seconds(), 5)
		age, is, err := (&OwnBackend{Config: c.cfg}).SnapshotAge(t.Context(), time.Now())
		require.NoError(t, err)
		assert.True(t, is)
		assert.InDelta(t, time.Hour.Seconds(), age.Seconds(), 5, "an hour old, whatever the clocks say")
	}
	c := answering(t, ahead(0))
	require.NoError(t, c.identify(t.Context()))
	assert.Empty(t, c.noted())
}

func TestAnAPIThatAnswers503ThroughoutIsNoClusterAndItsAnswerIsTold(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the master is not known", http.StatusServiceUnavailable)
	})
	err := c.identify(t.Context())
	require.ErrorIs(t, err, scenarios.ErrUnavailable)
	assert.ErrorContains(t, err, "status 503: the master is not known")
	_, err = (&OwnBackend{Config: c.cfg}).Picture(t.Context())
	assert.ErrorContains(t, err, "status 503", "and no fault strikes on what can't be looked at")
	_, _, err = (&OwnBackend{Config: c.cfg}).SnapshotAge(t.Context(), time.Now())
	assert.ErrorContains(t, err, "status 503")
}

func TestAClusterOfAnotherNameOrUUIDIsLeftAlone(t *testing.T) {
	c := answering(t, ahead(0))
	c.cfg.UUID = "another"
	require.ErrorContains(t, c.identify(t.Context()), "is of cluster staging with UUID u, and the cluster file names staging with another")
}
