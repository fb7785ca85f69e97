package documents

import (
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/search"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// searchBody is a search's body and parameters.
type searchBody struct {
	match              matcher
	from, size         int
	trackUpTo          int64 // -1: not at all; hits above are only "gte"
	source             sourceFilter
	version, seqNo     bool
	pit                *pitBody
	sortedByShard      bool
	sortedByDoc, asInt bool
	partial            bool
	preference         string
}

const trackAll = int64(1)<<31 - 1

func prepareSearch(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	q := searchBody{size: 10, trackUpTo: 10000, partial: true}
	if body, ok := r.JSONOrSource(); ok {
		q.parse(&body)
	}
	opt := r.IndicesOptions(rest.ExpandOpen)
	q.params(r)
	if r.Has("scroll") {
		r.Param("scroll")
		rest.Raise(rest.NotModelled("scroll"))
	}
	if q.sortedByShard && q.pit == nil {
		rest.Raise(rest.ValidationFailed("[_shard_doc] sort field cannot be used without [point in time]"))
	}
	return func(c *rest.Call) *rest.Response {
		if q.pit != nil {
			return searchPIT(c, names, &q)
		}
		return runSearch(c, names, opt, &q)
	}
}

// parse reads the body (SearchSourceBuilder).
func (q *searchBody) parse(v *rest.Value) {
	if v.Kind != rest.ObjectValue {
		if v.Kind == rest.NullValue && v.End == 0 {
			return
		}
		rest.Raise(parsingException(v.Line, v.Col, "Expected [START_OBJECT] but found ["+v.TokenName()+"]"))
	}
	var after *rest.Value
	defer func() {
		if after != nil {
			q.searchAfter(after)
		}
	}()
	for i := range v.Members {
		m := &v.Members[i]
		switch {
		case m.Name == "query" && m.Value.Kind == rest.ObjectValue:
			q.match = parseQuery(&m.Value)
		case m.Name == "from" && scalar(m):
			q.from = intOf(m)
			if q.from < 0 {
				rest.Raise(rest.IllegalArgument("[from] parameter cannot be negative but was [%d]", q.from))
			}
		case m.Name == "size" && scalar(m):
			if q.size = intOf(m); q.size < 0 {
				rest.Raise(rest.IllegalArgument("[size] parameter cannot be negative, found [%d]", q.size))
			}
		case m.Name == "track_total_hits" && scalar(m):
			q.track(m.Value.Text)
		case m.Name == "_source":
			q.parseSource(&m.Value)
		case m.Name == "version" && m.Value.Kind == rest.BoolValue:
			q.version = m.Value.Text == "true"
		case m.Name == "seq_no_primary_term" && m.Value.Kind == rest.BoolValue:
			q.seqNo = m.Value.Text == "true"
		case m.Name == "sort":
			q.parseSort(&m.Value)
		case m.Name == "pit" && m.Value.Kind == rest.ObjectValue:
			q.pit = parsePIT(&m.Value)
		case m.Name == "search_after" && m.Value.Kind == rest.ArrayValue:
			after = &m.Value
		case slices.Contains([]string{"timeout", "terminate_after", "profile", "explain", "track_scores", "min_score", "stats"}, m.Name) && scalar(m):
			if m.Name == "min_score" || m.Name == "profile" || m.Name == "explain" {
				rest.Raise(rest.NotModelled("[" + m.Name + "] in a search"))
			}
		case isSearchField(m.Name):
			rest.Raise(rest.NotModelled("[" + m.Name + "] in a search"))
		default:
			name := m.Value.TokenName()
			if m.Value.Kind == rest.BoolValue {
				name = "VALUE_BOOLEAN"
			}
			rest.Raise(parsingException(m.Value.Line, m.Value.Col, "Unknown key for a "+name+" in ["+m.Name+"]."))
		}
	}
}

func scalar(m *rest.Member) bool {
	return m.Value.Kind != rest.ObjectValue && m.Value.Kind != rest.ArrayValue && m.Value.Kind != rest.NullValue
}

// isSearchField reports whether Elasticsearch knows the field and the simulator does not.
func isSearchField(name string) bool {
	return slices.Contains(strings.Fields(`aggs aggregations suggest highlight collapse rescore fields stored_fields docvalue_fields script_fields
		runtime_mappings post_filter knn retriever rank slice indices_boost ext`), name)
}

func intOf(m *rest.Member) int {
	if m.Value.Kind == rest.BoolValue {
		token := "VALUE_" + strings.ToUpper(m.Value.Text)
		rest.Raise(rest.ContentParse(m.Value.Line, m.Value.Col, "Current token (%s) not numeric, can not use numeric value accessors", token))
	}
	n, err := strconv.Atoi(m.Value.Text)
	if err != nil {
		rest.Raise(rest.NumberFormat(m.Value.Text))
	}
	return n
}

func (q *searchBody) track(v string) {
	switch v {
	case "true", "":
		q.trackUpTo = trackAll
	case "false":
		q.trackUpTo = -1
	default:
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil {
			rest.Raise(rest.NumberFormat(v))
		}
		q.trackUpTo = n
	}
}

func (q *searchBody) parseSource(v *rest.Value) {
	list := func(v *rest.Value) []string {
		if v == nil {
			return nil
		}
		if v.Kind != rest.ArrayValue {
			return []string{v.Text}
		}
		var out []string
		for i := range v.Elements {
			out = append(out, v.Elements[i].Text)
		}
		return out
	}
	switch v.Kind {
	case rest.BoolValue:
		q.source.off = v.Text == "false"
	case rest.ObjectValue:
		q.source.includes = append(list(v.Member("includes")), list(v.Member("include"))...)
		q.source.excludes = append(list(v.Member("excludes")), list(v.Member("exclude"))...)
	default:
		q.source.includes = list(v)
	}
}

// searchAfter continues a point in time behind a hit.
func (q *searchBody) searchAfter(v *rest.Value) {
	if q.pit == nil || !q.sorted() {
		rest.Raise(rest.NotModelled("[search_after] but for a point in time sorted by _shard_doc"))
	}
	q.pit.after = parseAfter(v)
}

// parseSort accepts the order in which hits come anyway.
func (q *searchBody) parseSort(v *rest.Value) {
	keys := []rest.Value{*v}
	if v.Kind == rest.ArrayValue {
		keys = v.Elements
	}
	for i := range keys {
		k := &keys[i]
		switch {
		case k.Kind == rest.StringValue:
			q.order(k.Text)
		case k.Kind == rest.ObjectValue && len(k.Members) == 1 && ascending(&k.Members[0].Value):
			q.order(k.Members[0].Name)
		default:
			rest.Raise(rest.NotModelled("sorting other than by _doc or _shard_doc"))
		}
	}
}

// ascending reports whether a sort key asks for nothing but its own order.
func ascending(v *rest.Value) bool {
	if v.Kind == rest.ObjectValue {
		for i := range v.Members {
			if m := &v.Members[i]; m.Name != "order" || m.Value.Text != "asc" {
				return false
			}
		}
		return true
	}
	return v.Text == "asc"
}

// params reads the parameters, which win over the body.
func (q *searchBody) params(r *rest.Request) {
	if r.Has("from") {
		if q.from = r.IntParam("from", 0); q.from < 0 {
			rest.Raise(rest.IllegalArgument("[from] parameter cannot be negative but was [%d]", q.from))
		}
	}
	if r.Has("size") {
		if q.size = r.IntParam("size", 10); q.size < 0 {
			rest.Raise(rest.IllegalArgument("[size] parameter cannot be negative, found [%d]", q.size))
		}
	}
	if v, ok := r.Lookup("track_total_hits"); ok {
		q.track(v)
	}
	q.version = r.BoolParam("version", q.version)
	q.seqNo = r.BoolParam("seq_no_primary_term", q.seqNo)
	q.preference = r.Param("preference")
	checkPreference(q.preference)
	q.partial = r.BoolParam("allow_partial_search_results", true)
	q.asInt = r.BoolParam("rest_total_hits_as_int", false)
	if f := sourceParams(r); f.off || len(f.includes)+len(f.excludes) > 0 {
		q.source = f
	}
	switch kind := r.Param("search_type"); kind {
	case "", "query_then_fetch", "dfs_query_then_fetch":
	default:
		rest.Raise(rest.IllegalArgument("No search type for [%s]", kind))
	}
	for _, p := range []string{"batched_reduce_size", "max_concurrent_shard_requests", "pre_filter_shard_size", "terminate_after"} {
		if r.Has(p) {
			r.IntParam(p, 0)
		}
	}
	r.TimeParam("timeout", 0)
	r.StrictBool("request_cache", false)
	r.BoolParam("ccs_minimize_roundtrips", true)
	r.BoolParam("typed_keys", false)
	r.Param("routing")
	r.Param("stats")
	if r.Has("q") {
		r.Param("q")
		rest.Raise(rest.NotModelled("query strings (?q)"))
	}
	if v := r.Param("sort"); v != "" {
		q.order(strings.TrimSuffix(v, ":asc"))
	}
}

func runSearch(c *rest.Call, names []string, opt rest.IndicesOptions, q *searchBody) *rest.Response {
	st := c.Node.Applied()
	rest.CheckReadable(c, st)
	indices := rest.Resolve(st, names, opt)
	if q.from+q.size > 10000 {
		checkWindow(c, st, indices, q.from+q.size)
	}
	result, err := search.Search(c.Ctx, c.Node, elastic.SearchRequest{
		Indices: indices, Match: q.match, From: q.from, Size: q.size, Preference: q.preference, AllowPartial: q.partial,
	})
	c.Check(err)
	w := rest.NewWriter(false)
	w.Obj()
	w.Int64("took", result.Took.Milliseconds())
	w.Bool("timed_out", result.TimedOut)
	rest.WriteShards(w, &result.Shards, true)
	w.Object("hits")
	q.writeTotal(w, result.Total)
	switch {
	case len(indices) == 0:
		w.Float("max_score", 0)
	case len(result.Hits) == 0 || q.sorted():
		w.Null("max_score")
	default:
		w.Float("max_score", 1)
	}
	w.Array("hits")
	for i := range result.Hits {
		q.writeHit(w, &result.Hits[i], int64(q.from+i))
	}
	w.End()
	w.End()
	w.End()
	return &rest.Response{JSON: w.Bytes()}
}

// checkWindow refuses a page beyond index.max_result_window.
func checkWindow(c *rest.Call, st *state.State, indices []string, end int) {
	for _, name := range indices {
		limit := 10000
		if v, ok := st.Index(name).Settings.Get("index.max_result_window"); ok {
			limit, _ = strconv.Atoi(v)
		}
		if end <= limit {
			continue
		}
		cause := rest.IllegalArgument("Result window is too large, from + size must be less than or equal to: [%d] but was [%d]. See the scroll api "+
			"for a more efficient way to request large data sets. This limit can be set by changing the [index.max_result_window] index level setting.", limit, end)
		node := st.Routing.Index(name).Shards[0].Copies[0].Node
		e := searchFailed(400, []elastic.ShardFailure{{Index: name, Node: node, Reason: cause}})
		e.CausedBy = &elastic.Error{Type: cause.Type, Reason: cause.Reason, CausedBy: &elastic.Error{Type: cause.Type, Reason: cause.Reason}}
		rest.Raise(e)
	}
}

// searchFailed is a search that failed on every shard.
func searchFailed(status int, failures []elastic.ShardFailure) *elastic.Error {
	e := &elastic.Error{
		Status: status, Type: "search_phase_execution_exception", Reason: "all shards failed",
		Fields: []elastic.Field{{Name: "phase", Value: "query"}, {Name: "grouped", Value: true}, {Name: "failed_shards", Value: failures}},
	}
	e.RootCause = []*elastic.Error{}
	for _, f := range failures {
		e.RootCause = append(e.RootCause, f.Reason)
	}
	return e
}

// writeTotal writes "hits.total" as exactly as it was asked for.
func (q *searchBody) writeTotal(w *rest.Writer, total int64) {
	switch relation := "eq"; {
	case q.trackUpTo < 0:
	case q.asInt:
		w.Int64("total", total)
	default:
		if total > q.trackUpTo {
			total, relation = q.trackUpTo, "gte"
		}
		w.Object("total")
		w.Int64("value", total)
		w.Str("relation", relation)
		w.End()
	}
}

// writeHit writes a hit with its place in the order.
func (q *searchBody) writeHit(w *rest.Writer, h *elastic.Hit, place int64) {
	w.Obj()
	w.Str("_index", h.Index)
	w.Str("_id", h.ID)
	if q.version {
		w.Int64("_version", h.Version)
	}
	if q.seqNo {
		w.Int64("_seq_no", h.SeqNo)
		w.Int64("_primary_term", h.PrimaryTerm)
	}
	if q.sorted() {
		w.Null("_score")
	} else {
		w.Float("_score", 1)
	}
	if h.Routing != "" {
		w.Str("_routing", h.Routing)
	}
	q.source.write(w, h.Source)
	if q.sorted() {
		w.Array("sort")
		w.ElemInt(place)
		w.End()
	}
	w.End()
}

func prepareCount(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	opt := r.IndicesOptions(rest.ExpandOpen)
	var match matcher
	if body, ok := r.JSONOrSource(); ok && body.Kind == rest.ObjectValue {
		for i := range body.Members {
			m := &body.Members[i]
			if m.Name != "query" || m.Value.Kind != rest.ObjectValue {
				rest.Raise(parsingException(m.Line, m.Col, "request does not support ["+m.Name+"]"))
			}
			match = parseQuery(&m.Value)
		}
	}
	r.Param("routing")
	preference := r.Param("preference")
	r.IntParam("terminate_after", 0)
	if r.Has("q") || r.Has("min_score") {
		r.Param("q")
		r.Param("min_score")
		rest.Raise(rest.NotModelled("query strings and scores in a count"))
	}
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		rest.CheckReadable(c, st)
		result, err := search.Count(c.Ctx, c.Node, elastic.SearchRequest{
			Indices: rest.Resolve(st, names, opt), Match: match, Preference: preference, AllowPartial: true,
		})
		c.Check(err)
		w := rest.NewWriter(false)
		w.Obj()
		w.Int64("count", result.Count)
		rest.WriteShards(w, &result.Shards, true)
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func prepareRefresh(r *rest.Request) rest.Action {
	names, opt := r.ListParam("index"), r.IndicesOptions(rest.ExpandOpen)
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		rest.CheckReadable(c, st)
		result, err := search.Refresh(c.Ctx, c.Node, rest.Resolve(st, names, opt))
		c.Check(err)
		return broadcast(&result)
	}
}

func prepareFlush(r *rest.Request) rest.Action {
	names, opt := r.ListParam("index"), r.IndicesOptions(rest.ExpandOpen)
	force, wait := r.BoolParam("force", false), r.BoolParam("wait_if_ongoing", true)
	if force && !wait {
		rest.Raise(rest.ValidationFailed("wait_if_ongoing must be true for a force flush"))
	}
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		rest.CheckReadable(c, st)
		result, err := search.Flush(c.Ctx, c.Node, rest.Resolve(st, names, opt))
		c.Check(err)
		return broadcast(&result)
	}
}

func broadcast(result *elastic.ShardsResult) *rest.Response {
	w := rest.NewWriter(false)
	w.Obj()
	rest.WriteShards(w, result, false)
	w.End()
	return &rest.Response{JSON: w.Bytes()}
}
