package restapi

import (
	"strconv"

	_ "embed"

	"github.com/shardquake/shardquake/sim/elastic/settings"
)

func prepareCatHealth(r *request) action {
	timeout := r.masterTimeout()
	return catAction(r, "health", func(c *call) *table {
		v := lookAtMaster(c, false, timeout)
		h := healthAnswer{st: v.st, counts: countsOf(c, v.st, nil)}
		wait := "-"
		if v.waiting.Milliseconds() > 0 {
			wait = settings.HumanTime(v.waiting)
		}
		now := c.wall()
		values := map[string]cell{
			"epoch": count(now.Unix()), "timestamp": text(now.UTC().Format("15:04:05")),
			"cluster": text(c.cluster.Name()), "status": text(h.counts.status.String()),
			"node.total": count(int64(len(v.st.Nodes))), "node.data": count(int64(countData(v.st))),
			"shards": count(int64(h.counts.active)), "pri": count(int64(h.counts.activePrimaries)),
			"relo": count(int64(h.counts.relocating)), "init": count(int64(h.counts.init)),
			"unassign": count(int64(h.counts.unassigned)), "unassign.pri": count(int64(h.counts.unassignedPrimaries)),
			"pending_tasks": count(int64(v.tasks)), "max_task_wait_time": text(wait),
			"active_shards_percent": text(strconv.FormatFloat(h.percent(), 'f', 1, 64) + "%"),
		}
		return &table{name: "health", rows: 1, values: func(column string) func(int) cell {
			v := values[column]
			return func(int) cell { return v }
		}}
	})
}
