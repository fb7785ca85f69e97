package cluster

import (
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

func preparePendingTasks(r *rest.Request) rest.Action {
	timeout, local := r.MasterTimeout(), r.BoolParam("local", false)
	return func(c *rest.Call) *rest.Response {
		tasks, err := c.Node.PendingTasks(c.Ctx, local, timeout)
		c.Check(err)
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		w.Array("tasks")
		for _, t := range tasks {
			w.Obj()
			w.Int64("insert_order", t.InsertOrder)
			w.Str("priority", priorities[t.Priority])
			w.Str("source", t.Source)
			w.Bool("executing", t.Executing)
			w.Int64("time_in_queue_millis", t.InQueue.Milliseconds())
			w.Str("time_in_queue", settings.HumanTime(t.InQueue))
			w.End()
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}
