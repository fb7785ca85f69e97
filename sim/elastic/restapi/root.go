package restapi

// prepareRoot answers GET and HEAD of "/".
func prepareRoot(*request) action {
	return func(c *call) *response {
		st := c.node.Applied()
		uuid := st.ClusterUUID
		if uuid == "" {
			uuid = "_na_"
		}
		w := newJSON(false)
		w.obj()
		w.str("name", c.node.Name())
		w.str("cluster_name", c.cluster.Name())
		w.str("cluster_uuid", uuid)
		w.object("version")
		w.str("number", version)
		w.str("build_flavor", "default")
		w.str("build_type", "docker")
		w.str("build_hash", buildHash)
		w.str("build_date", buildDate)
		w.bool("build_snapshot", false)
		w.str("lucene_version", luceneVersion)
		w.str("minimum_wire_compatibility_version", "7.17.0")
		w.str("minimum_index_compatibility_version", "7.0.0")
		w.end()
		w.str("tagline", "You Know, for Search")
		w.end()
		body := w.bytes()
		if !c.req.has("pretty") {
			// The root answers laid out by default.
			c.req.params["pretty"] = "true"
		}
		return &response{json: body}
	}
}

// prepareCatList answers GET /_cat.
func prepareCatList(*request) action {
	return func(*call) *response {
		body := "=^.^=\n"
		for _, p := range []string{
			"allocation", "shards", "shards/{index}", "nodes", "indices", "indices/{index}", "recovery", "recovery/{index}", "health",
		} {
			body += "/_cat/" + p + "\n"
		}
		return &response{text: []byte(body)}
	}
}
