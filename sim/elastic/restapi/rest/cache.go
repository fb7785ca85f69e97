package rest

import (
	"maps"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Cache keeps the last rendering of answers that depend on nothing but the cluster
// state and the request. States are immutable, so a pointer names one.
type Cache struct {
	entries map[string]cached
	facts   map[string]fact
	// mappings are those of indices that documents were written to, parsed, by UUID.
	mappings map[string]parsed
	// kept is what clients come back to by number, such as their scrolls.
	kept map[int]any
	last int
}

// fact is something computed from a state.
type fact struct {
	of    *state.State
	value any
}

type cached struct {
	of   *state.State
	body []byte
}

func NewCache() *Cache {
	return &Cache{entries: map[string]cached{}, facts: map[string]fact{}, mappings: map[string]parsed{}, kept: map[int]any{}}
}

// cacheLimit bounds the number of different requests remembered.
const cacheLimit = 64

// Render answers from the cache, or by f. The text must not be changed by anyone.
func (c *Cache) Render(key string, of *state.State, f func() []byte) []byte {
	if e, ok := c.entries[key]; ok && e.of == of {
		return e.body
	}
	body := f()
	if len(c.entries) >= cacheLimit {
		clear(c.entries)
	}
	c.entries[key] = cached{of, body}
	return body
}

// parsed is the text of a mapping, which nobody changes, and what it says.
type parsed struct {
	text []byte
	as   *Value
}

// mappingLimit bounds the number of mappings remembered.
const mappingLimit = 256

// Mapping is an index's mapping as a JSON value that must not be changed; nil where the text
// is none.
func (c *Cache) Mapping(m *state.Index) *Value {
	k, ok := c.mappings[m.UUID]
	if ok && len(k.text) == len(m.Mapping) && (len(k.text) == 0 || &k.text[0] == &m.Mapping[0]) {
		return k.as
	}
	k = parsed{text: m.Mapping}
	if v, err := ParseJSON(m.Mapping); err == nil {
		k.as = &v
	}
	if len(c.mappings) >= mappingLimit {
		clear(c.mappings)
	}
	c.mappings[m.UUID] = k
	return k.as
}

// Remember is what f computed from the state when it was last asked for by that name.
func Remember[T any](c *Call, name string, of *state.State, f func() T) T {
	if known, ok := c.Cache.facts[name]; ok && known.of == of {
		return known.value.(T)
	}
	value := f()
	c.Cache.facts[name] = fact{of, value}
	return value
}

// keepLimit bounds what is kept, as search.max_open_scroll_context does: the oldest is
// forgotten.
const keepLimit = 500

// Keep keeps something that a client comes back to, under a number.
func (c *Cache) Keep(v any) int {
	c.last++
	delete(c.kept, c.last-keepLimit)
	c.kept[c.last] = v
	return c.last
}

// Kept is what was kept under a number, nil where nothing is.
func (c *Cache) Kept(n int) any { return c.kept[n] }

// Drop forgets what was kept under a number.
func (c *Cache) Drop(n int) { delete(c.kept, n) }

// DropAll forgets everything that was kept, and gives it back in the order of its keeping.
func (c *Cache) DropAll() []any {
	var out []any
	for _, n := range slices.Sorted(maps.Keys(c.kept)) {
		out = append(out, c.kept[n])
	}
	clear(c.kept)
	return out
}
