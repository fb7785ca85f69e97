package rest

import (
	"bytes"
	"slices"
	"strings"
)

// PrettyPrint lays out compact JSON as Elasticsearch does for ?pretty.
func PrettyPrint(src []byte) []byte {
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

// ToYAML writes compact JSON as YAML in Elasticsearch's layout.
func ToYAML(src []byte) ([]byte, error) {
	v, err := ParseJSON(src)
	if err != nil {
		return nil, err
	}
	out := []byte("---")
	return append(yamlValue(out, &v, 0), '\n'), nil
}

func yamlValue(out []byte, v *Value, indent int) []byte {
	switch {
	case v.Kind == ObjectValue && len(v.Members) == 0:
		return append(out, " {}"...)
	case v.Kind == ArrayValue && len(v.Elements) == 0:
		return append(out, " []"...)
	case v.Kind == ObjectValue:
		for i := range v.Members {
			out = append(append(out, '\n'), bytes.Repeat([]byte("  "), indent)...)
			out = yamlMember(out, &v.Members[i], indent)
		}
		return out
	case v.Kind == ArrayValue:
		if indent > 0 {
			indent--
		}
		for i := range v.Elements {
			out = append(append(out, '\n'), bytes.Repeat([]byte("  "), indent)...)
			out = yamlElement(append(out, '-'), &v.Elements[i], indent+1)
		}
		return out
	}
	return append(append(out, ' '), yamlScalar(v)...)
}

func yamlMember(out []byte, m *Member, indent int) []byte {
	key := m.Name
	if key == "" || strings.Trim(key, "0123456789.-") == "" || strings.ContainsAny(key, ":#{}[],&*!|>'\"%@` \n") ||
		slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(key)) {
		out = AppendString(out, key)
	} else {
		out = append(out, key...)
	}
	return yamlValue(append(out, ':'), &m.Value, indent+1)
}

// yamlElement writes an element behind its dash, an object's first member on the same line.
func yamlElement(out []byte, v *Value, indent int) []byte {
	if v.Kind != ObjectValue || len(v.Members) == 0 {
		return yamlValue(out, v, indent+1)
	}
	for i := range v.Members {
		if i == 0 {
			out = append(out, ' ')
		} else {
			out = append(append(out, '\n'), bytes.Repeat([]byte("  "), indent)...)
		}
		out = yamlMember(out, &v.Members[i], indent)
	}
	return out
}

func yamlScalar(v *Value) []byte {
	switch v.Kind {
	case NullValue:
		return []byte("null")
	case StringValue:
		return AppendString(nil, v.Text)
	}
	return []byte(v.Text)
}

// pathFilter is one expression of filter_path, cut at its dots.
type pathFilter []string

func ParsePathFilters(text string) (includes, excludes []pathFilter) {
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
		if SimpleMatch(f[0], name) {
			if len(f) == 1 {
				return nil, true
			}
			below = append(below, f[1:])
		}
	}
	return below, false
}

// FilterPath keeps of compact JSON what filter_path selects.
func FilterPath(src []byte, expression string) ([]byte, error) {
	includes, excludes := ParsePathFilters(expression)
	if len(includes) == 0 && len(excludes) == 0 {
		return src, nil
	}
	v, err := ParseJSON(src)
	if err != nil {
		return nil, err
	}
	w := NewWriter(false)
	f := filterer{src: src, w: w}
	kept := true
	if len(includes) > 0 {
		v, kept = include(v, includes)
	}
	if kept && len(excludes) > 0 {
		v, kept = exclude(v, excludes)
	}
	if !kept {
		if v.Kind == ArrayValue {
			return []byte("[]"), nil
		}
		return []byte("{}"), nil
	}
	w.Sep()
	f.write(&v)
	return w.Buf, nil
}

type filterer struct {
	src []byte
	w   *Writer
}

func (f *filterer) write(v *Value) {
	w := f.w
	switch v.Kind {
	case ObjectValue:
		w.Begin('{', '}')
		for i := range v.Members {
			w.Key(v.Members[i].Name)
			f.write(&v.Members[i].Value)
		}
		w.End()
	case ArrayValue:
		w.Begin('[', ']')
		for i := range v.Elements {
			w.Sep()
			f.write(&v.Elements[i])
		}
		w.End()
	default:
		w.Buf = append(w.Buf, f.src[v.Start:v.End]...)
	}
}

func include(v Value, filters []pathFilter) (Value, bool) {
	switch v.Kind {
	case ObjectValue:
		var kept []Member
		for _, m := range v.Members {
			below, matched := step(filters, m.Name)
			if !matched {
				if len(below) == 0 {
					continue
				}
				var ok bool
				if m.Value, ok = include(m.Value, below); !ok {
					continue
				}
			}
			kept = append(kept, m)
		}
		v.Members = kept
		return v, len(kept) > 0
	case ArrayValue:
		var kept []Value
		for _, e := range v.Elements {
			if e, ok := include(e, filters); ok {
				kept = append(kept, e)
			}
		}
		v.Elements = kept
		return v, len(kept) > 0
	}
	return v, false
}

func exclude(v Value, filters []pathFilter) (Value, bool) {
	switch v.Kind {
	case ObjectValue:
		var kept []Member
		for _, m := range v.Members {
			below, matched := step(filters, m.Name)
			if matched {
				continue
			}
			if len(below) > 0 {
				var ok bool
				if m.Value, ok = exclude(m.Value, below); !ok {
					continue
				}
			}
			kept = append(kept, m)
		}
		empty := len(v.Members) > 0 && len(kept) == 0
		v.Members = kept
		return v, !empty
	case ArrayValue:
		var kept []Value
		for _, e := range v.Elements {
			if e, ok := exclude(e, filters); ok {
				kept = append(kept, e)
			}
		}
		empty := len(v.Elements) > 0 && len(kept) == 0
		v.Elements = kept
		return v, !empty
	}
	return v, true
}

// SimpleMatch matches a name against a pattern in which * stands for any text.
func SimpleMatch(pattern, name string) bool {
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

// HasWildcard reports whether a name is a pattern.
func HasWildcard(name string) bool { return strings.Contains(name, "*") }
