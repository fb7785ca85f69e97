package documents

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/queries"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/search"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func prepareOpenPIT(r *rest.Request) rest.Action {
	names, opt := r.ListParam("index"), r.IndicesOptions(rest.ExpandOpen)
	preference := r.Param("preference")
	routing := r.Param("routing")
	keep := r.TimeParam("keep_alive", -1)
	r.BoolParam("allow_partial_search_results", false)
	if r.Has("max_concurrent_shard_requests") {
		r.IntParam("max_concurrent_shard_requests", 0)
	}
	checkPreference(preference)
	var missing []string
	if len(names) == 0 {
		missing = append(missing, "[index] is not specified")
	}
	if !r.Has("keep_alive") {
		missing = append(missing, "[keep_alive] is not specified")
	}
	if len(r.Body) > 0 {
		rest.Raise(rest.NotModelled("index_filter"))
	}
	if len(missing) > 0 {
		rest.Raise(rest.ValidationFailed(missing...))
	}
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		rest.CheckReadable(c, st)
		where := scopeOf(c, st, names, opt, routing)
		checkKeep(c, st, where.indices, keep)
		shards, result, err := search.OpenPointInTime(c.Ctx, c.Node, where.indices, where.only, preference, keep)
		c.Check(err)
		w := rest.NewWriter(false)
		w.Obj()
		w.Str("id", encodePIT(shards, where.filters))
		rest.WriteShards(w, &result, true)
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

// checkPreference refuses what Preference.parse refuses.
func checkPreference(p string) {
	kind, further, _ := strings.Cut(p, "|")
	if strings.HasPrefix(kind, "_shards:") {
		kind = further
	}
	if !strings.HasPrefix(kind, "_") || kind == "_local" || kind == "_only_local" ||
		strings.HasPrefix(kind, "_only_nodes:") || strings.HasPrefix(kind, "_prefer_nodes:") {
		return
	}
	rest.Raise(rest.IllegalArgument("no Preference for [%s]", kind))
}

// pitMark begins the text behind every id, so that foreign ids are told apart.
const pitMark = "shardquake-pit-1\n"

// encodePIT makes the opaque id of a point in time.
func encodePIT(shards []search.PointInTimeShard, filters map[string][]json.RawMessage) string {
	text := []byte(pitMark)
	for _, s := range shards {
		line, err := json.Marshal([]any{s.Index, s.IndexUUID, s.Shard, s.Node, s.Incarnation, s.Reader, filters[s.Index]})
		if err != nil {
			panic("restapi: " + err.Error()) // strings and numbers always marshal
		}
		text = append(append(text, line...), '\n')
	}
	return base64.URLEncoding.EncodeToString(text)
}

// decodePIT reads an id back, or raises what Elasticsearch says of a foreign one.
func decodePIT(id string) ([]search.PointInTimeShard, map[string][]json.RawMessage) {
	text, err := base64.URLEncoding.DecodeString(id)
	body, ok := strings.CutPrefix(string(text), pitMark)
	if err != nil || !ok {
		rest.Raise(badPIT())
	}
	var out []search.PointInTimeShard
	filters := map[string][]json.RawMessage{}
	for line := range strings.Lines(body) {
		var s search.PointInTimeShard
		var filter []json.RawMessage
		fields := []any{&s.Index, &s.IndexUUID, &s.Shard, &s.Node, &s.Incarnation, &s.Reader, &filter}
		if json.Unmarshal([]byte(line), &fields) != nil {
			rest.Raise(badPIT())
		}
		out = append(out, s)
		if filter != nil {
			filters[s.Index] = filter
		}
	}
	return out, filters
}

func badPIT() *elastic.Error {
	e := rest.IllegalArgument("java.io.EOFException")
	e.CausedBy = &elastic.Error{Type: "e_o_f_exception", CausedBy: &elastic.Error{Type: "buffer_underflow_exception"}}
	return e
}

func prepareClosePIT(r *rest.Request) rest.Action {
	body, ok := r.JSONOrSource()
	if !ok {
		rest.Raise(rest.ParseException("request body or source parameter is required"))
	}
	if body.Kind != rest.ObjectValue {
		rest.Raise(rest.IllegalArgument("Malformed content, must start with an object"))
	}
	id := ""
	for i := range body.Members {
		m := &body.Members[i]
		if m.Name != "id" || m.Value.Kind != rest.StringValue {
			rest.Raise(rest.IllegalArgument("Unknown parameter [%s] in request body or parameter is of the wrong type[FIELD_NAME] ", m.Name))
		}
		id = m.Value.Text
	}
	if id == "" {
		rest.Raise(rest.ValidationFailed("id is empty"))
	}
	shards, _ := decodePIT(id)
	return func(c *rest.Call) *rest.Response {
		freed, err := search.ClosePointInTime(c.Ctx, c.Node, shards)
		c.Check(err)
		w := rest.NewWriter(false)
		w.Obj()
		w.Bool("succeeded", freed > 0)
		w.Int("num_freed", freed)
		w.End()
		resp := &rest.Response{JSON: w.Bytes()}
		if freed == 0 {
			resp.Status = 404
		}
		return resp
	}
}

// pitBody is "pit" in a search.
type pitBody struct {
	id   string
	keep time.Duration
}

var pitFields = []string{"id", "keep_alive"}

func parsePIT(v *rest.Value) *pitBody {
	p := &pitBody{}
	for i := range v.Members {
		m := &v.Members[i]
		switch m.Name {
		case "id":
			p.id = m.Value.Text
		case "keep_alive":
			p.keep = rest.TimeOf("keep_alive", m.Value.Text)
		default:
			rest.Raise(rest.UnknownField(m, "pit", pitFields))
		}
	}
	if p.id == "" {
		rest.Raise(rest.IllegalArgument("Required [id]"))
	}
	return p
}

// runPIT searches a point in time, and writes the answer into the open object.
func (q *searchBody) runPIT(c *rest.Call, w *rest.Writer, st *state.State, names []string) {
	if len(names) > 0 {
		rest.Raise(rest.ValidationFailed("[indices] cannot be used with point in time. Do not specify any index with point in time."))
	}
	shards, filters := decodePIT(q.pit.id)
	w.Str("pit_id", q.pit.id)
	found := readPIT(c, st, q, shards, filters, q.pit.keep)
	q.write(w, &found, false)
}

// readPIT reads from a point in time: all that matches where the whole has to be seen, else
// up to the end of the page.
func readPIT(c *rest.Call, st *state.State, q *searchBody, shards []search.PointInTimeShard, filters map[string][]json.RawMessage, keep time.Duration) results {
	var indices []string
	for _, s := range shards {
		indices = rest.AddNew(indices, s.Index)
	}
	of := fieldsOf(c, st, indices)
	checkValues(st, of, q.checks)
	q.checkNeeds(st, of, indices)
	if q.slice != nil && q.pit != nil {
		q.slice.check(st, indices, "index.max_slices_per_pit")
	} else if q.slice != nil {
		q.slice.check(st, indices, "index.max_slices_per_scroll")
	}
	checkKeep(c, st, indices, keep)
	size := q.from + q.size
	if q.needsAll() {
		size = everything
	}
	began := c.Now()
	hits, total, answered, err := search.SearchPointInTime(c.Ctx, c.Node, search.PointInTimeSearch{
		Shards: shards, Keep: keep, Within: of.within(c, filters), Match: q.selecting(st, of), After: -1, Size: size,
	})
	c.Check(err)
	if answered.Failed > 0 && (answered.Successful == 0 || !q.partial) {
		e := searchFailed(answered.Failures[0].Reason.Status, answered.Failures)
		if answered.Successful > 0 {
			e.Reason = "Partial shards failure"
		}
		rest.Raise(e)
	}
	found := results{total: total, shards: answered, took: c.Now() - began}
	for i := range hits {
		h := &hits[i].Hit
		found.hits = append(found.hits, &queries.Sorted{Doc: of.doc(h.Index, h.ID, h.Routing, h.Source), Hit: h, Place: hits[i].Position})
	}
	if !q.needsAll() {
		found.hits = found.hits[min(len(found.hits), q.from):]
	}
	return found
}
