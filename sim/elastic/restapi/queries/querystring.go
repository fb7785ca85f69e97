package queries

import (
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// Meant says how the words of a query string are meant.
type Meant struct {
	All     bool   // every one is wanted
	Field   string // that those without a field are looked for in; "": anywhere
	Lenient bool   // a value that a field can't have is looked for in vain
}

// MeantBy reads the parameters beside ?q.
func MeantBy(r *rest.Request) Meant {
	m := Meant{Field: r.Param("df"), Lenient: r.BoolParam("lenient", false)}
	switch op := r.Param("default_operator"); strings.ToLower(op) {
	case "", "or":
	case "and":
		m.All = true
	default:
		rest.Raise(rest.IllegalArgument("operator needs to be either AND or OR, but not [%s]", op))
	}
	r.Param("analyzer") // every text is cut alike
	r.BoolParam("analyze_wildcard", false)
	return m
}

// QueryString reads ?q: words that are looked for anywhere, and field:value, joined by AND or
// OR. What else the language has is refused.
func (p *Parser) QueryString(text string, how Meant) Query {
	if text == "*" || text == "*:*" {
		return nil
	}
	if strings.ContainsAny(text, `()[]{}~^"/\\!<>`) {
		rest.Raise(rest.NotModelled("this query string; it reads words and field:value, joined by AND or OR"))
	}
	var parts []Query
	all := how.All
	for _, word := range strings.Fields(text) {
		switch word {
		case "AND", "&&":
			all = true
		case "OR", "||":
		default:
			parts = append(parts, p.word(word, how))
		}
	}
	if all {
		return allOf(parts)
	}
	return anyOf(parts)
}

// word is a word of a query string.
func (p *Parser) word(text string, how Meant) Query {
	name, value, named := strings.Cut(text, ":")
	if !named && how.Field != "" {
		name, value, named = how.Field, text, true
	}
	if !named {
		return anywhere{text}
	}
	if name == "_exists_" {
		return filled{value}
	}
	if !how.Lenient && !strings.Contains(value, "*") {
		p.check(name, value)
	}
	return wordAt{name, value}
}

// anywhere looks for a word in all fields, wordAt in one; filled selects what has a value there.
type (
	anywhere struct{ text string }
	wordAt   struct{ field, text string }
	filled   struct{ field string }
)

func (q anywhere) Holds(d *Doc) bool {
	return slices.ContainsFunc(d.Fields.Match([]string{"*"}), func(path string) bool { return d.matches(path, q.text) })
}

func (q wordAt) Holds(d *Doc) bool { return d.matches(q.field, q.text) }
func (q filled) Holds(d *Doc) bool { return len(d.Values(q.field)) > 0 }

// matches reports whether a field holds a word or value, in which * stands for any text.
func (d *Doc) matches(path, text string) bool {
	if strings.Contains(text, "*") {
		if isText(d.kindAt(path)) {
			text = strings.ToLower(text)
		}
		return slices.ContainsFunc(d.Terms(path), func(v rest.Value) bool { return rest.SimpleMatch(text, v.Text) })
	}
	if isText(d.kindAt(path)) {
		text = strings.ToLower(text)
	}
	return d.has(path, text, false)
}
