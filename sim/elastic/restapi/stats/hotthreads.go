package stats

import (
	"fmt"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// prepareHotThreads serves hot_threads: simulated nodes have no threads with stacks; what the
// pools are busy with is told by node.
func prepareHotThreads(r *rest.Request) rest.Action {
	filters := r.ListParam("nodeId")
	r.IntParam("threads", 3)
	r.IntParam("snapshots", 10)
	interval := r.ParamOr("interval", "500ms")
	r.BoolParam("ignore_idle_threads", true)
	r.Param("type")
	r.Param("sort")
	r.TimeParam("timeout", 0)
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		results, _ := rest.FanOut(c, rest.NodesOf(st, c.Node.ID(), filters), 0, figures.AskStats{})
		var b strings.Builder
		for _, res := range results {
			n := res.Node
			fmt.Fprintf(&b, "::: {%s}{%s}{%s}{%s}{%s}\n", n.Name, n.ID, n.EphemeralID, rest.Address(n), n.Address)
			fmt.Fprintf(&b, "   Hot threads at %s, interval=%s, busiestThreads=3, ignoreIdleThreads=true:\n", rest.IsoMillis(c.Wall()), interval)
			for _, p := range res.Value.Pools {
				if p.Active > 0 {
					fmt.Fprintf(&b, "   \n   %d of the threads of the pool [%s] are busy; a simulated node has no stacks of them\n", p.Active, p.Name)
				}
			}
			b.WriteString("\n")
		}
		return &rest.Response{Text: []byte(b.String())}
	}
}
