package restapi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// indicesOptions says what index expressions may match (IndicesOptions).
type indicesOptions struct {
	ignoreUnavailable, allowNone bool
	open, hidden                 bool
}

// Options of APIs that read indices leniently and of those that need them to exist.
var (
	expandOpen   = indicesOptions{allowNone: true, open: true}
	expandHidden = indicesOptions{allowNone: true, open: true, hidden: true}
	lenient      = indicesOptions{ignoreUnavailable: true, allowNone: true, open: true, hidden: true}
)

// indicesOptions reads ?expand_wildcards, ?ignore_unavailable and ?allow_no_indices.
func (r *request) indicesOptions(def indicesOptions) indicesOptions {
	out := def
	if v, ok := r.lookup("expand_wildcards"); ok {
		out.open, out.hidden = false, false
		for _, word := range strings.Split(v, ",") {
			switch word {
			case "open":
				out.open = true
			case "closed":
			case "hidden":
				out.hidden = true
			case "all":
				out.open, out.hidden = true, true
			case "none":
				out.open, out.hidden = false, false
			default:
				raise(illegalArgument("No valid expand wildcard value [%s]", word))
			}
		}
	}
	r.strictBool("ignore_throttled", false) // of frozen indices, which there are none of
	out.ignoreUnavailable = r.strictBool("ignore_unavailable", def.ignoreUnavailable)
	out.allowNone = r.strictBool("allow_no_indices", def.allowNone)
	return out
}

// resolve turns index expressions into names of existing indices
// (IndexNameExpressionResolver). No expression, "_all" and "*" mean all.
func resolve(st *state.State, expressions []string, opt indicesOptions) []string {
	if len(expressions) == 0 || len(expressions) == 1 && (expressions[0] == "_all" || expressions[0] == "*") {
		names := matching(st, "*", opt)
		if len(names) == 0 && !opt.allowNone {
			name := "_all"
			if len(expressions) == 1 {
				name = expressions[0]
			}
			raise(elastic.IndexNotFound(name))
		}
		return names
	}
	var names []string
	wild := false
	for _, e := range expressions {
		switch {
		case strings.HasPrefix(e, "-") && wild:
			names = slices.DeleteFunc(names, func(n string) bool { return simpleMatch(e[1:], n) })
		case strings.Contains(e, "*"):
			wild = true
			found := matching(st, e, opt)
			if len(found) == 0 && !opt.allowNone {
				raise(elastic.IndexNotFound(e))
			}
			names = addNew(names, found...)
		case strings.HasPrefix(e, "_"):
			raise(invalidName(e, "must not start with '_'."))
		case st.Index(e) != nil:
			names = addNew(names, e)
		case !opt.ignoreUnavailable:
			raise(elastic.IndexNotFound(e))
		}
	}
	if len(names) == 0 && !opt.allowNone {
		raise(elastic.IndexNotFound(strings.Join(expressions, ",")))
	}
	return names
}

func addNew(names []string, more ...string) []string {
	for _, n := range more {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

func matching(st *state.State, pattern string, opt indicesOptions) []string {
	if !opt.open {
		return nil
	}
	var names []string
	for _, m := range st.Indices {
		hidden, _ := m.Settings.Get("index.hidden")
		shown := opt.hidden || hidden != "true" || strings.HasPrefix(pattern, ".") && strings.HasPrefix(m.Name, ".")
		if shown && simpleMatch(pattern, m.Name) {
			names = append(names, m.Name)
		}
	}
	slices.Sort(names)
	return names
}

func invalidName(name, why string) *elastic.Error {
	return &elastic.Error{
		Status: 400, Type: "invalid_index_name_exception",
		Reason: "Invalid index name [" + name + "], " + why,
		Fields: []elastic.Field{{Name: "index_uuid", Value: "_na_"}, {Name: "index", Value: name}},
	}
}

// validateName refuses names that no index may have (MetadataCreateIndexService).
func validateName(name string) *elastic.Error {
	switch {
	case strings.ContainsAny(name, ` "*,/<>?\|`):
		return invalidName(name, `must not contain the following characters [' ','"','*',',','/','<','>','?','\','|']`)
	case name == "":
		return invalidName(name, "must not be empty")
	case strings.Contains(name, "#"):
		return invalidName(name, "must not contain '#'")
	case strings.Contains(name, ":"):
		return invalidName(name, "must not contain ':'")
	case name[0] == '_' || name[0] == '-' || name[0] == '+':
		return invalidName(name, "must not start with '_', '-', or '+'")
	case len(name) > 255:
		return invalidName(name, "index name is too long, ("+strconv.Itoa(len(name))+" > 255)")
	case name == "." || name == "..":
		return invalidName(name, "must not be '.' or '..'")
	case strings.ToLower(name) != name:
		return invalidName(name, "must be lowercase")
	}
	return nil
}

// nodesOf resolves node filters: ids, names, addresses, wildcards, _all, _local,
// _master, roles such as data:true, attributes such as zone:a. No filter means all.
func nodesOf(st *state.State, self string, filters []string) []*state.Node {
	if len(filters) == 0 {
		return st.Nodes
	}
	chosen := map[string]bool{}
	for _, f := range filters {
		attribute, value, pair := strings.Cut(f, ":")
		for _, n := range st.Nodes {
			on := true
			switch {
			case f == "_all":
			case f == "_local":
				if n.ID != self {
					continue
				}
			case f == "_master":
				if n.ID != st.Master {
					continue
				}
			case pair && (value == "true" || value == "false") && isRole(attribute):
				if !hasRole(n, attribute) {
					continue
				}
				on = value == "true"
			case pair:
				if v, ok := n.Attribute(attribute); !ok || !simpleMatch(value, v) {
					continue
				}
			case n.ID != f && !simpleMatch(f, n.Name) && !simpleMatch(f, n.Host) && !simpleMatch(f, n.Address):
				continue
			}
			chosen[n.ID] = on
		}
	}
	return slices.DeleteFunc(slices.Clone(st.Nodes), func(n *state.Node) bool { return !chosen[n.ID] })
}

func isRole(name string) bool {
	switch name {
	case "master", "data", "ingest", "voting_only", "ml", "coordinating_only":
		return true
	}
	return strings.HasPrefix(name, "data_")
}

func hasRole(n *state.Node, role string) bool {
	switch role {
	case "coordinating_only":
		return len(n.Roles) == 0
	case "data":
		return isData(n)
	}
	return n.HasRole(role)
}

// isData reports whether the node can hold shards.
func isData(n *state.Node) bool {
	return slices.ContainsFunc(n.Roles, func(r string) bool { return r == "data" || strings.HasPrefix(r, "data_") })
}
