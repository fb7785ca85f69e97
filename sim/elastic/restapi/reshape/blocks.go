package reshape

import (
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// blocks can be added to an index (APIBlock).
var blocks = []string{"read_only", "read", "write", "metadata"}

func prepareBlock(r *rest.Request) rest.Action {
	names, block := r.ListParam("index"), r.Param("block")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	opt := r.IndicesOptions(rest.ExpandAll)
	switch {
	case block == "read_only_allow_delete":
		rest.Raise(rest.ValidationFailed("read_only_allow_delete block is for internal use only"))
	case !slices.Contains(blocks, block):
		rest.Raise(rest.IllegalArgument("No block found with name %s", strings.ToLower(block)))
	}
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		indices := rest.OpenOnly(st, rest.Resolve(st, names, opt), opt)
		on := "true"
		acked, err := metadata.UpdateIndexSettings(c.Ctx, c.Node, indices, map[string]*string{"index.blocks." + block: &on}, master, ack)
		c.Check(err)
		w := rest.NewWriter(false)
		w.Obj()
		w.Bool("acknowledged", acked)
		w.Bool("shards_acknowledged", acked)
		w.Array("indices")
		for _, name := range indices {
			w.Obj()
			w.Str("name", name)
			w.Bool("blocked", acked)
			w.End()
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}
