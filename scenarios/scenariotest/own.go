package scenariotest

import (
	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/own"
)

// Endpoint is a node's HTTP address as a controller sees it.
type Endpoint = own.Endpoint

// OwnController is a whole controller, see [own.Controller].
type OwnController = own.Controller

// Controller puts a controller in the place of the scenario's. What it changes through the
// API is in the history as decisions.
func Controller(run OwnController) Option { return func(o *options) { o.parts.Controller = run } }

// Policy makes a policy of one's own known: a scenario names it as policy: of its controller.
func Policy(r policy.Registration) Option {
	return func(o *options) { o.parts.Policies = append(o.parts.Policies, r) }
}

// Fault makes a kind of fault of one's own known: a scenario names it among its faults.
func Fault(k chaos.Kind) Option {
	return func(o *options) { o.parts.Faults = append(o.parts.Faults, k) }
}

// Expectation makes a kind of expectation of one's own known: a scenario names it in expect:.
func Expectation(k scenarios.ExpectationKind) Option {
	return func(o *options) { o.parts.Expectations = append(o.parts.Expectations, k) }
}
