package queries

import (
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// QueryString reads ?q: words that are looked for anywhere, and field:value, joined by AND or
// OR. What else the language has is refused.
func (p *Parser) QueryString(text string) Query {
	if text == "*" || text == "*:*" {
		return nil
	}
	if strings.ContainsAny(text, `()[]{}~^"/\\!<>`) {
		rest.Raise(rest.NotModelled("this query string; it reads words and field:value, joined by AND or OR"))
	}
	var parts []Query
	all := false
	for _, word := range strings.Fields(text) {
		switch word {
		case "AND", "&&":
			all = true
		case "OR", "||":
		default:
			parts = append(parts, p.word(word))
		}
	}
	return func(d *Doc) bool {
		if all {
			return !slices.ContainsFunc(parts, func(q Query) bool { return !Holds(q, d) })
		}
		return slices.ContainsFunc(parts, func(q Query) bool { return Holds(q, d) })
	}
}

// word is a word of a query string.
func (p *Parser) word(text string) Query {
	name, value, named := strings.Cut(text, ":")
	if !named {
		return func(d *Doc) bool {
			return slices.ContainsFunc(d.Fields.Match([]string{"*"}), func(path string) bool { return d.matches(path, text) })
		}
	}
	if name == "_exists_" {
		return func(d *Doc) bool { return len(d.Values(value)) > 0 }
	}
	return func(d *Doc) bool { return d.matches(name, value) }
}

// matches reports whether a field holds a word or value, in which * stands for any text.
func (d *Doc) matches(path, text string) bool {
	if strings.Contains(text, "*") {
		return slices.ContainsFunc(d.Values(path), func(v rest.Value) bool { return rest.SimpleMatch(text, v.Text) })
	}
	if isText(d.kindAt(path)) {
		text = strings.ToLower(text)
	}
	return d.has(path, text, false)
}
