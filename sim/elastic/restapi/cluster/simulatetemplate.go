package cluster

import (
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/templates"
)

// prepareSimulateIndex serves what an index of a name would begin with, perhaps with one more
// template.
func prepareSimulateIndex(r *rest.Request) rest.Action {
	name := r.Param("name")
	master := r.MasterTimeout()
	r.BoolParam("create", false)
	r.ParamOr("cause", "api")
	r.BoolParam("include_defaults", false)
	var more *state.IndexTemplate
	if len(r.Body) > 0 {
		body := r.JSON()
		more = parseIndexTemplate("simulate_index_template_"+name, &body)
	}
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		if more != nil {
			if err := checkIndexTemplate(st, more, false); err != nil {
				c.Check(err)
			}
			st = st.WithIndexTemplate(more)
		}
		return simulated(c, st, templates.Find(st, name), name)
	}
}

// prepareSimulateTemplate serves what a template is composed to: one that is there, or the
// one in the body.
func prepareSimulateTemplate(r *rest.Request) rest.Action {
	name := r.Param("name")
	master := r.MasterTimeout()
	create := r.BoolParam("create", false)
	r.ParamOr("cause", "api")
	r.BoolParam("include_defaults", false)
	var given *state.IndexTemplate
	if len(r.Body) > 0 {
		body := r.JSON()
		as := name
		if as == "" {
			as = "simulate_template"
		}
		given = parseIndexTemplate(as, &body)
	} else if name == "" {
		rest.Raise(rest.ValidationFailed("one of index template name or body is required"))
	}
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		t := given
		if t == nil {
			if t = st.IndexTemplate(name); t == nil {
				rest.Raise(rest.IllegalArgument("unable to simulate template [%s] that does not exist", name))
			}
		} else if err := checkIndexTemplate(st, t, create); err != nil {
			c.Check(err)
		}
		return simulated(c, st, t, "")
	}
}

// simulated writes the composed template and those that it wins against.
func simulated(c *rest.Call, st *state.State, t *state.IndexTemplate, index string) *rest.Response {
	w := rest.NewWriter(false)
	w.Obj()
	if t == nil {
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
	whole, err := templates.Composed(st, t)
	c.Check(err)
	if index != "" {
		whole.Aliases = templates.AliasesOf(&whole, index)
	}
	if !settings.IndexTierPreference.IsSet(whole.Settings) && c.Cluster.Distribution() != elastic.MinimalDistribution {
		tier := settings.DefaultTier
		if t.DataStream != nil {
			tier = settings.HotTier
		}
		whole.Settings = whole.Settings.With(map[string]*string{settings.IndexTierPreference.Key(): &tier})
	}
	w.Object("template")
	WriteSettings(w, "settings", whole.Settings, settings.IndexRegistry(), false)
	if len(whole.Mapping) > 0 || index != "" {
		w.Raw("mappings", orEmpty(whole.Mapping))
	}
	writeAliases(w, whole.Aliases)
	w.End()
	w.Array("overlapping")
	for _, l := range st.LegacyTemplates {
		if patternsMeet(t.Patterns, l.Patterns) {
			writeOverlap(w, l.Name, l.Patterns)
		}
	}
	for _, o := range overlapping(st, t, func(*state.IndexTemplate) bool { return true }) {
		writeOverlap(w, o.Name, o.Patterns)
	}
	w.End()
	w.End()
	return &rest.Response{JSON: w.Bytes()}
}

func writeOverlap(w *rest.Writer, name string, patterns []string) {
	w.Obj()
	w.Str("name", name)
	w.Strs("index_patterns", patterns)
	w.End()
}
