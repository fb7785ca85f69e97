package cluster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/templates"
)

func indexTemplateName(t *state.IndexTemplate) string { return t.Name }

var indexTemplateFields = []string{
	"index_patterns", "template", "priority", "composed_of", "version", "_meta", "data_stream", "allow_auto_create",
	"ignore_missing_component_templates", "deprecated",
}

// parseIndexTemplate reads the body of an index template.
func parseIndexTemplate(name string, body *rest.Value) *state.IndexTemplate {
	t := &state.IndexTemplate{Name: name}
	for i := range body.Members {
		m := &body.Members[i]
		switch {
		case m.Name == "index_patterns":
			t.Patterns = rest.Texts(&m.Value)
		case m.Name == "template":
			t.Template = innerTemplate("index_template", &m.Value)
		case m.Name == "composed_of" && m.Value.Kind != rest.NullValue:
			t.ComposedOf = rest.Texts(&m.Value)
		case m.Name == "ignore_missing_component_templates" && m.Value.Kind != rest.NullValue:
			t.IgnoreMissing = rest.Texts(&m.Value)
		case m.Name == "priority" && m.Value.Kind != rest.NullValue:
			n := longOf(m)
			t.Priority = &n
		case m.Name == "data_stream" && m.Value.Kind == rest.ObjectValue:
			t.DataStream = parseStreamOptions(&m.Value)
		case m.Name == "allow_auto_create" && m.Value.Kind != rest.NullValue:
			on := boolOf(m)
			t.AllowAutoCreate = &on
		case readNote(&t.Notes, m):
		case m.Value.Kind == rest.NullValue && slices.Contains(indexTemplateFields, m.Name):
		default:
			rest.Raise(rest.UnknownField(m, "index_template", indexTemplateFields))
		}
	}
	return t
}

func parseStreamOptions(v *rest.Value) *state.StreamOfTemplate {
	d := &state.StreamOfTemplate{}
	for i := range v.Members {
		switch m := &v.Members[i]; m.Name {
		case "hidden":
			d.Hidden = boolOf(m)
		case "allow_custom_routing":
			d.CustomRouting = boolOf(m)
		case "failure_store", "index_mode":
			rest.Raise(rest.NotModelled("[" + m.Name + "] of data streams"))
		default:
			rest.Raise(rest.UnknownField(m, "data_stream_template", []string{"hidden", "allow_custom_routing"}))
		}
	}
	return d
}

// checkIndexTemplate refuses what MetadataIndexTemplateService refuses.
func checkIndexTemplate(st *state.State, t *state.IndexTemplate, create bool) error {
	if create && st.IndexTemplate(t.Name) != nil {
		return rest.IllegalArgument("index template [%s] already exists", t.Name)
	}
	var missing []string
	for _, name := range t.ComposedOf {
		if st.Component(name) == nil && !slices.Contains(t.IgnoreMissing, name) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return &elastic.Error{
			Status: 400, Type: "invalid_index_template_exception", Reason: "index_template [" + t.Name + "] invalid, cause [index template [" + t.Name +
				"] specifies component templates [" + strings.Join(missing, ", ") + "] that do not exist]",
		}
	}
	if rivals := overlapping(st, t, func(o *state.IndexTemplate) bool { return o.Rank() == t.Rank() }); len(rivals) > 0 {
		return rest.IllegalArgument("index template [%s] has index patterns %s matching patterns from existing templates [%s] with patterns (%s) that have the "+
			"same priority [%d], multiple index templates may not match during index creation, please use a different priority",
			t.Name, rest.Bracketed(t.Patterns), namesOf(rivals), patternsOf(rivals), t.Rank())
	}
	return nil
}

// overlapping are the other templates with a pattern that has names in common with one of t's.
func overlapping(st *state.State, t *state.IndexTemplate, among func(*state.IndexTemplate) bool) []*state.IndexTemplate {
	var out []*state.IndexTemplate
	for _, o := range st.IndexTemplates {
		if o.Name != t.Name && among(o) && patternsMeet(t.Patterns, o.Patterns) {
			out = append(out, o)
		}
	}
	return out
}

func patternsMeet(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool {
		return slices.ContainsFunc(b, func(y string) bool { return templates.Meet(x, y) })
	})
}

func namesOf(list []*state.IndexTemplate) string {
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = t.Name
	}
	return strings.Join(names, ", ")
}

func patternsOf(list []*state.IndexTemplate) string {
	parts := make([]string, len(list))
	for i, t := range list {
		parts[i] = t.Name + " => " + rest.Bracketed(t.Patterns)
	}
	return strings.Join(parts, ",")
}

func preparePutIndexTemplate(r *rest.Request) rest.Action {
	name := r.Param("name")
	create := r.BoolParam("create", false)
	r.ParamOr("cause", "api")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	body := r.JSON()
	t := parseIndexTemplate(name, &body)
	switch {
	case t.Patterns == nil:
		rest.Raise(rest.IllegalArgument("Required [index_patterns]"))
	case len(t.Patterns) == 0:
		rest.Raise(rest.ValidationFailed("index patterns are missing"))
	}
	return func(c *rest.Call) *rest.Response {
		acked, _, err := c.Node.MasterTask(c.Ctx, "create-index-template-v2 ["+name+"], cause [api]", elastic.Urgent, master, ack, putIndexTemplate{t, create})
		c.Check(err)
		return rest.Acknowledged(acked)
	}
}

// putIndexTemplate adds an index template or changes it; with create it must be new.
type putIndexTemplate struct {
	t      *state.IndexTemplate
	create bool
}

func (c putIndexTemplate) Change(_ *elastic.Master, st *state.State) (*state.State, error) {
	if err := checkIndexTemplate(st, c.t, c.create); err != nil {
		return nil, err
	}
	return st.WithIndexTemplate(c.t), nil
}

func prepareGetIndexTemplates(r *rest.Request) rest.Action {
	patterns := r.ListParam("name")
	local, master := r.BoolParam("local", false), r.MasterTimeout()
	flat := r.BoolParam("flat_settings", false)
	r.BoolParam("include_defaults", false)
	return func(c *rest.Call) *rest.Response {
		st := c.State(local, master)
		found, missing := rest.Chosen(st.IndexTemplates, indexTemplateName, patterns)
		if len(missing) > 0 {
			rest.Raise(notFoundTemplate("index template", missing[0]))
		}
		w := rest.NewWriter(false)
		w.Obj()
		w.Array("index_templates")
		for _, t := range found {
			w.Obj()
			w.Str("name", t.Name)
			w.Object("index_template")
			writeIndexTemplate(w, t, flat)
			w.End()
			w.End()
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func writeIndexTemplate(w *rest.Writer, t *state.IndexTemplate, flat bool) {
	w.Strs("index_patterns", t.Patterns)
	if t.Template != nil {
		w.Object("template")
		writeTemplate(w, t.Template, false, flat)
		w.End()
	}
	w.Strs("composed_of", t.ComposedOf)
	if t.Priority != nil {
		w.Int64("priority", *t.Priority)
	}
	if t.Notes.Version != nil {
		w.Int64("version", *t.Notes.Version)
	}
	if t.Notes.Meta != nil {
		w.Raw("_meta", t.Notes.Meta)
	}
	if t.DataStream != nil {
		w.Object("data_stream")
		w.Bool("hidden", t.DataStream.Hidden)
		w.Bool("allow_custom_routing", t.DataStream.CustomRouting)
		w.End()
	}
	if t.AllowAutoCreate != nil {
		w.Bool("allow_auto_create", *t.AllowAutoCreate)
	}
	if t.IgnoreMissing != nil {
		w.Strs("ignore_missing_component_templates", t.IgnoreMissing)
	}
	if t.Notes.Deprecated != nil {
		w.Bool("deprecated", *t.Notes.Deprecated)
	}
}

func hasIndexTemplate(st *state.State, p string) bool {
	found, _ := rest.Chosen(st.IndexTemplates, indexTemplateName, []string{p})
	return len(found) > 0
}

func prepareDeleteIndexTemplates(r *rest.Request) rest.Action {
	names := r.ListParam("name")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		acked, _, err := c.Node.MasterTask(c.Ctx, "remove-index-template-v2 ["+strings.Join(names, ",")+"]", elastic.Urgent, master, ack, deleteIndexTemplates{names})
		c.Check(err)
		return rest.Acknowledged(acked)
	}
}

// deleteIndexTemplates deletes index templates.
type deleteIndexTemplates struct {
	names []string
}

func (c deleteIndexTemplates) Change(_ *elastic.Master, st *state.State) (*state.State, error) {
	found, missing := rest.Chosen(st.IndexTemplates, indexTemplateName, c.names)
	if len(missing) > 0 {
		return nil, templateMissing(strings.Join(missing, ","))
	}
	for _, t := range found {
		for _, d := range st.DataStreams {
			if d.Template == t.Name {
				return nil, rest.IllegalArgument("unable to remove composable templates [%s] as they are in use by a data streams [%s]", t.Name, d.Name)
			}
		}
		st = st.WithoutIndexTemplate(t.Name)
	}
	return st, nil
}

func templateMissing(name string) *elastic.Error {
	return &elastic.Error{Status: 404, Type: "index_template_missing_exception", Reason: fmt.Sprintf("index_template [%s] missing", name)}
}
