package reshape

import (
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi/cluster"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// fields of a body. Mappings are those of the source.
var fields = []string{"aliases", "max_primary_shard_size", "settings"}

func prepareResize(how metadata.Resizing) func(r *rest.Request) rest.Action {
	return func(r *rest.Request) rest.Action {
		q := metadata.ResizeRequest{How: how, Source: r.Param("index"), Target: r.Param("target")}
		q.AckTimeout, q.MasterTimeout = r.AckTimeout(), r.MasterTimeout()
		q.WaitForActiveShards = r.Param("wait_for_active_shards")
		rest.CheckActiveCount(q.WaitForActiveShards)
		var body rest.Value
		if len(r.Body) > 0 {
			body = r.JSON()
		}
		set := readBody(&body, &q)
		return func(c *rest.Call) *rest.Response {
			if bad := rest.ValidateName(q.Target); bad != nil {
				rest.Raise(bad)
			}
			st := c.State(false, q.MasterTimeout)
			source, bad := rest.OneIndex(st, q.Source)
			if bad != nil {
				bad.Fields = slices.DeleteFunc(bad.Fields, func(f elastic.Field) bool { return strings.HasPrefix(f.Name, "resource.") })
				rest.Raise(bad)
			}
			if set != nil {
				for _, ch := range cluster.Normalise(cluster.Flatten("", set, nil)) {
					if ch.Value == nil {
						q.Without = append(q.Without, ch.Key)
					}
				}
			}
			if st.Aliased(q.Target) != nil {
				rest.Raise(rest.NamedAsAlias(q.Target))
			}
			q.Source, q.Settings = source, cluster.IndexSettings(set)
			acked, shards, err := metadata.Resize(c.Ctx, c.Node, q)
			c.Check(err)
			w := rest.NewWriter(false)
			w.Obj()
			w.Bool("acknowledged", acked)
			w.Bool("shards_acknowledged", shards)
			w.Str("index", q.Target)
			w.End()
			return &rest.Response{JSON: w.Bytes()}
		}
	}
}

// readBody reads aliases and settings; the settings are returned as they stand.
func readBody(body *rest.Value, q *metadata.ResizeRequest) *rest.Value {
	var set *rest.Value
	for i := range body.Members {
		m := &body.Members[i]
		switch {
		case m.Name == "settings" && m.Value.Kind == rest.ObjectValue:
			set = &m.Value
		case m.Name == "aliases" && m.Value.Kind == rest.ObjectValue:
			q.Aliases = cluster.Aliases(&m.Value)
		case m.Name == "max_primary_shard_size":
			rest.Raise(rest.NotModelled("[max_primary_shard_size]; the nearest that it has is index.number_of_shards"))
		default:
			rest.Raise(rest.UnknownField(m, "resize_request", fields))
		}
	}
	return set
}
