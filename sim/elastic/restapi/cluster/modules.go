package cluster

import (
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// prepareStreamStats serves _data_stream/_stats: what data streams hold.
func prepareStreamStats(r *rest.Request) rest.Action {
	names := r.ListParam("name")
	r.Param("expand_wildcards")
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		rest.CheckReadable(c, st)
		results, failures := rest.FanOut(c, st.Nodes, 0, figures.AskSizes{})
		bytes := map[string]int64{}
		for _, res := range results {
			for _, s := range res.Value {
				bytes[s.Index] += s.All.StoreBytes
			}
		}
		var total int64
		streams, backing, copies := chosenStreams(st, names), 0, 0
		sums := make([]int64, len(streams))
		for i, d := range streams {
			backing += len(d.Indices)
			for _, index := range d.Indices {
				sums[i] += bytes[index]
				if m := st.Index(index); m != nil {
					copies += m.Shards * (1 + m.Replicas)
				}
			}
			total += sums[i]
		}
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		rest.WriteShards(w, &elastic.ShardsResult{Total: copies, Successful: max(0, copies-len(failures))}, false)
		w.Int("data_stream_count", len(streams))
		w.Int("backing_indices", backing)
		w.Size("total_store_size_bytes", "total_store_size", total)
		w.Array("data_streams")
		for i, d := range streams {
			w.Obj()
			w.Str("data_stream", d.Name)
			w.Int("backing_indices", len(d.Indices))
			w.Size("store_size_bytes", "store_size", sums[i])
			// No maximum_timestamp: Elasticsearch takes it from the points of @timestamp, which the
			// model does not index.
			w.End()
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}
