package documents

import (
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// wantedDoc is a document that a request of several asks for.
type wantedDoc struct {
	index, id, routing string
	source             sourceFilter
	stored             storedFields
}

func prepareMultiGet(r *rest.Request) rest.Action {
	index := r.Param("index")
	refresh, realtime := r.BoolParam("refresh", false), r.BoolParam("realtime", true)
	r.Param("preference")
	routing := r.Param("routing")
	stored := storedParam(r)
	r.BoolParam("force_synthetic_source", false)
	def := sourceParams(r)
	body, ok := r.JSONOrSource()
	if !ok {
		rest.Raise(rest.ParseException("request body or source parameter is required"))
	}
	docs := parseWanted(&body, wantedDoc{index: index, routing: routing, source: stored.narrow(def), stored: stored})
	var bad []string
	for _, d := range docs {
		if d.index == "" {
			bad = append(bad, "index is missing for doc "+"0")
		}
		if d.id == "" {
			bad = append(bad, "id is missing for doc "+"0")
		}
	}
	switch {
	case len(docs) == 0:
		rest.Raise(rest.ValidationFailed("no documents to get"))
	case len(bad) > 0:
		rest.Raise(rest.ValidationFailed(bad...))
	}
	return func(c *rest.Call) *rest.Response {
		w := rest.NewWriter(false)
		w.Obj()
		w.Array("docs")
		for _, d := range docs {
			w.Obj()
			writeWanted(c, w, d, realtime, refresh)
			w.End()
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func parseWanted(body *rest.Value, def wantedDoc) []wantedDoc {
	var out []wantedDoc
	for i := range body.Members {
		m := &body.Members[i]
		switch m.Name {
		case "ids":
			if def.index == "" {
				rest.Raise(rest.ValidationFailed("index is missing for doc 0"))
			}
			for k := range m.Value.Elements {
				d := def
				d.id = m.Value.Elements[k].Text
				out = append(out, d)
			}
		case "docs":
			for k := range m.Value.Elements {
				out = append(out, parseWantedDoc(&m.Value.Elements[k], def))
			}
		default:
			rest.Raise(rest.ParseException("unexpected token [%s], expected [FIELD_NAME] or [START_ARRAY]", m.Value.TokenName()))
		}
	}
	return out
}

func parseWantedDoc(v *rest.Value, d wantedDoc) wantedDoc {
	if v.Kind != rest.ObjectValue {
		rest.Raise(rest.IllegalArgument("docs array element should include an object"))
	}
	for i := range v.Members {
		m := &v.Members[i]
		switch m.Name {
		case "_index":
			d.index = m.Value.Text
		case "_id":
			d.id = m.Value.Text
		case "routing":
			d.routing = m.Value.Text
		case "_source":
			q := searchBody{}
			q.parseSource(&m.Value)
			d.source = q.source
		case "stored_fields":
			d.stored = storedFields{given: true, names: fieldNames(listed(&m.Value))}
			d.source = d.stored.narrow(sourceFilter{})
		case "version", "version_type":
			rest.Raise(rest.NotModelled("[" + m.Name + "] in _mget"))
		default:
			rest.Raise(rest.ParseException("failed to parse multi get request. unknown field [%s]", m.Name))
		}
	}
	return d
}

// writeWanted writes a document, or why it can't be had.
func writeWanted(c *rest.Call, w *rest.Writer, d wantedDoc, realtime, refresh bool) {
	var got elastic.GetResult
	var bad error
	func() {
		defer rest.Catch(&bad)
		got = getDocument(c, rest.DateMath(d.index, c.Wall()), d.id, d.routing, realtime, refresh)
	}()
	if bad != nil {
		e := elastic.AsError(bad)
		w.Str("_index", d.index)
		w.Str("_id", d.id)
		w.Object("error")
		w.Array("root_cause")
		w.Obj()
		rest.WriteException(w, e, false, false)
		w.End()
		w.End()
		rest.WriteException(w, e, false, true)
		w.End()
		return
	}
	writeGot(c, w, &got, d.id, d.source, d.stored)
}

// writeGot writes a document that was found, or that it was not.
func writeGot(c *rest.Call, w *rest.Writer, got *elastic.GetResult, id string, source sourceFilter, stored storedFields) {
	w.Str("_index", got.Index)
	w.Str("_id", id)
	if got.Found {
		w.Int64("_version", got.Version)
		w.Int64("_seq_no", got.SeqNo)
		w.Int64("_primary_term", got.PrimaryTerm)
		if got.Routing != "" {
			w.Str("_routing", got.Routing)
		}
	}
	w.Bool("found", got.Found)
	if got.Found {
		source.write(w, got.Source)
		if len(stored.names) > 0 {
			of := fieldsOf(c, c.Node.Applied(), []string{got.Index})
			stored.write(w, of.doc(got.Index, id, got.Routing, got.Source))
		}
	}
}

// searchLine is a search among several.
type searchLine struct {
	names []string
	opt   rest.IndicesOptions
	body  rest.Value
	// routing and preference of the search.
	routing, preference string
}

// prepareMultiSearch serves _msearch: a line about where, a line with the search, and so on.
func prepareMultiSearch(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	opt := r.IndicesOptions(rest.ExpandOpen)
	asInt, typed := r.BoolParam("rest_total_hits_as_int", false), r.BoolParam("typed_keys", false)
	r.Param("search_type")
	for _, p := range []string{"max_concurrent_searches", "pre_filter_shard_size", "max_concurrent_shard_requests"} {
		if r.Has(p) && r.IntParam(p, 1) < 1 {
			if p == "pre_filter_shard_size" {
				rest.Raise(rest.IllegalArgument("preFilterShardSize must be >= 1"))
			}
			rest.Raise(rest.IllegalArgument("%s must be positive", strings.ReplaceAll(p, "_", " ")))
		}
	}
	r.BoolParam("ccs_minimize_roundtrips", true)
	if len(r.Body) == 0 {
		rest.Raise(rest.ParseException("request body or source parameter is required"))
	}
	lines := parseSearchLines(r.Content(), names, opt)
	if len(lines) == 0 {
		rest.Raise(rest.ValidationFailed("no requests added"))
	}
	for i := range lines {
		q := searchBody{asInt: asInt, trackUpTo: trackAll}
		if t := lines[i].body.Member("track_total_hits"); t != nil {
			q.track(t.Text)
		}
		q.checkTogether()
	}
	return func(c *rest.Call) *rest.Response {
		began := c.Now()
		w := rest.NewWriter(false)
		w.Obj()
		w.Array("responses")
		for i := range lines {
			lines[i].run(c, w, asInt, typed)
		}
		w.End()
		w.Int64("took", (c.Now() - began).Milliseconds())
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func parseSearchLines(body []byte, names []string, opt rest.IndicesOptions) []searchLine {
	if body[len(body)-1] != '\n' {
		rest.Raise(rest.IllegalArgument("The msearch request must be terminated by a newline [\n]"))
	}
	lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	var out []searchLine
	for i := 0; i < len(lines); i++ {
		l := searchLine{names: names, opt: opt}
		if head := strings.TrimSpace(lines[i]); head != "" {
			v, err := rest.ParseJSON([]byte(head))
			if err != nil {
				rest.Raise(elastic.AsError(err))
			}
			l.head(&v)
		}
		if i++; i >= len(lines) {
			break
		}
		v, err := rest.ParseJSON([]byte(lines[i]))
		if err != nil {
			rest.Raise(elastic.AsError(err))
		}
		l.body = v
		out = append(out, l)
	}
	return out
}

// head reads the line about where and how to search.
func (l *searchLine) head(v *rest.Value) {
	for i := range v.Members {
		m := &v.Members[i]
		switch m.Name {
		case "index", "indices":
			l.names = nil
			if m.Value.Kind == rest.ArrayValue {
				for k := range m.Value.Elements {
					l.names = append(l.names, m.Value.Elements[k].Text)
				}
			} else {
				l.names = strings.Split(m.Value.Text, ",")
			}
		case "ignore_unavailable":
			l.opt.IgnoreUnavailable = m.Value.Text == "true"
		case "allow_no_indices":
			l.opt.AllowNone = m.Value.Text != "false"
		case "routing":
			l.routing = m.Value.Text
		case "preference":
			l.preference = m.Value.Text
		case "search_type", "request_cache", "expand_wildcards", "ignore_throttled", "allow_partial_search_results",
			"ccs_minimize_roundtrips":
		default:
			rest.Raise(rest.IllegalArgument("key [%s] is not supported in the metadata section", m.Name))
		}
	}
}

// run searches and writes the answer as an element.
func (l *searchLine) run(c *rest.Call, w *rest.Writer, asInt, typed bool) {
	inner := rest.NewWriter(false)
	var bad error
	func() {
		defer rest.Catch(&bad)
		q := newSearch()
		q.asInt, q.typed = asInt, typed
		q.routing, q.preference = l.routing, l.preference
		checkPreference(q.preference)
		q.read(c, &l.body)
		inner.Obj()
		q.run(c, inner, slices.Clone(l.names), l.opt)
		inner.Int("status", 200)
		inner.End()
	}()
	w.Sep()
	if bad == nil {
		w.Buf = append(w.Buf, inner.Bytes()...)
		return
	}
	failure := rest.NewWriter(false)
	rest.WriteError(failure, elastic.AsError(bad), false)
	w.Buf = append(w.Buf, failure.Bytes()...)
}
