// Package mine is a controller of one's own, with its test.
package mine

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/mine/parts"
	"github.com/shardquake/shardquake/controller/policy"
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

// eager is a policy of one's own: it rebalances while any node has twice what another has.
type eager struct{}

func (eager) Name() string        { return "eager" }
func (eager) Needs() policy.Needs { return policy.Needs{} }

func (eager) Decide(o policy.Observation) policy.Verdict {
	least, most := o.Nodes[0].Shards, o.Nodes[0].Shards
	for _, n := range o.Nodes {
		least, most = min(least, n.Shards), max(most, n.Shards)
	}
	if most < 2*least {
		return policy.Verdict{Reason: "even enough"}
	}
	return policy.Verdict{Actions: []policy.Action{policy.Rebalance}, Reason: "a node has twice what another has"}
}

func TestMyPolicyEvensTheClusterOut(t *testing.T) {
	res := scenariotest.Run(t, "uneven.yaml", scenariotest.Set("controller.policy=eager"),
		scenariotest.Policy(policy.Registration{Name: "eager", About: "evens out", New: func() policy.Policy { return eager{} }}))
	t.Logf("%s by %s: %s", res.History.Decisions[0].Decided, res.History.Decisions[0].Policy, res.History.Decisions[0].Reason)
}

func TestMyFaultAndMyExpectationAreNamedByAScenario(t *testing.T) {
	res := scenariotest.Run(t, "hiccup.yaml", scenariotest.Fault(parts.Fault()), scenariotest.Expectation(parts.Expectation()))
	t.Logf("%s struck %v: %s", res.History.Faults[0].Kind, res.History.Faults[0].Victims, res.Outcomes[0].Reason)
}
