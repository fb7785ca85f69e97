package httpapi_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/controller"
)

// elsewhere is a leadership that another controller has.
type elsewhere struct{}

func (elsewhere) Run(ctx context.Context, _ controller.Tenant) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestReadinessFollowsTheClusterAndHealthDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, nil)
		status, _ := a.call("GET", "/readyz", "")
		assert.Equal(t, 200, status)
		a.cluster.set("/_cat/shards", "broken")
		time.Sleep(time.Minute)
		status, _ = a.call("GET", "/readyz", "")
		assert.Equal(t, 503, status)
		status, _ = a.call("GET", "/healthz", "")
		assert.Equal(t, 200, status)
	})
}

func TestAControllerThatStandsBySaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := startUnder(t, elsewhere{}, nil)
		status, body := a.call("GET", "/readyz", "")
		assert.Equal(t, 503, status)
		assert.Contains(t, body, "another one has the lease")
		status, body = a.call("POST", "/shards", `{"action":"rebalance"}`)
		assert.Equal(t, 409, status)
		assert.Contains(t, body, "another one has the lease")
		status, _ = a.call("GET", "/shards", "")
		assert.Equal(t, 200, status, "looking is no acting")
		for _, path := range []string{"/replication/status", "/replication/status/my_index_1", "/replication/health/my_index_1"} {
			status, body = a.call("GET", path, "")
			assert.Equal(t, 503, status, "nothing is known, which is not that there is nothing: %s", path)
			assert.Contains(t, body, "another one has the lease")
		}
		status, _ = a.call("POST", "/consistency", `{"index":"my_index_1"}`)
		assert.Equal(t, 503, status)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		rec := httptest.NewRecorder()
		a.ServeHTTP(rec, httptest.NewRequest("GET", "http://localhost/events", nil).WithContext(ctx))
		for _, field := range []string{`"running":false`, `"statuses":{}`, `"nodes":[]`, `"faults_watched":false`} {
			assert.Contains(t, rec.Body.String(), field, "the page counts on it")
		}
		_, body = a.call("GET", "/metrics", "")
		assert.Contains(t, body, "shardquake_controller_running 0\n")
		assert.Contains(t, body, "shardquake_controller_ready 0\n")
	})
}

func TestAControllerThatHangsIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, nil)
		a.cluster.mu.Lock()
		a.cluster.silent = true
		a.cluster.mu.Unlock()
		time.Sleep(80 * time.Second)
		status, _ := a.call("GET", "/readyz", "")
		assert.Equal(t, 200, status)
		time.Sleep(20 * time.Second)
		status, _ = a.call("GET", "/readyz", "")
		assert.Equal(t, 503, status)
	})
}
