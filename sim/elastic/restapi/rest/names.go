package rest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// IndicesOptions says what index expressions may match (IndicesOptions).
type IndicesOptions struct {
	IgnoreUnavailable, AllowNone bool
	Open, Closed, hidden         bool
	// IgnoreAliases: only indices are meant, and an alias is refused.
	IgnoreAliases bool
}

// Options of APIs that read indices leniently and of those that need them to exist.
var (
	ExpandOpen   = IndicesOptions{AllowNone: true, Open: true}
	ExpandAll    = IndicesOptions{AllowNone: true, Open: true, Closed: true}
	ExpandHidden = IndicesOptions{AllowNone: true, Open: true, Closed: true, hidden: true}
	Lenient      = IndicesOptions{IgnoreUnavailable: true, AllowNone: true, Open: true, Closed: true, hidden: true}
)

// IndicesOptions reads ?expand_wildcards, ?ignore_unavailable and ?allow_no_indices.
func (r *Request) IndicesOptions(def IndicesOptions) IndicesOptions {
	out := def
	if v, ok := r.Lookup("expand_wildcards"); ok {
		out.Open, out.Closed, out.hidden = false, false, false
		for _, word := range strings.Split(v, ",") {
			switch word {
			case "open":
				out.Open = true
			case "closed":
				out.Closed = true
			case "hidden":
				out.hidden = true
			case "all":
				out.Open, out.Closed, out.hidden = true, true, true
			case "none":
				out.Open, out.Closed, out.hidden = false, false, false
			default:
				Raise(IllegalArgument("No valid expand wildcard value [%s]", word))
			}
		}
	}
	r.option("ignore_throttled", false) // of frozen indices, which there are none of
	out.IgnoreUnavailable = r.option("ignore_unavailable", def.IgnoreUnavailable)
	out.AllowNone = r.option("allow_no_indices", def.AllowNone)
	return out
}

// option reads one of them (XContentMapValues.nodeBooleanValue).
func (r *Request) option(name string, def bool) bool {
	v, ok := r.Lookup(name)
	switch {
	case !ok:
		return def
	case v != "true" && v != "false":
		e := IllegalArgument("Could not convert [%s] to boolean", name)
		e.CausedBy = &elastic.Error{Type: e.Type, Reason: "Failed to parse value [" + v + "] as only [true] or [false] are allowed."}
		Raise(e)
	}
	return v == "true"
}

// Resolve turns index expressions into names of existing indices
// (IndexNameExpressionResolver). No expression, "_all" and "*" mean all.
func Resolve(st *state.State, expressions []string, opt IndicesOptions) []string {
	if len(expressions) == 0 || len(expressions) == 1 && (expressions[0] == "_all" || expressions[0] == "*") {
		names := matching(st, "*", opt)
		if len(names) == 0 && !opt.AllowNone {
			name := "_all"
			if len(expressions) == 1 {
				name = expressions[0]
			}
			Raise(elastic.IndexNotFound(name))
		}
		return names
	}
	var names []string
	wild := false
	for _, e := range expressions {
		switch {
		case strings.HasPrefix(e, "-") && wild:
			names = slices.DeleteFunc(names, func(n string) bool { return SimpleMatch(e[1:], n) })
		case strings.Contains(e, "*"):
			wild = true
			found := matching(st, e, opt)
			if len(found) == 0 && !opt.AllowNone {
				Raise(elastic.IndexNotFound(e))
			}
			names = AddNew(names, found...)
		case strings.HasPrefix(e, "_"):
			Raise(invalidName(e, "must not start with '_'."))
		case st.Index(e) != nil:
			names = AddNew(names, e)
		case st.DataStream(e) != nil && !opt.IgnoreAliases:
			names = AddNew(names, st.DataStream(e).Indices...)
		case st.Aliased(e) != nil && !opt.IgnoreAliases:
			for _, m := range st.Aliased(e) {
				names = AddNew(names, m.Name)
			}
		case opt.IgnoreUnavailable:
		case st.Aliased(e) != nil:
			Raise(aliasRefused(e))
		case st.DataStream(e) != nil:
			Raise(streamRefused(e))
		default:
			Raise(elastic.IndexNotFound(e))
		}
	}
	if len(names) == 0 && !opt.AllowNone {
		Raise(elastic.IndexNotFound(strings.Join(expressions, ",")))
	}
	return names
}

// Searchable are the indices that can be read: closed ones that were named are passed over where
// what is not available may be.
func Searchable(st *state.State, names []string, opt IndicesOptions) []string {
	if !opt.IgnoreUnavailable {
		return names
	}
	return slices.DeleteFunc(names, func(name string) bool { m := st.Index(name); return m != nil && m.Closed })
}

// OpenOnly is Searchable, and refuses closed indices that are left.
func OpenOnly(st *state.State, names []string, opt IndicesOptions) []string {
	names = Searchable(st, names, opt)
	for _, name := range names {
		if m := st.Index(name); m != nil && m.Closed {
			Raise(&elastic.Error{
				Status: 400, Type: "index_closed_exception", Reason: "closed",
				Fields: []elastic.Field{{Name: "index_uuid", Value: m.UUID}, {Name: "index", Value: m.Name}},
			})
		}
	}
	return names
}

func AddNew(names []string, more ...string) []string {
	for _, n := range more {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

func matching(st *state.State, pattern string, opt IndicesOptions) []string {
	if !opt.Open && !opt.Closed {
		return nil
	}
	var names []string
	for _, m := range st.Indices {
		if m.Closed && !opt.Closed || !m.Closed && !opt.Open {
			continue
		}
		hidden, _ := m.Settings.Get("index.hidden")
		shown := opt.hidden || hidden != "true" || strings.HasPrefix(pattern, ".") && strings.HasPrefix(m.Name, ".")
		if shown && SimpleMatch(pattern, m.Name) || !opt.IgnoreAliases && aliasMatches(m, pattern, opt) {
			names = append(names, m.Name)
		}
	}
	for _, d := range st.DataStreams {
		if shown := opt.hidden || !d.Hidden; shown && !opt.IgnoreAliases && SimpleMatch(pattern, d.Name) {
			names = AddNew(names, d.Indices...)
		}
	}
	slices.Sort(names)
	return names
}

// aliasMatches reports whether the pattern means an index by one of its aliases; "*" means
// indices by their own names.
func aliasMatches(m *state.Index, pattern string, opt IndicesOptions) bool {
	if pattern == "*" {
		return false
	}
	return slices.ContainsFunc(m.Aliases, func(a state.Alias) bool {
		hidden := a.Hidden != nil && *a.Hidden
		shown := opt.hidden || !hidden || strings.HasPrefix(pattern, ".") && strings.HasPrefix(a.Name, ".")
		return shown && SimpleMatch(pattern, a.Name)
	})
}

// streamRefused is the answer to a data stream where an index is expected.
func streamRefused(name string) *elastic.Error {
	return IllegalArgument("The provided expression [%s] matches a data stream, specify the corresponding concrete indices instead.", name)
}

// aliasRefused is the answer to an alias where an index is expected.
func aliasRefused(name string) *elastic.Error {
	return IllegalArgument("The provided expression [%s] matches an alias, specify the corresponding concrete indices instead.", name)
}

func invalidName(name, why string) *elastic.Error {
	return &elastic.Error{
		Status: 400, Type: "invalid_index_name_exception",
		Reason: "Invalid index name [" + name + "], " + why,
		Fields: []elastic.Field{{Name: "index_uuid", Value: "_na_"}, {Name: "index", Value: name}},
	}
}

// ValidateName refuses names that no index may have (MetadataCreateIndexService).
func ValidateName(name string) *elastic.Error {
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

// NamedAsAlias is the refusal of an index that would be called as an alias is.
func NamedAsAlias(name string) *elastic.Error { return invalidName(name, "already exists as alias") }

// ValidateAliasName refuses names that no alias may have; unlike an index's they may hold
// capital letters (AliasValidator).
func ValidateAliasName(name string) *elastic.Error {
	if name == "" {
		return IllegalArgument("alias name is required")
	}
	bad := ValidateName(strings.ToLower(name))
	if bad == nil {
		return nil
	}
	_, why, _ := strings.Cut(bad.Reason, "], ")
	return &elastic.Error{Status: 400, Type: "invalid_alias_name_exception", Reason: "Invalid alias name [" + name + "]: " + why}
}

// NodesOf resolves node filters: ids, names, addresses, wildcards, _all, _local,
// _master, roles such as data:true, attributes such as zone:a. No filter means all.
func NodesOf(st *state.State, self string, filters []string) []*state.Node {
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
				if v, ok := n.Attribute(attribute); !ok || !SimpleMatch(value, v) {
					continue
				}
			case n.ID != f && !SimpleMatch(f, n.Name) && !SimpleMatch(f, n.Host) && !SimpleMatch(f, n.Address):
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
		return IsData(n)
	}
	return n.HasRole(role)
}

// IsData reports whether the node can hold shards.
func IsData(n *state.Node) bool {
	return slices.ContainsFunc(n.Roles, func(r string) bool { return r == "data" || strings.HasPrefix(r, "data_") })
}
