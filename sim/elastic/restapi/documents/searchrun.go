package documents

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/restapi/queries"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/search"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// indexFields are the fields of the indices that are searched, by name.
type indexFields map[string]*queries.Fields

func fieldsOf(c *rest.Call, st *state.State, indices []string) indexFields {
	known := rest.Remember(c, "fields", st, func() indexFields { return indexFields{} })
	out := indexFields{}
	for _, name := range indices {
		m := st.Index(name)
		if m == nil {
			continue
		}
		if known[name] == nil {
			known[name] = queries.FieldsOf(m)
		}
		out[name] = known[name]
	}
	return out
}

// list are the fields in order of their indices.
func (f indexFields) list(indices []string) []*queries.Fields {
	var out []*queries.Fields
	for _, name := range indices {
		if f[name] != nil {
			out = append(out, f[name])
		}
	}
	return out
}

// doc is a hit as queries see it; an index that is gone has no fields.
func (f indexFields) doc(index, id, routing string, source []byte) *queries.Doc {
	fields := f[index]
	if fields == nil {
		fields = &queries.Fields{Index: index}
	}
	return &queries.Doc{Index: index, ID: id, Routing: routing, Source: source, Fields: fields}
}

// matching is a query as the model takes it.
func matching(q queries.Query, of indexFields) api.Selection {
	if q == nil {
		return nil
	}
	return queried{q, of}
}

// queried are the documents that a query selects.
type queried struct {
	queries.Query
	of indexFields
}

func (s queried) Selects(index, id, routing string, source []byte) bool {
	return s.Holds(s.of.doc(index, id, routing, source))
}

// scope is where a search goes, as its expressions and its routing narrow it.
type scope struct {
	indices []string
	of      indexFields
	only    map[string][]int // shards by index
	filters map[string][]json.RawMessage
	within  map[string]api.Selection
}

func scopeOf(c *rest.Call, st *state.State, names []string, opt rest.IndicesOptions, routing string) *scope {
	s := &scope{indices: rest.Searchable(st, rest.Resolve(st, names, opt), opt), only: rest.SearchShards(st, names, opt, routing)}
	s.of = fieldsOf(c, st, s.indices)
	s.filters = rest.AliasFilters(st, names, opt)
	s.within = s.of.within(c, s.filters)
	return s
}

// within are filters of aliases by index, as the model takes them.
func (f indexFields) within(c *rest.Call, filters map[string][]json.RawMessage) map[string]api.Selection {
	out := map[string]api.Selection{}
	for _, index := range slices.Sorted(maps.Keys(filters)) {
		out[index] = matching(queries.AnyOf(filters[index], c.Wall), f)
	}
	return out
}

// checkValues refuses values that a field can't have, as the shards do.
func checkValues(st *state.State, of indexFields, checks []func(*queries.Fields) *elastic.Error) {
	for _, m := range st.Indices {
		f := of[m.Name]
		if f == nil {
			continue
		}
		for _, check := range checks {
			if bad := check(f); bad != nil {
				failOnShards(st, m, bad)
			}
		}
	}
}

// failOnShards raises what every shard of an index says.
func failOnShards(st *state.State, m *state.Index, cause *elastic.Error) {
	if cause.Type == "query_shard_exception" {
		cause.Fields = []elastic.Field{{Name: "index_uuid", Value: m.UUID}, {Name: "index", Value: m.Name}}
	}
	node := st.Routing.Index(m.Name).Shards[0].Copies[0].Node
	e := searchFailed(400, []elastic.ShardFailure{{Index: m.Name, Node: node, Reason: cause}})
	if cause.Type == "illegal_argument_exception" {
		inner := &elastic.Error{Type: cause.Type, Reason: cause.Reason}
		e.CausedBy = &elastic.Error{Type: cause.Type, Reason: cause.Reason, CausedBy: inner}
	}
	rest.Raise(e)
}

// checkNeeds refuses to sort and to count by what has no values.
func (q *searchBody) checkNeeds(st *state.State, of indexFields, indices []string) {
	for _, name := range indices {
		m := st.Index(name)
		if m == nil {
			continue
		}
		one := []*queries.Fields{of[name]}
		for i := range q.by {
			if bad := q.by[i].Check(one); bad != nil {
				failOnShards(st, m, bad)
			}
		}
		if bad := queries.CheckAggregations(q.aggs, one); bad != nil {
			failOnShards(st, m, bad)
		}
		if bad := queries.CheckSuggestions(q.suggest, of[name]); bad != nil {
			failOnShards(st, m, bad)
		}
	}
}

// needsAll reports whether all that matches has to be seen, not just a page of it.
func (q *searchBody) needsAll() bool {
	return len(q.aggs) > 0 || len(q.suggest) > 0 || q.after != nil || len(q.boosts) > 0 || slices.ContainsFunc(q.by, func(o queries.Order) bool { return !o.ByPlace() && o.Field != "_score" })
}

// loads is what the search brings into memory of an index's documents; nil: nothing of any.
func (q *searchBody) loads(of indexFields) api.Loading {
	fields := map[string][]string{}
	for _, index := range slices.Sorted(maps.Keys(of)) {
		if names := of[index].Loaded(q.by, q.aggs); len(names) > 0 {
			fields[index] = names
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return loadedWords{of, fields}
}

// loadedWords are the words of texts' fields, by index.
type loadedWords struct {
	of     indexFields
	fields map[string][]string
}

func (l loadedWords) Bytes(index string, sources [][]byte) map[string]int64 {
	return l.of[index].WordBytes(l.fields[index], sources)
}

// aggregates names what the search computes of documents, by index; nil: nothing of any.
func (q *searchBody) aggregates(of indexFields) map[string][]string {
	if len(q.aggs) == 0 {
		return nil
	}
	out := make(map[string][]string, len(of))
	for _, index := range slices.Sorted(maps.Keys(of)) {
		out[index] = queries.AggregationNames(q.aggs, of[index])
	}
	return out
}

// everything is a size that no index reaches.
const everything = 1 << 30

// results are what was found.
type results struct {
	hits     []*queries.Sorted // all of them where the whole was asked for, else the page
	total    int64
	shards   elastic.ShardsResult
	took     time.Duration
	timedOut bool
}

func runSearch(c *rest.Call, names []string, opt rest.IndicesOptions, q *searchBody) *rest.Response {
	w := rest.NewWriter(false)
	w.Obj()
	q.run(c, w, names, opt)
	w.End()
	return &rest.Response{JSON: w.Bytes()}
}

// run searches and writes the answer into the open object.
func (q *searchBody) run(c *rest.Call, w *rest.Writer, names []string, opt rest.IndicesOptions) {
	st := c.Node.Applied()
	rest.CheckReadable(c, st)
	if q.pit != nil {
		q.runPIT(c, w, st, names)
		return
	}
	where := scopeOf(c, st, names, opt, q.routing)
	indices, of := where.indices, where.of
	if q.scroll > 0 {
		checkWindow(st, indices, q.size, batchTooLarge)
		checkKeep(c, st, indices, q.scroll)
	} else {
		checkWindow(st, indices, q.from+q.size, pageTooLarge)
	}
	q.weights = q.weigh(st, opt)
	checkValues(st, of, q.checks)
	q.checkNeeds(st, of, indices)
	if q.scroll > 0 {
		openScroll(c, w, q, where)
		return
	}
	req := elastic.SearchRequest{
		Groups: q.groups, Loads: q.loads(of), Aggregations: q.aggregates(of), Indices: indices, Only: where.only, Within: where.within, Match: matching(q.match, of), From: q.from, Size: q.size, Preference: q.preference, AllowPartial: q.partial,
	}
	if q.needsAll() {
		req.From, req.Size = 0, everything
	}
	result, err := search.Search(c.Ctx, c.Node, req)
	c.Check(err)
	found := results{total: result.Total, shards: result.Shards, took: result.Took, timedOut: result.TimedOut}
	for i := range result.Hits {
		h := &result.Hits[i]
		found.hits = append(found.hits, &queries.Sorted{Doc: of.doc(h.Index, h.ID, h.Routing, h.Source), Hit: h, Place: int64(req.From + i)})
	}
	q.write(w, &found, len(indices) == 0)
}

// write puts the hits in order, cuts the page out and writes it, with what was computed over
// all of them.
func (q *searchBody) write(w *rest.Writer, r *results, nowhere bool) {
	page := q.page(r.hits)
	if len(q.suggest) > 0 && q.match == nil && len(q.aggs) == 0 && len(q.by) == 0 {
		// Asked for suggestions alone, nodes look for no documents.
		page, r.total = nil, 0
	}
	w.Int64("took", r.took.Milliseconds())
	w.Bool("timed_out", r.timedOut)
	if n := q.phases(r.shards.Successful); n != 1 {
		w.Int("num_reduce_phases", n)
	}
	rest.WriteShards(w, &r.shards, true)
	w.Object("hits")
	q.writeTotal(w, r.total)
	switch {
	case nowhere:
		w.Float("max_score", 0)
	case len(page) == 0 || q.sorted():
		w.Null("max_score")
	default:
		w.Float("max_score", q.scoreOf(page[0].Hit.Index))
	}
	w.Array("hits")
	for _, h := range page {
		q.writeHit(w, h)
	}
	w.End()
	w.End()
	if len(q.aggs) > 0 {
		docs := make([]*queries.Doc, len(r.hits))
		for i, h := range r.hits {
			docs[i] = h.Doc
		}
		w.Object("aggregations")
		queries.WriteAggregations(w, q.aggs, docs, q.typed)
		w.End()
	}
	if len(q.suggest) > 0 {
		w.Object("suggest")
		queries.WriteSuggestions(w, q.suggest, r.hits, q.typed, func(w *rest.Writer, s *queries.Sorted) {
			if !s.Doc.Fields.NoSource {
				q.source.write(w, s.Hit.Source)
			}
		})
		w.End()
	}
}

// page is what of the hits is to be told, in order.
func (q *searchBody) page(hits []*queries.Sorted) []*queries.Sorted {
	if len(q.by) > 0 {
		hits = slices.Clone(hits)
		queries.Sort(hits, q.order())
	} else if len(q.boosts) > 0 {
		hits = slices.Clone(hits)
		slices.SortStableFunc(hits, func(a, b *queries.Sorted) int { return cmp.Compare(q.scoreOf(b.Hit.Index), q.scoreOf(a.Hit.Index)) })
	}
	if !q.needsAll() {
		return hits
	}
	if q.after != nil {
		by := q.order()
		hits = slices.DeleteFunc(slices.Clone(hits), func(h *queries.Sorted) bool { return !queries.After(h, by, q.after) })
	}
	from := min(len(hits), q.from)
	return hits[from:min(len(hits), from+q.size)]
}
