package cluster

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Task is something that a node does for a request. The model keeps no list of tasks: what it
// tells is the request that asks, and its part on each node.
type Task struct {
	Node    *state.Node
	ID      int64
	Parent  string
	Action  string
	Direct  bool // on the node that was asked
	Opaque  string
	Start   time.Time
	Running time.Duration
}

// OwnTasks are the tasks of the request itself, in order of nodes.
func OwnTasks(c *rest.Call) []Task {
	st := c.Node.Applied()
	first := int64(c.Now()/time.Microsecond) + 1
	self := st.Node(c.Node.ID())
	if self == nil {
		return nil
	}
	began, opaque := c.Wall(), c.Req.Header("X-Opaque-Id")
	whole := Task{Node: self, ID: first, Action: "cluster:monitor/tasks/lists", Opaque: opaque, Start: began}
	out := []Task{whole}
	for i, n := range st.Nodes {
		out = append(out, Task{
			Node: n, ID: first + 1 + int64(i), Parent: self.ID + ":" + strconv.FormatInt(first, 10), Action: "cluster:monitor/tasks/lists[n]",
			Direct: n == self, Opaque: opaque, Start: began,
		})
	}
	return out
}

// TaskMatches reports whether an action is among those asked for.
func TaskMatches(action string, patterns []string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return rest.SimpleMatch(p, action) })
}

func writeTask(w *rest.Writer, t *Task) {
	w.Str("node", t.Node.ID)
	w.Int64("id", t.ID)
	kind := "transport"
	if t.Direct {
		kind = "direct"
	}
	w.Str("type", kind)
	w.Str("action", t.Action)
	w.Timestamp("start_time_in_millis", "start_time", t.Start)
	if w.Human {
		w.Str("running_time", settings.HumanTime(t.Running))
	}
	w.Int64("running_time_in_nanos", int64(t.Running))
	w.Bool("cancellable", false)
	if t.Parent != "" {
		w.Str("parent_task_id", t.Parent)
	}
	w.Object("headers")
	if t.Opaque != "" {
		w.Str("X-Opaque-Id", t.Opaque)
	}
	w.End()
}

func prepareTasks(r *rest.Request) rest.Action {
	actions, nodes := r.ListParam("actions"), r.ListParam("nodes")
	group := r.ParamOr("group_by", "nodes")
	r.BoolParam("detailed", false)
	r.BoolParam("wait_for_completion", false)
	r.Param("parent_task_id")
	r.TimeParam("timeout", 30*time.Second)
	if !slices.Contains([]string{"nodes", "parents", "none"}, group) {
		rest.Raise(rest.IllegalArgument("[group_by] must be one of [nodes], [parents] or [none] but was [%s]", group))
	}
	return func(c *rest.Call) *rest.Response {
		chosen := rest.NodesOf(c.Node.Applied(), c.Node.ID(), nodes)
		var tasks []Task
		for _, t := range OwnTasks(c) {
			if TaskMatches(t.Action, actions) && slices.Contains(chosen, t.Node) {
				tasks = append(tasks, t)
			}
		}
		return listTasks(c, tasks, group)
	}
}

func listTasks(c *rest.Call, tasks []Task, group string) *rest.Response {
	w := rest.NewWriter(c.Req.Human())
	w.Obj()
	switch group {
	case "nodes":
		writeTasksByNode(w, tasks)
	case "parents":
		w.Object("tasks")
		writeTasksByParent(w, tasks)
		w.End()
	default:
		w.Array("tasks")
		for i := range tasks {
			w.Obj()
			writeTask(w, &tasks[i])
			w.End()
		}
		w.End()
	}
	w.End()
	return &rest.Response{JSON: w.Bytes()}
}

func writeTasksByNode(w *rest.Writer, tasks []Task) {
	w.Object("nodes")
	var listed []string
	for i := range tasks {
		n := tasks[i].Node
		if slices.Contains(listed, n.ID) {
			continue
		}
		listed = append(listed, n.ID)
		w.Object(n.ID)
		w.Str("name", n.Name)
		w.Str("transport_address", n.Address)
		w.Str("host", rest.Address(n))
		w.Str("ip", n.Address)
		w.Strs("roles", n.Roles)
		if len(n.Attributes) > 0 {
			w.Object("attributes")
			for _, a := range n.Attributes {
				w.Str(a.Name, a.Value)
			}
			w.End()
		}
		w.Object("tasks")
		for k := range tasks {
			if t := &tasks[k]; t.Node == n {
				w.Object(n.ID + ":" + strconv.FormatInt(t.ID, 10))
				writeTask(w, t)
				w.End()
			}
		}
		w.End()
		w.End()
	}
	w.End()
}

func writeTasksByParent(w *rest.Writer, tasks []Task) {
	for i := range tasks {
		t := &tasks[i]
		if t.Parent != "" {
			continue
		}
		id := t.Node.ID + ":" + strconv.FormatInt(t.ID, 10)
		w.Object(id)
		writeTask(w, t)
		w.Array("children")
		for k := range tasks {
			if tasks[k].Parent == id {
				w.Obj()
				writeTask(w, &tasks[k])
				w.End()
			}
		}
		w.End()
		w.End()
	}
}

// prepareTask serves _tasks/{id}: a request that has been answered runs no more.
func prepareTask(r *rest.Request) rest.Action {
	id := r.Param("task_id")
	r.BoolParam("wait_for_completion", false)
	r.TimeParam("timeout", 30*time.Second)
	node, _, ok := strings.Cut(id, ":")
	if !ok {
		rest.Raise(rest.IllegalArgument("malformed task id %s", id))
	}
	return func(c *rest.Call) *rest.Response {
		reason := "task [" + id + "] isn't running and hasn't stored its results"
		if c.Node.Applied().Node(node) == nil {
			reason = "task [" + id + "] belongs to the node [" + node + "] which isn't part of the cluster and there is no record of the task"
		}
		missing := elastic.IndexNotFound(".tasks")
		e := &elastic.Error{
			Status: 404, Type: "resource_not_found_exception", Reason: reason, RootCause: []*elastic.Error{missing},
			CausedBy: &elastic.Error{
				Type: "resource_not_found_exception", Reason: "task [" + id + "] isn't running and hasn't stored its results", CausedBy: missing,
			},
		}
		rest.Raise(e)
		return nil
	}
}

// prepareCancelTasks serves _tasks/_cancel: nothing that runs can be cancelled.
func prepareCancelTasks(r *rest.Request) rest.Action {
	for _, p := range []string{"actions", "nodes", "task_id", "parent_task_id", "group_by"} {
		r.Param(p)
	}
	r.BoolParam("wait_for_completion", false)
	return func(c *rest.Call) *rest.Response { return listTasks(c, nil, "nodes") }
}
