package cluster

import (
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/restapi/queries"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// prepareResolve serves _resolve/index: what names and patterns mean.
func prepareResolve(r *rest.Request) rest.Action {
	names := r.ListParam("name")
	opt := r.IndicesOptions(rest.ExpandOpen)
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		w := rest.NewWriter(false)
		w.Obj()
		w.Array("indices")
		own := opt
		own.IgnoreAliases = true
		for _, m := range slices.SortedStableFunc(slices.Values(st.Indices), func(a, b *state.Index) int { return strings.Compare(a.Name, b.Name) }) {
			if !resolves(st, names, m.Name, own) {
				continue
			}
			w.Obj()
			w.Str("name", m.Name)
			if len(m.Aliases) > 0 {
				w.Array("aliases")
				for i := range m.Aliases {
					w.Elem(m.Aliases[i].Name)
				}
				w.End()
			}
			w.Strs("attributes", attributesOf(m))
			if d := st.StreamOf(m.Name); d != nil {
				w.Str("data_stream", d.Name)
			}
			w.End()
		}
		w.End()
		writeResolvedAliases(w, st, names)
		w.Array("data_streams")
		for _, d := range st.DataStreams {
			if matchesAny(names, d.Name) {
				w.Obj()
				w.Str("name", d.Name)
				w.Strs("backing_indices", d.Indices)
				w.Str("timestamp_field", "@timestamp")
				w.End()
			}
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return p == "_all" || rest.SimpleMatch(p, name) })
}

// resolves reports whether names mean an index by its own name.
func resolves(st *state.State, names []string, index string, opt rest.IndicesOptions) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		if !rest.HasWildcard(n) && n != "_all" {
			return n == index
		}
		return slices.Contains(rest.Resolve(st, []string{n}, opt), index)
	})
}

func attributesOf(m *state.Index) []string {
	out := []string{"open"}
	if m.Closed {
		out[0] = "closed"
	}
	if v, _ := m.Settings.Get("index.hidden"); v == "true" {
		out = append([]string{"hidden"}, out...)
	}
	return out
}

func writeResolvedAliases(w *rest.Writer, st *state.State, names []string) {
	var aliases []string
	for _, m := range st.Indices {
		for i := range m.Aliases {
			if matchesAny(names, m.Aliases[i].Name) {
				aliases = rest.AddNew(aliases, m.Aliases[i].Name)
			}
		}
	}
	slices.Sort(aliases)
	w.Array("aliases")
	for _, a := range aliases {
		w.Obj()
		w.Str("name", a)
		w.Array("indices")
		for _, m := range st.Aliased(a) {
			w.Elem(m.Name)
		}
		w.End()
		w.End()
	}
	w.End()
}

// prepareFieldMapping serves _mapping/field: the mapping of single fields.
func prepareFieldMapping(r *rest.Request) rest.Action {
	names, fields := r.ListParam("index"), r.ListParam("fields")
	r.BoolParam("include_defaults", false)
	r.BoolParam("local", false)
	opt := r.IndicesOptions(rest.ExpandOpen)
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		w := rest.NewWriter(false)
		w.Obj()
		for _, name := range rest.Resolve(st, names, opt) {
			m := st.Index(name)
			of := queries.FieldsOf(m)
			w.Object(name)
			w.Object("mappings")
			for _, path := range of.Match(fields) {
				w.Object(path)
				w.Str("full_name", path)
				w.Object("mapping")
				leaf := path[strings.LastIndexByte(path, '.')+1:]
				w.Raw(leaf, of.Definition(path))
				w.End()
				w.End()
			}
			w.End()
			w.End()
		}
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}
