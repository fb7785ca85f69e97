package cluster

import (
	"cmp"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi/queries"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// writeAlias writes what an alias is besides its name.
func writeAlias(w *rest.Writer, a *state.Alias) {
	w.Object(a.Name)
	if a.Filter != nil {
		w.Raw("filter", a.Filter)
	}
	if a.IndexRouting != "" {
		w.Str("index_routing", a.IndexRouting)
	}
	if a.SearchRouting != "" {
		w.Str("search_routing", a.SearchRouting)
	}
	if a.WriteIndex != nil {
		w.Bool("is_write_index", *a.WriteIndex)
	}
	if a.Hidden != nil {
		w.Bool("is_hidden", *a.Hidden)
	}
	w.End()
}

func writeAliases(w *rest.Writer, aliases []state.Alias) {
	w.Object("aliases")
	for i := range aliases {
		writeAlias(w, &aliases[i])
	}
	w.End()
}

// aliasOption reads an option of an alias into it; false where it is none.
func aliasOption(a *state.Alias, m *rest.Member) bool {
	switch m.Name {
	case "is_write_index", "is_hidden":
		if m.Value.Kind != rest.BoolValue {
			rest.Raise(rest.IllegalArgument("Unknown value [%s] for [%s]; expected true or false", m.Value.Text, m.Name))
		}
		on := m.Value.Text == "true"
		if m.Name == "is_hidden" {
			a.Hidden = &on
		} else {
			a.WriteIndex = &on
		}
	case "filter":
		a.Filter = queries.AliasFilter(a.Name, &m.Value)
	case "routing":
		// What is said of one of the two stands, whichever comes first.
		a.IndexRouting, a.SearchRouting = cmp.Or(a.IndexRouting, m.Value.Text), cmp.Or(a.SearchRouting, m.Value.Text)
	case "index_routing", "index-routing", "indexRouting":
		a.IndexRouting = m.Value.Text
	case "search_routing", "search-routing", "searchRouting":
		a.SearchRouting = m.Value.Text
	default:
		return false
	}
	return true
}

// Aliases reads the aliases with which an index is created.
func Aliases(v *rest.Value) []state.Alias {
	var out []state.Alias
	for i := range v.Members {
		m := &v.Members[i]
		a := state.Alias{Name: m.Name}
		for k := range m.Value.Members {
			if o := &m.Value.Members[k]; !aliasOption(&a, o) {
				rest.Raise(rest.IllegalArgument("Unknown field [%s] in alias [%s]", o.Name, m.Name))
			}
		}
		out = append(out, a)
	}
	return out
}

// checkNewAlias refuses names that no alias may have (AliasValidator).
func checkNewAlias(st *state.State, name string, freed []string) {
	if bad := rest.ValidateAliasName(name); bad != nil {
		rest.Raise(bad)
	}
	if m := st.Index(name); m != nil && !slices.Contains(freed, name) {
		rest.Raise(metadata.AliasNamedAsIndex(m))
	}
}

// SelectedAliases are an index's aliases that patterns select: names, wildcards, and what a
// minus takes away again. No pattern and _all select all.
func SelectedAliases(m *state.Index, patterns []string) []state.Alias {
	return slices.DeleteFunc(slices.Clone(m.Aliases), func(a state.Alias) bool { return !selected(a.Name, patterns) })
}

func selected(name string, patterns []string) bool {
	on := len(patterns) == 0
	for i, p := range patterns {
		if without, minus := strings.CutPrefix(p, "-"); minus && i > 0 {
			on = on && !rest.SimpleMatch(without, name)
		} else {
			on = on || p == "_all" || rest.SimpleMatch(p, name)
		}
	}
	return on
}

// prepareGetAliases serves GET and HEAD of _alias.
func prepareGetAliases(r *rest.Request) rest.Action {
	_, named := r.Lookup("name")
	patterns, names := r.ListParam("name"), r.ListParam("index")
	r.BoolParam("local", false)
	master := r.MasterTimeout()
	opt := r.IndicesOptions(rest.ExpandHidden)
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		chosen := rest.Resolve(st, names, opt)
		w := rest.NewWriter(false)
		w.Obj()
		missing := missingAliases(st, chosen, patterns)
		if len(missing) > 0 {
			text := "alias [" + strings.Join(missing, ",") + "] missing"
			if len(missing) > 1 {
				text = "aliases [" + strings.Join(missing, ",") + "] missing"
			}
			w.Str("error", text)
			w.Int("status", 404)
		}
		for _, name := range chosen {
			aliases := SelectedAliases(st.Index(name), patterns)
			if len(aliases) == 0 && named {
				continue
			}
			w.Object(name)
			writeAliases(w, aliases)
			w.End()
		}
		w.End()
		resp := &rest.Response{JSON: w.Bytes()}
		if len(missing) > 0 {
			resp.Status = 404
		}
		return resp
	}
}

// missingAliases are the names that were asked for and none of the indices has, sorted.
func missingAliases(st *state.State, indices, patterns []string) []string {
	var out []string
	wild := false // a minus takes away only from what a wildcard selected before it
	for _, p := range patterns {
		wild = wild || p == "_all" || strings.Contains(p, "*")
		if p == "_all" || strings.Contains(p, "*") || wild && strings.HasPrefix(p, "-") {
			continue
		}
		if !slices.ContainsFunc(indices, func(name string) bool { return st.Index(name).Alias(p) != nil }) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
