package cluster

import (
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/reroute"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

const noSigterm = "shutdowns of the type sigterm; the nearest that it has is remove"

// preparePutShutdown is PUT /_nodes/{nodeId}/shutdown.
func preparePutShutdown(r *rest.Request) rest.Action {
	d := state.Shutdown{Node: r.Param("nodeId")}
	master, ack := r.MasterTimeout(), r.AckTimeout()
	body := r.JSON()
	for i := range body.Members {
		m := &body.Members[i]
		switch m.Name {
		case "type":
			d.Type = strings.ToLower(m.Value.Text)
		case "reason":
			d.Reason = m.Value.Text
		case "allocation_delay":
			delay, err := settings.ParseTime("allocation_delay", m.Value.Text)
			if err != nil {
				rest.Raise(rest.IllegalArgument("failed to parse [allocation_delay]: %v", err))
			}
			d.Delay = &delay
		case "target_node_name":
			d.Target = m.Value.Text
		case "grace_period":
			rest.Raise(rest.NotModelled(noSigterm))
		default:
			rest.Raise(rest.UnknownField(m, "put_node_shutdown_request", []string{"type", "reason", "allocation_delay", "target_node_name", "grace_period"}))
		}
	}
	switch {
	case d.Type == "sigterm":
		rest.Raise(rest.NotModelled(noSigterm))
	case d.Type != state.ShutdownRestart && d.Type != state.ShutdownRemove && d.Type != state.ShutdownReplace:
		rest.Raise(rest.IllegalArgument("No enum constant org.elasticsearch.cluster.metadata.SingleNodeShutdownMetadata.Type.%s", strings.ToUpper(d.Type)))
	case d.Reason == "":
		rest.Raise(rest.ValidationFailed("the reason for shutdown is required"))
	case d.Type == state.ShutdownReplace && d.Target == "":
		rest.Raise(rest.ValidationFailed("target node name is required for REPLACE type shutdowns"))
	case d.Type != state.ShutdownReplace && d.Target != "":
		rest.Raise(rest.ValidationFailed("target node name is only valid for REPLACE type shutdowns, but was given type [" + strings.ToUpper(d.Type) + "] and target node name [" + d.Target + "]"))
	case d.Delay != nil && d.Type != state.ShutdownRestart:
		rest.Raise(rest.IllegalArgument("shard allocation delay is only valid for shutdowns of type [RESTART], but shutdown type was [%s]", strings.ToUpper(d.Type)))
	}
	return func(c *rest.Call) *rest.Response {
		c.State(false, master)
		acked, err := reroute.PutShutdown(c.Node, c.Ctx, d, master, ack)
		c.Check(err)
		return rest.Acknowledged(acked)
	}
}

// prepareDeleteShutdown is DELETE /_nodes/{nodeId}/shutdown.
func prepareDeleteShutdown(r *rest.Request) rest.Action {
	node := r.Param("nodeId")
	master, ack := r.MasterTimeout(), r.AckTimeout()
	return func(c *rest.Call) *rest.Response {
		c.State(false, master)
		was, acked, err := reroute.DeleteShutdown(c.Node, c.Ctx, node, master, ack)
		c.Check(err)
		if !was {
			rest.Raise(&elastic.Error{Status: 404, Type: "resource_not_found_exception", Reason: "node [" + node + "] is currently not shutting down"})
		}
		return rest.Acknowledged(acked)
	}
}

// prepareGetShutdown is GET /_nodes/{nodeId}/shutdown.
func prepareGetShutdown(r *rest.Request) rest.Action {
	ids, master := r.ListParam("nodeId"), r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		w := rest.NewWriter(false)
		w.Obj()
		w.Array("nodes")
		for _, d := range st.Shutdowns {
			if len(ids) == 0 || wanted(ids, d.Node) {
				writeShutdown(w, st, d, c.Wall())
			}
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func wanted(ids []string, id string) bool {
	for _, x := range ids {
		if x == id || x == "_all" {
			return true
		}
	}
	return false
}

// soon is after how long the master has begun to move what has to go.
const soon = 10 * time.Second

// writeShutdown tells of a shutdown and how far it is.
func writeShutdown(w *rest.Writer, st *state.State, d *state.Shutdown, now time.Time) {
	left, moving := migrations(st, d.Node)
	moving = moving || now.UnixMilli()-d.StartedMillis < soon.Milliseconds()
	status, explanation := "COMPLETE", ""
	switch {
	case d.Type == state.ShutdownRestart:
		left, explanation = 0, "no shard relocation is necessary for a node restart"
	case st.Node(d.Node) == nil:
		explanation = "node is no longer in the cluster"
	case left > 0 && moving:
		status = "IN_PROGRESS"
	case left > 0: // nothing is under way that could make room for its copies
		status, explanation = "STALLED", "no shard of the node is moving and none of the cluster is recovering; see the allocation explain API"
	}
	w.Obj()
	w.Str("node_id", d.Node)
	w.Str("type", strings.ToUpper(d.Type))
	w.Str("reason", d.Reason)
	if d.Delay != nil {
		w.Str("allocation_delay", settings.HumanTime(*d.Delay))
	}
	w.Int64("shutdown_startedmillis", d.StartedMillis)
	w.Str("status", status)
	w.Object("shard_migration")
	w.Str("status", status)
	w.Int("shard_migrations_remaining", left)
	if explanation != "" {
		w.Str("explanation", explanation)
	}
	w.End()
	for _, part := range []string{"persistent_tasks", "plugins"} {
		w.Object(part)
		w.Str("status", "COMPLETE")
		w.End()
	}
	if d.Target != "" {
		w.Str("target_node_name", d.Target)
	}
	w.End()
}

// migrations counts the copies that a node has, and reports whether anything moves that may
// take them away.
func migrations(st *state.State, node string) (left int, moving bool) {
	for _, t := range st.Routing.Indices {
		for _, sh := range t.Shards {
			for _, cp := range sh.Copies {
				moving = moving || cp.State == state.Relocating || cp.State == state.Initializing
				if cp.Node == node {
					left++
				}
			}
		}
	}
	return left, moving
}
