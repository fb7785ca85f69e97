package cluster

import (
	"slices"
	"strconv"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// parseTemplate reads "template": settings, mappings and aliases. What stands beside them is
// left to other; false from it means that there is no such field.
func parseTemplate(v *rest.Value, parser string, known []string, other func(*rest.Member) bool) (t state.Template, changes []change) {
	if v.Kind != rest.ObjectValue {
		rest.Raise(rest.ContentParse(v.Line, v.Col, "[%s] Expected START_OBJECT but was: %s", parser, v.TokenName()))
	}
	for i := range v.Members {
		m := &v.Members[i]
		switch {
		case m.Name == "settings" && m.Value.Kind == rest.ObjectValue:
			changes = Flatten("", &m.Value, nil)
		case m.Name == "mappings" && m.Value.Kind == rest.ObjectValue:
			if parser == "put_template" {
				refuseTyped(&m.Value)
			}
			t.Mapping = parseMapping(&m.Value)
		case m.Name == "aliases" && m.Value.Kind == rest.ObjectValue:
			t.Aliases = Aliases(&m.Value)
		case m.Value.Kind == rest.NullValue && slices.Contains([]string{"settings", "mappings", "aliases"}, m.Name):
		case other != nil && other(m):
		default:
			rest.Raise(rest.UnknownField(m, parser, known))
		}
	}
	return t, changes
}

// templateSettings checks the settings of a template as those of an index are.
func templateSettings(changes []change) settings.Settings { return validateIndexSettings(changes) }

var templateFields = []string{"settings", "mappings", "aliases", "lifecycle", "data_stream_options"}

// innerTemplate reads the "template" of an index or component template.
func innerTemplate(parser string, v *rest.Value) *state.Template {
	if v.Kind == rest.NullValue {
		return nil
	}
	t, changes := parseTemplate(v, "template", templateFields, func(m *rest.Member) bool {
		if !slices.Contains(templateFields, m.Name) {
			rest.Raise(inField(parser, "template", m.Value.Line, m.Value.Col, rest.UnknownField(m, "template", templateFields)))
		}
		if m.Name == "lifecycle" || m.Name == "data_stream_options" {
			rest.Raise(rest.NotModelled("[" + m.Name + "] in a template; the nearest that it has is index.lifecycle.name in its settings"))
		}
		return false
	})
	t.Settings = templateSettings(changes)
	return &t
}

// readNote reads what people write at a template; false where the field is none of that.
func readNote(n *state.Notes, m *rest.Member) bool {
	switch m.Name {
	case "version":
		if m.Value.Kind != rest.NullValue {
			v := longOf(m)
			n.Version = &v
		}
	case "_meta":
		if m.Value.Kind == rest.ObjectValue {
			w := rest.NewWriter(false)
			w.Sep()
			w.Copy(&m.Value)
			n.Meta = w.Bytes()
		}
	case "deprecated":
		on := m.Value.Text == "true"
		n.Deprecated = &on
	default:
		return false
	}
	return true
}

func longOf(m *rest.Member) int64 {
	n, err := strconv.ParseInt(m.Value.Text, 10, 64)
	if err != nil {
		rest.Raise(rest.NumberFormat(m.Value.Text))
	}
	return n
}

func boolOf(m *rest.Member) bool {
	if m.Value.Kind != rest.BoolValue && m.Value.Text != "true" && m.Value.Text != "false" {
		rest.Raise(rest.IllegalArgument("Failed to parse value [%s] as only [true] or [false] are allowed.", m.Value.Text))
	}
	return m.Value.Text == "true"
}

// writeNotes writes them into the open object.
func writeNotes(w *rest.Writer, n *state.Notes) {
	if n.Version != nil {
		w.Int64("version", *n.Version)
	}
	if n.Meta != nil {
		w.Raw("_meta", n.Meta)
	}
	if n.Deprecated != nil {
		w.Bool("deprecated", *n.Deprecated)
	}
}

// writeTemplate writes settings, mappings and aliases into the open object; those that are
// not there only where all is set.
func writeTemplate(w *rest.Writer, t *state.Template, all, flat bool) {
	if all || t.Settings.Len() > 0 {
		WriteSettings(w, "settings", t.Settings, settings.IndexRegistry(), flat)
	}
	if all || len(t.Mapping) > 0 {
		w.Raw("mappings", orEmpty(t.Mapping))
	}
	if all || len(t.Aliases) > 0 {
		writeAliases(w, t.Aliases)
	}
}

func orEmpty(mapping []byte) []byte {
	if len(mapping) == 0 {
		return []byte("{}")
	}
	return mapping
}

func notFoundTemplate(what, name string) *elastic.Error {
	return &elastic.Error{Status: 404, Type: "resource_not_found_exception", Reason: what + " matching [" + name + "] not found"}
}
