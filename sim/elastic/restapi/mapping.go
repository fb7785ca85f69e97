package restapi

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
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

// parseMapping checks a mapping and returns its properties as JSON; nil without any.
func parseMapping(m *jsonValue) []byte {
	if len(m.members) == 1 && m.members[0].name == "_doc" {
		m = &m.members[0].value
	}
	var unknown []string
	for i := range m.members {
		if !slices.Contains(rootParameters, m.members[i].name) {
			unknown = append(unknown, fmt.Sprintf(" [%s : %s]", m.members[i].name, m.members[i].value.text))
		}
	}
	if len(unknown) > 0 {
		raise(mapperError("Root mapping definition has unsupported parameters: " + strings.Join(unknown, "")))
	}
	properties := m.member("properties")
	if properties == nil {
		return nil
	}
	w := newJSON(false)
	w.sep()
	writeProperties(w, properties, "")
	return w.bytes()
}

func mapperError(reason string) *elastic.Error {
	return &elastic.Error{
		Status: 400, Type: "mapper_parsing_exception", Reason: "Failed to parse mapping: " + reason,
		CausedBy: &elastic.Error{Type: "mapper_parsing_exception", Reason: reason},
	}
}

func writeProperties(w *jsonWriter, v *jsonValue, path string) {
	if v.kind != objectValue {
		raise(mapperError("Expected map for property [properties] on field [" + strings.TrimSuffix(path, ".") + "] but got a class java.lang.String"))
	}
	w.begin('{', '}')
	members := slices.Clone(v.members)
	slices.SortStableFunc(members, func(a, b jsonMember) int { return strings.Compare(a.name, b.name) })
	for i := range members {
		f := &members[i]
		if f.value.kind != objectValue {
			raise(mapperError("Expected map for property [fields] on field [" + f.name + "] but got a class java.lang.String"))
		}
		w.object(f.name)
		kind := f.value.member("type")
		switch {
		case kind == nil && f.value.member("properties") == nil:
			raise(mapperError("No type specified for field [" + path + f.name + "]"))
		case kind != nil && !slices.Contains(fieldTypes, kind.text):
			raise(mapperError("The mapper type [" + kind.text + "] declared on field [" + f.name + "] does not exist. " +
				"It might have been created within a future version or requires a plugin to be installed. Check the documentation."))
		}
		writeField(w, &f.value, path+f.name+".")
		w.end()
	}
	w.end()
}

func writeField(w *jsonWriter, v *jsonValue, path string) {
	for i := range v.members {
		p := &v.members[i]
		switch p.name {
		case "properties":
			w.key(p.name)
			writeProperties(w, &p.value, path)
		default:
			writeValue(w, p.name, &p.value)
		}
	}
}
