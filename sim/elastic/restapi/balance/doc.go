// Package balance tells the balance that the master moves copies to, how far the cluster is from
// it, and has it computed anew (_internal/desired_balance).
package balance

import (
	"github.com/shardquake/shardquake/sim/elastic/reroute"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// Routes are the endpoints.
func Routes() []*rest.Route {
	return []*rest.Route{
		{On: []string{"GET /_internal/desired_balance"}, Prepare: prepareGet},
		{On: []string{"DELETE /_internal/desired_balance"}, Prepare: prepareReset},
	}
}

// prepareReset has the balance computed anew.
func prepareReset(r *rest.Request) rest.Action {
	r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		c.Check(reroute.ResetBalance(c.Node, c.Ctx))
		return &rest.Response{Text: []byte{}}
	}
}
