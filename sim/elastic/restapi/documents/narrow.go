package documents

import (
	"strconv"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/restapi/queries"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// slice is a part of a search's documents that a client reads on its own (SliceBuilder).
type slice struct{ id, max int }

func parseSlice(v *rest.Value) *slice {
	s := &slice{id: -1, max: -1}
	for i := range v.Members {
		switch m := &v.Members[i]; m.Name {
		case "id":
			s.id = intOf(m)
		case "max":
			s.max = intOf(m)
		case "field":
			if m.Value.Text != "_id" {
				rest.Raise(rest.NotModelled("[field] of a slice; slices are made by _id"))
			}
		default:
			rest.Raise(rest.UnknownField(m, "slice", []string{"field", "id", "max"}))
		}
	}
	switch {
	case s.id < 0:
		rest.Raise(rest.IllegalArgument("id must be greater than or equal to 0"))
	case s.max <= 1:
		rest.Raise(rest.IllegalArgument("max must be greater than 1"))
	case s.max <= s.id:
		rest.Raise(rest.IllegalArgument("max must be greater than id"))
	}
	return s
}

// check refuses more slices than an index allows.
func (s *slice) check(st *state.State, indices []string, setting string) {
	for _, name := range indices {
		m := st.Index(name)
		if m == nil {
			continue
		}
		most := 1024
		if v, ok := m.Settings.Get(setting); ok {
			most, _ = strconv.Atoi(v)
		}
		if s.max > most {
			failOnShards(st, m, rest.IllegalArgument("The number of slices [%d] is too large. It must be less than [%d]. This limit can be set by changing the [%s] "+
				"index level setting.", s.max, most, setting))
		}
	}
}

// has reports whether a document is in the slice: shards are dealt out to slices, and where
// there are more slices than shards, documents of a shard by their ids.
func (s *slice) has(m *state.Index, id, routing string) bool {
	shard := indexmeta.ShardFor(m, id, routing)
	if s.max < m.Shards {
		return shard%s.max == s.id
	}
	if s.id%m.Shards != shard {
		return false
	}
	here := s.max / m.Shards
	if s.max%m.Shards > shard {
		here++
	}
	return indexmeta.FloorMod(int(indexmeta.RoutingHash(id)), here) == s.id/m.Shards
}

// selecting is which documents the search wants, of its slice only.
func (q *searchBody) selecting(st *state.State, of indexFields) api.Selection {
	match := matching(q.match, of)
	if q.slice == nil {
		return match
	}
	return sliced{st, *q.slice, match}
}

// sliced are the documents of one slice of a search.
type sliced struct {
	st    *state.State
	slice slice
	match api.Selection
}

func (s sliced) Selects(index, id, routing string, source []byte) bool {
	m := s.st.Index(index)
	return m != nil && s.slice.has(m, id, routing) && (s.match == nil || s.match.Selects(index, id, routing, source))
}

// boost is how much the hits of indices count more than those of others.
type boost struct {
	name   string
	factor float64
}

func parseBoosts(v *rest.Value) []boost {
	var out []boost
	add := func(o *rest.Value) {
		for i := range o.Members {
			f, err := strconv.ParseFloat(o.Members[i].Value.Text, 64)
			if err != nil {
				rest.Raise(queries.ParsingException(o.Members[i].Value.Line, o.Members[i].Value.Col, "Expected [VALUE_NUMBER] in [indices_boost]"))
			}
			out = append(out, boost{o.Members[i].Name, f})
		}
	}
	add(v)
	for i := range v.Elements {
		add(&v.Elements[i])
	}
	return out
}

// weigh is what the indices count; the first that means an index holds.
func (q *searchBody) weigh(st *state.State, opt rest.IndicesOptions) map[string]float64 {
	out := map[string]float64{}
	for _, b := range q.boosts {
		for _, index := range rest.Resolve(st, []string{b.name}, opt) {
			if _, known := out[index]; !known {
				out[index] = b.factor
			}
		}
	}
	return out
}

// scoreOf is the score of an index's hits.
func (q *searchBody) scoreOf(index string) float64 {
	if w, ok := q.weights[index]; ok {
		return w
	}
	return 1
}

// phases is how often the results of shards are put together: once at the end, and before that
// whenever as many are there as may be kept (QueryPhaseResultConsumer).
func (q *searchBody) phases(shards int) int {
	if q.reduceAfter == 0 || q.size == 0 && len(q.aggs) == 0 {
		return 1
	}
	kept, phases := 0, 1
	for range shards {
		if kept >= q.reduceAfter {
			phases++
			kept = 1
		}
		kept++
	}
	return phases
}

// checkKeep refuses to keep a search for longer than search.max_keep_alive.
func checkKeep(c *rest.Call, st *state.State, indices []string, keep time.Duration) {
	most := 24 * time.Hour
	if v, ok := c.Node.Settings().Merged(st.Settings()).Get("search.max_keep_alive"); ok {
		if d, err := settings.ParseTime("search.max_keep_alive", v); err == nil {
			most = d
		}
	}
	if keep <= most || len(indices) == 0 {
		return
	}
	for _, name := range indices {
		if m := st.Index(name); m != nil {
			failOnShards(st, m, rest.IllegalArgument("Keep alive for request (%s) is too large. It must be less than (%s). This limit can be set by changing the "+
				"[search.max_keep_alive] cluster level setting.", settings.TimeText(keep), settings.TimeText(most)))
		}
	}
}
