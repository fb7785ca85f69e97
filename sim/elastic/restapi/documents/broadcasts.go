package documents

import (
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/oncopies"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

func prepareRefresh(r *rest.Request) rest.Action {
	names, opt := r.ListParam("index"), r.IndicesOptions(rest.ExpandOpen)
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		rest.CheckReadable(c, st)
		result, err := oncopies.Broadcast(c.Node, c.Ctx, rest.OpenOnly(st, rest.Resolve(st, names, opt), opt), oncopies.Refresh{})
		c.Check(err)
		return broadcast(&result)
	}
}

func prepareFlush(r *rest.Request) rest.Action {
	names, opt := r.ListParam("index"), r.IndicesOptions(rest.ExpandOpen)
	force, wait := r.BoolParam("force", false), r.BoolParam("wait_if_ongoing", true)
	if force && !wait {
		rest.Raise(rest.ValidationFailed("wait_if_ongoing must be true for a force flush"))
	}
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		rest.CheckReadable(c, st)
		result, err := oncopies.Broadcast(c.Node, c.Ctx, rest.OpenOnly(st, rest.Resolve(st, names, opt), opt), oncopies.Flush{})
		c.Check(err)
		return broadcast(&result)
	}
}

func broadcast(result *elastic.ShardsResult) *rest.Response {
	w := rest.NewWriter(false)
	w.Obj()
	rest.WriteShards(w, result, false)
	w.End()
	return &rest.Response{JSON: w.Bytes()}
}
