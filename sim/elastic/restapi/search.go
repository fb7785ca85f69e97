package restapi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// queryNames are the queries that an Elasticsearch node knows; the simulator
// evaluates match_all, match_none, ids and bool over them.
var queryNames = strings.Fields(`bool boosting combined_fields constant_score dis_max distance_feature exists function_score fuzzy
	geo_bounding_box geo_distance geo_shape ids intervals knn match match_all match_bool_prefix match_none match_phrase
	match_phrase_prefix more_like_this multi_match nested pinned prefix query_string range rank_feature regexp script script_score
	simple_query_string span_containing span_field_masking span_first span_gap span_multi span_near span_not span_or span_term
	span_within sparse_vector term terms terms_set text_expansion weighted_tokens wildcard wrapper`)

// matcher selects documents; nil selects all.
type matcher func(id string, source []byte) bool

func parsingException(line, col int, reason string) *elastic.Error {
	return &elastic.Error{
		Status: 400, Type: "parsing_exception", Reason: reason,
		Fields: []elastic.Field{{Name: "line", Value: line}, {Name: "col", Value: col}},
	}
}

// parseQuery reads a query clause.
func parseQuery(v *jsonValue) matcher {
	if len(v.members) == 0 {
		raise(illegalArgument("query malformed, empty clause found at [%d:%d]", v.closeLine, v.closeCol))
	}
	m := &v.members[0]
	if m.value.kind != objectValue {
		raise(parsingException(m.value.line, m.value.col, "["+m.name+"] query malformed, no start_object after query name"))
	}
	var out matcher
	switch m.name {
	case "match_all", "match_none":
		for i := range m.value.members {
			f := &m.value.members[i]
			if f.name != "boost" && f.name != "_name" {
				raise(unknownQueryField(f, m.name, []string{"boost", "_name"}))
			}
		}
		if m.name == "match_none" {
			out = func(string, []byte) bool { return false }
		}
	case "ids":
		out = parseIDs(&m.value)
	case "bool":
		out = parseBool(&m.value)
	default:
		raise(unknownQuery(m))
	}
	if len(v.members) > 1 {
		next := &v.members[1]
		raise(parsingException(next.line, next.col, "["+m.name+"] malformed query, expected [END_OBJECT] but found [FIELD_NAME]"))
	}
	return out
}

func unknownQuery(m *jsonMember) *elastic.Error {
	if slices.Contains(queryNames, m.name) {
		return notModelled("query [" + m.name + "]; it evaluates match_all, match_none, ids and bool")
	}
	line, col := m.value.line, m.value.col
	reason := "unknown query [" + m.name + "]"
	switch similar := similarTo(m.name, queryNames, 0.5); len(similar) {
	case 0:
	case 1:
		reason += " did you mean [" + similar[0] + "]?"
	default:
		reason += " did you mean any of [" + strings.Join(similar, ", ") + "]?"
	}
	e := parsingException(line, col, reason)
	e.CausedBy = &elastic.Error{
		Type: "named_object_not_found_exception", Reason: "[" + itoa(line) + ":" + itoa(col) + "] unknown field [" + m.name + "]",
	}
	e.RootCause = []*elastic.Error{{Type: e.Type, Reason: e.Reason, Fields: e.Fields}}
	return e
}

func unknownQueryField(f *jsonMember, query string, known []string) *elastic.Error {
	inner := unknownField(f, query, known)
	e := parsingException(f.value.line, f.value.col, inner.Reason)
	e.CausedBy = inner
	e.RootCause = []*elastic.Error{{Type: e.Type, Reason: e.Reason, Fields: e.Fields}}
	return e
}

func parseIDs(v *jsonValue) matcher {
	want := map[string]bool{}
	seen := false
	for i := range v.members {
		f := &v.members[i]
		switch f.name {
		case "values":
			seen = true
			for k := range f.value.elements {
				want[f.value.elements[k].text] = true
			}
		case "boost", "_name":
		default:
			raise(unknownQueryField(f, "ids", []string{"values", "boost", "_name"}))
		}
	}
	if !seen {
		raise(illegalArgument("Required [values]"))
	}
	return func(id string, _ []byte) bool { return want[id] }
}

// parseBool combines clauses: all of must and filter, none of must_not, and one of
// should when there is nothing else.
func parseBool(v *jsonValue) matcher {
	var all, none, any []matcher
	for i := range v.members {
		f := &v.members[i]
		clauses := []jsonValue{f.value}
		if f.value.kind == arrayValue {
			clauses = f.value.elements
		}
		var into *[]matcher
		switch f.name {
		case "must", "filter":
			into = &all
		case "must_not":
			into = &none
		case "should":
			into = &any
		case "boost", "_name", "adjust_pure_negative", "minimum_should_match":
			continue
		default:
			raise(unknownQueryField(f, "bool", []string{"must", "filter", "must_not", "should", "boost", "minimum_should_match", "_name"}))
		}
		for k := range clauses {
			*into = append(*into, parseQuery(&clauses[k]))
		}
	}
	holds := func(m matcher, id string, source []byte) bool { return m == nil || m(id, source) }
	needed := len(any) > 0 && len(all) == 0
	return func(id string, source []byte) bool {
		for _, m := range all {
			if !holds(m, id, source) {
				return false
			}
		}
		for _, m := range none {
			if holds(m, id, source) {
				return false
			}
		}
		if !needed {
			return true
		}
		return slices.ContainsFunc(any, func(m matcher) bool { return holds(m, id, source) })
	}
}

// searchBody is a search's body and parameters.
type searchBody struct {
	match              matcher
	from, size         int
	trackUpTo          int64 // -1: not at all; hits above are only "gte"
	source             sourceFilter
	version, seqNo     bool
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
	return func(c *call) *response { return c.search(names, opt, &q) }
}

// parse reads the body (SearchSourceBuilder).
func (q *searchBody) parse(v *jsonValue) {
	if v.kind != objectValue {
		if v.kind == nullValue && v.end == 0 {
			return
		}
		raise(parsingException(v.line, v.col, "Expected [START_OBJECT] but found ["+v.tokenName()+"]"))
	}
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
		runtime_mappings post_filter knn retriever rank pit search_after slice indices_boost ext`), name)
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

// parseSort accepts the order in which hits come anyway.
func (q *searchBody) parseSort(v *jsonValue) {
	keys := []jsonValue{*v}
	if v.kind == arrayValue {
		keys = v.elements
	}
	for i := range keys {
		k := &keys[i]
		switch {
		case k.kind == stringValue && k.text == "_doc":
			q.sortedByDoc = true
		case k.kind == stringValue && k.text == "_score":
		default:
			raise(notModelled("sorting other than by _doc"))
		}
	}
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
		if v != "_doc" {
			raise(notModelled("sorting other than by _doc"))
		}
		q.sortedByDoc = true
	}
}

func (c *call) search(names []string, opt indicesOptions, q *searchBody) *response {
	st := c.node.Applied()
	c.readable(st)
	indices := resolve(st, names, opt)
	if q.from+q.size > 10000 {
		c.checkWindow(st, indices, q.from+q.size)
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
	switch relation := "eq"; {
	case q.trackUpTo < 0:
	case q.asInt:
		w.int64("total", result.Total)
	default:
		total := result.Total
		if total > q.trackUpTo {
			total, relation = q.trackUpTo, "gte"
		}
		w.object("total")
		w.int64("value", total)
		w.str("relation", relation)
		w.end()
	}
	switch {
	case len(indices) == 0:
		w.float("max_score", 0)
	case len(result.Hits) == 0 || q.sortedByDoc:
		w.null("max_score")
	default:
		w.float("max_score", 1)
	}
	w.array("hits")
	for i := range result.Hits {
		q.writeHit(w, &result.Hits[i], i)
	}
	w.end()
	w.end()
	w.end()
	return &response{json: w.bytes()}
}

// checkWindow refuses a page beyond index.max_result_window.
func (c *call) checkWindow(st *state.State, indices []string, end int) {
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

func (q *searchBody) writeHit(w *jsonWriter, h *elastic.Hit, i int) {
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
	if q.sortedByDoc {
		w.null("_score")
	} else {
		w.float("_score", 1)
	}
	if h.Routing != "" {
		w.str("_routing", h.Routing)
	}
	q.source.write(w, h.Source)
	if q.sortedByDoc {
		w.array("sort")
		w.elemInt(int64(q.from + i))
		w.end()
	}
	w.end()
}

// writeShards writes "_shards"; searches also count skipped shards.
func writeShards(w *jsonWriter, s *elastic.ShardsResult, search bool) {
	w.object("_shards")
	w.int("total", s.Total)
	w.int("successful", s.Successful)
	if search {
		w.int("skipped", s.Skipped)
	}
	w.int("failed", s.Failed)
	if len(s.Failures) > 0 {
		w.array("failures")
		for i := range s.Failures {
			writeShardFailure(w, &s.Failures[i], search)
		}
		w.end()
	}
	w.end()
}

func writeShardFailure(w *jsonWriter, f *elastic.ShardFailure, search bool) {
	w.obj()
	w.int("shard", f.Shard)
	w.str("index", f.Index)
	if search {
		w.strOrNull("node", f.Node)
	} else {
		w.str("status", f.Status)
	}
	writeCause(w, f.Reason)
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
		c.readable(st)
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
		c.readable(st)
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
		c.readable(st)
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
