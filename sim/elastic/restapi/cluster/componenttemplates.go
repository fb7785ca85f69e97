package cluster

import (
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func componentName(t *state.ComponentTemplate) string { return t.Name }

var componentFields = []string{"template", "version", "_meta", "deprecated", "allow_auto_create"}

func preparePutComponent(r *rest.Request) rest.Action {
	t := &state.ComponentTemplate{Name: r.Param("name")}
	create := r.BoolParam("create", false)
	r.ParamOr("cause", "api")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	body := r.JSON()
	given := false
	for i := range body.Members {
		switch m := &body.Members[i]; {
		case m.Name == "template" && m.Value.Kind == rest.ObjectValue:
			t.Template, given = *innerTemplate("component_template", &m.Value), true
		case readNote(&t.Notes, m):
		default:
			rest.Raise(rest.UnknownField(m, "component_template", componentFields))
		}
	}
	if !given {
		rest.Raise(rest.IllegalArgument("Required [template]"))
	}
	return func(c *rest.Call) *rest.Response {
		acked, _, err := c.Node.MasterTask(c.Ctx, "create-component-template ["+t.Name+"], cause [api]", elastic.Urgent, master, ack, putComponent{t, create})
		c.Check(err)
		return rest.Acknowledged(acked)
	}
}

// putComponent adds a component template or changes it; with create it must be new.
type putComponent struct {
	t      *state.ComponentTemplate
	create bool
}

func (c putComponent) Change(_ *elastic.Master, st *state.State) (*state.State, error) {
	if c.create && st.Component(c.t.Name) != nil {
		return nil, rest.IllegalArgument("component template [%s] already exists", c.t.Name)
	}
	return st.WithComponent(c.t), nil
}

func prepareGetComponents(r *rest.Request) rest.Action {
	patterns := r.ListParam("name")
	local, master := r.BoolParam("local", false), r.MasterTimeout()
	flat := r.BoolParam("flat_settings", false)
	r.BoolParam("include_defaults", false)
	return func(c *rest.Call) *rest.Response {
		st := c.State(local, master)
		found, missing := rest.Chosen(st.Components, componentName, patterns)
		if len(missing) > 0 {
			rest.Raise(notFoundTemplate("component template", missing[0]))
		}
		w := rest.NewWriter(false)
		w.Obj()
		w.Array("component_templates")
		for _, t := range found {
			w.Obj()
			w.Str("name", t.Name)
			w.Object("component_template")
			w.Object("template")
			writeTemplate(w, &t.Template, false, flat)
			w.End()
			writeNotes(w, &t.Notes)
			w.End()
			w.End()
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

// prepareHasTemplate serves HEAD of the three kinds of templates.
func prepareHasTemplate(has func(*state.State, string) bool) func(*rest.Request) rest.Action {
	return func(r *rest.Request) rest.Action {
		names := r.ListParam("name")
		local, master := r.BoolParam("local", false), r.MasterTimeout()
		r.BoolParam("flat_settings", false)
		return func(c *rest.Call) *rest.Response {
			st := c.State(local, master)
			resp := &rest.Response{JSON: []byte("{}")}
			if !slices.ContainsFunc(names, func(n string) bool { return has(st, n) }) {
				resp.Status = 404
			}
			return resp
		}
	}
}

func hasComponent(st *state.State, p string) bool {
	found, _ := rest.Chosen(st.Components, componentName, []string{p})
	return len(found) > 0
}

func prepareDeleteComponents(r *rest.Request) rest.Action {
	names := r.ListParam("name")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		acked, _, err := c.Node.MasterTask(c.Ctx, "remove-component-template ["+strings.Join(names, ",")+"]", elastic.Urgent, master, ack, deleteComponents{names})
		c.Check(err)
		return rest.Acknowledged(acked)
	}
}

// deleteComponents deletes component templates.
type deleteComponents struct {
	names []string
}

func (c deleteComponents) Change(_ *elastic.Master, st *state.State) (*state.State, error) {
	found, missing := rest.Chosen(st.Components, componentName, c.names)
	if len(missing) > 0 {
		return nil, &elastic.Error{Status: 404, Type: "resource_not_found_exception", Reason: strings.Join(missing, ",")}
	}
	for _, t := range found {
		if by := UsersOf(st, t.Name); len(by) > 0 {
			return nil, rest.IllegalArgument("component templates [%s] cannot be removed as they are still in use by index templates [%s]",
				t.Name, strings.Join(by, ", "))
		}
		st = st.WithoutComponent(t.Name)
	}
	return st, nil
}

// UsersOf are the index templates that are composed of a component and need it.
func UsersOf(st *state.State, component string) []string {
	var by []string
	for _, t := range st.IndexTemplates {
		if slices.Contains(t.ComposedOf, component) && !slices.Contains(t.IgnoreMissing, component) {
			by = append(by, t.Name)
		}
	}
	return by
}
