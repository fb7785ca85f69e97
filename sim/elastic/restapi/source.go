package restapi

import (
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// checkSource refuses a document that is no JSON object or does not fit the index's
// mapping, as the primary's mapper would.
func checkSource(c *call, item *elastic.BulkItem) *elastic.Error {
	v, err := parseTokens(item.Source)
	if err != nil {
		return malformedSource(elastic.AsError(err))
	}
	if v.kind != objectValue {
		return &elastic.Error{
			Status: 500, Type: "not_x_content_exception",
			Reason: "not_x_content_exception: Compressor detection can only be called on some xcontent bytes or compressed xcontent bytes",
		}
	}
	item.Source = item.Source[v.start:v.end]
	m := c.node.Applied().Index(item.Index)
	if m == nil || len(m.Mapping) == 0 {
		return nil
	}
	mapping, err := parseJSON(m.Mapping)
	if err != nil {
		return nil // it was checked when it was set
	}
	id := item.ID
	return checkFields(&v, &mapping, "", id)
}

func malformedSource(parse *elastic.Error) *elastic.Error {
	reason := parse.Reason
	e := &elastic.Error{Status: 400, Type: "document_parsing_exception", Reason: "[1:2] failed to parse: " + reason}
	e.CausedBy = parse
	e.RootCause = []*elastic.Error{{Type: e.Type, Reason: e.Reason}}
	return e
}

// checkFields compares a document with the types of its mapped fields.
func checkFields(doc, properties *jsonValue, path, id string) *elastic.Error {
	for i := range doc.members {
		f := &doc.members[i]
		mapped := properties.member(f.name)
		if mapped == nil {
			continue // mapped dynamically, which the model leaves out
		}
		if inner := mapped.member("properties"); inner != nil {
			if f.value.kind == objectValue {
				if bad := checkFields(&f.value, inner, path+f.name+".", id); bad != nil {
					return bad
				}
			}
			continue
		}
		kind := ""
		if t := mapped.member("type"); t != nil {
			kind = t.text
		}
		values := []jsonValue{f.value}
		if f.value.kind == arrayValue {
			values = f.value.elements
		}
		for k := range values {
			if cause := mismatch(kind, &values[k]); cause != "" {
				return &elastic.Error{
					Status: 400, Type: "document_parsing_exception",
					Reason: "[" + strconv.Itoa(values[k].line) + ":" + strconv.Itoa(values[k].col) + "] failed to parse field [" + path + f.name + "] of type [" + kind +
						"] in document with id '" + id + "'. Preview of field's value: '" + values[k].text + "'",
					CausedBy: &elastic.Error{Type: "illegal_argument_exception", Reason: cause},
				}
			}
		}
	}
	return nil
}

// mismatch says why a value does not fit a numeric or boolean field; "" when it does.
func mismatch(kind string, v *jsonValue) string {
	if v.kind == nullValue || v.kind == objectValue || v.kind == arrayValue {
		return ""
	}
	switch kind {
	case "long", "integer", "short", "byte", "float", "double", "half_float", "unsigned_long":
		if _, err := strconv.ParseFloat(v.text, 64); err != nil {
			return `For input string: "` + v.text + `"`
		}
	case "boolean":
		if v.text != "true" && v.text != "false" && v.text != "" {
			return "Failed to parse value [" + v.text + "] as only [true] or [false] are allowed."
		}
	}
	return ""
}

// autoCreate creates the indices that do not exist, when action.auto_create_index
// allows it; what stands in the result could not be created.
func autoCreate(c *call, names []string) map[string]*elastic.Error {
	failed := map[string]*elastic.Error{}
	st := c.node.Applied()
	if st.Master == "" {
		// Without a master the write itself waits for one, and for the index.
		return failed
	}
	for _, name := range addNew(nil, names...) {
		if name == "" || st.Index(name) != nil {
			continue
		}
		if !mayCreate(c, st, name) {
			failed[name] = noAutoCreate(name)
			continue
		}
		if bad := validateName(name); bad != nil {
			failed[name] = bad
			continue
		}
		q := elastic.CreateIndex{
			Name: name, Settings: settings.Settings{}, WaitForActiveShards: "1",
			MasterTimeout: time.Minute, AckTimeout: time.Minute,
		}
		_, _, err := c.node.CreateIndex(c.ctx, q)
		if err == nil {
			continue
		}
		if elastic.IsNodeGone(err) || c.ctx.Err() != nil {
			panic(gone{err})
		}
		if e := elastic.AsError(err); e.Type != "resource_already_exists_exception" {
			failed[name] = e
		}
	}
	return failed
}

func noAutoCreate(name string) *elastic.Error {
	e := elastic.IndexNotFound(name)
	e.Reason += " and [action.auto_create_index] is [false]"
	return e
}

// mayCreate is AutoCreateIndex: true, false, or a list of patterns with + and -.
func mayCreate(c *call, st *state.State, name string) bool {
	v, ok := c.node.Settings().Merged(st.Settings()).Get("action.auto_create_index")
	if !ok || v == "true" || v == "" {
		return true
	}
	if v == "false" {
		return false
	}
	for p := range strings.SplitSeq(v, ",") {
		p = strings.TrimSpace(p)
		bare := strings.TrimLeft(p, "+-")
		if simpleMatch(bare, name) {
			return !strings.HasPrefix(p, "-")
		}
	}
	return false
}
