package restapi

import (
	"bytes"
	"slices"
	"strings"
)

// prettyPrint lays out compact JSON as Elasticsearch does for ?pretty.
func prettyPrint(src []byte) []byte {
	out := make([]byte, 0, len(src)*2)
	depth := 0
	newline := func() {
		out = append(out, '\n')
		for range depth {
			out = append(out, ' ', ' ')
		}
	}
	for i := 0; i < len(src); i++ {
		switch c := src[i]; c {
		case '"':
			end := stringEnd(src, i)
			out = append(out, src[i:end]...)
			i = end - 1
		case '{', '[':
			if src[i+1] == c+2 {
				out = append(out, c, ' ', c+2)
				i++
				continue
			}
			out = append(out, c)
			depth++
			newline()
		case '}', ']':
			depth--
			newline()
			out = append(out, c)
		case ',':
			out = append(out, c)
			newline()
		case ':':
			out = append(out, ' ', ':', ' ')
		default:
			out = append(out, c)
		}
	}
	return append(out, '\n')
}

// stringEnd is the offset after the string that begins at i.
func stringEnd(src []byte, i int) int {
	for i++; src[i] != '"'; i++ {
		if src[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// toYAML writes compact JSON as YAML in Elasticsearch's layout.
func toYAML(src []byte) ([]byte, error) {
	v, err := parseJSON(src)
	if err != nil {
		return nil, err
	}
	out := []byte("---")
	return append(yamlValue(out, &v, 0), '\n'), nil
}

func yamlValue(out []byte, v *jsonValue, indent int) []byte {
	switch {
	case v.kind == objectValue && len(v.members) == 0:
		return append(out, " {}"...)
	case v.kind == arrayValue && len(v.elements) == 0:
		return append(out, " []"...)
	case v.kind == objectValue:
		for i := range v.members {
			out = append(append(out, '\n'), bytes.Repeat([]byte("  "), indent)...)
			out = yamlMember(out, &v.members[i], indent)
		}
		return out
	case v.kind == arrayValue:
		if indent > 0 {
			indent--
		}
		for i := range v.elements {
			out = append(append(out, '\n'), bytes.Repeat([]byte("  "), indent)...)
			out = yamlElement(append(out, '-'), &v.elements[i], indent+1)
		}
		return out
	}
	return append(append(out, ' '), yamlScalar(v)...)
}

func yamlMember(out []byte, m *jsonMember, indent int) []byte {
	key := m.name
	if key == "" || strings.Trim(key, "0123456789.-") == "" || strings.ContainsAny(key, ":#{}[],&*!|>'\"%@` \n") ||
		slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(key)) {
		out = appendString(out, key)
	} else {
		out = append(out, key...)
	}
	return yamlValue(append(out, ':'), &m.value, indent+1)
}

// yamlElement writes an element behind its dash, an object's first member on the same line.
func yamlElement(out []byte, v *jsonValue, indent int) []byte {
	if v.kind != objectValue || len(v.members) == 0 {
		return yamlValue(out, v, indent+1)
	}
	for i := range v.members {
		if i == 0 {
			out = append(out, ' ')
		} else {
			out = append(append(out, '\n'), bytes.Repeat([]byte("  "), indent)...)
		}
		out = yamlMember(out, &v.members[i], indent)
	}
	return out
}

func yamlScalar(v *jsonValue) []byte {
	switch v.kind {
	case nullValue:
		return []byte("null")
	case stringValue:
		return appendString(nil, v.text)
	}
	return []byte(v.text)
}

// pathFilter is one expression of filter_path, cut at its dots.
type pathFilter []string

func parsePathFilters(text string) (includes, excludes []pathFilter) {
	for f := range strings.SplitSeq(text, ",") {
		if f = strings.TrimSpace(f); f == "" {
			continue
		}
		if rest, ok := strings.CutPrefix(f, "-"); ok {
			excludes = append(excludes, splitPath(rest))
		} else {
			includes = append(includes, splitPath(f))
		}
	}
	return includes, excludes
}

// splitPath cuts at dots; a backslash keeps one.
func splitPath(f string) pathFilter {
	var out pathFilter
	var part strings.Builder
	for i := 0; i < len(f); i++ {
		switch {
		case f[i] == '\\' && i+1 < len(f) && f[i+1] == '.':
			part.WriteByte('.')
			i++
		case f[i] == '.':
			out = append(out, part.String())
			part.Reset()
		default:
			part.WriteByte(f[i])
		}
	}
	return append(out, part.String())
}

// step is the filters that remain below a name, and whether one ends here.
func step(filters []pathFilter, name string) (below []pathFilter, matched bool) {
	for _, f := range filters {
		for len(f) > 0 && f[0] == "**" {
			below = append(below, f)
			f = f[1:]
			if len(f) == 0 {
				return nil, true
			}
		}
		if simpleMatch(f[0], name) {
			if len(f) == 1 {
				return nil, true
			}
			below = append(below, f[1:])
		}
	}
	return below, false
}

// filterPath keeps of compact JSON what filter_path selects.
func filterPath(src []byte, expression string) ([]byte, error) {
	includes, excludes := parsePathFilters(expression)
	if len(includes) == 0 && len(excludes) == 0 {
		return src, nil
	}
	v, err := parseJSON(src)
	if err != nil {
		return nil, err
	}
	w := newJSON(false)
	f := filterer{src: src, w: w}
	kept := true
	if len(includes) > 0 {
		v, kept = include(v, includes)
	}
	if kept && len(excludes) > 0 {
		v, kept = exclude(v, excludes)
	}
	if !kept {
		if v.kind == arrayValue {
			return []byte("[]"), nil
		}
		return []byte("{}"), nil
	}
	w.sep()
	f.write(&v)
	return w.buf, nil
}

type filterer struct {
	src []byte
	w   *jsonWriter
}

func (f *filterer) write(v *jsonValue) {
	w := f.w
	switch v.kind {
	case objectValue:
		w.begin('{', '}')
		for i := range v.members {
			w.key(v.members[i].name)
			f.write(&v.members[i].value)
		}
		w.end()
	case arrayValue:
		w.begin('[', ']')
		for i := range v.elements {
			w.sep()
			f.write(&v.elements[i])
		}
		w.end()
	default:
		w.buf = append(w.buf, f.src[v.start:v.end]...)
	}
}

func include(v jsonValue, filters []pathFilter) (jsonValue, bool) {
	switch v.kind {
	case objectValue:
		var kept []jsonMember
		for _, m := range v.members {
			below, matched := step(filters, m.name)
			if !matched {
				if len(below) == 0 {
					continue
				}
				var ok bool
				if m.value, ok = include(m.value, below); !ok {
					continue
				}
			}
			kept = append(kept, m)
		}
		v.members = kept
		return v, len(kept) > 0
	case arrayValue:
		var kept []jsonValue
		for _, e := range v.elements {
			if e, ok := include(e, filters); ok {
				kept = append(kept, e)
			}
		}
		v.elements = kept
		return v, len(kept) > 0
	}
	return v, false
}

func exclude(v jsonValue, filters []pathFilter) (jsonValue, bool) {
	switch v.kind {
	case objectValue:
		var kept []jsonMember
		for _, m := range v.members {
			below, matched := step(filters, m.name)
			if matched {
				continue
			}
			if len(below) > 0 {
				var ok bool
				if m.value, ok = exclude(m.value, below); !ok {
					continue
				}
			}
			kept = append(kept, m)
		}
		empty := len(v.members) > 0 && len(kept) == 0
		v.members = kept
		return v, !empty
	case arrayValue:
		var kept []jsonValue
		for _, e := range v.elements {
			if e, ok := exclude(e, filters); ok {
				kept = append(kept, e)
			}
		}
		empty := len(v.elements) > 0 && len(kept) == 0
		v.elements = kept
		return v, !empty
	}
	return v, true
}

// simpleMatch matches a name against a pattern in which * stands for any text.
func simpleMatch(pattern, name string) bool {
	head, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, head)
	if !ok {
		return false
	}
	for {
		part, more, wild := strings.Cut(rest, "*")
		if !wild {
			return strings.HasSuffix(name, part)
		}
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name, rest = name[i+len(part):], more
	}
}
