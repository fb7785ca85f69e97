package restapi

import "github.com/shardquake/shardquake/sim/elastic/state"

// cache keeps the last rendering of answers that depend on nothing but the cluster
// state and the request. States are immutable, so a pointer names one.
type cache struct {
	entries map[string]cached
	// counts are the whole cluster's in the state countedOf.
	countedOf *state.State
	counts    healthCounts
	// holders are the nodes that hold copies in the state heldIn.
	heldIn  *state.State
	holders []*state.Node
}

type cached struct {
	of   *state.State
	body []byte
}

func newCache() cache { return cache{entries: map[string]cached{}} }

// cacheLimit bounds the number of different requests remembered.
const cacheLimit = 64

// render answers from the cache, or by f. The text must not be changed by anyone.
func (c *cache) render(key string, of *state.State, f func() []byte) []byte {
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
