package documents

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/queries"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/search"
)

// scroll is a search whose pages are told one after another: what it found stands in readers
// on the nodes, and is gone with them.
type scroll struct {
	q      *searchBody
	shards []search.PointInTimeShard
	// filters of the aliases by which it was asked, by index.
	filters map[string][]json.RawMessage
	shown   int // hits that were told
}

const scrollMark = "shardquake-scroll-"

// openScroll fixes what the search finds, and writes the first page.
func openScroll(c *rest.Call, w *rest.Writer, q *searchBody, where *scope) {
	shards, _, err := search.OpenPointInTime(c.Ctx, c.Node, where.indices, where.only, q.preference, q.scroll)
	c.Check(err)
	s := &scroll{q: q, shards: shards, filters: where.filters}
	id := base64.URLEncoding.EncodeToString([]byte(scrollMark + strconv.Itoa(c.Cache.Keep(s))))
	s.page(c, w, id, q.scroll)
}

// page writes the next page.
func (s *scroll) page(c *rest.Call, w *rest.Writer, id string, keep time.Duration) {
	q := *s.q
	st := c.Node.Applied()
	all := q
	all.size = everything - 1 // as the whole: pages are cut out below
	found := readPIT(c, st, &all, s.shards, s.filters, keep)
	if len(q.by) > 0 {
		queries.Sort(found.hits, q.order())
	}
	from := min(len(found.hits), s.shown)
	page := found.hits[from:min(len(found.hits), from+q.size)]
	s.shown += len(page)
	w.Str("_scroll_id", id)
	aggregated := found.hits
	found.hits = page
	q.from, q.after = 0, nil
	if from > 0 {
		q.aggs = nil
	}
	q.writeScrolled(w, &found, aggregated)
}

// writeScrolled is write of hits that are in order and cut already.
func (q *searchBody) writeScrolled(w *rest.Writer, r *results, all []*queries.Sorted) {
	w.Int64("took", r.took.Milliseconds())
	w.Bool("timed_out", r.timedOut)
	rest.WriteShards(w, &r.shards, true)
	w.Object("hits")
	q.writeTotal(w, r.total)
	if len(r.hits) == 0 || q.sorted() {
		w.Null("max_score")
	} else {
		w.Float("max_score", 1)
	}
	w.Array("hits")
	for _, h := range r.hits {
		q.writeHit(w, h)
	}
	w.End()
	w.End()
	if len(q.aggs) > 0 {
		docs := make([]*queries.Doc, len(all))
		for i, h := range all {
			docs[i] = h.Doc
		}
		w.Object("aggregations")
		queries.WriteAggregations(w, q.aggs, docs, q.typed)
		w.End()
	}
}

// scrollOf finds a scroll by its id.
func scrollOf(c *rest.Call, id string) (n int, s *scroll) {
	text, err := base64.URLEncoding.DecodeString(id)
	digits, ok := strings.CutPrefix(string(text), scrollMark)
	n, bad := strconv.Atoi(digits)
	if err != nil || !ok || bad != nil {
		e := rest.IllegalArgument("Cannot parse scroll id")
		e.CausedBy = &elastic.Error{Type: "e_o_f_exception"}
		rest.Raise(e)
	}
	s, _ = c.Cache.Kept(n).(*scroll)
	return n, s
}

// scrollIDs reads the ids of the path, the parameter or the body, and how long to keep one.
func scrollIDs(r *rest.Request) (ids []string, keep time.Duration) {
	ids = r.ListParam("scroll_id")
	keep = r.TimeParam("scroll", 0)
	if len(r.Body) == 0 {
		return ids, keep
	}
	body := r.JSON()
	for i := range body.Members {
		m := &body.Members[i]
		switch {
		case m.Name == "scroll_id" && m.Value.Kind == rest.ArrayValue:
			ids = nil
			for k := range m.Value.Elements {
				ids = append(ids, m.Value.Elements[k].Text)
			}
		case m.Name == "scroll_id":
			ids = []string{m.Value.Text}
		case m.Name == "scroll":
			keep = rest.TimeOf("scroll", m.Value.Text)
		default:
			rest.Raise(rest.IllegalArgument("Unknown parameter [%s] in request body or parameter is of the wrong type[%s] ", m.Name, m.Value.TokenName()))
		}
	}
	return ids, keep
}

func prepareScroll(r *rest.Request) rest.Action {
	ids, keep := scrollIDs(r)
	asInt := r.BoolParam("rest_total_hits_as_int", false)
	if len(ids) != 1 || ids[0] == "" {
		rest.Raise(rest.ValidationFailed("scrollId is missing"))
	}
	return func(c *rest.Call) *rest.Response {
		_, s := scrollOf(c, ids[0])
		if s == nil {
			rest.Raise(noScroll(ids[0]))
		}
		s.q.asInt = s.q.asInt || asInt
		w := rest.NewWriter(false)
		w.Obj()
		s.page(c, w, ids[0], keep)
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func noScroll(id string) *elastic.Error {
	cause := &elastic.Error{Status: 404, Type: "search_context_missing_exception", Reason: "No search context found for id [" + id + "]"}
	return searchFailed(404, []elastic.ShardFailure{{Index: "", Shard: -1, Reason: cause}})
}

func prepareClearScroll(r *rest.Request) rest.Action {
	ids, _ := scrollIDs(r)
	if len(ids) == 0 {
		rest.Raise(rest.ValidationFailed("no scroll ids specified"))
	}
	return func(c *rest.Call) *rest.Response {
		freed := 0
		free := func(s *scroll) {
			n, err := search.ClosePointInTime(c.Ctx, c.Node, s.shards)
			c.Check(err)
			freed += n
		}
		all := len(ids) == 1 && ids[0] == "_all"
		if all {
			for _, v := range c.Cache.DropAll() {
				if s, ok := v.(*scroll); ok {
					free(s)
				}
			}
		}
		for _, id := range ids {
			if all {
				break
			}
			if n, s := scrollOf(c, id); s != nil {
				c.Cache.Drop(n)
				free(s)
			}
		}
		w := rest.NewWriter(false)
		w.Obj()
		w.Bool("succeeded", true)
		w.Int("num_freed", freed)
		w.End()
		resp := &rest.Response{JSON: w.Bytes()}
		if freed == 0 && !all {
			resp.Status = 404
		}
		return resp
	}
}
