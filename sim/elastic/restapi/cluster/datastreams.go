package cluster

import (
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/lifecycle"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func streamName(d *state.DataStream) string { return d.Name }

func prepareCreateStream(r *rest.Request) rest.Action {
	name := r.Param("name")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		if bad := rest.ValidateName(name); bad != nil {
			rest.Raise(bad)
		}
		acked, err := metadata.CreateDataStream(c.Ctx, c.Node, name, master, ack)
		c.Check(err)
		return rest.Acknowledged(acked)
	}
}

// chosenStreams are the data streams that names select; one that is not there is not found.
func chosenStreams(st *state.State, names []string) []*state.DataStream {
	found, missing := rest.Chosen(st.DataStreams, streamName, names)
	if len(missing) > 0 {
		rest.Raise(elastic.IndexNotFound(missing[0]))
	}
	return found
}

func prepareDeleteStreams(r *rest.Request) rest.Action {
	names := r.ListParam("name")
	r.Param("expand_wildcards")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		var gone []string
		for _, d := range chosenStreams(st, names) {
			gone = append(gone, d.Name)
		}
		acked, err := metadata.DeleteDataStreams(c.Ctx, c.Node, gone, master, ack)
		c.Check(err)
		return rest.Acknowledged(acked)
	}
}

func prepareGetStreams(r *rest.Request) rest.Action {
	names := r.ListParam("name")
	master := r.MasterTimeout()
	r.Param("expand_wildcards")
	r.BoolParam("include_defaults", false)
	r.BoolParam("verbose", false)
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		w := rest.NewWriter(false)
		w.Obj()
		w.Array("data_streams")
		for _, d := range chosenStreams(st, names) {
			writeStream(c, w, st, d)
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func managedBy(policy string) string {
	if policy == "" {
		return "Unmanaged"
	}
	return "Index Lifecycle Management"
}

func writeStream(c *rest.Call, w *rest.Writer, st *state.State, d *state.DataStream) {
	w.Obj()
	w.Str("name", d.Name)
	w.Object("timestamp_field")
	w.Str("name", "@timestamp")
	w.End()
	w.Array("indices")
	for _, name := range d.Indices {
		m := st.Index(name)
		if m == nil {
			continue
		}
		policy := lifecycle.PolicyOf(m.Settings)
		w.Obj()
		w.Str("index_name", name)
		w.Str("index_uuid", m.UUID)
		w.Bool("prefer_ilm", true)
		if policy != "" {
			w.Str("ilm_policy", policy)
		}
		w.Str("managed_by", managedBy(policy))
		w.Str("index_mode", "standard")
		w.End()
	}
	w.End()
	w.Int64("generation", d.Generation)
	w.Str("status", strings.ToUpper(CountsOf(c, st, d.Indices).Status.String()))
	w.Str("template", d.Template)
	policy := ""
	if m := st.Index(d.WriteIndex()); m != nil {
		policy = lifecycle.PolicyOf(m.Settings)
	}
	if policy != "" {
		w.Str("ilm_policy", policy)
	}
	w.Str("next_generation_managed_by", managedBy(policy))
	w.Bool("prefer_ilm", true)
	w.Bool("hidden", d.Hidden)
	w.Bool("system", false)
	custom := false
	if t := st.IndexTemplate(d.Template); t != nil && t.DataStream != nil {
		custom = t.DataStream.CustomRouting
	}
	w.Bool("allow_custom_routing", custom)
	w.Bool("replicated", false)
	w.Bool("rollover_on_write", false)
	w.Str("index_mode", "standard")
	w.End()
}
