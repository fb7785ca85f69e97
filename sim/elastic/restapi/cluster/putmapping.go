package cluster

import (
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

func preparePutMapping(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	writeOnly := r.BoolParam("write_index_only", false)
	opt := r.IndicesOptions(rest.IndicesOptions{AllowNone: false, Open: true})
	body := r.JSON()
	change := parseMapping(&body)
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		var targets []string
		if writeOnly {
			for _, name := range names {
				index, bad := rest.WriteIndex(st, name)
				if bad != nil {
					rest.Raise(bad)
				}
				if st.Index(index) == nil {
					rest.Raise(elastic.IndexNotFound(index))
				}
				targets = rest.AddNew(targets, index)
			}
		} else {
			targets = rest.Resolve(st, names, opt)
		}
		for _, name := range targets {
			if bad := indexmeta.IndexBlock(st, name, "metadata_write"); bad != nil {
				rest.Raise(bad)
			}
		}
		acked, err := metadata.PutMapping(c.Ctx, c.Node, targets, change, master, ack)
		c.Check(err)
		return rest.Acknowledged(acked)
	}
}
