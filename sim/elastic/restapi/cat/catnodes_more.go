package cat

import (
	"maps"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/restapi/cluster"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/restapi/stats"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// about is what several tables say of a node.
func about(n *state.Node) row {
	host, port, _ := strings.Cut(n.Address, ":")
	return row{
		"id": text(n.ID), "node_id": text(n.ID), "ephemeral_node_id": text(n.EphemeralID), "pid": count(1), "host": text(host), "ip": text(host),
		"port": text(port), "node": text(n.Name), "node_name": text(n.Name),
	}
}

// byName are the nodes in order of their names.
func byName(st *state.State) []*state.Node {
	nodes := slices.Clone(st.Nodes)
	slices.SortStableFunc(nodes, func(a, b *state.Node) int { return strings.Compare(a.Name, b.Name) })
	return nodes
}

func prepareCatMaster(r *rest.Request) rest.Action {
	r.BoolParam("local", false)
	master := r.MasterTimeout()
	return rowsAction(r, "master", func(c *rest.Call) []row {
		st := c.State(false, master)
		n := st.Node(st.Master)
		if n == nil {
			return []row{{"id": text("-"), "host": text("-"), "ip": text("-"), "node": text("-")}}
		}
		return []row{about(n)}
	})
}

func prepareCatNodeattrs(r *rest.Request) rest.Action {
	r.BoolParam("local", false)
	master := r.MasterTimeout()
	return rowsAction(r, "nodeattrs", func(c *rest.Call) []row {
		var out []row
		for _, n := range byName(c.State(false, master)) {
			for _, a := range n.Attributes {
				line := about(n)
				line["attr"], line["value"] = text(a.Name), text(a.Value)
				out = append(out, line)
			}
		}
		return out
	})
}

// prepareCatPlugins serves _cat/plugins: simulated nodes have none.
func prepareCatPlugins(r *rest.Request) rest.Action {
	r.BoolParam("local", false)
	r.BoolParam("include_bootstrap", false)
	master := r.MasterTimeout()
	return rowsAction(r, "plugins", func(c *rest.Call) []row {
		c.State(false, master)
		return nil
	})
}

// prepareCatFielddata serves _cat/fielddata: what nodes hold in memory of texts, by field.
func prepareCatFielddata(r *rest.Request) rest.Action {
	patterns := r.ListParam("fields")
	return rowsAction(r, "fielddata", func(c *rest.Call) []row {
		st := c.Node.Applied()
		rest.CheckReadable(c, st)
		results, _ := rest.FanOut(c, byName(st), 0, stats.Sums)
		var out []row
		for i := range results {
			held := results[i].Value.Totals().Fielddata
			for _, field := range slices.Sorted(maps.Keys(held)) {
				if len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return rest.SimpleMatch(p, field) }) {
					line := about(results[i].Node)
					line["field"], line["size"] = text(field), size(held[field])
					out = append(out, line)
				}
			}
		}
		return out
	})
}

func prepareCatThreadPool(r *rest.Request) rest.Action {
	patterns := r.ListParam("thread_pool_patterns")
	r.BoolParam("local", false)
	master := r.MasterTimeout()
	return rowsAction(r, "thread_pool", func(c *rest.Call) []row {
		st := c.State(false, master)
		results, _ := rest.FanOut(c, byName(st), 0, figures.AskStats{})
		var out []row
		for _, res := range results {
			for _, pool := range stats.PoolFigures(&res.Value) {
				if len(patterns) > 0 && !slices.ContainsFunc(patterns, func(p string) bool { return rest.SimpleMatch(p, pool.Name) }) {
					continue
				}
				line := about(res.Node)
				kind := stats.PoolOf(pool.Name)
				line["name"], line["type"], line["queue_size"] = text(pool.Name), text(kind.Type), count(int64(kind.Queue))
				line["active"], line["pool_size"], line["queue"] = count(int64(pool.Active)), count(int64(pool.Threads)), count(int64(pool.Queue))
				line["rejected"], line["largest"], line["completed"] = count(pool.Rejected), count(int64(pool.Largest)), count(pool.Completed)
				if kind.Type == "fixed" {
					line["size"] = count(int64(kind.Size))
				} else {
					line["core"], line["max"], line["keep_alive"] = count(int64(kind.Core)), count(int64(kind.Size)), text("5m")
				}
				out = append(out, line)
			}
		}
		return out
	})
}

func prepareCatPendingTasks(r *rest.Request) rest.Action {
	local, master := r.BoolParam("local", false), r.MasterTimeout()
	return rowsAction(r, "pending_tasks", func(c *rest.Call) []row {
		tasks, err := c.Node.PendingTasks(c.Ctx, local, master)
		c.Check(err)
		var out []row
		for _, t := range tasks {
			out = append(out, row{
				"insertOrder": count(t.InsertOrder), "timeInQueue": duration(t.InQueue), "priority": text(cluster.PriorityName(t.Priority)), "source": text(t.Source),
			})
		}
		return out
	})
}
