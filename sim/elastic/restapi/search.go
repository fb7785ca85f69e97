package restapi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
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

func prepareSearch(r *request) action {
	names := r.listParam("index")
	q := searchBody{size: 10, trackUpTo: 10000, partial: true}
	if body, ok := r.jsonOrSource(); ok {
		q.parse(&body)
	}
	opt := r.indicesOptions(expandOpen)
	q.params(r)
	if r.has("scroll") {
		r.param("scroll")
		raise(notModelled("scroll"))
	}
	if q.sortedByShard && q.pit == nil {
		raise(validationFailed("[_shard_doc] sort field cannot be used without [point in time]"))
	}
	return func(c *call) *response {
		if q.pit != nil {
			return searchPIT(c, names, &q)
		}
		return runSearch(c, names, opt, &q)
	}
}

// parse reads the body (SearchSourceBuilder).
func (q *searchBody) parse(v *jsonValue) {
	if v.kind != objectValue {
		if v.kind == nullValue && v.end == 0 {
			return
		}
		raise(parsingException(v.line, v.col, "Expected [START_OBJECT] but found ["+v.tokenName()+"]"))
	}
	var after *jsonValue
	defer func() {
		if after != nil {
			q.searchAfter(after)
		}
	}()
	for i := range v.members {
		m := &v.members[i]
		switch {
		case m.name == "query" && m.value.kind == objectValue:
			q.match = parseQuery(&m.value)
		case m.name == "from" && scalar(m):
			q.from = intOf(m)
			if q.from < 0 {
				raise(illegalArgument("[from] parameter cannot be negative but was [%d]", q.from))
			}
		case m.name == "size" && scalar(m):
			if q.size = intOf(m); q.size < 0 {
				raise(illegalArgument("[size] parameter cannot be negative, found [%d]", q.size))
			}
		case m.name == "track_total_hits" && scalar(m):
			q.track(m.value.text)
		case m.name == "_source":
			q.parseSource(&m.value)
		case m.name == "version" && m.value.kind == boolValue:
			q.version = m.value.text == "true"
		case m.name == "seq_no_primary_term" && m.value.kind == boolValue:
			q.seqNo = m.value.text == "true"
		case m.name == "sort":
			q.parseSort(&m.value)
		case m.name == "pit" && m.value.kind == objectValue:
			q.pit = parsePIT(&m.value)
		case m.name == "search_after" && m.value.kind == arrayValue:
			after = &m.value
		case slices.Contains([]string{"timeout", "terminate_after", "profile", "explain", "track_scores", "min_score", "stats"}, m.name) && scalar(m):
			if m.name == "min_score" || m.name == "profile" || m.name == "explain" {
				raise(notModelled("[" + m.name + "] in a search"))
			}
		case isSearchField(m.name):
			raise(notModelled("[" + m.name + "] in a search"))
		default:
			name := m.value.tokenName()
			if m.value.kind == boolValue {
				name = "VALUE_BOOLEAN"
			}
			raise(parsingException(m.value.line, m.value.col, "Unknown key for a "+name+" in ["+m.name+"]."))
		}
	}
}

func scalar(m *jsonMember) bool {
	return m.value.kind != objectValue && m.value.kind != arrayValue && m.value.kind != nullValue
}

// isSearchField reports whether Elasticsearch knows the field and the simulator does not.
func isSearchField(name string) bool {
	return slices.Contains(strings.Fields(`aggs aggregations suggest highlight collapse rescore fields stored_fields docvalue_fields script_fields
		runtime_mappings post_filter knn retriever rank slice indices_boost ext`), name)
}

func intOf(m *jsonMember) int {
	if m.value.kind == boolValue {
		token := "VALUE_" + strings.ToUpper(m.value.text)
		raise(contentParse(m.value.line, m.value.col, "Current token (%s) not numeric, can not use numeric value accessors", token))
	}
	n, err := strconv.Atoi(m.value.text)
	if err != nil {
		raise(numberFormat(m.value.text))
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
			raise(numberFormat(v))
		}
		q.trackUpTo = n
	}
}

func (q *searchBody) parseSource(v *jsonValue) {
	list := func(v *jsonValue) []string {
		if v == nil {
			return nil
		}
		if v.kind != arrayValue {
			return []string{v.text}
		}
		var out []string
		for i := range v.elements {
			out = append(out, v.elements[i].text)
		}
		return out
	}
	switch v.kind {
	case boolValue:
		q.source.off = v.text == "false"
	case objectValue:
		q.source.includes = append(list(v.member("includes")), list(v.member("include"))...)
		q.source.excludes = append(list(v.member("excludes")), list(v.member("exclude"))...)
	default:
		q.source.includes = list(v)
	}
}

// searchAfter continues a point in time behind a hit.
func (q *searchBody) searchAfter(v *jsonValue) {
	if q.pit == nil || !q.sorted() {
		raise(notModelled("[search_after] but for a point in time sorted by _shard_doc"))
	}
	q.pit.after = parseAfter(v)
}

// parseSort accepts the order in which hits come anyway.
func (q *searchBody) parseSort(v *jsonValue) {
	keys := []jsonValue{*v}
	if v.kind == arrayValue {
		keys = v.elements
	}
	for i := range keys {
		k := &keys[i]
		switch {
		case k.kind == stringValue:
			q.order(k.text)
		case k.kind == objectValue && len(k.members) == 1 && ascending(&k.members[0].value):
			q.order(k.members[0].name)
		default:
			raise(notModelled("sorting other than by _doc or _shard_doc"))
		}
	}
}

// ascending reports whether a sort key asks for nothing but its own order.
func ascending(v *jsonValue) bool {
	if v.kind == objectValue {
		for i := range v.members {
			if m := &v.members[i]; m.name != "order" || m.value.text != "asc" {
				return false
			}
		}
		return true
	}
	return v.text == "asc"
}

// params reads the parameters, which win over the body.
func (q *searchBody) params(r *request) {
	if r.has("from") {
		if q.from = r.intParam("from", 0); q.from < 0 {
			raise(illegalArgument("[from] parameter cannot be negative but was [%d]", q.from))
		}
	}
	if r.has("size") {
		if q.size = r.intParam("size", 10); q.size < 0 {
			raise(illegalArgument("[size] parameter cannot be negative, found [%d]", q.size))
		}
	}
	if v, ok := r.lookup("track_total_hits"); ok {
		q.track(v)
	}
	q.version = r.boolParam("version", q.version)
	q.seqNo = r.boolParam("seq_no_primary_term", q.seqNo)
	q.preference = r.param("preference")
	checkPreference(q.preference)
	q.partial = r.boolParam("allow_partial_search_results", true)
	q.asInt = r.boolParam("rest_total_hits_as_int", false)
	if f := sourceParams(r); f.off || len(f.includes)+len(f.excludes) > 0 {
		q.source = f
	}
	switch kind := r.param("search_type"); kind {
	case "", "query_then_fetch", "dfs_query_then_fetch":
	default:
		raise(illegalArgument("No search type for [%s]", kind))
	}
	for _, p := range []string{"batched_reduce_size", "max_concurrent_shard_requests", "pre_filter_shard_size", "terminate_after"} {
		if r.has(p) {
			r.intParam(p, 0)
		}
	}
	r.timeParam("timeout", 0)
	r.strictBool("request_cache", false)
	r.boolParam("ccs_minimize_roundtrips", true)
	r.boolParam("typed_keys", false)
	r.param("routing")
	r.param("stats")
	if r.has("q") {
		r.param("q")
		raise(notModelled("query strings (?q)"))
	}
	if v := r.param("sort"); v != "" {
		q.order(strings.TrimSuffix(v, ":asc"))
	}
}

func runSearch(c *call, names []string, opt indicesOptions, q *searchBody) *response {
	st := c.node.Applied()
	checkReadable(c, st)
	indices := resolve(st, names, opt)
	if q.from+q.size > 10000 {
		checkWindow(c, st, indices, q.from+q.size)
	}
	result, err := c.node.Search(c.ctx, elastic.SearchRequest{
		Indices: indices, Match: q.match, From: q.from, Size: q.size, Preference: q.preference, AllowPartial: q.partial,
	})
	c.check(err)
	w := newJSON(false)
	w.obj()
	w.int64("took", result.Took.Milliseconds())
	w.bool("timed_out", result.TimedOut)
	writeShards(w, &result.Shards, true)
	w.object("hits")
	q.writeTotal(w, result.Total)
	switch {
	case len(indices) == 0:
		w.float("max_score", 0)
	case len(result.Hits) == 0 || q.sorted():
		w.null("max_score")
	default:
		w.float("max_score", 1)
	}
	w.array("hits")
	for i := range result.Hits {
		q.writeHit(w, &result.Hits[i], int64(q.from+i))
	}
	w.end()
	w.end()
	w.end()
	return &response{json: w.bytes()}
}

// checkWindow refuses a page beyond index.max_result_window.
func checkWindow(c *call, st *state.State, indices []string, end int) {
	for _, name := range indices {
		limit := 10000
		if v, ok := st.Index(name).Settings.Get("index.max_result_window"); ok {
			limit, _ = strconv.Atoi(v)
		}
		if end <= limit {
			continue
		}
		cause := illegalArgument("Result window is too large, from + size must be less than or equal to: [%d] but was [%d]. See the scroll api "+
			"for a more efficient way to request large data sets. This limit can be set by changing the [index.max_result_window] index level setting.", limit, end)
		node := st.Routing.Index(name).Shards[0].Copies[0].Node
		e := searchFailed(400, []elastic.ShardFailure{{Index: name, Node: node, Reason: cause}})
		e.CausedBy = &elastic.Error{Type: cause.Type, Reason: cause.Reason, CausedBy: &elastic.Error{Type: cause.Type, Reason: cause.Reason}}
		raise(e)
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
func (q *searchBody) writeTotal(w *jsonWriter, total int64) {
	switch relation := "eq"; {
	case q.trackUpTo < 0:
	case q.asInt:
		w.int64("total", total)
	default:
		if total > q.trackUpTo {
			total, relation = q.trackUpTo, "gte"
		}
		w.object("total")
		w.int64("value", total)
		w.str("relation", relation)
		w.end()
	}
}

// writeHit writes a hit with its place in the order.
func (q *searchBody) writeHit(w *jsonWriter, h *elastic.Hit, place int64) {
	w.obj()
	w.str("_index", h.Index)
	w.str("_id", h.ID)
	if q.version {
		w.int64("_version", h.Version)
	}
	if q.seqNo {
		w.int64("_seq_no", h.SeqNo)
		w.int64("_primary_term", h.PrimaryTerm)
	}
	if q.sorted() {
		w.null("_score")
	} else {
		w.float("_score", 1)
	}
	if h.Routing != "" {
		w.str("_routing", h.Routing)
	}
	q.source.write(w, h.Source)
	if q.sorted() {
		w.array("sort")
		w.elemInt(place)
		w.end()
	}
	w.end()
}

func prepareCount(r *request) action {
	names := r.listParam("index")
	opt := r.indicesOptions(expandOpen)
	var match matcher
	if body, ok := r.jsonOrSource(); ok && body.kind == objectValue {
		for i := range body.members {
			m := &body.members[i]
			if m.name != "query" || m.value.kind != objectValue {
				raise(parsingException(m.line, m.col, "request does not support ["+m.name+"]"))
			}
			match = parseQuery(&m.value)
		}
	}
	r.param("routing")
	preference := r.param("preference")
	r.intParam("terminate_after", 0)
	if r.has("q") || r.has("min_score") {
		r.param("q")
		r.param("min_score")
		raise(notModelled("query strings and scores in a count"))
	}
	return func(c *call) *response {
		st := c.node.Applied()
		checkReadable(c, st)
		result, err := c.node.Count(c.ctx, elastic.SearchRequest{
			Indices: resolve(st, names, opt), Match: match, Preference: preference, AllowPartial: true,
		})
		c.check(err)
		w := newJSON(false)
		w.obj()
		w.int64("count", result.Count)
		writeShards(w, &result.Shards, true)
		w.end()
		return &response{json: w.bytes()}
	}
}

func prepareRefresh(r *request) action {
	names, opt := r.listParam("index"), r.indicesOptions(expandOpen)
	return func(c *call) *response {
		st := c.node.Applied()
		checkReadable(c, st)
		result, err := c.node.Refresh(c.ctx, resolve(st, names, opt))
		c.check(err)
		return broadcast(&result)
	}
}

func prepareFlush(r *request) action {
	names, opt := r.listParam("index"), r.indicesOptions(expandOpen)
	force, wait := r.boolParam("force", false), r.boolParam("wait_if_ongoing", true)
	if force && !wait {
		raise(validationFailed("wait_if_ongoing must be true for a force flush"))
	}
	return func(c *call) *response {
		st := c.node.Applied()
		checkReadable(c, st)
		result, err := c.node.Flush(c.ctx, resolve(st, names, opt))
		c.check(err)
		return broadcast(&result)
	}
}

func broadcast(result *elastic.ShardsResult) *response {
	w := newJSON(false)
	w.obj()
	writeShards(w, result, false)
	w.end()
	return &response{json: w.bytes()}
}
