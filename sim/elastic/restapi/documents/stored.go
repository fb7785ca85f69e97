package documents

import (
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/restapi/queries"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// storedFields are fields to be told because they are stored beside the source
// (StoredFieldsContext). The source itself is told only when it is among them.
type storedFields struct {
	given bool
	names []string
}

func storedParam(r *rest.Request) storedFields {
	return storedFields{given: r.Has("stored_fields"), names: r.ListParam("stored_fields")}
}

// listed is a value as a list of one, unless it is a list.
func listed(v *rest.Value) *rest.Value {
	if v.Kind == rest.ArrayValue {
		return v
	}
	return &rest.Value{Kind: rest.ArrayValue, Elements: []rest.Value{*v}}
}

// narrow is what of the source is told beside stored fields.
func (s *storedFields) narrow(source sourceFilter) sourceFilter {
	selected := len(source.includes)+len(source.excludes) > 0
	if s.given && !selected && !slices.Contains(s.names, "_source") {
		source.off = true
	}
	return source
}

// write writes what the document holds in those of the fields that are stored.
func (s *storedFields) write(w *rest.Writer, d *queries.Doc) {
	writeValues(w, d, slices.DeleteFunc(d.Fields.Match(s.names), func(name string) bool { return !d.Fields.Stored(name) }))
}

// writeValues writes "fields": what the document holds in each, if anything.
func writeValues(w *rest.Writer, d *queries.Doc, names []string) {
	opened := false
	for _, name := range names {
		values := d.Values(name)
		if len(values) == 0 {
			continue
		}
		if !opened {
			w.Object("fields")
			opened = true
		}
		w.Array(name)
		for i := range values {
			w.Sep()
			w.Copy(&values[i])
		}
		w.End()
	}
	if opened {
		w.End()
	}
}
