package documents

import (
	"github.com/shardquake/shardquake/sim/elastic/oncopies"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

func prepareForceMerge(r *rest.Request) rest.Action {
	names, opt := r.ListParam("index"), r.IndicesOptions(rest.ExpandOpen)
	most := r.IntParam("max_num_segments", -1)
	expunge := r.BoolParam("only_expunge_deletes", false)
	flush := r.BoolParam("flush", true)
	if !r.BoolParam("wait_for_completion", true) {
		rest.Raise(rest.NotModelled("wait_for_completion=false; the nearest that it has is a request whose answer is not waited for"))
	}
	if expunge && most >= 0 {
		rest.Raise(rest.ValidationFailed("cannot set only_expunge_deletes and max_num_segments at the same time, those two parameters are mutually exclusive"))
	}
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		rest.CheckReadable(c, st)
		result, err := oncopies.Broadcast(c.Node, c.Ctx, rest.OpenOnly(st, rest.Resolve(st, names, opt), opt), oncopies.MergeOrder{MaxSegments: most, Flush: flush})
		c.Check(err)
		return broadcast(&result)
	}
}

// prepareClearCache serves _cache/clear: the model has no caches, so there is nothing left to
// clear, on every copy.
func prepareClearCache(r *rest.Request) rest.Action {
	names, opt := r.ListParam("index"), r.IndicesOptions(rest.ExpandOpen)
	for _, p := range []string{"query", "fielddata", "request"} {
		r.BoolParam(p, false)
	}
	r.ListParam("fields")
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		rest.CheckReadable(c, st)
		result, err := oncopies.Broadcast(c.Node, c.Ctx, rest.OpenOnly(st, rest.Resolve(st, names, opt), opt), oncopies.ClearCache{})
		c.Check(err)
		return broadcast(&result)
	}
}
