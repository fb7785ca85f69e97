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
	for _, p := range []string{"df", "analyzer", "default_operator", "lenient", "analyze_wildcard"} {
		r.Param(p)
	}
	if r.BoolParam("explain", false) || r.BoolParam("rewrite", false) || r.BoolParam("all_shards", false) {
		rest.Raise(rest.NotModelled("[explain], [rewrite] and [all_shards] of _validate/query"))
	}
	body, given := r.JSONOrSource()
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		rest.CheckReadable(c, st)
		indices := rest.Resolve(st, names, opt)
		p := &queries.Parser{Now: c.Wall}
		w := rest.NewWriter(false)
		w.Obj()
		var bad error
		func() {
			defer rest.Catch(&bad)
			if q := body.Member("query"); given && q != nil {
				p.Query(q)
			}
			if text != "" {
				p.QueryString(text)
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
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}
