package documents

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/queries"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/search"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// searchBody is a search's body and parameters.
type searchBody struct {
	match          queries.Query
	checks         []func(*queries.Fields) *elastic.Error
	by             []queries.Order
	after          []rest.Value
	aggs           []*queries.Aggregation
	fields         []string // to be told beside the source
	typed          bool
	scroll         time.Duration // how long a scroll is kept; 0: none is asked for
	from, size     int
	trackUpTo      int64 // -1: not at all; hits above are only "gte"
	source         sourceFilter
	version, seqNo bool
	pit            *pitBody
	cached         bool
	exactly        bool // how far hits are counted was said
	asInt          bool
	partial        bool
	preference     string
	routing        string
	groups         []string // that the search is counted in
	suggest        []queries.Suggestion
	stored         storedFields
	slice          *slice
	boosts         []boost
	reduceAfter    int // results of shards that are put together at once
	weights        map[string]float64
}

const trackAll = int64(1)<<31 - 1

func newSearch() *searchBody { return &searchBody{size: 10, trackUpTo: 10000, partial: true} }

func prepareSearch(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	body, given := r.JSONOrSource()
	opt := r.IndicesOptions(rest.ExpandOpen)
	q := newSearch()
	parse := func(now func() time.Time) {
		p := &queries.Parser{Now: now}
		if given {
			q.parse(p, &body)
		}
		q.params(r, p)
		q.checks = p.Checks
		q.checkTogether()
	}
	// What is read here is read again when it runs, at the time that "now" means then.
	parse(func() time.Time { return time.Unix(0, 0).UTC() })
	return func(c *rest.Call) *rest.Response {
		q = newSearch()
		parse(c.Wall)
		return runSearch(c, names, opt, q)
	}
}

// read reads a body at the moment of the call.
func (q *searchBody) read(c *rest.Call, body *rest.Value) {
	p := &queries.Parser{Now: c.Wall}
	q.parse(p, body)
	q.checks = p.Checks
	q.checkTogether()
}

// checkTogether refuses what can't be asked at once.
func (q *searchBody) checkTogether() {
	byShard := slices.ContainsFunc(q.by, func(o queries.Order) bool { return o.Field == "_shard_doc" })
	switch {
	case byShard && q.pit == nil:
		rest.Raise(rest.ValidationFailed("[_shard_doc] sort field cannot be used without [point in time]"))
	case q.slice != nil && q.scroll == 0 && q.pit == nil:
		rest.Raise(rest.ValidationFailed("[slice] can only be used with [scroll] or [point-in-time] requests"))
	case q.scroll > 0 && q.pit != nil:
		rest.Raise(rest.ValidationFailed("using [point in time] is not allowed in a scroll context"))
	case q.scroll > 0 && q.from > 0:
		rest.Raise(rest.ValidationFailed("using [from] is not allowed in a scroll context"))
	case q.asInt && q.trackUpTo >= 0 && q.trackUpTo != trackAll && q.exactly:
		rest.Raise(rest.IllegalArgument("[rest_total_hits_as_int] cannot be used if the tracking of total hits is not accurate, got %d", q.trackUpTo))
	case q.scroll > 0 && q.size == 0:
		rest.Raise(rest.ValidationFailed("[size] cannot be [0] in a scroll context"))
	case q.scroll > 0 && q.cached:
		rest.Raise(rest.ValidationFailed("[request_cache] cannot be used in a scroll context"))
	case q.scroll > 0 && q.after != nil:
		rest.Raise(rest.ValidationFailed("`search_after` cannot be used in a scroll context."))
	case q.after != nil && len(q.by) == 0:
		rest.Raise(rest.IllegalArgument("Sort must contain at least one field."))
	case q.after != nil && len(q.after) != len(q.order()):
		rest.Raise(rest.IllegalArgument("search_after has %d value(s) but sort has %d.", len(q.after), len(q.order())))
	case q.after != nil && q.from > 0:
		rest.Raise(rest.IllegalArgument("`from` parameter must be set to 0 when `search_after` is used"))
	}
}

// parse reads the body (SearchSourceBuilder).
func (q *searchBody) parse(p *queries.Parser, v *rest.Value) {
	if v.Kind != rest.ObjectValue {
		if v.Kind == rest.NullValue && v.End == 0 {
			return
		}
		rest.Raise(queries.ParsingException(v.Line, v.Col, "Expected [START_OBJECT] but found ["+v.TokenName()+"]"))
	}
	for i := range v.Members {
		m := &v.Members[i]
		switch {
		case m.Name == "query" && m.Value.Kind == rest.ObjectValue:
			q.match = p.Query(&m.Value)
		case (m.Name == "aggs" || m.Name == "aggregations") && m.Value.Kind == rest.ObjectValue:
			q.aggs = p.ParseAggregations(&m.Value)
		case (m.Name == "fields" || m.Name == "docvalue_fields") && m.Value.Kind == rest.ArrayValue:
			q.fields = append(q.fields, fieldNames(&m.Value)...)
		case m.Name == "suggest" && m.Value.Kind == rest.ObjectValue:
			q.suggest = queries.ParseSuggestions(&m.Value)
		case m.Name == "stats" && m.Value.Kind == rest.ArrayValue:
			for k := range m.Value.Elements {
				q.groups = append(q.groups, m.Value.Elements[k].Text)
			}
		case m.Name == "stored_fields" && m.Value.Text == "_none_":
			q.source.off = true
		case m.Name == "stored_fields" && (m.Value.Kind == rest.ArrayValue || m.Value.Kind == rest.StringValue):
			q.stored = storedFields{given: true, names: fieldNames(listed(&m.Value))}
		case m.Name == "slice" && m.Value.Kind == rest.ObjectValue:
			q.slice = parseSlice(&m.Value)
		case m.Name == "indices_boost" && (m.Value.Kind == rest.ArrayValue || m.Value.Kind == rest.ObjectValue):
			q.boosts = parseBoosts(&m.Value)
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
			q.by = queries.ParseOrder(&m.Value)
		case m.Name == "pit" && m.Value.Kind == rest.ObjectValue:
			q.pit = parsePIT(&m.Value)
		case m.Name == "search_after" && m.Value.Kind == rest.ArrayValue:
			q.after = m.Value.Elements
		case slices.Contains([]string{"timeout", "terminate_after", "profile", "explain", "track_scores", "min_score"}, m.Name) && scalar(m):
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
			rest.Raise(queries.ParsingException(m.Value.Line, m.Value.Col, "Unknown key for a "+name+" in ["+m.Name+"]."))
		}
	}
}

func scalar(m *rest.Member) bool {
	return m.Value.Kind != rest.ObjectValue && m.Value.Kind != rest.ArrayValue && m.Value.Kind != rest.NullValue
}

// isSearchField reports whether Elasticsearch knows the field and the simulator does not.
func isSearchField(name string) bool {
	return slices.Contains(strings.Fields(`highlight collapse rescore script_fields
		runtime_mappings post_filter knn retriever rank ext`), name)
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
	q.exactly = true
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
		if n < -1 {
			rest.Raise(rest.IllegalArgument("[track_total_hits] parameter must be positive or equals to -1, got %d", n))
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

// fieldNames reads what is to be told beside the source: names, or objects with one.
func fieldNames(v *rest.Value) []string {
	var out []string
	for i := range v.Elements {
		e := &v.Elements[i]
		if f := e.Member("field"); f != nil {
			e = f
		}
		out = append(out, e.Text)
	}
	return out
}

// order is the order of the hits; in a point in time their place decides last.
func (q *searchBody) order() []queries.Order {
	if q.pit == nil || len(q.by) == 0 || slices.ContainsFunc(q.by, func(o queries.Order) bool { return o.Field == "_shard_doc" }) {
		return q.by
	}
	return append(q.by[:len(q.by):len(q.by)], queries.Order{Field: "_shard_doc"})
}

// sorted reports whether hits come with what they are sorted by instead of a score.
func (q *searchBody) sorted() bool { return len(q.by) > 0 && q.by[0].Field != "_score" }

// params reads the parameters, which win over the body.
func (q *searchBody) params(r *rest.Request, p *queries.Parser) {
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
	q.cached = r.StrictBool("request_cache", false)
	if r.Has("pre_filter_shard_size") && r.IntParam("pre_filter_shard_size", 1) < 1 {
		rest.Raise(rest.IllegalArgument("preFilterShardSize must be >= 1"))
	}
	if q.reduceAfter = r.IntParam("batched_reduce_size", 512); q.reduceAfter < 2 {
		rest.Raise(rest.IllegalArgument("batchedReduceSize must be >= 2"))
	}
	r.BoolParam("ccs_minimize_roundtrips", true)
	q.typed = r.BoolParam("typed_keys", false)
	if r.Has("scroll") {
		q.scroll = r.TimeParam("scroll", 0)
	}
	q.fields = append(q.fields, r.ListParam("docvalue_fields")...)
	if s := storedParam(r); s.given {
		q.stored = s
	}
	q.source = q.stored.narrow(q.source)
	q.routing = r.Param("routing")
	q.groups = append(q.groups, r.ListParam("stats")...)
	if text := r.Param("q"); text != "" {
		q.match = p.QueryString(text, queries.MeantBy(r))
	}
	if v := r.ListParam("sort"); len(v) > 0 {
		q.by = nil
		for _, name := range v {
			name, descending := strings.CutSuffix(name, ":desc")
			q.by = append(q.by, queries.Order{Field: strings.TrimSuffix(name, ":asc"), Descending: descending})
		}
	}
}

// What is said of a page, and of a scroll's pages, that are too large.
const (
	pageTooLarge = "Result window is too large, from + size must be less than or equal to: [%d] but was [%d]. See the scroll api " +
		"for a more efficient way to request large data sets. This limit can be set by changing the [index.max_result_window] index level setting."
	batchTooLarge = "Batch size is too large, size must be less than or equal to: [%d] but was [%d]. Scroll batch sizes cost as much memory as result " +
		"windows so they are controlled by the [index.max_result_window] index level setting."
)

// checkWindow refuses a page beyond index.max_result_window.
func checkWindow(st *state.State, indices []string, end int, format string) {
	for _, name := range indices {
		limit := 10000
		if v, ok := st.Index(name).Settings.Get("index.max_result_window"); ok {
			limit, _ = strconv.Atoi(v)
		}
		if end <= limit {
			continue
		}
		cause := rest.IllegalArgument(format, limit, end)
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
	case q.trackUpTo < 0 && q.asInt:
		w.Int("total", -1)
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

// writeHit writes a hit.
func (q *searchBody) writeHit(w *rest.Writer, s *queries.Sorted) {
	h := s.Hit
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
		w.Float("_score", q.scoreOf(h.Index))
	}
	if ignored := s.Doc.Ignored(); len(ignored) > 0 {
		w.Strs("_ignored", ignored)
	}
	if h.Routing != "" {
		w.Str("_routing", h.Routing)
	}
	if !s.Doc.Fields.NoSource {
		q.source.write(w, h.Source)
	}
	q.writeFields(w, s.Doc)
	if q.sorted() {
		s.WriteSort(w, q.order())
	}
	w.End()
}

// writeFields writes what fields hold that were asked for beside the source.
func (q *searchBody) writeFields(w *rest.Writer, d *queries.Doc) {
	names := d.Fields.Match(q.fields)
	for _, name := range d.Fields.Match(q.stored.names) {
		if d.Fields.Stored(name) {
			names = rest.AddNew(names, name)
		}
	}
	writeValues(w, d, names)
}

func prepareCount(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	opt := r.IndicesOptions(rest.ExpandOpen)
	body, given := r.JSONOrSource()
	text := r.Param("q")
	how := queries.MeantBy(r)
	read := func(now func() time.Time) (queries.Query, *queries.Parser) {
		p := &queries.Parser{Now: now}
		var match queries.Query
		for i := range body.Members {
			m := &body.Members[i]
			if m.Name != "query" || m.Value.Kind != rest.ObjectValue {
				rest.Raise(queries.ParsingException(m.Line, m.Col, "request does not support ["+m.Name+"]"))
			}
			match = p.Query(&m.Value)
		}
		if text != "" {
			match = p.QueryString(text, how)
		}
		return match, p
	}
	if given {
		read(func() time.Time { return time.Unix(0, 0).UTC() })
	}
	routing, preference := r.Param("routing"), r.Param("preference")
	r.IntParam("terminate_after", 0)
	if r.Has("min_score") {
		r.Param("min_score")
		rest.Raise(rest.NotModelled("scores in a count"))
	}
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		rest.CheckReadable(c, st)
		match, p := read(c.Wall)
		where := scopeOf(c, st, names, opt, routing)
		checkValues(st, where.of, p.Checks)
		result, err := search.Count(c.Ctx, c.Node, elastic.SearchRequest{
			Indices: where.indices, Only: where.only, Within: where.within, Match: matching(match, where.of), Preference: preference, AllowPartial: true,
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
