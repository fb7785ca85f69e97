package templates

import (
	"cmp"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/mapping"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Matches reports whether a name fits a pattern in which * stands for any text.
func Matches(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	rest, ok := strings.CutPrefix(name, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// Meet reports whether two patterns have names in common.
func Meet(a, b string) bool {
	// meets[j]: what is left of a from i on and of b from j on has a name in common.
	meets := make([]bool, len(b)+1)
	for i := len(a); i >= 0; i-- {
		below := meets
		meets = make([]bool, len(b)+1)
		for j := len(b); j >= 0; j-- {
			switch {
			case i == len(a) && j == len(b):
				meets[j] = true
			case i < len(a) && a[i] == '*':
				meets[j] = below[j] || j < len(b) && meets[j+1]
			case j < len(b) && b[j] == '*':
				meets[j] = meets[j+1] || i < len(a) && below[j]
			case i < len(a) && j < len(b):
				meets[j] = a[i] == b[j] && below[j+1]
			}
		}
	}
	return meets[0]
}

func fits(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return Matches(p, name) })
}

// Find is the index template that a name gets: of those that match the one of the highest
// priority; nil where none does.
func Find(st *state.State, name string) *state.IndexTemplate {
	var best *state.IndexTemplate
	for _, t := range st.IndexTemplates {
		if fits(t.Patterns, name) && (best == nil || t.Rank() > best.Rank()) {
			best = t
		}
	}
	return best
}

// Legacy are the templates of the older kind that a name gets, the first to be laid down
// first; none where an index template matches.
func Legacy(st *state.State, name string) []*state.LegacyTemplate {
	var out []*state.LegacyTemplate
	for _, t := range st.LegacyTemplates {
		if fits(t.Patterns, name) {
			out = append(out, t)
		}
	}
	slices.SortStableFunc(out, func(a, b *state.LegacyTemplate) int { return cmp.Compare(a.Order, b.Order) })
	return out
}

// For is what a new index of a name begins with.
func For(st *state.State, name string) (state.Template, error) {
	if t := Find(st, name); t != nil {
		return Composed(st, t)
	}
	var out state.Template
	for _, t := range Legacy(st, name) {
		if err := lay(&out, &t.Template); err != nil {
			return out, err
		}
	}
	return out, nil
}

// Composed is an index template with its components below it, in their order.
func Composed(st *state.State, t *state.IndexTemplate) (state.Template, error) {
	var out state.Template
	for _, name := range t.ComposedOf {
		if c := st.Component(name); c != nil {
			if err := lay(&out, &c.Template); err != nil {
				return out, err
			}
		}
	}
	if t.Template == nil {
		return out, nil
	}
	err := lay(&out, t.Template)
	return out, err
}

// Overlaid is a template with another laid over it.
func Overlaid(below, above state.Template) (state.Template, error) {
	err := lay(&below, &above)
	return below, err
}

func lay(below, above *state.Template) error {
	below.Settings = below.Settings.Merged(above.Settings)
	m, err := mapping.Merge(below.Mapping, above.Mapping)
	if err != nil {
		return err
	}
	below.Mapping = m
	below.Aliases = slices.Clone(below.Aliases)
	for _, a := range above.Aliases {
		below.Aliases = slices.DeleteFunc(below.Aliases, func(b state.Alias) bool { return b.Name == a.Name })
		below.Aliases = append(below.Aliases, a)
	}
	slices.SortStableFunc(below.Aliases, func(a, b state.Alias) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// AliasesOf are a template's aliases as an index of that name gets them: {index} stands for
// the name.
func AliasesOf(t *state.Template, name string) []state.Alias {
	out := slices.Clone(t.Aliases)
	for i := range out {
		out[i].Name = strings.ReplaceAll(out[i].Name, "{index}", name)
	}
	return out
}
