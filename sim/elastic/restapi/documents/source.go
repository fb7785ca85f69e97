package documents

import (
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
	v, err := rest.ParseTokens(item.Source)
	if err != nil {
		return nil, malformedSource(elastic.AsError(err))
	}
	if v.Kind != rest.ObjectValue {
		return nil, &elastic.Error{
			Status: 500, Type: "not_x_content_exception",
			Reason: "not_x_content_exception: Compressor detection can only be called on some xcontent bytes or compressed xcontent bytes",
		}
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

func malformedSource(parse *elastic.Error) *elastic.Error {
	reason := parse.Reason
	e := &elastic.Error{Status: 400, Type: "document_parsing_exception", Reason: "[1:2] failed to parse: " + reason}
	e.CausedBy = parse
	e.RootCause = []*elastic.Error{{Type: e.Type, Reason: e.Reason}}
	return e
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

// mismatch says why a value does not fit a numeric or boolean field; "" when it does.
func mismatch(kind string, v *rest.Value) string {
	if v.Kind == rest.NullValue || v.Kind == rest.ObjectValue || v.Kind == rest.ArrayValue {
		return ""
	}
	switch kind {
	case "long", "integer", "short", "byte", "float", "double", "half_float", "unsigned_long":
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
