// Package mine is a controller of one's own, with its test.
package mine

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/shardquake/shardquake/kvcluster/clock"
	"github.com/shardquake/shardquake/scenarios/scenariotest"
)

// control lets Elasticsearch rebalance, every ten seconds in case somebody forbids it.
func control(ctx context.Context, clk clock.Clock, transport http.RoundTripper, endpoints []scenariotest.Endpoint) error {
	for {
		const all = `{"persistent":{"cluster.routing.rebalance.enable":"all"}}`
		r, err := http.NewRequestWithContext(ctx, http.MethodPut, endpoints[0].URL+"/_cluster/settings", strings.NewReader(all))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		res, err := transport.RoundTrip(r)
		if err == nil {
			err = res.Body.Close()
		}
		if err := errors.Join(err, clk.Sleep(ctx, 10*time.Second)); err != nil {
			return err
		}
	}
}

func TestMyControllerEvensTheClusterOut(t *testing.T) {
	res := scenariotest.Run(t, "uneven.yaml", scenariotest.Controller(control))
	t.Logf("%s: %s", res.History.Decisions[0].Decided, res.History.Decisions[0].Done)
}
