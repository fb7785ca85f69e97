package documents

import (
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// queryNames are the queries that an Elasticsearch node knows; the simulator
// evaluates match_all, match_none, ids and bool over them.
var queryNames = strings.Fields(`bool boosting combined_fields constant_score dis_max distance_feature exists function_score fuzzy
	geo_bounding_box geo_distance geo_shape ids intervals knn match match_all match_bool_prefix match_none match_phrase
	match_phrase_prefix more_like_this multi_match nested pinned prefix query_string range rank_feature regexp script script_score
	simple_query_string span_containing span_field_masking span_first span_gap span_multi span_near span_not span_or span_term
	span_within sparse_vector term terms terms_set text_expansion weighted_tokens wildcard wrapper`)

// matcher selects documents; nil selects all.
type matcher func(id string, source []byte) bool

func parsingException(line, col int, reason string) *elastic.Error {
	return &elastic.Error{
		Status: 400, Type: "parsing_exception", Reason: reason,
		Fields: []elastic.Field{{Name: "line", Value: line}, {Name: "col", Value: col}},
	}
}

// parseQuery reads a query clause.
func parseQuery(v *rest.Value) matcher {
	if len(v.Members) == 0 {
		rest.Raise(rest.IllegalArgument("query malformed, empty clause found at [%d:%d]", v.CloseLine, v.CloseCol))
	}
	m := &v.Members[0]
	if m.Value.Kind != rest.ObjectValue {
		rest.Raise(parsingException(m.Value.Line, m.Value.Col, "["+m.Name+"] query malformed, no start_object after query name"))
	}
	var out matcher
	switch m.Name {
	case "match_all", "match_none":
		for i := range m.Value.Members {
			f := &m.Value.Members[i]
			if f.Name != "boost" && f.Name != "_name" {
				rest.Raise(unknownQueryField(f, m.Name, []string{"boost", "_name"}))
			}
		}
		if m.Name == "match_none" {
			out = func(string, []byte) bool { return false }
		}
	case "ids":
		out = parseIDs(&m.Value)
	case "bool":
		out = parseBool(&m.Value)
	default:
		rest.Raise(unknownQuery(m))
	}
	if len(v.Members) > 1 {
		next := &v.Members[1]
		rest.Raise(parsingException(next.Line, next.Col, "["+m.Name+"] malformed query, expected [END_OBJECT] but found [FIELD_NAME]"))
	}
	return out
}

func unknownQuery(m *rest.Member) *elastic.Error {
	if slices.Contains(queryNames, m.Name) {
		return rest.NotModelled("query [" + m.Name + "]; it evaluates match_all, match_none, ids and bool")
	}
	line, col := m.Value.Line, m.Value.Col
	reason := "unknown query [" + m.Name + "]"
	switch similar := rest.SimilarTo(m.Name, queryNames, 0.5); len(similar) {
	case 0:
	case 1:
		reason += " did you mean [" + similar[0] + "]?"
	default:
		reason += " did you mean any of [" + strings.Join(similar, ", ") + "]?"
	}
	e := parsingException(line, col, reason)
	e.CausedBy = &elastic.Error{
		Type: "named_object_not_found_exception", Reason: "[" + strconv.Itoa(line) + ":" + strconv.Itoa(col) + "] unknown field [" + m.Name + "]",
	}
	e.RootCause = []*elastic.Error{{Type: e.Type, Reason: e.Reason, Fields: e.Fields}}
	return e
}

func unknownQueryField(f *rest.Member, query string, known []string) *elastic.Error {
	inner := rest.UnknownField(f, query, known)
	e := parsingException(f.Value.Line, f.Value.Col, inner.Reason)
	e.CausedBy = inner
	e.RootCause = []*elastic.Error{{Type: e.Type, Reason: e.Reason, Fields: e.Fields}}
	return e
}

func parseIDs(v *rest.Value) matcher {
	want := map[string]bool{}
	seen := false
	for i := range v.Members {
		f := &v.Members[i]
		switch f.Name {
		case "values":
			seen = true
			for k := range f.Value.Elements {
				want[f.Value.Elements[k].Text] = true
			}
		case "boost", "_name":
		default:
			rest.Raise(unknownQueryField(f, "ids", []string{"values", "boost", "_name"}))
		}
	}
	if !seen {
		rest.Raise(rest.IllegalArgument("Required [values]"))
	}
	return func(id string, _ []byte) bool { return want[id] }
}

// parseBool combines clauses: all of must and filter, none of must_not, and one of
// should when there is nothing else.
func parseBool(v *rest.Value) matcher {
	var all, none, any []matcher
	for i := range v.Members {
		f := &v.Members[i]
		clauses := []rest.Value{f.Value}
		if f.Value.Kind == rest.ArrayValue {
			clauses = f.Value.Elements
		}
		var into *[]matcher
		switch f.Name {
		case "must", "filter":
			into = &all
		case "must_not":
			into = &none
		case "should":
			into = &any
		case "boost", "_name", "adjust_pure_negative", "minimum_should_match":
			continue
		default:
			rest.Raise(unknownQueryField(f, "bool", []string{"must", "filter", "must_not", "should", "boost", "minimum_should_match", "_name"}))
		}
		for k := range clauses {
			*into = append(*into, parseQuery(&clauses[k]))
		}
	}
	holds := func(m matcher, id string, source []byte) bool { return m == nil || m(id, source) }
	needed := len(any) > 0 && len(all) == 0
	return func(id string, source []byte) bool {
		for _, m := range all {
			if !holds(m, id, source) {
				return false
			}
		}
		for _, m := range none {
			if holds(m, id, source) {
				return false
			}
		}
		if !needed {
			return true
		}
		return slices.ContainsFunc(any, func(m matcher) bool { return holds(m, id, source) })
	}
}
