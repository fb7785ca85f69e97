package reshape

import (
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// blocks can be added to an index (APIBlock).
var blocks = []string{"read_only", "read", "write", "metadata"}

// verified is the setting by which an index says that nothing was under way when its writes were
// blocked.
const verified = "index.verified_read_only"

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
		on := "true"
		set := map[string]*string{"index.blocks." + block: &on}
		if block == "write" {
			set[verified] = &on // every copy has done what came before
		}
		indices := slices.DeleteFunc(rest.Resolve(st, names, opt), func(name string) bool {
			v, _ := st.Index(name).Settings.Get("index.blocks." + block)
			return v == on
		})
		acked := true
		if len(indices) > 0 {
			var err error
			acked, err = metadata.UpdateIndexSettings(c.Ctx, c.Node, indices, set, master, ack)
			c.Check(err)
		}
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
