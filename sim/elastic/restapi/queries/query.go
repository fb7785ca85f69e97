package queries

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// names are the queries that an Elasticsearch node knows.
var names = strings.Fields(`bool boosting combined_fields constant_score dis_max distance_feature exists function_score fuzzy
	geo_bounding_box geo_distance geo_shape ids intervals knn match match_all match_bool_prefix match_none match_phrase
	match_phrase_prefix more_like_this multi_match nested pinned prefix query_string range rank_feature regexp script script_score
	simple_query_string span_containing span_field_masking span_first span_gap span_multi span_near span_not span_or span_term
	span_within sparse_vector term terms terms_set text_expansion weighted_tokens wildcard wrapper`)

// Query selects documents: a value, which says what it looks for. nil selects all.
type Query interface {
	Holds(d *Doc) bool
}

// Parser reads queries at a moment, which "now" in them means.
type Parser struct {
	Now func() time.Time
	// Checks are what has to be asked of every index's fields before a search begins: whether
	// the values that queries name can be such fields'.
	Checks []func(*Fields) *elastic.Error
}

// check has it asked whether a field can have a value.
func (p *Parser) check(name, text string) {
	p.Checks = append(p.Checks, func(f *Fields) *elastic.Error {
		_, bad := wanted(f.Kind(name), text)
		return bad
	})
}

// ParsingException is Elasticsearch's refusal of what it reads token by token.
func ParsingException(line, col int, reason string) *elastic.Error {
	return &elastic.Error{
		Status: 400, Type: "parsing_exception", Reason: reason,
		Fields: []elastic.Field{{Name: "line", Value: line}, {Name: "col", Value: col}},
	}
}

// clause is the query of a member, if it is one that is evaluated.
func (p *Parser) clause(m *rest.Member) (Query, bool) {
	switch m.Name {
	case "match_all", "match_none":
		return matchAll(m), true
	case "ids":
		return parseIDs(&m.Value), true
	case "bool":
		return p.parseBool(&m.Value), true
	case "constant_score":
		f := m.Value.Member("filter")
		if f == nil {
			rest.Raise(ParsingException(m.Value.CloseLine, m.Value.CloseCol, "[constant_score] requires a 'filter' element"))
		}
		return p.Query(f), true
	case "term":
		return p.parseTerm(m), true
	case "terms":
		return p.parseTerms(m), true
	case "exists":
		return p.parseExists(m), true
	case "prefix":
		return parsePattern(m, "value", false), true
	case "wildcard":
		return parsePattern(m, "value", true), true
	case "match":
		return p.parseMatch(m, false), true
	case "match_phrase":
		return p.parseMatch(m, true), true
	case "range":
		return p.parseRange(m), true
	case "regexp":
		return p.parseRegexp(m), true
	}
	return nil, false
}

// Query reads a query clause.
func (p *Parser) Query(v *rest.Value) Query {
	if len(v.Members) == 0 {
		rest.Raise(rest.IllegalArgument("query malformed, empty clause found at [%d:%d]", v.CloseLine, v.CloseCol))
	}
	m := &v.Members[0]
	if m.Value.Kind != rest.ObjectValue {
		rest.Raise(ParsingException(m.Value.Line, m.Value.Col, "["+m.Name+"] query malformed, no start_object after query name"))
	}
	q, ok := p.clause(m)
	if !ok {
		rest.Raise(unknownQuery(m))
	}
	if len(v.Members) > 1 {
		next := &v.Members[1]
		rest.Raise(ParsingException(next.Line, next.Col, "["+m.Name+"] malformed query, expected [END_OBJECT] but found [FIELD_NAME]"))
	}
	return q
}

func unknownQuery(m *rest.Member) *elastic.Error {
	if slices.Contains(names, m.Name) {
		return rest.NotModelled("query [" + m.Name + "]; it evaluates match_all, match_none, ids, bool, constant_score, term, terms, range, exists, " +
			"prefix, wildcard, regexp, match and match_phrase")
	}
	line, col := m.Value.Line, m.Value.Col
	reason := "unknown query [" + m.Name + "]"
	switch similar := rest.SimilarTo(m.Name, names, 0.5); len(similar) {
	case 0:
	case 1:
		reason += " did you mean [" + similar[0] + "]?"
	default:
		reason += " did you mean any of [" + strings.Join(similar, ", ") + "]?"
	}
	e := ParsingException(line, col, reason)
	e.CausedBy = &elastic.Error{
		Type: "named_object_not_found_exception", Reason: "[" + strconv.Itoa(line) + ":" + strconv.Itoa(col) + "] unknown field [" + m.Name + "]",
	}
	e.RootCause = []*elastic.Error{{Type: e.Type, Reason: e.Reason, Fields: e.Fields}}
	return e
}

func unknownQueryField(f *rest.Member, query string, known []string) *elastic.Error {
	inner := rest.UnknownField(f, query, known)
	e := ParsingException(f.Value.Line, f.Value.Col, inner.Reason)
	e.CausedBy = inner
	e.RootCause = []*elastic.Error{{Type: e.Type, Reason: e.Reason, Fields: e.Fields}}
	return e
}

func matchAll(m *rest.Member) Query {
	for i := range m.Value.Members {
		f := &m.Value.Members[i]
		if f.Name != "boost" && f.Name != "_name" {
			rest.Raise(unknownQueryField(f, m.Name, []string{"boost", "_name"}))
		}
	}
	if m.Name == "match_none" {
		return none{}
	}
	return nil
}

// none selects nothing.
type none struct{}

func (none) Holds(*Doc) bool { return false }

// ids selects documents by their ids.
type ids map[string]bool

func (q ids) Holds(d *Doc) bool { return q[d.ID] }

func parseIDs(v *rest.Value) Query {
	want := ids{}
	seen := false
	for i := range v.Members {
		f := &v.Members[i]
		switch f.Name {
		case "values":
			seen = true
			for k := range f.Value.Elements {
				want[f.Value.Elements[k].Text] = true
			}
			if f.Value.Kind == rest.StringValue {
				want[f.Value.Text] = true
			}
		case "boost", "_name":
		default:
			rest.Raise(unknownQueryField(f, "ids", []string{"values", "boost", "_name"}))
		}
	}
	if !seen {
		rest.Raise(rest.IllegalArgument("Required [values]"))
	}
	return want
}

// boolean combines clauses: all of must and filter, none of must_not, and as many of should
// as minimum_should_match says, by default one when there is nothing else.
type boolean struct {
	all, none, some []Query
	least           int // of some
}

func (p *Parser) parseBool(v *rest.Value) Query {
	q := &boolean{least: -1}
	for i := range v.Members {
		f := &v.Members[i]
		clauses := []rest.Value{f.Value}
		if f.Value.Kind == rest.ArrayValue {
			clauses = f.Value.Elements
		}
		var into *[]Query
		switch f.Name {
		case "must", "filter":
			into = &q.all
		case "must_not":
			into = &q.none
		case "should":
			into = &q.some
		case "minimum_should_match":
			n, err := strconv.Atoi(f.Value.Text)
			if err != nil || n < 0 {
				rest.Raise(rest.NotModelled("[minimum_should_match] but as a number"))
			}
			q.least = n
			continue
		case "boost", "_name", "adjust_pure_negative":
			continue
		default:
			rest.Raise(unknownQueryField(f, "bool", []string{"must", "filter", "must_not", "should", "boost", "minimum_should_match", "_name"}))
		}
		for k := range clauses {
			*into = append(*into, p.Query(&clauses[k]))
		}
	}
	if q.least < 0 {
		q.least = 0
		if len(q.some) > 0 && len(q.all) == 0 {
			q.least = 1
		}
	}
	return q
}

func (q *boolean) Holds(d *Doc) bool {
	if !allHold(q.all, d) || anyHolds(q.none, d) {
		return false
	}
	met := 0
	for _, one := range q.some {
		if met < q.least && Holds(one, d) {
			met++
		}
	}
	return met >= q.least
}

func allHold(list []Query, d *Doc) bool {
	return !slices.ContainsFunc(list, func(q Query) bool { return !Holds(q, d) })
}

func anyHolds(list []Query, d *Doc) bool {
	return slices.ContainsFunc(list, func(q Query) bool { return Holds(q, d) })
}

// Holds reports whether a document is selected.
func Holds(q Query, d *Doc) bool { return q == nil || q.Holds(d) }
