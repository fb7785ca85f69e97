package cluster

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func legacyName(t *state.LegacyTemplate) string { return t.Name }

// preparePutTemplate serves PUT of the older kind of templates.
func preparePutTemplate(r *rest.Request) rest.Action {
	t := &state.LegacyTemplate{Name: r.Param("name"), Order: r.IntParam("order", 0)}
	create := r.BoolParam("create", false)
	r.ParamOr("cause", "")
	r.BoolParam("include_type_name", false)
	ack, master := r.AckTimeout(), r.MasterTimeout()
	body := r.JSON()
	var changes []change
	t.Template, changes = parseTemplate(&body, "put_template", nil, func(m *rest.Member) bool {
		switch m.Name {
		case "index_patterns":
			if m.Value.Kind != rest.StringValue && m.Value.Kind != rest.ArrayValue {
				rest.Raise(rest.IllegalArgument("Malformed [index_patterns] value, should be a string or a list of strings"))
			}
			t.Patterns = rest.Texts(&m.Value)
		case "order":
			n, err := strconv.Atoi(m.Value.Text)
			if err != nil {
				rest.Raise(rest.IllegalArgument("Malformed [order] value, should be an integer"))
			}
			t.Order = n
		case "version":
			if m.Value.Kind == rest.NumberValue {
				v := longOf(m)
				t.Version = &v
			}
		default:
			rest.Raise(rest.ParseException("unknown key [%s] in the template ", m.Name))
		}
		return true
	})
	if len(t.Patterns) == 0 {
		rest.Raise(rest.ValidationFailed("index patterns are missing"))
	}
	t.Template.Settings = templateSettings(changes)
	return func(c *rest.Call) *rest.Response {
		acked, _, err := c.Node.MasterTask(c.Ctx, "create-index-template ["+t.Name+"], cause [api]", elastic.Urgent, master, ack, putTemplate{t, create})
		c.Check(err)
		return rest.Acknowledged(acked)
	}
}

// putTemplate adds a template of the older kind or changes it; with create it must be new.
type putTemplate struct {
	t      *state.LegacyTemplate
	create bool
}

func (c putTemplate) Change(_ *elastic.Master, st *state.State) (*state.State, error) {
	if c.create && st.LegacyTemplate(c.t.Name) != nil {
		return nil, rest.IllegalArgument("index_template [%s] already exists", c.t.Name)
	}
	return st.WithLegacyTemplate(c.t), nil
}

func prepareGetTemplates(r *rest.Request) rest.Action {
	patterns := r.ListParam("name")
	local, master := r.BoolParam("local", false), r.MasterTimeout()
	flat := r.BoolParam("flat_settings", false)
	r.BoolParam("include_type_name", false)
	return func(c *rest.Call) *rest.Response {
		st := c.State(local, master)
		found, _ := rest.Chosen(st.LegacyTemplates, legacyName, patterns)
		w := rest.NewWriter(false)
		w.Obj()
		for _, t := range found {
			w.Object(t.Name)
			w.Int("order", t.Order)
			if t.Version != nil {
				w.Int64("version", *t.Version)
			}
			w.Strs("index_patterns", t.Patterns)
			writeTemplate(w, &t.Template, true, flat)
			w.End()
		}
		w.End()
		resp := &rest.Response{JSON: w.Bytes()}
		if len(found) == 0 && len(patterns) > 0 {
			resp.Status = 404
		}
		return resp
	}
}

func hasTemplate(st *state.State, p string) bool {
	found, _ := rest.Chosen(st.LegacyTemplates, legacyName, []string{p})
	return len(found) > 0
}

func prepareDeleteTemplate(r *rest.Request) rest.Action {
	name := r.Param("name")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		acked, _, err := c.Node.MasterTask(c.Ctx, "remove-index-template ["+name+"]", elastic.Urgent, master, ack, deleteTemplate{name})
		c.Check(err)
		return rest.Acknowledged(acked)
	}
}

// deleteTemplate deletes a template of the older kind.
type deleteTemplate struct {
	name string
}

func (c deleteTemplate) Change(_ *elastic.Master, st *state.State) (*state.State, error) {
	found, missing := rest.Chosen(st.LegacyTemplates, legacyName, []string{c.name})
	if len(missing) > 0 {
		return nil, templateMissing(c.name)
	}
	for _, t := range found {
		st = st.WithoutLegacyTemplate(t.Name)
	}
	return st, nil
}

// TemplateRow is a template of any kind as a table shows it.
type TemplateRow struct {
	Name       string
	Patterns   []string
	Order      int64
	Version    *int64
	ComposedOf []string
	Composable bool
}

// TemplateRows are the templates that patterns select, the older kind first.
func TemplateRows(st *state.State, pattern string) []TemplateRow {
	var out []TemplateRow
	for _, t := range st.LegacyTemplates {
		if pattern == "" || rest.SimpleMatch(pattern, t.Name) {
			out = append(out, TemplateRow{Name: t.Name, Patterns: t.Patterns, Order: int64(t.Order), Version: t.Version})
		}
	}
	for _, t := range st.IndexTemplates {
		if pattern == "" || rest.SimpleMatch(pattern, t.Name) {
			out = append(out, TemplateRow{
				Name: t.Name, Patterns: t.Patterns, Order: t.Rank(), Version: t.Notes.Version, ComposedOf: t.ComposedOf, Composable: true,
			})
		}
	}
	slices.SortStableFunc(out, func(a, b TemplateRow) int { return cmp.Compare(a.Name, b.Name) })
	return out
}
