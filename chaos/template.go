package chaos

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/shardquake/shardquake/internal/source"
)

// PutTemplate has an operator say what new indices of a name begin with.
type PutTemplate struct {
	forGood `yaml:"-" json:"-"`

	Template string            `yaml:"template" json:"template" jsonschema:"required,description=its name"`
	Patterns []string          `yaml:"patterns,omitempty" json:"patterns,omitempty" jsonschema:"description=names of the indices that it is for such as logs-*"`
	Priority int               `yaml:"priority,omitempty" json:"priority,omitempty" jsonschema:"minimum=0,description=of several that match the highest counts; default 0"`
	Settings map[string]string `yaml:"settings,omitempty" json:"settings,omitempty" jsonschema:"description=index settings by their full names"`
	Aliases  []string          `yaml:"aliases,omitempty" json:"aliases,omitempty" jsonschema:"description=other names of the new indices"`
	Remove   bool              `yaml:"remove,omitempty" json:"remove,omitempty" jsonschema:"description=the template is taken away"`
}

func putTemplate() Kind {
	return Kind{
		Name: "put-template", About: "a template of new indices is put, changed or removed, as an operator would have it",
		Systems: []string{Elasticsearch},
		New:     func() Fault { return &PutTemplate{} },
	}
}

// Kind implements [Fault].
func (*PutTemplate) Kind() string { return "put-template" }

// Sets implements [Setter].
func (f *PutTemplate) Sets() (values map[string]string, ofIndex bool, at string) {
	return f.Settings, true, "settings"
}

// Check implements [Fault].
func (f *PutTemplate) Check(Topology) []source.Problem {
	var ps []source.Problem
	if !newIndexName.MatchString(f.Template) {
		ps = append(ps, source.Problemf("template", "%q is not a template's name; expected lower-case letters, digits, dashes, dots and underscores", f.Template))
	}
	switch {
	case f.Remove && (len(f.Patterns) > 0 || len(f.Settings) > 0 || len(f.Aliases) > 0 || f.Priority != 0):
		ps = append(ps, source.Problemf("remove", "a template that is removed says nothing; expected template: alone"))
	case !f.Remove && len(f.Patterns) == 0:
		ps = append(ps, source.Problemf("patterns", "the template is for no indices; expected names such as [logs-*]"))
	}
	if f.Priority < 0 {
		ps = append(ps, source.Problemf("priority", "a priority of %d; expected 0 or more", f.Priority))
	}
	return ps
}

// Resolve implements [Fault].
func (f *PutTemplate) Resolve(View) (Resolved, error) {
	path := "/_index_template/" + f.Template
	r := &request{what: "put the template " + f.Template, method: http.MethodPut, path: path, seen: f.seen}
	if f.Remove {
		r.what, r.method = "remove the template "+f.Template, http.MethodDelete
		return Resolved{Fault: f, Primitives: []Primitive{r}}, nil
	}
	inner := map[string]any{"settings": f.Settings}
	if len(f.Aliases) > 0 {
		names := map[string]any{}
		for _, a := range f.Aliases {
			names[a] = map[string]any{}
		}
		inner["aliases"] = names
	}
	r.body = map[string]any{"index_patterns": f.Patterns, "priority": f.Priority, "template": inner}
	return Resolved{Fault: f, Primitives: []Primitive{r}}, nil
}

// seen looks for the template, and for its settings.
func (f *PutTemplate) seen(ctx context.Context, api API) (bool, string, error) {
	var answer struct {
		Templates []struct {
			Template struct {
				Inner struct {
					Settings map[string]any `json:"settings"`
				} `json:"template"`
				Patterns []string `json:"index_patterns"`
			} `json:"index_template"`
		} `json:"index_templates"`
	}
	err := api.Call(ctx, http.MethodGet, "/_index_template/"+f.Template+"?flat_settings=true", nil, &answer)
	if e, is := err.(*APIError); is && e.Status == http.StatusNotFound {
		return f.Remove, "there is no template " + f.Template, nil
	}
	if err != nil || len(answer.Templates) != 1 {
		return false, fmt.Sprintf("%d templates %s", len(answer.Templates), f.Template), err
	}
	t := answer.Templates[0].Template
	done := !f.Remove && slices.Equal(t.Patterns, f.Patterns)
	for _, key := range slices.Sorted(maps.Keys(f.Settings)) {
		done = done && fmt.Sprint(t.Inner.Settings[key]) == f.Settings[key]
	}
	return done, fmt.Sprintf("the template %s for %v with %v", f.Template, t.Patterns, t.Inner.Settings), nil
}
