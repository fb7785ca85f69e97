package lookups

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/restapi/cluster"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// prepareSearchShards serves _search_shards: which copies a search may ask, by shard.
func prepareSearchShards(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	opt := r.IndicesOptions(rest.ExpandOpen)
	routing, preference := r.Param("routing"), r.Param("preference")
	r.BoolParam("local", false)
	r.MasterTimeout()
	if preference != "" {
		rest.Raise(rest.NotModelled("[preference] of _search_shards; it lists every active copy"))
	}
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		rest.CheckReadable(c, st)
		indices := rest.Searchable(st, rest.Resolve(st, names, opt), opt)
		only := rest.SearchShards(st, names, opt, routing)
		var shards [][]*state.Copy
		nodes := map[string]bool{}
		for _, name := range indices {
			for _, t := range st.Routing.Index(name).Shards {
				if some, narrowed := only[name]; narrowed && !slices.Contains(some, t.Shard) {
					continue
				}
				active := slices.DeleteFunc(slices.Clone(t.Copies), func(cp *state.Copy) bool { return !cp.Active() })
				shards = append(shards, active)
				for _, cp := range active {
					nodes[cp.Node] = true
				}
			}
		}
		w := rest.NewWriter(false)
		w.Obj()
		writeNodes(w, st, nodes)
		w.Object("indices")
		filters := rest.AliasFilters(st, names, opt)
		for _, name := range indices {
			writeNarrowed(w, st.Index(name), names, filters[name])
		}
		w.End()
		w.Array("shards")
		for _, copies := range shards {
			w.Sep()
			w.Begin('[', ']')
			for _, cp := range copies {
				cluster.WriteCopy(w, c, cp)
			}
			w.End()
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func writeNodes(w *rest.Writer, st *state.State, held map[string]bool) {
	w.Object("nodes")
	for _, n := range st.Nodes {
		if held[n.ID] {
			cluster.WriteNode(w, n)
		}
	}
	w.End()
}

// writeNarrowed writes by which aliases an index is meant, and what they let be seen of it.
func writeNarrowed(w *rest.Writer, m *state.Index, names []string, filters []json.RawMessage) {
	w.Object(m.Name)
	var aliases []string
	for i := range m.Aliases {
		name := m.Aliases[i].Name
		if slices.ContainsFunc(names, func(e string) bool { return e == name || strings.Contains(e, "*") && rest.SimpleMatch(e, name) }) {
			aliases = append(aliases, name)
		}
	}
	if len(aliases) > 0 {
		w.Strs("aliases", aliases)
	}
	switch len(filters) {
	case 0:
	case 1:
		w.Raw("filter", filters[0])
	default:
		w.Object("filter")
		w.Object("bool")
		w.Array("should")
		for _, f := range filters {
			w.Sep()
			w.Buf = append(w.Buf, f...)
		}
		w.End()
		w.End()
		w.End()
	}
	w.End()
}
