package documents

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/templates"
)

// checkSource refuses a document that is no JSON object or does not fit the index's
// mapping, as the primary's mapper would. It returns the document, as it was read.
func checkSource(c *rest.Call, item *elastic.BulkItem) (*rest.Value, *elastic.Error) {
	if first := bytes.TrimLeft(item.Source, " \t\r\n"); len(first) == 0 || first[0] != '{' {
		return nil, &elastic.Error{
			Status: 500, Type: "not_x_content_exception",
			Reason: "Compressor detection can only be called on some xcontent bytes or compressed xcontent bytes",
		}
	}
	v, line, col, after, err := rest.ParseDocument(item.Source)
	if err != nil {
		return nil, malformedSource(elastic.AsError(err), line, col, after)
	}
	if bad := checkNames(&v); bad != nil {
		return nil, bad
	}
	item.Source = item.Source[v.Start:v.End]
	m := c.Node.Applied().Index(item.Index)
	if m == nil || len(m.Mapping) == 0 {
		return &v, nil
	}
	mapped := c.Cache.Mapping(m)
	if mapped == nil {
		return &v, nil // it was checked when it was set
	}
	fields := mapped.Member("properties")
	if fields == nil {
		return &v, nil
	}
	if bad := checkNested(m, &v, fields); bad != nil {
		return nil, bad
	}
	return &v, checkFields(&v, fields, "", item.ID)
}

// checkNested refuses more nested documents than index.mapping.nested_objects.limit.
func checkNested(m *state.Index, doc, properties *rest.Value) *elastic.Error {
	most := 10000
	if v, ok := m.Settings.Get("index.mapping.nested_objects.limit"); ok {
		most, _ = strconv.Atoi(v)
	}
	if nested(doc, properties) <= most {
		return nil
	}
	return &elastic.Error{
		Status: 400, Type: "document_parsing_exception",
		Reason: "[1:2] The number of nested documents has exceeded the allowed limit of [" + strconv.Itoa(most) + "]. This limit can be set by changing the " +
			"[index.mapping.nested_objects.limit] index level setting.",
	}
}

// nested counts the documents that an object holds in nested fields.
func nested(doc, properties *rest.Value) int {
	n := 0
	for i := range doc.Members {
		f := &doc.Members[i]
		mapped := properties.Member(f.Name)
		if mapped == nil {
			continue
		}
		kind, inner := mapped.Member("type"), mapped.Member("properties")
		if inner == nil && (kind == nil || kind.Text != "nested") {
			continue
		}
		objects := []rest.Value{f.Value}
		if f.Value.Kind == rest.ArrayValue {
			objects = f.Value.Elements
		}
		for k := range objects {
			if objects[k].Kind != rest.ObjectValue {
				continue
			}
			if kind != nil && kind.Text == "nested" {
				n++
			}
			if inner != nil {
				n += nested(&objects[k], inner)
			}
		}
	}
	return n
}

// malformedSource is what a mapper says of what it could not read, after the token at a place.
func malformedSource(parse *elastic.Error, line, col int, after bool) *elastic.Error {
	reason := at(line, col) + " failed to parse: " + parse.Reason
	switch {
	case after && parse.Type == "illegal_argument_exception":
		return parse
	case after:
		place, _, _ := strings.Cut(parse.Reason, " ")
		reason = place + " " + parse.Reason
	}
	e := &elastic.Error{Status: 400, Type: "document_parsing_exception", Reason: reason, CausedBy: parse}
	e.RootCause = []*elastic.Error{{Type: e.Type, Reason: e.Reason}}
	return e
}

func at(line, col int) string { return "[" + strconv.Itoa(line) + ":" + strconv.Itoa(col) + "]" }

// checkNames refuses names of fields that are empty, or have empty parts before a dot.
func checkNames(v *rest.Value) *elastic.Error {
	for i := range v.Elements {
		if bad := checkNames(&v.Elements[i]); bad != nil {
			return bad
		}
	}
	for i := range v.Members {
		m := &v.Members[i]
		reason := ""
		switch {
		case m.Name == "":
			reason = "field name cannot be an empty string"
		case slices.ContainsFunc(strings.Split(strings.TrimRight(m.Name, "."), "."), func(part string) bool { return strings.TrimSpace(part) == "" }):
			reason = "field name cannot contain only whitespace: ['" + m.Name + "']"
		default:
			if bad := checkNames(&m.Value); bad != nil {
				return bad
			}
			continue
		}
		return malformedSource(&elastic.Error{Type: "illegal_argument_exception", Reason: reason}, m.Line, m.Col, false)
	}
	return nil
}

// checkFields compares a document with the types of its mapped fields.
func checkFields(doc, properties *rest.Value, path, id string) *elastic.Error {
	for i := range doc.Members {
		f := &doc.Members[i]
		mapped := properties.Member(f.Name)
		if mapped == nil {
			continue // mapped dynamically, which the model leaves out
		}
		if inner := mapped.Member("properties"); inner != nil {
			if f.Value.Kind == rest.ObjectValue {
				if bad := checkFields(&f.Value, inner, path+f.Name+".", id); bad != nil {
					return bad
				}
			}
			continue
		}
		if o := mapped.Member("ignore_malformed"); o != nil && o.Text == "true" {
			continue
		}
		kind := ""
		if t := mapped.Member("type"); t != nil {
			kind = t.Text
		}
		values := []rest.Value{f.Value}
		if f.Value.Kind == rest.ArrayValue {
			values = f.Value.Elements
		}
		for k := range values {
			if bad := noScalar(kind, &values[k], path+f.Name, id); bad != nil {
				return bad
			}
			if cause := mismatch(kind, &values[k]); cause != "" {
				return &elastic.Error{
					Status: 400, Type: "document_parsing_exception",
					Reason: "[" + strconv.Itoa(values[k].Line) + ":" + strconv.Itoa(values[k].Col) + "] failed to parse field [" + path + f.Name + "] of type [" + kind +
						"] in document with id '" + id + "'. Preview of field's value: '" + values[k].Text + "'",
					CausedBy: &elastic.Error{Type: "illegal_argument_exception", Reason: cause},
				}
			}
		}
	}
	return nil
}

// noScalar refuses an object where a field holds numbers or texts.
func noScalar(kind string, v *rest.Value, field, id string) *elastic.Error {
	if v.Kind != rest.ObjectValue {
		return nil
	}
	cause := ""
	switch kind {
	case "long", "integer", "short", "byte", "float", "double", "half_float":
		cause = "Cannot parse object as number"
	case "keyword", "text":
		cause = "Expected text at " + strings.Trim(at(v.Line, v.Col), "[]") + " but found START_OBJECT"
	default:
		return nil
	}
	return &elastic.Error{
		Status: 400, Type: "document_parsing_exception",
		Reason: at(v.CloseLine, v.CloseCol) + " failed to parse field [" + field + "] of type [" + kind + "] in document with id '" + id +
			"'. Preview of field's value: '" + preview(v) + "'",
		CausedBy: &elastic.Error{Type: "illegal_argument_exception", Reason: cause},
	}
}

// preview is a value as a node shows it.
func preview(v *rest.Value) string {
	var parts []string
	switch v.Kind {
	case rest.ObjectValue:
		for i := range v.Members {
			parts = append(parts, v.Members[i].Name+"="+preview(&v.Members[i].Value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case rest.ArrayValue:
		for i := range v.Elements {
			parts = append(parts, preview(&v.Elements[i]))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case rest.NullValue:
		return "null"
	}
	return v.Text
}

// mismatch says why a value does not fit a numeric or boolean field; "" when it does.
func mismatch(kind string, v *rest.Value) string {
	if v.Kind == rest.NullValue || v.Kind == rest.ObjectValue || v.Kind == rest.ArrayValue {
		return ""
	}
	switch kind {
	case "long", "integer", "short", "byte", "float", "double", "half_float", "unsigned_long":
		if v.Text == "" && v.Kind == rest.StringValue {
			return "" // taken as none
		}
		if _, err := strconv.ParseFloat(v.Text, 64); err != nil {
			return `For input string: "` + v.Text + `"`
		}
	case "boolean":
		if v.Text != "true" && v.Text != "false" && v.Text != "" {
			return "Failed to parse value [" + v.Text + "] as only [true] or [false] are allowed."
		}
	}
	return ""
}

// autoCreate creates the indices that do not exist, when action.auto_create_index
// allows it; what stands in the result could not be created.
func autoCreate(c *rest.Call, names []string) map[string]*elastic.Error {
	failed := map[string]*elastic.Error{}
	st := c.Node.Applied()
	if st.Master == "" {
		// Without a master the write itself waits for one, and for the index.
		return failed
	}
	for _, name := range rest.AddNew(nil, names...) {
		if name == "" || st.Index(name) != nil || st.Aliased(name) != nil || st.DataStream(name) != nil {
			continue
		}
		if !mayCreate(c, st, name) {
			failed[name] = noAutoCreate(name)
			continue
		}
		if bad := rest.ValidateName(name); bad != nil {
			failed[name] = bad
			continue
		}
		err := createFor(c, st, name)
		if err == nil {
			continue
		}
		if elastic.IsNodeGone(err) || c.Ctx.Err() != nil {
			panic(rest.Gone{Err: err})
		}
		if e := elastic.AsError(err); e.Type != "resource_already_exists_exception" {
			failed[name] = e
		}
	}
	return failed
}

// createFor makes the index, or the data stream, that a write to a name needs.
func createFor(c *rest.Call, st *state.State, name string) error {
	if t := templates.Find(st, name); t != nil && t.DataStream != nil {
		_, err := metadata.CreateDataStream(c.Ctx, c.Node, name, time.Minute, time.Minute)
		return err
	}
	q := metadata.CreateIndexRequest{
		Name: name, Settings: settings.Settings{}, WaitForActiveShards: "1",
		MasterTimeout: time.Minute, AckTimeout: time.Minute,
	}
	_, _, err := metadata.CreateIndex(c.Ctx, c.Node, q)
	return err
}

func noAutoCreate(name string) *elastic.Error {
	e := elastic.IndexNotFound(name)
	e.Reason += " and [action.auto_create_index] is [false]"
	return e
}

// mayCreate is AutoCreateIndex: true, false, or a list of patterns with + and -.
func mayCreate(c *rest.Call, st *state.State, name string) bool {
	v, ok := c.Node.Settings().Merged(st.Settings()).Get("action.auto_create_index")
	if !ok || v == "true" || v == "" {
		return true
	}
	if v == "false" {
		return false
	}
	for p := range strings.SplitSeq(v, ",") {
		p = strings.TrimSpace(p)
		bare := strings.TrimLeft(p, "+-")
		if rest.SimpleMatch(bare, name) {
			return !strings.HasPrefix(p, "-")
		}
	}
	return false
}
