package queries

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Fields are the fields of an index by path.
type Fields struct {
	Index string
	types map[string]field
	// defined are the fields' definitions as JSON, by path.
	defined map[string][]byte
	// NoSource: documents can be found but not read again.
	NoSource bool
	settings settings.Settings
}

// field is a field of the mapping: where it is in documents, and of which type.
type field struct {
	path string // of a multi-field that of its parent
	kind string
	null string // what stands for null; "" nothing
	// fielddata: a text whose words may be brought into memory.
	fielddata bool
	stored    bool // told beside the source
	lenient   bool // ignore_malformed: a value that does not fit is left out
	longest   int  // ignore_above; 0: of any length
	format    string
}

// FieldsOf reads an index's mapping.
func FieldsOf(m *state.Index) *Fields {
	f := &Fields{Index: m.Name, settings: m.Settings, types: map[string]field{}, defined: map[string][]byte{}}
	v, err := rest.ParseJSON(m.Mapping)
	if err != nil {
		return f // it was checked when it was set
	}
	if s := v.Member("_source"); s != nil {
		on := s.Member("enabled")
		f.NoSource = on != nil && on.Text == "false"
	}
	if p := v.Member("properties"); p != nil {
		f.read(p, "")
	}
	return f
}

func (f *Fields) read(properties *rest.Value, prefix string) {
	for i := range properties.Members {
		m := &properties.Members[i]
		path := prefix + m.Name
		if inner := m.Value.Member("properties"); inner != nil {
			f.read(inner, path+".")
		}
		kind := m.Value.Member("type")
		if kind == nil || kind.Text == "object" || kind.Text == "nested" {
			f.types[path] = field{path: path, kind: "object"}
			continue
		}
		f.defined[path] = definition(&m.Value)
		at := path
		if to := m.Value.Member("path"); kind.Text == "alias" && to != nil {
			at = to.Text
			if known, ok := f.types[at]; ok {
				f.types[path] = known
				continue
			}
		}
		f.types[path] = fieldAt(at, kind.Text, &m.Value)
		if more := m.Value.Member("fields"); more != nil {
			for k := range more.Members {
				sub := &more.Members[k]
				f.defined[path+"."+sub.Name] = definition(&sub.Value)
				if t := sub.Value.Member("type"); t != nil {
					f.types[path+"."+sub.Name] = fieldAt(path, t.Text, &sub.Value)
				}
			}
		}
	}
}

func fieldAt(path, kind string, v *rest.Value) field {
	is := func(name string) bool { o := v.Member(name); return o != nil && o.Text == "true" }
	f := field{path: path, kind: kind, null: nullOf(v), fielddata: is("fielddata"), stored: is("store"), lenient: is("ignore_malformed")}
	if o := v.Member("ignore_above"); o != nil {
		f.longest, _ = strconv.Atoi(o.Text)
	}
	if o := v.Member("format"); o != nil {
		f.format = o.Text
	}
	return f
}

func nullOf(v *rest.Value) string {
	if n := v.Member("null_value"); n != nil {
		return n.Text
	}
	return ""
}

// Definition is how a field is mapped, as JSON.
func (f *Fields) Definition(path string) []byte { return f.defined[path] }

func definition(v *rest.Value) []byte {
	w := rest.NewWriter(false)
	w.Sep()
	w.Copy(v)
	return w.Bytes()
}

// Kind is the type of a field; "" where it is not mapped.
func (f *Fields) Kind(path string) string { return f.types[path].kind }

// Stored reports whether a field is stored beside the source.
func (f *Fields) Stored(path string) bool { return f.types[path].stored }

// Format is how a field's dates are written; "" as they come.
func (f *Fields) Format(path string) string { return f.types[path].format }

// Limit is a setting of the index that is a number.
func (f *Fields) Limit(name string, def int) int {
	if v, ok := f.settings.Get(name); ok {
		if n, err := strconv.Atoi(v); err == nil {
			return n
		}
	}
	return def
}

// Match are the mapped fields that names and patterns select, in order.
func (f *Fields) Match(patterns []string) []string {
	var out []string
	for _, path := range slices.Sorted(maps.Keys(f.types)) {
		if f.types[path].kind != "object" && slices.ContainsFunc(patterns, func(p string) bool { return rest.SimpleMatch(p, path) }) {
			out = append(out, path)
		}
	}
	return out
}

// Doc is a document as queries see it.
type Doc struct {
	Index, ID string
	Routing   string
	Source    []byte
	Fields    *Fields
	parsed    *rest.Value
}

func (d *Doc) root() *rest.Value {
	if d.parsed == nil {
		v, err := rest.ParseJSON(d.Source)
		if err != nil {
			v = rest.Value{} // it was valid when it was written
		}
		d.parsed = &v
	}
	return d.parsed
}

// Values are what a document holds at a field, lists flattened; nulls are nothing.
func (d *Doc) Values(path string) []rest.Value {
	switch path {
	case "_id":
		return []rest.Value{{Kind: rest.StringValue, Text: d.ID}}
	case "_index":
		return []rest.Value{{Kind: rest.StringValue, Text: d.Index}}
	case "_ignored":
		return d.ignored()
	case "_routing":
		if d.Routing == "" {
			return nil
		}
		return []rest.Value{{Kind: rest.StringValue, Text: d.Routing}}
	}
	f, ok := d.Fields.types[path]
	if !ok {
		return nil
	}
	out := collect(d.root(), f.path, nil)
	if f.lenient || f.longest > 0 {
		out = slices.DeleteFunc(out, func(v rest.Value) bool { return f.leavesOut(&v) })
	}
	if f.null != "" && len(out) == 0 && hasNull(d.root(), f.path) {
		out = append(out, rest.Value{Kind: rest.StringValue, Text: f.null})
	}
	return out
}

// leavesOut reports whether a field holds a value only in the source, because it does not fit
// or is too long.
func (f *field) leavesOut(v *rest.Value) bool {
	return f.lenient && malformed(f.kind, v) || f.longest > 0 && utf8.RuneCountInString(v.Text) > f.longest
}

// ignored are the fields with values that were left out, by name.
func (d *Doc) ignored() []rest.Value {
	var out []rest.Value
	for _, path := range slices.Sorted(maps.Keys(d.Fields.types)) {
		f := d.Fields.types[path]
		if !f.lenient && f.longest == 0 {
			continue
		}
		if slices.ContainsFunc(collect(d.root(), f.path, nil), func(v rest.Value) bool { return f.leavesOut(&v) }) {
			out = append(out, rest.Value{Kind: rest.StringValue, Text: path})
		}
	}
	return out
}

// Ignored are the names of the fields with values that were left out.
func (d *Doc) Ignored() []string {
	var out []string
	for _, v := range d.ignored() {
		out = append(out, v.Text)
	}
	return out
}

// collect follows a path; a key may hold dots itself.
func collect(v *rest.Value, path string, out []rest.Value) []rest.Value {
	switch v.Kind {
	case rest.ArrayValue:
		for i := range v.Elements {
			out = collect(&v.Elements[i], path, out)
		}
		return out
	case rest.NullValue:
		return out
	case rest.ObjectValue:
		if path == "" {
			return append(out, *v)
		}
		for i := range v.Members {
			m := &v.Members[i]
			if m.Name == path {
				out = collect(&m.Value, "", out)
			} else if rest, ok := strings.CutPrefix(path, m.Name+"."); ok {
				out = collect(&m.Value, rest, out)
			}
		}
		return out
	}
	if path == "" {
		return append(out, *v)
	}
	return out
}

func hasNull(v *rest.Value, path string) bool {
	for i := range v.Members {
		m := &v.Members[i]
		if m.Name == path {
			return m.Value.Kind == rest.NullValue
		}
		if rest, ok := strings.CutPrefix(path, m.Name+"."); ok {
			return hasNull(&m.Value, rest)
		}
	}
	return false
}

// Words cuts text as the standard analyzer does.
func Words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !(r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 0x7f)
	})
}
