package cluster

import (
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// closable are the options of closing and opening: both kinds of indices are meant.
var closable = rest.IndicesOptions{AllowNone: true, Open: true, Closed: true}

func prepareCloseIndex(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	wait := r.Param("wait_for_active_shards")
	rest.CheckActiveCount(wait)
	opt := r.IndicesOptions(rest.IndicesOptions{AllowNone: true, Open: true})
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		if destructive(c, st) && wildcards(names) {
			rest.Raise(rest.IllegalArgument("Wildcard expressions or all indices are not allowed"))
		}
		if len(names) == 0 {
			rest.Raise(rest.ValidationFailed("index is missing"))
		}
		chosen := slices.DeleteFunc(rest.Resolve(st, names, opt), func(name string) bool { return st.Index(name).Closed })
		for _, name := range chosen {
			for _, d := range st.DataStreams {
				if len(d.Indices) > 0 && d.Indices[len(d.Indices)-1] == name {
					rest.Raise(rest.IllegalArgument("cannot close the following data stream write indices [%s]", name))
				}
			}
		}
		acked, shards, err := metadata.CloseIndices(c.Ctx, c.Node, chosen, wait, master, ack)
		c.Check(err)
		w := rest.NewWriter(false)
		w.Obj()
		w.Bool("acknowledged", acked)
		w.Bool("shards_acknowledged", shards)
		w.Object("indices")
		slices.Sort(chosen)
		for _, name := range chosen {
			w.Object(name)
			w.Bool("closed", acked)
			w.End()
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func prepareOpenIndex(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	wait := r.Param("wait_for_active_shards")
	rest.CheckActiveCount(wait)
	opt := r.IndicesOptions(closable)
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		if destructive(c, st) && wildcards(names) {
			rest.Raise(rest.IllegalArgument("Wildcard expressions or all indices are not allowed"))
		}
		if len(names) == 0 {
			rest.Raise(rest.ValidationFailed("index is missing"))
		}
		acked, shards, err := metadata.OpenIndices(c.Ctx, c.Node, rest.Resolve(st, names, opt), wait, master, ack)
		c.Check(err)
		w := rest.NewWriter(false)
		w.Obj()
		w.Bool("acknowledged", acked)
		w.Bool("shards_acknowledged", shards)
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}
