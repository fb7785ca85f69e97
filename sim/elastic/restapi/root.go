package restapi

import "github.com/shardquake/shardquake/sim/elastic/restapi/rest"

// prepareRoot answers GET and HEAD of "/".
func prepareRoot(*rest.Request) rest.Action {
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		uuid := st.ClusterUUID
		if uuid == "" {
			uuid = "_na_"
		}
		w := rest.NewWriter(false)
		w.Obj()
		w.Str("name", c.Node.Name())
		w.Str("cluster_name", c.Cluster.Name())
		w.Str("cluster_uuid", uuid)
		w.Object("version")
		w.Str("number", c.Node.Self().Version())
		w.Str("build_flavor", "default")
		w.Str("build_type", "docker")
		w.Str("build_hash", rest.BuildHash)
		w.Str("build_date", rest.BuildDate)
		w.Bool("build_snapshot", false)
		w.Str("lucene_version", rest.LuceneVersion)
		w.Str("minimum_wire_compatibility_version", "7.17.0")
		w.Str("minimum_index_compatibility_version", "7.0.0")
		w.End()
		w.Str("tagline", "You Know, for Search")
		w.End()
		body := w.Bytes()
		if !c.Req.Has("pretty") {
			// The root answers laid out by default.
			c.Req.Params["pretty"] = "true"
		}
		return &rest.Response{JSON: body}
	}
}

// prepareCatList answers GET /_cat.
func prepareCatList(*rest.Request) rest.Action {
	return func(*rest.Call) *rest.Response {
		body := "=^.^=\n"
		for _, p := range []string{
			"aliases", "aliases/{alias}", "allocation", "component_templates", "count", "count/{index}", "fielddata", "fielddata/{fields}", "health", "indices",
			"indices/{index}", "master", "nodeattrs", "nodes", "pending_tasks", "plugins", "recovery", "recovery/{index}", "repositories", "segments",
			"segments/{index}", "shards", "shards/{index}", "snapshots", "snapshots/{repository}", "tasks", "templates", "thread_pool",
			"thread_pool/{thread_pools}",
		} {
			body += "/_cat/" + p + "\n"
		}
		return &rest.Response{Text: []byte(body)}
	}
}
