package yamlrest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"
)

// checks are the steps beside calls.
var checks = map[string]func(p *play, with any) error{
	"match":    each(match),
	"is_true":  func(p *play, with any) error { return truth(p, with, true) },
	"is_false": func(p *play, with any) error { return truth(p, with, false) },
	"length":   each(length),
	"gt":       each(ordered(func(c int) bool { return c > 0 })),
	"gte":      each(ordered(func(c int) bool { return c >= 0 })),
	"lt":       each(ordered(func(c int) bool { return c < 0 })),
	"lte":      each(ordered(func(c int) bool { return c <= 0 })),
	"contains": each(contains),
	"set":      set,
	"transform_and_set": func(*play, any) error {
		return errors.New("the runner has no transformations")
	},
}

// each holds every path of the step to its value.
func each(check func(got, want any) error) func(*play, any) error {
	return func(p *play, with any) error {
		m, ok := with.(map[string]any)
		if !ok {
			return fmt.Errorf("expected a path with a value, found %T", with)
		}
		for _, path := range sortedKeys(m) {
			got, err := p.at(path)
			if err != nil {
				return err
			}
			if err := check(got, p.resolve(m[path])); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		return nil
	}
}

func match(got, want any) error {
	if w, ok := want.(string); ok {
		w = strings.TrimSpace(w)
		if len(w) > 1 && strings.HasPrefix(w, "/") && strings.HasSuffix(w, "/") {
			re, err := regexp.Compile("(?s)" + verbose(w[1:len(w)-1]))
			if err != nil {
				return err
			}
			if !re.MatchString(text(got)) {
				return fmt.Errorf("%q does not match %s", text(got), w)
			}
			return nil
		}
	}
	if !equal(got, want) {
		return fmt.Errorf("expected %s, got %s", shown(want), shown(got))
	}
	return nil
}

// verbose takes white space and comments out of a pattern, as Pattern.COMMENTS does.
func verbose(pattern string) string {
	var out strings.Builder
	class := false
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			out.WriteByte(c)
			i++
			out.WriteByte(pattern[i])
		case c == '[' && !class:
			class = true
			out.WriteByte(c)
		case c == ']' && class:
			class = false
			out.WriteByte(c)
		case !class && strings.IndexByte(" \t\r\n", c) >= 0:
		case !class && c == '$':
			out.WriteString(`\n?$`) // Java's end is also that before a last line break
		case !class && c == '#':
			for i < len(pattern) && pattern[i] != '\n' {
				i++
			}
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

func shown(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b[:min(len(b), 300)])
}

// equal compares values of JSON and YAML; numbers by what they are.
func equal(got, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for k, v := range w {
			other, has := g[k]
			if !has || !equal(other, v) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !equal(g[i], w[i]) {
				return false
			}
		}
		return true
	}
	if a, b := number(got), number(want); a != nil && b != nil {
		return a.Cmp(b) == 0
	}
	return fmt.Sprint(got) == fmt.Sprint(want) && (got == nil) == (want == nil)
}

// number is a number's value, or nil.
func number(v any) *big.Float {
	switch v.(type) {
	case json.Number, int, int64, uint64, float64:
		if f, _, err := big.ParseFloat(fmt.Sprint(v), 10, 200, big.ToNearestEven); err == nil {
			return f
		}
	}
	return nil
}

func truth(p *play, with any, wanted bool) error {
	got, err := p.at(text(with))
	if err != nil {
		if wanted {
			return err
		}
		return nil
	}
	is := got != nil && text(got) != "" && text(got) != "false" && text(got) != "0"
	if list, ok := got.([]any); ok {
		is = list != nil
	}
	if is != wanted {
		return fmt.Errorf("%s is %s", text(with), shown(got))
	}
	return nil
}

func length(got, want any) error {
	n := 0
	switch g := got.(type) {
	case map[string]any:
		n = len(g)
	case []any:
		n = len(g)
	case string:
		n = len(g)
	default:
		return fmt.Errorf("%s has no length", shown(got))
	}
	if fmt.Sprint(n) != text(want) {
		return fmt.Errorf("expected %s elements, got %d: %s", text(want), n, shown(got))
	}
	return nil
}

func ordered(holds func(c int) bool) func(got, want any) error {
	return func(got, want any) error {
		a, b := number(got), number(want)
		if a == nil || b == nil || !holds(a.Cmp(b)) {
			return fmt.Errorf("%s against %s", shown(got), shown(want))
		}
		return nil
	}
}

func contains(got, want any) error {
	switch g := got.(type) {
	case []any:
		for _, e := range g {
			if equal(e, want) || within(e, want) {
				return nil
			}
		}
	case string:
		if strings.Contains(g, text(want)) {
			return nil
		}
	}
	return fmt.Errorf("%s does not contain %s", shown(got), shown(want))
}

// within reports whether an object has all the members of another.
func within(got, want any) bool {
	g, is := got.(map[string]any)
	w, also := want.(map[string]any)
	if !is || !also {
		return false
	}
	for k, v := range w {
		if !equal(g[k], v) {
			return false
		}
	}
	return true
}

func set(p *play, with any) error {
	m, ok := with.(map[string]any)
	if !ok {
		return fmt.Errorf("expected a path and a name, found %T", with)
	}
	for _, path := range sortedKeys(m) {
		v, err := p.at(path)
		if err != nil {
			return err
		}
		p.stash[text(m[path])] = v
	}
	return nil
}
