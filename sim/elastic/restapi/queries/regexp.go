package queries

import (
	"regexp"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// parseRegexp reads a query about the form of whole words. Of Lucene's operators those that
// only Lucene has (@ # & < > ~) are refused.
func (p *Parser) parseRegexp(m *rest.Member) Query {
	f := theField(m)
	v, with := options(m.Name, f, "value", "flags", "case_insensitive", "max_determinized_states", "rewrite", "flags_value")
	text, fold := v.Text, with["case_insensitive"] == "true"
	q := &formed{field: f.Name}
	compile := func() (bad *elastic.Error) {
		q.re, bad = luceneRegexp(text, fold)
		return bad
	}
	if len(text) <= mostRegexp {
		if bad := compile(); bad != nil {
			rest.Raise(bad)
		}
	}
	p.Checks = append(p.Checks, func(fields *Fields) *elastic.Error {
		if most := fields.Limit("index.max_regex_length", mostRegexp); len(text) > most {
			return rest.IllegalArgument("The length of regex [%d] used in the Regexp Query request has exceeded the allowed maximum of [%d]. This maximum can be set by "+
				"changing the [index.max_regex_length] index level setting.", len(text), most)
		}
		if q.re == nil {
			return compile()
		}
		return nil
	})
	return q
}

// formed looks at the form of a field's words; re is nil until an index has allowed its length.
type formed struct {
	field string
	re    *regexp.Regexp
}

func (q *formed) Holds(d *Doc) bool {
	return q.re != nil && slices.ContainsFunc(d.Terms(q.field), func(v rest.Value) bool { return q.re.MatchString(v.Text) })
}

// mostRegexp is the default of index.max_regex_length.
const mostRegexp = 1000

// luceneRegexp is a pattern of Lucene, which is about whole words.
func luceneRegexp(text string, fold bool) (*regexp.Regexp, *elastic.Error) {
	pattern, bad := goPattern(text)
	if bad != nil {
		return nil, bad
	}
	if fold {
		pattern = "(?i)" + pattern
	}
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	if err != nil {
		return nil, rest.IllegalArgument("%s", err.Error())
	}
	return re, nil
}

// goPattern is a pattern of Lucene as Go's package writes it: ^ and $ are plain there.
func goPattern(text string) (string, *elastic.Error) {
	var out strings.Builder
	class := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			i++
			out.WriteString(regexp.QuoteMeta(text[i : i+1]))
			continue
		case c == '[':
			class = true
		case c == ']':
			class = false
		case class:
		case c == '^' || c == '$':
			out.WriteByte('\\')
		case strings.IndexByte("@#&<>~", c) >= 0:
			return "", rest.NotModelled("[" + string(c) + "] in a regular expression")
		}
		out.WriteByte(c)
	}
	return out.String(), nil
}
