package stats

import (
	"maps"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/restapi/queries"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// shown are patterns of the groups of searches, and of the fields, whose figures are told one
// by one beside the sums.
type shown struct{ groups, fielddata, completion []string }

// shownParams reads ?groups, ?fields, ?fielddata_fields and ?completion_fields.
func shownParams(r *rest.Request) *shown {
	fields := r.ListParam("fields")
	return &shown{
		groups:     r.ListParam("groups"),
		fielddata:  append(r.ListParam("fielddata_fields"), fields...),
		completion: append(r.ListParam("completion_fields"), fields...),
	}
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return p == "_all" || rest.SimpleMatch(p, name) })
}

// addBytes adds figures by field. The first ones stay with whom they belong to.
func addBytes(to, more map[string]int64) map[string]int64 {
	if len(more) == 0 {
		return to
	}
	to = maps.Clone(to)
	if to == nil {
		to = map[string]int64{}
	}
	for field, n := range more {
		to[field] += n
	}
	return to
}

func addGroups(to, more map[string]elastic.SearchGroup) map[string]elastic.SearchGroup {
	if len(more) == 0 {
		return to
	}
	to = maps.Clone(to)
	if to == nil {
		to = map[string]elastic.SearchGroup{}
	}
	for name, g := range more {
		sum := to[name]
		sum.QueryTotal += g.QueryTotal
		sum.QueryTime += g.QueryTime
		sum.FetchTotal += g.FetchTotal
		to[name] = sum
	}
	return to
}

func sumOf(fields map[string]int64) int64 {
	n := int64(0)
	for _, size := range fields {
		n += size
	}
	return n
}

// writeByField writes the figures of the fields that patterns select.
func writeByField(w *rest.Writer, fields map[string]int64, patterns []string, key, readable string) {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(fields)), func(name string) bool { return !matches(patterns, name) })
	if len(names) == 0 {
		return
	}
	w.Object("fields")
	for _, name := range names {
		w.Object(name)
		w.Size(key, readable, fields[name])
		w.End()
	}
	w.End()
}

func writeCompletion(w *rest.Writer, t *Totals) {
	w.Object("completion")
	w.Size("size_in_bytes", "size", sumOf(t.Completion))
	if t.shown != nil {
		writeByField(w, t.Completion, t.shown.completion, "size_in_bytes", "size")
	}
	w.End()
}

// writeGroups writes the groups of searches that were asked for.
func writeGroups(w *rest.Writer, t *Totals) {
	if t.shown == nil {
		return
	}
	groups := t.Search.Groups
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(groups)), func(name string) bool { return !matches(t.shown.groups, name) })
	if len(names) == 0 {
		return
	}
	w.Object("groups")
	for _, name := range names {
		g := groups[name]
		w.Object(name)
		w.Int64("query_total", g.QueryTotal)
		w.Millis("query_time_in_millis", "query_time", g.QueryTime)
		w.Int("query_current", 0)
		w.Int("query_failure", 0)
		w.Int64("fetch_total", g.FetchTotal)
		w.Millis("fetch_time_in_millis", "fetch_time", 0)
		for _, f := range searchZeros {
			writeZero(w, f)
		}
		w.End()
	}
	w.End()
}

// completer computes what completion takes on a node's copies, of indices that have such
// fields.
type completer struct {
	node   *elastic.Node
	fields map[string]*queries.Fields // by index
}

func newCompleter(n *elastic.Node) *completer {
	c := &completer{node: n}
	if n.Proc == nil {
		return c
	}
	for _, m := range n.Proc.Applied.Indices {
		if queries.Completes(m.Mapping) {
			if c.fields == nil {
				c.fields = map[string]*queries.Fields{}
			}
			c.fields[m.Name] = queries.FieldsOf(m)
		}
	}
	return c
}

// add sets the figures of a copy.
func (c *completer) add(s *elastic.ShardStats) {
	f := c.fields[s.Index]
	if f == nil {
		return
	}
	shard := c.node.Proc.Shards[store.Key{UUID: s.IndexUUID, Shard: s.Shard}]
	if shard == nil {
		return
	}
	var sources [][]byte
	visible := shard.Engine().Visible
	for _, id := range slices.Sorted(maps.Keys(visible)) {
		if d := visible[id]; !d.Deleted {
			sources = append(sources, d.Source)
		}
	}
	s.Completion = f.CompletionBytes(sources)
}

// localShardStats are a node's copies one by one.
func localShardStats(n *elastic.Node) []elastic.ShardStats {
	out := figures.LocalShardStats(n)
	c := newCompleter(n)
	for i := range out {
		c.add(&out[i])
	}
	return out
}
