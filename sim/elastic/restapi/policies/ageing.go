package policies

import (
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

func prepareRetry(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		indices := rest.Resolve(c.State(false, master), names, rest.ExpandOpen)
		acked, err := metadata.RetryAgeing(c.Ctx, c.Node, indices, master, ack)
		c.Check(err)
		return rest.Acknowledged(acked)
	}
}

func prepareRemove(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	opt := r.IndicesOptions(rest.ExpandHidden)
	return func(c *rest.Call) *rest.Response {
		indices := rest.Resolve(c.State(false, master), names, opt)
		c.Check(metadata.RemoveAgeing(c.Ctx, c.Node, indices, master, ack))
		w := rest.NewWriter(false)
		w.Obj()
		w.Bool("has_failures", false)
		w.Strs("failed_indexes", nil)
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func prepareMove(r *rest.Request) rest.Action {
	name := r.Param("name")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	body := r.JSON()
	var from, to *metadata.StepKey
	for i := range body.Members {
		switch m := &body.Members[i]; m.Name {
		case "current_step":
			from = stepKey(m, true)
		case "next_step":
			to = stepKey(m, false)
		default:
			rest.Raise(rest.UnknownField(m, "move_to_step_request", []string{"current_step", "next_step"}))
		}
	}
	switch {
	case from == nil && to == nil:
		rest.Raise(rest.IllegalArgument("Required [current_step, next_step]"))
	case from == nil:
		rest.Raise(rest.IllegalArgument("Required [current_step]"))
	case to == nil:
		rest.Raise(rest.IllegalArgument("Required [next_step]"))
	}
	return func(c *rest.Call) *rest.Response {
		acked, err := metadata.MoveAgeing(c.Ctx, c.Node, name, *from, *to, master, ack)
		c.Check(err)
		return rest.Acknowledged(acked)
	}
}

// stepKey reads a step; whole: all of its key is needed.
func stepKey(m *rest.Member, whole bool) *metadata.StepKey {
	var key metadata.StepKey
	for i := range m.Value.Members {
		switch f := &m.Value.Members[i]; f.Name {
		case "phase":
			key.Phase = f.Value.Text
		case "action":
			key.Action = f.Value.Text
		case "name":
			key.Name = f.Value.Text
		default:
			rest.Raise(rest.UnknownField(f, "stepkey", []string{"phase", "action", "name"}))
		}
	}
	switch {
	case key.Phase == "":
		rest.Raise(rest.IllegalArgument("Required [phase]"))
	case whole && key.Action == "":
		rest.Raise(rest.IllegalArgument("Required [action]"))
	case whole && key.Name == "":
		rest.Raise(rest.IllegalArgument("Required [name]"))
	case key.Name != "" && key.Action == "":
		rest.Raise(rest.IllegalArgument("phase; phase and action; or phase, action, and step must be provided, but a step name was specified without a corresponding action"))
	}
	return &key
}
