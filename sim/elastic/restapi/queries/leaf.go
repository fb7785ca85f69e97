package queries

import (
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// theField is the one field that a query names, and its options.
func theField(m *rest.Member) *rest.Member {
	var field *rest.Member
	for i := range m.Value.Members {
		f := &m.Value.Members[i]
		if f.Name == "boost" || f.Name == "_name" {
			continue
		}
		if field != nil {
			rest.Raise(ParsingException(f.Value.Line, f.Value.Col, "["+m.Name+"] query doesn't support multiple fields, found ["+field.Name+"] and ["+f.Name+"]"))
		}
		field = f
	}
	if field == nil {
		rest.Raise(rest.IllegalArgument("[%s] query requires a field", m.Name))
	}
	return field
}

// options reads a query's value: bare, or in an object under one of the names beside options
// that are known.
func options(query string, f *rest.Member, value string, known ...string) (v *rest.Value, with map[string]string) {
	with = map[string]string{}
	if f.Value.Kind != rest.ObjectValue {
		if f.Value.Kind == rest.ArrayValue {
			rest.Raise(ParsingException(f.Value.Line, f.Value.Col, "["+query+"] query does not support array of values"))
		}
		return &f.Value, with
	}
	for i := range f.Value.Members {
		o := &f.Value.Members[i]
		switch {
		case o.Name == value:
			v = &o.Value
		case o.Name == "boost" || o.Name == "_name":
		case slices.Contains(known, o.Name):
			with[o.Name] = o.Value.Text
		default:
			rest.Raise(ParsingException(o.Value.Line, o.Value.Col, "["+query+"] query does not support ["+o.Name+"]"))
		}
	}
	if v == nil {
		rest.Raise(rest.IllegalArgument("value cannot be null"))
	}
	return v, with
}

// kindAt is the type of a field, with those that every document has.
func (d *Doc) kindAt(path string) string {
	if strings.HasPrefix(path, "_") {
		return "keyword"
	}
	return d.Fields.Kind(path)
}

// has reports whether a field of the document holds a value: a word of a text, or the value.
func (d *Doc) has(path, text string, fold bool) bool {
	kind := d.kindAt(path)
	if kind == "" {
		return false
	}
	values := d.Values(path)
	if isText(kind) {
		return slices.ContainsFunc(values, func(v rest.Value) bool { return slices.Contains(Words(v.Text), text) })
	}
	want, bad := wanted(kind, text)
	if bad != nil {
		return false // it was refused before the search began
	}
	return slices.ContainsFunc(values, func(v rest.Value) bool {
		have, ok := keyOf(kind, &v)
		return ok && (have.compare(want) == 0 || fold && !want.numeric && strings.EqualFold(have.s, want.s))
	})
}

func (p *Parser) parseTerm(m *rest.Member) Query {
	f := theField(m)
	v, with := options("term", f, "value", "case_insensitive")
	text, fold := v.Text, with["case_insensitive"] == "true"
	p.check(f.Name, text)
	return term{f.Name, text, fold}
}

// term looks for a value, or a word, in a field.
type term struct {
	field, text string
	fold        bool // in small letters or large ones
}

func (q term) Holds(d *Doc) bool { return d.has(q.field, q.text, q.fold) }

func (p *Parser) parseTerms(m *rest.Member) Query {
	f := theField(m)
	if f.Value.Kind == rest.ObjectValue {
		rest.Raise(rest.NotModelled("terms that are looked up in a document"))
	}
	if f.Value.Kind != rest.ArrayValue {
		rest.Raise(ParsingException(f.Value.Line, f.Value.Col, "[terms] query does not support ["+f.Name+"]"))
	}
	p.Checks = append(p.Checks, func(fields *Fields) *elastic.Error {
		if most := fields.Limit("index.max_terms_count", 65536); len(f.Value.Elements) > most {
			return rest.IllegalArgument("The number of terms [%d] used in the Terms Query request has exceeded the allowed maximum of [%d]. This maximum can be set by "+
				"changing the [index.max_terms_count] index level setting.", len(f.Value.Elements), most)
		}
		return nil
	})
	texts := make([]string, len(f.Value.Elements))
	for i := range texts {
		texts[i] = f.Value.Elements[i].Text
		p.check(f.Name, texts[i])
	}
	return terms{f.Name, texts}
}

// terms looks for any of several values.
type terms struct {
	field string
	texts []string
}

func (q terms) Holds(d *Doc) bool {
	return slices.ContainsFunc(q.texts, func(t string) bool { return d.has(q.field, t, false) })
}

func (p *Parser) parseExists(m *rest.Member) Query {
	v := m.Value.Member("field")
	if v == nil {
		rest.Raise(ParsingException(m.Value.CloseLine, m.Value.CloseCol, "[exists] must be provided with a [field]"))
	}
	path := v.Text
	switch path {
	case "_seq_no", "_version", "_primary_term":
		return nil // every document has them
	case "_source":
		p.Checks = append(p.Checks, func(*Fields) *elastic.Error {
			return queryShard("failed to create query: The [_source] field may not be queried directly", rest.IllegalArgument("The [_source] field may not be queried directly"))
		})
	}
	return exists{path}
}

// exists selects what has a field, be it an object.
type exists struct{ path string }

func (q exists) Holds(d *Doc) bool {
	if len(d.Values(q.path)) > 0 {
		return true
	}
	return d.Fields.Kind(q.path) == "object" && len(collect(d.root(), q.path, nil)) > 0
}

// parsePattern reads a query about the beginning of words, or their form with wildcards.
func parsePattern(m *rest.Member, value string, wildcards bool) Query {
	f := theField(m)
	if o := f.Value.Member("wildcard"); o != nil {
		value = "wildcard"
	}
	v, with := options(m.Name, f, value, "rewrite", "case_insensitive")
	return pattern{f.Name, v.Text, wildcards, with["case_insensitive"] == "true"}
}

// pattern looks for words that begin with a text, or fit one with wildcards.
type pattern struct {
	field, want     string
	wildcards, fold bool
}

func (q pattern) Holds(d *Doc) bool {
	text := isText(d.kindAt(q.field))
	return slices.ContainsFunc(d.Values(q.field), func(v rest.Value) bool {
		if text {
			return slices.ContainsFunc(Words(v.Text), q.fits)
		}
		return q.fits(v.Text)
	})
}

func (q pattern) fits(have string) bool {
	want := q.want
	if q.fold {
		have, want = strings.ToLower(have), strings.ToLower(want)
	}
	if q.wildcards {
		return rest.SimpleMatch(want, have)
	}
	return strings.HasPrefix(have, want)
}

// parseMatch reads a query of words, in their order where they are a phrase.
func (p *Parser) parseMatch(m *rest.Member, phrase bool) Query {
	f := theField(m)
	v, with := options(m.Name, f, "query", "operator", "analyzer", "lenient", "zero_terms_query", "slop", "auto_generate_synonyms_phrase_query")
	if slop := with["slop"]; slop != "" && slop != "0" {
		rest.Raise(rest.NotModelled("[slop] of a phrase"))
	}
	text, all := v.Text, strings.EqualFold(with["operator"], "and")
	p.check(f.Name, text)
	return words{f.Name, text, Words(text), all, phrase}
}

// words looks for any of a text's words, for all, or for them in their order.
type words struct {
	field, text string
	want        []string
	all, phrase bool
}

func (q words) Holds(d *Doc) bool {
	if !isText(d.kindAt(q.field)) {
		return d.has(q.field, q.text, false)
	}
	return slices.ContainsFunc(d.Values(q.field), func(v rest.Value) bool { return matches(Words(v.Text), q.want, q.all, q.phrase) })
}

func matches(have, want []string, all, phrase bool) bool {
	if len(want) == 0 {
		return false
	}
	if phrase {
		for i := 0; i+len(want) <= len(have); i++ {
			if slices.Equal(have[i:i+len(want)], want) {
				return true
			}
		}
		return false
	}
	in := func(w string) bool { return slices.Contains(have, w) }
	if all {
		return !slices.ContainsFunc(want, func(w string) bool { return !in(w) })
	}
	return slices.ContainsFunc(want, in)
}

// limit is a bound of a range.
type limit struct {
	text          string
	above, closed bool
}

func (p *Parser) parseRange(m *rest.Member) Query {
	f := theField(m)
	if f.Value.Kind != rest.ObjectValue {
		rest.Raise(ParsingException(f.Value.Line, f.Value.Col, "[range] query malformed, no start_object after query name"))
	}
	var limits []limit
	for i := range f.Value.Members {
		o := &f.Value.Members[i]
		switch o.Name {
		case "gte", "gt", "lte", "lt":
			if o.Value.Kind != rest.NullValue {
				limits = append(limits, limit{o.Value.Text, o.Name[0] == 'g', strings.HasSuffix(o.Name, "te")})
			}
		case "boost", "_name", "relation":
		case "format":
			if !strings.Contains(o.Value.Text, "date_optional_time") && !strings.Contains(o.Value.Text, "epoch_millis") {
				rest.Raise(rest.NotModelled("[format] in a range; it reads strict_date_optional_time and epoch_millis"))
			}
		case "time_zone":
			rest.Raise(rest.NotModelled("[time_zone] in a range; dates may hold an offset"))
		default:
			rest.Raise(ParsingException(o.Value.Line, o.Value.Col, "[range] query does not support ["+o.Name+"]"))
		}
	}
	now := p.Now().UTC()
	p.Checks = append(p.Checks, func(fields *Fields) *elastic.Error {
		for _, l := range limits {
			if _, bad := l.key(fields.Kind(f.Name), now); bad != nil {
				return bad
			}
		}
		return nil
	})
	return between{f.Name, limits, now}
}

// between looks for values within limits; now is the moment that these may speak of.
type between struct {
	field  string
	limits []limit
	now    time.Time
}

func (q between) Holds(d *Doc) bool {
	kind := d.kindAt(q.field)
	if kind == "" {
		return false
	}
	return slices.ContainsFunc(d.Values(q.field), func(v rest.Value) bool {
		have, ok := keyOf(kind, &v)
		for i := range q.limits {
			at, bad := q.limits[i].key(kind, q.now)
			ok = ok && bad == nil && q.limits[i].holds(have.compare(at))
		}
		return ok
	})
}

func (l *limit) key(kind string, now time.Time) (key, *elastic.Error) {
	if isDate(kind) {
		// What is rounded takes the whole unit in, or leaves it out.
		t, bad := bound(l.text, now, l.above != l.closed)
		return key{n: float64(t.UnixMilli()), numeric: true}, bad
	}
	return wanted(kind, l.text)
}

func (l *limit) holds(c int) bool {
	switch {
	case c == 0:
		return l.closed
	case l.above:
		return c > 0
	}
	return c < 0
}
