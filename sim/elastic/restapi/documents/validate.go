package documents

import (
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/queries"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// prepareValidate serves _validate/query: whether a query can be read, and asked of the indices.
func prepareValidate(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	opt := r.IndicesOptions(rest.ExpandOpen)
	text := r.Param("q")
	how := queries.MeantBy(r)
	explain := r.BoolParam("explain", false)
	if r.BoolParam("rewrite", false) || r.BoolParam("all_shards", false) {
		rest.Raise(rest.NotModelled("[rewrite] and [all_shards] of _validate/query"))
	}
	body, _ := r.JSONOrSource()
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		rest.CheckReadable(c, st)
		indices := rest.Resolve(st, names, opt)
		p := &queries.Parser{Now: c.Wall}
		w := rest.NewWriter(false)
		w.Obj()
		var bad error
		all := true // every document is selected
		func() {
			defer rest.Catch(&bad)
			for i := range body.Members {
				m := &body.Members[i]
				if m.Name != "query" {
					rest.Raise(queries.ParsingException(m.Line, m.Col, "request does not support ["+m.Name+"]"))
				}
				all = p.Query(&m.Value) == nil
			}
			if text != "" {
				all = p.QueryString(text, how) == nil
			}
		}()
		if bad == nil {
			rest.WriteShards(w, &elastic.ShardsResult{Total: 1, Successful: 1}, false)
			for _, f := range fieldsOf(c, st, indices).list(indices) {
				for _, check := range p.Checks {
					if e := check(f); e != nil {
						bad = e
					}
				}
			}
		}
		w.Bool("valid", bad == nil)
		if explain {
			writeExplanations(w, indices, bad, all)
		}
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

// writeExplanations says why a query can't be read, or what becomes of it in each index.
func writeExplanations(w *rest.Writer, indices []string, bad error, all bool) {
	if bad != nil {
		e := elastic.AsError(bad)
		text := "org.elasticsearch.common.ParsingException: " + e.Reason
		if e.CausedBy != nil {
			text += "; org.elasticsearch.xcontent.NamedObjectNotFoundException: " + e.CausedBy.Reason
		}
		w.Str("error", text)
		return
	}
	if !all {
		rest.Raise(rest.NotModelled("[explain] of a query but match_all, which it would have to tell in Lucene's words"))
	}
	w.Array("explanations")
	for _, name := range indices {
		w.Obj()
		w.Str("index", name)
		w.Bool("valid", true)
		w.Str("explanation", "*:*")
		w.End()
	}
	w.End()
}
