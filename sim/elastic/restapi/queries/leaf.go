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
	return func(d *Doc) bool { return d.has(f.Name, text, fold) }
}

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
	return func(d *Doc) bool {
		return slices.ContainsFunc(texts, func(t string) bool { return d.has(f.Name, t, false) })
	}
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
	return func(d *Doc) bool {
		if len(d.Values(path)) > 0 {
			return true
		}
		return d.Fields.Kind(path) == "object" && len(collect(d.root(), path, nil)) > 0
	}
}

// parsePattern reads a query about the beginning or the form of words.
func parsePattern(m *rest.Member, value string, fits func(have, want string) bool) Query {
	f := theField(m)
	if o := f.Value.Member("wildcard"); o != nil {
		value = "wildcard"
	}
	v, with := options(m.Name, f, value, "rewrite", "case_insensitive")
	want := v.Text
	if with["case_insensitive"] == "true" {
		inner := fits
		fits = func(have, want string) bool { return inner(strings.ToLower(have), strings.ToLower(want)) }
	}
	return func(d *Doc) bool {
		text := isText(d.kindAt(f.Name))
		return slices.ContainsFunc(d.Values(f.Name), func(v rest.Value) bool {
			if text {
				return slices.ContainsFunc(Words(v.Text), func(w string) bool { return fits(w, want) })
			}
			return fits(v.Text, want)
		})
	}
}

// parseMatch reads a query of words, in their order where they are a phrase.
func (p *Parser) parseMatch(m *rest.Member, phrase bool) Query {
	f := theField(m)
	v, with := options(m.Name, f, "query", "operator", "analyzer", "lenient", "zero_terms_query", "slop", "auto_generate_synonyms_phrase_query")
	if slop := with["slop"]; slop != "" && slop != "0" {
		rest.Raise(rest.NotModelled("[slop] of a phrase"))
	}
	text, all := v.Text, strings.EqualFold(with["operator"], "and")
	want := Words(text)
	p.check(f.Name, text)
	return func(d *Doc) bool {
		if !isText(d.kindAt(f.Name)) {
			return d.has(f.Name, text, false)
		}
		return slices.ContainsFunc(d.Values(f.Name), func(v rest.Value) bool { return matches(Words(v.Text), want, all, phrase) })
	}
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
	return func(d *Doc) bool {
		kind := d.kindAt(f.Name)
		if kind == "" {
			return false
		}
		return slices.ContainsFunc(d.Values(f.Name), func(v rest.Value) bool {
			have, ok := keyOf(kind, &v)
			for i := range limits {
				at, bad := limits[i].key(kind, now)
				ok = ok && bad == nil && limits[i].holds(have.compare(at))
			}
			return ok
		})
	}
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
