package state

import (
	"bytes"
	"cmp"
	"slices"
)

// Alias is another name of an index (AliasMetadata). Indices can share one.
type Alias struct {
	Name string
	// WriteIndex and Hidden; nil: not said.
	WriteIndex, Hidden *bool
	// Filter is a query, as JSON, that documents must match to be seen under the name; nil: all
	// are.
	Filter []byte
	// IndexRouting goes with what is written under the name; SearchRouting, values with commas
	// between them, says which shards searches of it ask. "" says nothing.
	IndexRouting, SearchRouting string
}

func (a *Alias) equal(b *Alias) bool {
	return same(a.WriteIndex, b.WriteIndex) && same(a.Hidden, b.Hidden) && bytes.Equal(a.Filter, b.Filter) &&
		a.IndexRouting == b.IndexRouting && a.SearchRouting == b.SearchRouting
}

// Alias returns the index's alias of a name, or nil.
func (m *Index) Alias(name string) *Alias {
	for i := range m.Aliases {
		if m.Aliases[i].Name == name {
			return &m.Aliases[i]
		}
	}
	return nil
}

// WithAlias is the index with an alias more, or changed. It is the index itself when it
// has just that alias.
func (m *Index) WithAlias(a Alias) *Index {
	if have := m.Alias(a.Name); have != nil && have.equal(&a) {
		return m
	}
	next := m.WithoutAlias(a.Name)
	if next == m {
		next = m.nextAliases(slices.Clone(m.Aliases))
	}
	next.Aliases = append(next.Aliases, a)
	slices.SortStableFunc(next.Aliases, func(a, b Alias) int { return cmp.Compare(a.Name, b.Name) })
	return next
}

// WithoutAlias is the index without an alias; itself when it has no such.
func (m *Index) WithoutAlias(name string) *Index {
	if m.Alias(name) == nil {
		return m
	}
	return m.nextAliases(slices.DeleteFunc(slices.Clone(m.Aliases), func(a Alias) bool { return a.Name == name }))
}

func (m *Index) nextAliases(aliases []Alias) *Index {
	next := *m
	next.Aliases = aliases
	return &next
}

func same(a, b *bool) bool { return a == b || a != nil && b != nil && *a == *b }

// Aliased are the indices of an alias, by name; none where there is no such alias.
func (s *State) Aliased(alias string) []*Index {
	var out []*Index
	for _, m := range s.Indices {
		if m.Alias(alias) != nil {
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(a, b *Index) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// WriteIndex is the index that a write to an alias goes to: the one that is marked, or the
// only one if it is not marked otherwise; nil: there is none.
func WriteIndex(alias string, of []*Index) *Index {
	for _, m := range of {
		if w := m.Alias(alias).WriteIndex; w != nil && *w || w == nil && len(of) == 1 {
			return m
		}
	}
	return nil
}
