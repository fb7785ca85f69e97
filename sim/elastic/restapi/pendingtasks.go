package restapi

import "github.com/shardquake/shardquake/sim/elastic/settings"

func preparePendingTasks(r *request) action {
	timeout, local := r.masterTimeout(), r.boolParam("local", false)
	return func(c *call) *response {
		tasks, err := c.node.PendingTasks(c.ctx, local, timeout)
		c.check(err)
		w := newJSON(c.req.human())
		w.obj()
		w.array("tasks")
		for _, t := range tasks {
			w.obj()
			w.int64("insert_order", t.InsertOrder)
			w.str("priority", priorities[t.Priority])
			w.str("source", t.Source)
			w.bool("executing", t.Executing)
			w.int64("time_in_queue_millis", t.InQueue.Milliseconds())
			w.str("time_in_queue", settings.HumanTime(t.InQueue))
			w.end()
		}
		w.end()
		w.end()
		return &response{json: w.bytes()}
	}
}
