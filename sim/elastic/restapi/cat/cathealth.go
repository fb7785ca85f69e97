package cat

import (
	"strconv"

	_ "embed"

	"github.com/shardquake/shardquake/sim/elastic/restapi/cluster"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

func prepareCatHealth(r *rest.Request) rest.Action {
	timeout := r.MasterTimeout()
	return catAction(r, "health", func(c *rest.Call) *table {
		v := cluster.LookAtMaster(c, false, timeout)
		h := cluster.HealthAnswer{State: v.State, Counts: cluster.CountsOf(c, v.State, nil)}
		wait := "-"
		if v.Waiting.Milliseconds() > 0 {
			wait = settings.HumanTime(v.Waiting)
		}
		now := c.Wall()
		values := map[string]cell{
			"epoch": count(now.Unix()), "timestamp": text(now.UTC().Format("15:04:05")),
			"cluster": text(c.Cluster.Name()), "status": text(h.Counts.Status.String()),
			"node.total": count(int64(len(v.State.Nodes))), "node.data": count(int64(cluster.CountData(v.State))),
			"shards": count(int64(h.Counts.Active)), "pri": count(int64(h.Counts.ActivePrimaries)),
			"relo": count(int64(h.Counts.Relocating)), "init": count(int64(h.Counts.Init)),
			"unassign": count(int64(h.Counts.Unassigned)), "unassign.pri": count(int64(h.Counts.UnassignedPrimaries)),
			"pending_tasks": count(int64(v.Tasks)), "max_task_wait_time": text(wait),
			"active_shards_percent": text(strconv.FormatFloat(h.Percent(), 'f', 1, 64) + "%"),
		}
		return &table{name: "health", rows: 1, values: func(column string) func(int) cell {
			v := values[column]
			return func(int) cell { return v }
		}}
	})
}
