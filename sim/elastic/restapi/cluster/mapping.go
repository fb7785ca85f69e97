package cluster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/mapping"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// fieldTypes are the mapper types of a node without further modules.
var fieldTypes = strings.Fields(`alias binary boolean byte completion constant_keyword date date_nanos dense_vector double
	double_range date_range field_alias flattened float float_range geo_point geo_shape half_float integer integer_range ip ip_range
	keyword long long_range nested object passthrough percolator rank_feature scaled_float semantic_text short sparse_vector text
	token_count unsigned_long version wildcard`)

// rootParameters may stand in a mapping beside its properties.
var rootParameters = []string{
	"properties", "dynamic", "date_detection", "numeric_detection", "dynamic_date_formats", "dynamic_templates",
	"_source", "_routing", "_meta", "_field_names", "_data_stream_timestamp", "runtime", "enabled", "subobjects",
}

// parseMapping checks a mapping and returns it as JSON; nil for an empty one.
func parseMapping(m *rest.Value) []byte {
	if len(m.Members) == 1 && m.Members[0].Name == "_doc" {
		m = &m.Members[0].Value
	}
	var unknown []string
	for i := range m.Members {
		if !slices.Contains(rootParameters, m.Members[i].Name) {
			unknown = append(unknown, fmt.Sprintf(" [%s : %s]", m.Members[i].Name, m.Members[i].Value.Text))
		}
	}
	if len(unknown) > 0 {
		rest.Raise(mapperError("Root mapping definition has unsupported parameters: " + strings.Join(unknown, "")))
	}
	w := rest.NewWriter(false)
	w.Obj()
	for i := range m.Members {
		if f := &m.Members[i]; f.Name == "properties" {
			w.Key(f.Name)
			writeProperties(w, &f.Value, "")
		} else {
			rest.WriteValue(w, f.Name, &f.Value)
		}
	}
	w.End()
	out, err := mapping.Normal(w.Bytes())
	if err != nil {
		rest.Raise(mapperError(err.Error()))
	}
	return out
}

// refuseTyped refuses a mapping below the name of a type, as there were before 8.
func refuseTyped(m *rest.Value) {
	if len(m.Members) == 1 && m.Members[0].Name == "_doc" {
		rest.Raise(rest.IllegalArgument("The mapping definition cannot be nested under a type [_doc] unless include_type_name is set to true."))
	}
}

func mapperError(reason string) *elastic.Error {
	return &elastic.Error{
		Status: 400, Type: "mapper_parsing_exception", Reason: "Failed to parse mapping: " + reason,
		CausedBy: &elastic.Error{Type: "mapper_parsing_exception", Reason: reason},
	}
}

func writeProperties(w *rest.Writer, v *rest.Value, path string) {
	if v.Kind != rest.ObjectValue {
		rest.Raise(mapperError("Expected map for property [properties] on field [" + strings.TrimSuffix(path, ".") + "] but got a class java.lang.String"))
	}
	w.Begin('{', '}')
	members := slices.Clone(v.Members)
	slices.SortStableFunc(members, func(a, b rest.Member) int { return strings.Compare(a.Name, b.Name) })
	for i := range members {
		f := &members[i]
		if f.Value.Kind != rest.ObjectValue {
			rest.Raise(mapperError("Expected map for property [fields] on field [" + f.Name + "] but got a class java.lang.String"))
		}
		if f.Name == "" {
			e := mapperError("field name cannot be an empty string")
			e.CausedBy = rest.IllegalArgument("field name cannot be an empty string")
			rest.Raise(e)
		}
		w.Object(f.Name)
		kind := f.Value.Member("type")
		switch {
		case kind == nil && f.Value.Member("properties") == nil:
			rest.Raise(mapperError("No type specified for field [" + path + f.Name + "]"))
		case kind != nil && !slices.Contains(fieldTypes, kind.Text):
			rest.Raise(mapperError("The mapper type [" + kind.Text + "] declared on field [" + f.Name + "] does not exist. " +
				"It might have been created within a future version or requires a plugin to be installed. Check the documentation."))
		}
		writeField(w, &f.Value, path+f.Name+".")
		w.End()
	}
	w.End()
}

func writeField(w *rest.Writer, v *rest.Value, path string) {
	for i := range v.Members {
		p := &v.Members[i]
		switch p.Name {
		case "properties":
			w.Key(p.Name)
			writeProperties(w, &p.Value, path)
		default:
			rest.WriteValue(w, p.Name, &p.Value)
		}
	}
}
