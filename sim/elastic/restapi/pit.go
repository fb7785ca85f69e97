package restapi

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
)

func prepareOpenPIT(r *request) action {
	names, opt := r.listParam("index"), r.indicesOptions(expandOpen)
	preference := r.param("preference")
	r.param("routing")
	keep := r.timeParam("keep_alive", -1)
	r.boolParam("allow_partial_search_results", false)
	if r.has("max_concurrent_shard_requests") {
		r.intParam("max_concurrent_shard_requests", 0)
	}
	checkPreference(preference)
	var missing []string
	if len(names) == 0 {
		missing = append(missing, "[index] is not specified")
	}
	if !r.has("keep_alive") {
		missing = append(missing, "[keep_alive] is not specified")
	}
	if len(r.body) > 0 {
		raise(notModelled("index_filter"))
	}
	if len(missing) > 0 {
		raise(validationFailed(missing...))
	}
	return func(c *call) *response {
		st := c.node.Applied()
		checkReadable(c, st)
		shards, result, err := c.node.OpenPointInTime(c.ctx, resolve(st, names, opt), preference, keep)
		c.check(err)
		w := newJSON(false)
		w.obj()
		w.str("id", encodePIT(shards))
		writeShards(w, &result, true)
		w.end()
		return &response{json: w.bytes()}
	}
}

// checkPreference refuses what Preference.parse refuses.
func checkPreference(p string) {
	kind, rest, _ := strings.Cut(p, "|")
	if strings.HasPrefix(kind, "_shards:") {
		kind = rest
	}
	if !strings.HasPrefix(kind, "_") || kind == "_local" || kind == "_only_local" ||
		strings.HasPrefix(kind, "_only_nodes:") || strings.HasPrefix(kind, "_prefer_nodes:") {
		return
	}
	raise(illegalArgument("no Preference for [%s]", kind))
}

// pitMark begins the text behind every id, so that foreign ids are told apart.
const pitMark = "shardquake-pit-1\n"

// encodePIT makes the opaque id of a point in time.
func encodePIT(shards []elastic.PointInTimeShard) string {
	text := []byte(pitMark)
	for _, s := range shards {
		line, err := json.Marshal([]any{s.Index, s.IndexUUID, s.Shard, s.Node, s.Incarnation, s.Reader})
		if err != nil {
			panic("restapi: " + err.Error()) // strings and numbers always marshal
		}
		text = append(append(text, line...), '\n')
	}
	return base64.URLEncoding.EncodeToString(text)
}

// decodePIT reads an id back, or raises what Elasticsearch says of a foreign one.
func decodePIT(id string) []elastic.PointInTimeShard {
	text, err := base64.URLEncoding.DecodeString(id)
	body, ok := strings.CutPrefix(string(text), pitMark)
	if err != nil || !ok {
		raise(badPIT())
	}
	var out []elastic.PointInTimeShard
	for line := range strings.Lines(body) {
		var s elastic.PointInTimeShard
		fields := []any{&s.Index, &s.IndexUUID, &s.Shard, &s.Node, &s.Incarnation, &s.Reader}
		if json.Unmarshal([]byte(line), &fields) != nil {
			raise(badPIT())
		}
		out = append(out, s)
	}
	return out
}

func badPIT() *elastic.Error {
	e := illegalArgument("java.io.EOFException")
	e.CausedBy = &elastic.Error{Type: "e_o_f_exception", CausedBy: &elastic.Error{Type: "buffer_underflow_exception"}}
	return e
}

func prepareClosePIT(r *request) action {
	body, ok := r.jsonOrSource()
	if !ok {
		raise(parseException("request body or source parameter is required"))
	}
	if body.kind != objectValue {
		raise(illegalArgument("Malformed content, must start with an object"))
	}
	id := ""
	for i := range body.members {
		m := &body.members[i]
		if m.name != "id" || m.value.kind != stringValue {
			raise(illegalArgument("Unknown parameter [%s] in request body or parameter is of the wrong type[FIELD_NAME] ", m.name))
		}
		id = m.value.text
	}
	if id == "" {
		raise(validationFailed("id is empty"))
	}
	shards := decodePIT(id)
	return func(c *call) *response {
		freed, err := c.node.ClosePointInTime(c.ctx, shards)
		c.check(err)
		w := newJSON(false)
		w.obj()
		w.bool("succeeded", freed > 0)
		w.int("num_freed", freed)
		w.end()
		resp := &response{json: w.bytes()}
		if freed == 0 {
			resp.status = 404
		}
		return resp
	}
}

// pitBody is "pit" in a search.
type pitBody struct {
	id    string
	keep  time.Duration
	after int64
}

var pitFields = []string{"id", "keep_alive"}

func parsePIT(v *jsonValue) *pitBody {
	p := &pitBody{after: -1}
	for i := range v.members {
		m := &v.members[i]
		switch m.name {
		case "id":
			p.id = m.value.text
		case "keep_alive":
			p.keep = timeOf("keep_alive", m.value.text)
		default:
			raise(unknownField(m, "pit", pitFields))
		}
	}
	if p.id == "" {
		raise(illegalArgument("Required [id]"))
	}
	return p
}

// parseAfter reads search_after: a single number, as the only order is by _shard_doc.
func parseAfter(v *jsonValue) int64 {
	if v.kind != arrayValue || len(v.elements) == 0 {
		raise(illegalArgument("Values must contains at least one value."))
	}
	n, err := strconv.ParseInt(v.elements[0].text, 10, 64)
	if err != nil {
		raise(numberFormat(v.elements[0].text))
	}
	return n
}

// searchPIT answers a search of a point in time.
func searchPIT(c *call, names []string, q *searchBody) *response {
	if len(names) > 0 {
		raise(validationFailed("[indices] cannot be used with point in time. Do not specify any index with point in time."))
	}
	if q.from > 0 {
		raise(notModelled("[from] in a point in time; page with search_after"))
	}
	began := c.now()
	hits, total, shards, err := c.node.SearchPointInTime(c.ctx, elastic.PointInTimeSearch{
		Shards: decodePIT(q.pit.id), Keep: q.pit.keep, Match: q.match, After: q.pit.after, Size: q.size,
	})
	c.check(err)
	if shards.Failed > 0 && (shards.Successful == 0 || !q.partial) {
		e := searchFailed(shards.Failures[0].Reason.Status, shards.Failures)
		if shards.Successful > 0 {
			e.Reason = "Partial shards failure"
		}
		raise(e)
	}
	w := newJSON(false)
	w.obj()
	w.str("pit_id", q.pit.id)
	w.int64("took", (c.now() - began).Milliseconds())
	w.bool("timed_out", false)
	writeShards(w, &shards, true)
	w.object("hits")
	q.writeTotal(w, total)
	if len(hits) == 0 || q.sorted() {
		w.null("max_score")
	} else {
		w.float("max_score", 1)
	}
	w.array("hits")
	for i := range hits {
		q.writeHit(w, &hits[i].Hit, hits[i].Position)
	}
	w.end()
	w.end()
	w.end()
	return &response{json: w.bytes()}
}

// sorted reports whether hits come with their place in the order instead of a score.
func (q *searchBody) sorted() bool { return q.sortedByDoc || q.sortedByShard }

// orders are the orders in which hits come anyway.
var orders = []string{"_doc", "_shard_doc", "_score"}

// order takes an order from the body or from ?sort.
func (q *searchBody) order(name string) {
	if !slices.Contains(orders, name) {
		raise(notModelled("sorting other than by _doc or _shard_doc"))
	}
	q.sortedByDoc = q.sortedByDoc || name == "_doc"
	q.sortedByShard = q.sortedByShard || name == "_shard_doc"
}
