package rest

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// named reports whether an expression of a search means an index by its own name, and the
// aliases by which it means it besides (IndexNameExpressionResolver.resolveExpressions).
func named(st *state.State, m *state.Index, expressions []string, opt IndicesOptions) (itself bool, aliases []*state.Alias) {
	if len(expressions) == 0 {
		return true, nil
	}
	for _, e := range expressions {
		switch {
		case e == "_all" || SimpleMatch(e, m.Name):
			itself = true
		case st.DataStream(e) != nil && slices.Contains(st.DataStream(e).Indices, m.Name):
			itself = true
		}
		for i := range m.Aliases {
			a := &m.Aliases[i]
			if a.Name == e || strings.Contains(e, "*") && e != "*" && SimpleMatch(e, a.Name) && (opt.hidden || a.Hidden == nil || !*a.Hidden) {
				aliases = append(aliases, a)
			}
		}
	}
	return itself, aliases
}

// AliasFilters are, by index, the filters of which documents must match one to be seen under
// the expressions; an index that is also meant by its own name, or by an alias without a
// filter, is seen whole and has none (filteringAliases).
func AliasFilters(st *state.State, expressions []string, opt IndicesOptions) map[string][]json.RawMessage {
	out := map[string][]json.RawMessage{}
	for _, m := range st.Indices {
		if len(m.Aliases) == 0 {
			continue
		}
		itself, aliases := named(st, m, expressions, opt)
		whole := itself || slices.ContainsFunc(aliases, func(a *state.Alias) bool { return a.Filter == nil })
		if whole || len(aliases) == 0 {
			continue
		}
		for _, a := range aliases {
			out[m.Name] = append(out[m.Name], a.Filter)
		}
	}
	return out
}

// SearchShards are, by index, the shards that a search has to ask for a routing, values with
// commas between them, and for that of aliases (resolveSearchRouting). An index that is not
// there is asked on all its shards.
func SearchShards(st *state.State, expressions []string, opt IndicesOptions, routing string) map[string][]int {
	out := map[string][]int{}
	var asked []string
	if routing != "" {
		asked = strings.Split(routing, ",")
	}
	for _, m := range st.Indices {
		values, narrowed := asked, asked != nil
		if itself, aliases := named(st, m, expressions, opt); !itself && len(aliases) > 0 &&
			!slices.ContainsFunc(aliases, func(a *state.Alias) bool { return a.SearchRouting == "" }) {
			values, narrowed = aliasRouting(aliases, asked), true
		}
		if narrowed {
			out[m.Name] = routed(m, values)
		}
	}
	return out
}

// aliasRouting are the values of aliases that are asked for; all of theirs without any.
func aliasRouting(aliases []*state.Alias, asked []string) []string {
	var out []string
	for _, a := range aliases {
		for v := range strings.SplitSeq(a.SearchRouting, ",") {
			if asked == nil || slices.Contains(asked, v) {
				out = AddNew(out, v)
			}
		}
	}
	return out
}

func routed(m *state.Index, values []string) []int {
	out := []int{}
	for _, v := range values {
		for _, shard := range indexmeta.ShardsFor(m, v) {
			if !slices.Contains(out, shard) {
				out = append(out, shard)
			}
		}
	}
	slices.Sort(out)
	return out
}

// IndexRouting is the routing of a write, or of a read of one document, under a name: that of
// the alias where it has one (ProjectMetadata.resolveIndexRouting).
func IndexRouting(st *state.State, name, routing string) (string, *elastic.Error) {
	of := st.Aliased(name)
	if st.Index(name) != nil || len(of) == 0 {
		return routing, nil
	}
	its := of[0].Alias(name).IndexRouting
	switch {
	case its == "":
		return routing, nil
	case strings.Contains(its, ","):
		return "", IllegalArgument("index/alias [%s] provided with routing value [%s] that resolved to several routing values, rejecting operation", name, its)
	case routing != "" && routing != its:
		return "", IllegalArgument("Alias [%s] has index routing associated with it [%s], and was provided with routing value [%s], rejecting operation", name, its, routing)
	}
	return its, nil
}
