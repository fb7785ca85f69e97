package yamlrest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// text is a value as it stands in a path, a query or a pattern.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = text(e)
		}
		return strings.Join(parts, ",")
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

func escape(s string) string {
	return strings.NewReplacer("%2C", ",", "%2A", "*", "%3A", ":").Replace(url.PathEscape(s))
}

// query is the query of a request, in the order of its making.
type query struct{ parts []string }

func newQuery() *query { return &query{} }

func (q *query) add(name, value string) {
	q.parts = append(q.parts, url.QueryEscape(name)+"="+url.QueryEscape(value))
}

func (q *query) String() string {
	if len(q.parts) == 0 {
		return ""
	}
	return "?" + strings.Join(q.parts, "&")
}

// bodyOf is a request's body: JSON, or lines of it.
func bodyOf(v any) (body []byte, lines bool) {
	switch v := v.(type) {
	case nil:
		return nil, false
	case string:
		return []byte(v), strings.Contains(strings.TrimSpace(v), "\n{")
	case []any:
		var buf bytes.Buffer
		for _, e := range v {
			if s, ok := e.(string); ok {
				buf.WriteString(strings.TrimRight(s, "\n"))
			} else {
				buf.Write(marshal(e))
			}
			buf.WriteByte('\n')
		}
		return buf.Bytes(), true
	}
	return marshal(v), false
}

func marshal(v any) []byte {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil
	}
	return bytes.TrimRight(buf.Bytes(), "\n")
}

var placeholder = regexp.MustCompile(`\$\{[^}]+\}|\$[A-Za-z_][A-Za-z0-9_]*`)

// resolve puts what was set in the places of its names.
func (p *play) resolve(v any) any {
	switch v := v.(type) {
	case string:
		if whole := placeholder.FindString(v); whole == v && v != "" {
			if known, ok := p.stashed(whole); ok {
				return known
			}
			return v
		}
		return placeholder.ReplaceAllStringFunc(v, func(name string) string {
			if known, ok := p.stashed(name); ok {
				return text(known)
			}
			return name
		})
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[text(p.resolve(k))] = p.resolve(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = p.resolve(e)
		}
		return out
	}
	return v
}

// stashed is what was set under a name, or at a path below it ($body.took).
func (p *play) stashed(name string) (any, bool) {
	name = strings.Trim(strings.TrimPrefix(name, "$"), "{}")
	first, path, _ := strings.Cut(name, ".")
	v, ok := p.stash[first]
	if !ok || path == "" {
		return v, ok
	}
	v, err := walk(v, path)
	return v, err == nil
}

// at is what stands at a path of the last answer; "" and $body are all of it.
func (p *play) at(path string) (any, error) {
	if path == "" || path == "$body" {
		return p.last, nil
	}
	if rest, ok := strings.CutPrefix(path, "$body."); ok {
		path = rest
	}
	path = text(p.resolve(path))
	return walk(p.last, path)
}

// walk follows a path: names and numbers between dots; a backslash keeps a dot.
func walk(v any, path string) (any, error) {
	for _, part := range splitPath(path) {
		switch at := v.(type) {
		case map[string]any:
			if part == "_arbitrary_key_" {
				keys := sortedKeys(at)
				if len(keys) == 0 {
					return nil, fmt.Errorf("%s: nothing is there", path)
				}
				return keys[0], nil
			}
			v = at[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil {
				return nil, fmt.Errorf("%s: %s is no place in a list", path, part)
			}
			if i < 0 || i >= len(at) {
				return nil, nil
			}
			v = at[i]
		default:
			return nil, nil
		}
	}
	return v, nil
}

func splitPath(path string) []string {
	var parts []string
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '\\' && i+1 < len(path):
			i++
			b.WriteByte(path[i])
		case c == '.':
			parts = append(parts, b.String())
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	return append(parts, b.String())
}

// runs is the version that the tests are played for.
var runs = [3]int{8, 19, 0}

// covers reports whether a range such as " - 7.9.99" or "all" names that version.
func covers(text string) bool {
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "all" {
			return true
		}
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		low, high := version(from), version(to)
		if (low == nil || compare(low, runs[:]) <= 0) && (high == nil || compare(high, runs[:]) >= 0) {
			return true
		}
	}
	return false
}

func version(text string) []int {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil
	}
	var out []int
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil
		}
		out = append(out, n)
	}
	return out
}

func compare(a, b []int) int { return slices.Compare(a, b) }
