package lookups

import (
	"maps"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// fieldCap is what can be done with a field of one type (FieldCapabilities).
type fieldCap struct {
	indices, unsearchable, uncounted []string
	meta                             map[string][]string
	metadata                         bool
}

// fieldCaps are fields by name and type.
type fieldCaps map[string]map[string]*fieldCap

// metaFields are the fields that every document has, with their types and what can be done
// with them.
var metaFields = []struct {
	name, kind           string
	searchable, counting bool
}{
	{"_data_stream_timestamp", "_data_stream_timestamp", false, false}, {"_ignored_source", "_ignored_source", false, false},
	{"_index_mode", "_index_mode", true, true}, {"_id", "_id", true, false}, {"_index", "_index", true, true}, {"_source", "_source", false, false}, {"_routing", "_routing", true, false},
	{"_seq_no", "_seq_no", true, true}, {"_version", "_version", false, true}, {"_ignored", "_ignored", true, true},
	{"_field_names", "_field_names", true, false}, {"_nested_path", "_nested_path", true, false}, {"_doc_count", "integer", false, false},
}

// tierField is the one that only the default distribution has.
const tierField = "_tier"

// capsRequest is what is asked for.
type capsRequest struct {
	patterns, types, filters []string
	nothing                  bool // index_filter matches none
}

// fieldFilters are the kinds of fields that ?filters keeps or leaves out.
var fieldFilters = []string{"+metadata", "-metadata", "-parent", "-nested", "-multifield"}

// wants reports whether a field is asked for; it may be one that every document has, or one that
// is another's second way to be indexed.
func (q *capsRequest) wants(field, kind string, meta, multi bool) bool {
	if !slices.ContainsFunc(q.patterns, func(p string) bool { return rest.SimpleMatch(p, field) }) || len(q.types) > 0 && !slices.Contains(q.types, kind) {
		return false
	}
	for _, f := range q.filters {
		switch {
		case f == "+metadata" && !meta, f == "-metadata" && meta, f == "-multifield" && multi, f == "-nested" && kind == "nested",
			f == "-parent" && (kind == "object" || kind == "nested"):
			return false
		}
	}
	return true
}

// below reports whether the fields below one are asked for.
func (q *capsRequest) below(kind string) bool {
	return kind != "nested" || !slices.Contains(q.filters, "-nested")
}

// read reads the body.
func (q *capsRequest) read(r *rest.Request) {
	body := r.JSON()
	for i := range body.Members {
		switch m := &body.Members[i]; m.Name {
		case "fields":
			q.patterns = append(q.patterns, rest.Texts(&m.Value)...)
		case "index_filter":
			// Nodes look only whether a query can match anything at all of a shard.
			if len(m.Value.Members) == 1 && m.Value.Members[0].Name == "range" {
				rest.Raise(rest.NotModelled("[range] as [index_filter] of _field_caps; the nearest that it has are names of indices"))
			}
			q.nothing = len(m.Value.Members) == 1 && m.Value.Members[0].Name == "match_none"
		case "runtime_mappings":
			rest.Raise(rest.NotModelled("[runtime_mappings] of _field_caps"))
		default:
			rest.Raise(rest.UnknownField(m, "field_caps_request", []string{"fields", "index_filter", "runtime_mappings"}))
		}
	}
}

func prepareFieldCaps(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	opt := r.IndicesOptions(rest.ExpandOpen)
	unmapped := r.BoolParam("include_unmapped", false)
	q := capsRequest{patterns: r.ListParam("fields"), types: r.ListParam("types"), filters: r.ListParam("filters")}
	if !r.BoolParam("include_empty_fields", true) {
		rest.Raise(rest.NotModelled("[include_empty_fields=false] of _field_caps"))
	}
	for _, f := range q.filters {
		if !slices.Contains(fieldFilters, f) {
			rest.Raise(rest.IllegalArgument("Unknown field caps filter [%s]", f))
		}
	}
	if len(r.Body) > 0 {
		q.read(r)
	}
	if len(q.patterns) == 0 {
		rest.Raise(rest.ValidationFailed("no fields specified"))
	}
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		rest.CheckReadable(c, st)
		indices := rest.OpenOnly(st, rest.Resolve(st, names, opt), opt)
		if q.nothing {
			indices = nil
		}
		slices.Sort(indices)
		caps := fieldCaps{}
		for _, name := range indices {
			if c.Cluster.Distribution() != elastic.MinimalDistribution && q.wants(tierField, "keyword", true, false) {
				caps.add(name, tierField, "keyword", true, true).metadata = true
			}
			caps.addIndex(st.Index(name), &q)
		}
		if unmapped {
			caps.addUnmapped(indices)
		}
		w := rest.NewWriter(false)
		w.Obj()
		w.Strs("indices", indices)
		w.Object("fields")
		for _, field := range slices.Sorted(maps.Keys(caps)) {
			w.Object(field)
			for _, kind := range slices.Sorted(maps.Keys(caps[field])) {
				caps[field][kind].write(w, kind, len(caps[field]) > 1)
			}
			w.End()
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

// addIndex adds the fields of an index that are wanted.
func (f fieldCaps) addIndex(m *state.Index, q *capsRequest) {
	for _, meta := range metaFields {
		if q.wants(meta.name, meta.kind, true, false) {
			f.add(m.Name, meta.name, meta.kind, meta.searchable, meta.counting).metadata = true
		}
	}
	v, err := rest.ParseJSON(m.Mapping)
	if err != nil || len(m.Mapping) == 0 {
		return // it was checked when it was set
	}
	if p := v.Member("properties"); p != nil {
		f.addProperties(m.Name, p, place{root: p}, q)
	}
}

// place is where in a mapping fields stand.
type place struct {
	root   *rest.Value // all fields
	prefix string
	multi  bool // they are other ways to index a field
}

func (f fieldCaps) addProperties(index string, properties *rest.Value, in place, q *capsRequest) {
	for i := range properties.Members {
		p := &properties.Members[i]
		path := in.prefix + p.Name
		kind := "object"
		if t := p.Value.Member("type"); t != nil {
			kind = t.Text
		}
		def := &p.Value
		if to := def.Member("path"); kind == "alias" && to != nil {
			if def = at(in.root, to.Text); def == nil {
				continue
			}
			kind = def.Member("type").Text
		}
		if q.wants(path, kind, false, in.multi) {
			searchable, counting := abilities(kind, def)
			f.add(index, path, kind, searchable, counting).addMeta(def.Member("meta"))
		}
		for _, inner := range []string{"properties", "fields"} {
			if more := p.Value.Member(inner); more != nil && q.below(kind) {
				f.addProperties(index, more, place{in.root, path + ".", inner == "fields"}, q)
			}
		}
	}
}

// at is the definition of a field by its path; nil without one.
func at(properties *rest.Value, path string) *rest.Value {
	for i := range properties.Members {
		m := &properties.Members[i]
		if m.Name == path && m.Value.Member("type") != nil {
			return &m.Value
		}
		if inner := m.Value.Member("properties"); inner != nil && len(path) > len(m.Name) && path[:len(m.Name)+1] == m.Name+"." {
			return at(inner, path[len(m.Name)+1:])
		}
	}
	return nil
}

// abilities say whether a field can be searched, and whether it can be counted and sorted by.
func abilities(kind string, def *rest.Value) (searchable, counting bool) {
	is := func(option string, otherwise bool) bool {
		if o := def.Member(option); o != nil {
			return o.Text == "true"
		}
		return otherwise
	}
	index, values := is("index", true), is("doc_values", true)
	switch kind {
	case "object", "nested":
		return false, false
	case "text", "match_only_text":
		return index, is("fielddata", false)
	case "completion":
		return true, false
	case "binary":
		return false, is("doc_values", false)
	}
	// What has no index is looked for in its values.
	return index || values, values
}

func (f fieldCaps) add(index, field, kind string, searchable, counting bool) *fieldCap {
	if f[field] == nil {
		f[field] = map[string]*fieldCap{}
	}
	c := f[field][kind]
	if c == nil {
		c = &fieldCap{meta: map[string][]string{}}
		f[field][kind] = c
	}
	c.indices = append(c.indices, index)
	if !searchable {
		c.unsearchable = append(c.unsearchable, index)
	}
	if !counting {
		c.uncounted = append(c.uncounted, index)
	}
	return c
}

func (c *fieldCap) addMeta(v *rest.Value) {
	if v == nil {
		return
	}
	for i := range v.Members {
		m := &v.Members[i]
		if !slices.Contains(c.meta[m.Name], m.Value.Text) {
			c.meta[m.Name] = append(c.meta[m.Name], m.Value.Text)
			slices.Sort(c.meta[m.Name])
		}
	}
}

// addUnmapped adds to each field the indices that do not have it.
func (f fieldCaps) addUnmapped(indices []string) {
	for _, field := range slices.Sorted(maps.Keys(f)) {
		kinds := f[field]
		without := slices.DeleteFunc(slices.Clone(indices), func(name string) bool {
			for _, c := range kinds {
				if slices.Contains(c.indices, name) {
					return true
				}
			}
			return false
		})
		for _, name := range without {
			f.add(name, field, "unmapped", false, false)
		}
	}
}

// write writes the field as one type; indices are told where there are several.
func (c *fieldCap) write(w *rest.Writer, kind string, several bool) {
	w.Object(kind)
	w.Str("type", kind)
	w.Bool("metadata_field", c.metadata)
	w.Bool("searchable", len(c.unsearchable) == 0)
	w.Bool("aggregatable", len(c.uncounted) == 0)
	if several {
		w.Strs("indices", c.indices)
	}
	some := func(list []string) bool { return len(list) > 0 && len(list) < len(c.indices) }
	if some(c.unsearchable) {
		w.Strs("non_searchable_indices", c.unsearchable)
	}
	if some(c.uncounted) {
		w.Strs("non_aggregatable_indices", c.uncounted)
	}
	if len(c.meta) > 0 {
		w.Object("meta")
		for _, key := range slices.Sorted(maps.Keys(c.meta)) {
			w.Strs(key, c.meta[key])
		}
		w.End()
	}
	w.End()
}
