package lease_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/lease"
	"github.com/shardquake/shardquake/internal/clock"
)

const ttl = 10 * time.Second

// cluster holds one document, with versions as Elasticsearch has them, and one setting.
type cluster struct {
	mu         sync.Mutex
	index      bool
	source     json.RawMessage
	seqNo      int64
	persistent map[string]string
	writes     int
	// loseAnswers makes so many writes of documents arrive without an answer.
	loseAnswers int
}

// view is the cluster as one controller reaches it.
type view struct {
	c   *cluster
	mu  sync.Mutex
	cut bool
}

func (v *view) set(cut bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.cut = cut
}

func (v *view) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	v.mu.Lock()
	cut := v.cut
	v.mu.Unlock()
	if cut {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	rec := httptest.NewRecorder()
	rec.Header().Set("X-Elastic-Product", "Elasticsearch")
	rec.Header().Set("Content-Type", "application/json")
	if r.Body == nil {
		r.Body = http.NoBody
	}
	if !v.c.serve(rec, r) {
		return nil, errors.New("connection reset")
	}
	return rec.Result(), nil
}

// serve answers; false loses the answer.
func (c *cluster) serve(w http.ResponseWriter, r *http.Request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	fail := func(status int, kind string) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"error":{"type":%q,"reason":"no"},"status":%d}`, kind, status)
	}
	switch key := r.Method + " " + r.URL.Path; {
	case key == "PUT /shardquake-lease":
		if c.index {
			fail(400, "resource_already_exists_exception")
			return true
		}
		c.index = true
		_, _ = io.WriteString(w, `{"acknowledged":true}`)
	case key == "GET /shardquake-lease/_doc/leader":
		if c.source == nil {
			fail(404, "index_not_found_exception")
			return true
		}
		_, _ = fmt.Fprintf(w, `{"found":true,"_seq_no":%d,"_primary_term":1,"_source":%s}`, c.seqNo, c.source)
	case strings.HasPrefix(r.URL.Path, "/shardquake-lease/_doc/leader"):
		q := r.URL.Query()
		if q.Get("op_type") == "create" && c.source != nil || q.Get("if_seq_no") != "" && q.Get("if_seq_no") != fmt.Sprint(c.seqNo) {
			fail(409, "version_conflict_engine_exception")
			return true
		}
		c.seqNo++
		c.source = body
		if c.loseAnswers > 0 {
			c.loseAnswers--
			return false
		}
		_, _ = fmt.Fprintf(w, `{"_seq_no":%d,"_primary_term":1}`, c.seqNo)
	case key == "GET /_cluster/settings":
		text, _ := json.Marshal(map[string]any{"persistent": c.persistent, "transient": map[string]string{}, "defaults": map[string]string{}})
		_, _ = w.Write(text)
	case key == "PUT /_cluster/settings":
		c.writes++
		var change struct{ Persistent map[string]*string }
		if json.Unmarshal(body, &change) != nil {
			fail(400, "parse_exception")
			return true
		}
		for name, value := range change.Persistent {
			if value == nil {
				delete(c.persistent, name)
			} else {
				c.persistent[name] = *value
			}
		}
		_, _ = io.WriteString(w, `{"acknowledged":true}`)
	case strings.HasPrefix(key, "GET /_cat/shards"):
		_, _ = io.WriteString(w, `[]`)
	default:
		_, _ = io.WriteString(w, `{"cluster_name":"fake","status":"green"}`)
	}
	return true
}

func (c *cluster) setting(key string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.persistent[key]
}

// setter is a part that makes one setting when its controller is in charge.
type setter struct{}

func (setter) Run(ctx context.Context, desk *controller.Desk) {
	_, _ = desk.Apply(ctx, "test", []controller.Setting{{Key: "indices.recovery.max_bytes_per_sec", Value: "99mb"}})
	<-ctx.Done()
}

// member is one controller under a lease.
type member struct {
	*controller.Controller
	lease  *lease.Lease
	view   *view
	fenced http.RoundTripper
	fence  atomic.Bool // nothing that changes the cluster passes, as when the lease is over
	kill   context.CancelFunc
	done   chan error

	mu  sync.Mutex
	log []string
}

// said reports whether the log has a line with a text.
func (m *member) said(text string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Contains(strings.Join(m.log, "\n"), text)
}

// shutter refuses changes as the lease's fence does, when the test says so.
type shutter struct {
	http.RoundTripper
	shut *atomic.Bool
}

func (s shutter) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.shut.Load() && r.Method != http.MethodGet {
		return nil, lease.ErrFenced
	}
	return s.RoundTripper.RoundTrip(r)
}

func join(t *testing.T, c *cluster, name string, parts ...controller.Part) *member {
	t.Helper()
	clk := clock.NewReal(controllerSeed(name))
	v := &view{c: c}
	m := &member{view: v, done: make(chan error, 1)}
	endpoints := []controller.Endpoint{{URL: "http://n1:9200"}}
	own, err := controller.NewClient(controller.ClientConfig{Clock: clk, Transport: v, Endpoints: endpoints, CallTimeout: ttl / 6})
	require.NoError(t, err)
	m.lease, err = lease.New(lease.Config{Clock: clk, Client: own, Name: name, TTL: ttl})
	require.NoError(t, err)
	m.fenced = shutter{m.lease.Fence(v), &m.fence}
	client, err := controller.NewClient(controller.ClientConfig{Clock: clk, Transport: m.fenced, Endpoints: endpoints})
	require.NoError(t, err)
	m.Controller, err = controller.New(controller.Config{
		Clock: clk, Client: client, PolicyName: "none", SyncDelayInterval: -1, Leadership: m.lease, Parts: parts, RestoreOnStop: true,
		Log: controller.NewLineHandler(func(line string) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.log = append(m.log, line)
		}),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	m.kill = cancel
	go func() { m.done <- m.Run(ctx) }()
	t.Cleanup(cancel)
	return m
}

func controllerSeed(name string) uint64 { return clock.StreamID(name) }

func newCluster() *cluster {
	return &cluster{persistent: map[string]string{"indices.recovery.max_bytes_per_sec": "40mb"}}
}

// until waits until the member leads and returns how long that took; never do two lead.
func until(t *testing.T, m, other *member, limit time.Duration) time.Duration {
	t.Helper()
	start := time.Now()
	for time.Since(start) < limit {
		require.False(t, m.lease.Holds() && other.lease.Holds(), "two lead at once")
		if m.lease.Holds() {
			return time.Since(start)
		}
		time.Sleep(50 * time.Millisecond)
	}
	require.Fail(t, "it never led")
	return 0
}

func TestAStandbyTakesOverFromAKilledLeaderWithinTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		a := join(t, c, "a")
		time.Sleep(time.Second)
		b := join(t, c, "b")
		time.Sleep(time.Minute)
		assert.True(t, a.lease.Holds())
		assert.False(t, b.lease.Holds())
		a.kill()
		took := until(t, b, a, time.Minute)
		assert.LessOrEqual(t, took, lease.TakeoverLimit(ttl))
		assert.ErrorIs(t, <-a.done, context.Canceled)
	})
}

func TestALeaderThatStopsHandsOverAtOnceAndPutsSettingsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		a := join(t, c, "a", setter{})
		time.Sleep(time.Second)
		b := join(t, c, "b")
		time.Sleep(time.Minute)
		assert.Equal(t, "99mb", c.setting("indices.recovery.max_bytes_per_sec"))
		a.Stop()
		require.NoError(t, <-a.done)
		assert.Equal(t, "40mb", c.setting("indices.recovery.max_bytes_per_sec"))
		assert.LessOrEqual(t, until(t, b, a, time.Minute), ttl/4)
		b.Stop()
		assert.NoError(t, <-b.done)
	})
}

func TestASuccessorKnowsWhatToPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		a := join(t, c, "a", setter{})
		time.Sleep(time.Minute)
		b := join(t, c, "b")
		a.kill()
		until(t, b, a, time.Minute)
		time.Sleep(time.Second)
		b.Stop()
		require.NoError(t, <-b.done)
		assert.Equal(t, "40mb", c.setting("indices.recovery.max_bytes_per_sec"), "b puts back what a had changed")
	})
}

func TestALeaderThatIsCutOffActsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		a := join(t, c, "a")
		time.Sleep(time.Second)
		b := join(t, c, "b")
		time.Sleep(time.Minute)
		a.view.set(true)
		took := until(t, b, a, time.Minute)
		assert.LessOrEqual(t, took, lease.TakeoverLimit(ttl)+time.Second)
		a.view.set(false)
		for _, method := range []string{http.MethodPut, http.MethodPost, http.MethodDelete} {
			r := httptest.NewRequest(method, "http://n1:9200/_cluster/settings", strings.NewReader("{}"))
			_, err := a.fenced.RoundTrip(r)
			assert.ErrorIs(t, err, lease.ErrFenced, method)
		}
		_, err := a.fenced.RoundTrip(httptest.NewRequest(http.MethodGet, "http://n1:9200/_cluster/health", nil))
		assert.NoError(t, err, "looking is allowed")
		_, err = a.fenced.RoundTrip(httptest.NewRequest(http.MethodPost, "http://n1:9200/logs/_search", strings.NewReader("{}")))
		assert.NoError(t, err, "searching is looking")
		_, err = a.fenced.RoundTrip(httptest.NewRequest(http.MethodPost, "http://n1:9200/_cluster/reroute?dry_run=true&explain=true", strings.NewReader("{}")))
		assert.NoError(t, err, "trying is looking")
		_, err = a.fenced.RoundTrip(httptest.NewRequest(http.MethodPost, "http://n1:9200/_cluster/reroute?retry_failed=true", strings.NewReader("{}")))
		assert.ErrorIs(t, err, lease.ErrFenced)
		assert.Zero(t, c.writes)
		time.Sleep(time.Minute)
		assert.False(t, a.lease.Holds(), "it stands by")
		assert.True(t, b.lease.Holds())
		b.kill()
		assert.LessOrEqual(t, until(t, a, b, time.Minute), lease.TakeoverLimit(ttl), "and leads again when it is its turn")
	})
}

func TestALeaderThatStopsAfterATakeOverHasNothingToGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		a := join(t, c, "a", setter{})
		time.Sleep(time.Second)
		c.mu.Lock()
		c.seqNo++
		c.source = json.RawMessage(`{"holder":"b-1","name":"b","token":2,"ttl_ms":15000}`)
		c.mu.Unlock()
		a.Stop()
		require.NoError(t, <-a.done)
		assert.True(t, a.said("nothing to give up"))
		assert.False(t, a.said("not given up"), "the lease is not its own any more")
		c.mu.Lock()
		defer c.mu.Unlock()
		assert.Contains(t, string(c.source), `"b-1"`, "and is left to its holder")
	})
}

func TestAStoppedLeaderWhoseLeaseIsOverLeavesSettingsToItsSuccessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		a := join(t, c, "a", setter{})
		time.Sleep(time.Second)
		a.fence.Store(true)
		a.Stop()
		require.NoError(t, <-a.done, "that another controller may be in charge is no failure")
		assert.True(t, a.said("left to the controller that is in charge"))
		assert.Equal(t, "99mb", c.setting("indices.recovery.max_bytes_per_sec"))
	})
}

func TestALostAnswerToARenewalLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		a := join(t, c, "a")
		time.Sleep(time.Minute)
		c.mu.Lock()
		c.loseAnswers = 1
		c.mu.Unlock()
		for range 200 {
			time.Sleep(100 * time.Millisecond)
			require.True(t, a.lease.Holds())
		}
		var stood []controller.Decision
		for _, d := range a.Decisions() {
			if d.Actor == lease.Actor {
				stood = append(stood, d)
			}
		}
		assert.Len(t, stood, 1, "one term only")
	})
}

func TestADamagedLeaseIsTakenOverWhenItStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		c.index, c.source = true, json.RawMessage(`{"holder":7}`)
		a := join(t, c, "a")
		time.Sleep(ttl / 2)
		assert.False(t, a.lease.Holds())
		time.Sleep(ttl)
		assert.True(t, a.lease.Holds())
	})
}

func TestLeasesThatMakeNoSense(t *testing.T) {
	for name, cfg := range map[string]lease.Config{
		"nothing": {}, "too short": {Clock: clock.NewReal(1), Client: &controller.Client{}, Name: "a", TTL: time.Millisecond},
		"no name": {Clock: clock.NewReal(1), Client: &controller.Client{}},
	} {
		_, err := lease.New(cfg)
		assert.Error(t, err, name)
	}
}
