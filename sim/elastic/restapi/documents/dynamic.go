package documents

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/mapping"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// grower finds the fields that documents bring and the mapping lacks.
type grower struct {
	dates bool // text that looks like a date is one
}

// grown is what a document adds to a mapping, as one of its own; nil where it has every
// field, or the index takes none by itself.
func grown(c *rest.Call, m *state.Index, doc *rest.Value) (change []byte, bad *elastic.Error) {
	mapped := c.Cache.Mapping(m)
	if mapped == nil {
		return nil, nil // it was checked when it was set
	}
	g := grower{dates: true}
	if d := mapped.Member("date_detection"); d != nil {
		g.dates = d.Text != "false"
	}
	var w rest.Writer
	w.Obj()
	any, bad := g.object(&w, doc, mapped, "true", "")
	if bad != nil || !any {
		return nil, bad
	}
	w.End()
	change, err := mapping.Normal(w.Bytes())
	if err != nil {
		return nil, elastic.AsError(err)
	}
	return change, nil
}

// object writes the properties that an object brings into the open one; false: none.
func (g *grower) object(w *rest.Writer, doc, mapped *rest.Value, dynamic, path string) (bool, *elastic.Error) {
	if d := mapped.Member("dynamic"); d != nil {
		dynamic = d.Text
	}
	properties := &rest.Value{}
	if p := mapped.Member("properties"); p != nil {
		properties = p
	}
	any := false
	for i := range doc.Members {
		f := &doc.Members[i]
		value := first(&f.Value)
		have := properties.Member(f.Name)
		if value == nil || have == nil && strings.Contains(f.Name, ".") {
			continue // nothing, or a path in one name, which is looked up as such
		}
		inside := have != nil && (have.Member("properties") != nil || have.Member("type") == nil || have.Member("type").Text == "object")
		if have != nil && !(inside && value.Kind == rest.ObjectValue) {
			continue
		}
		if have == nil && dynamic == "strict" {
			return false, strictError(f, path)
		}
		if have == nil && dynamic != "true" {
			continue
		}
		part := rest.NewWriter(false)
		part.Obj()
		some, bad := g.field(part, value, have, dynamic, path+f.Name+".")
		if bad != nil {
			return false, bad
		}
		if !some {
			continue
		}
		part.End()
		if !any {
			w.Object("properties")
			any = true
		}
		w.Raw(f.Name, part.Bytes())
	}
	if any {
		w.End()
	}
	return any, nil
}

func strictError(f *rest.Member, path string) *elastic.Error {
	within := "_doc"
	if path != "" {
		within = strings.TrimSuffix(path, ".")
	}
	reason := "mapping set to strict, dynamic introduction of [" + f.Name + "] within [" + within + "] is not allowed"
	return &elastic.Error{Status: 400, Type: "strict_dynamic_mapping_exception", Reason: fmt.Sprintf("[%d:%d] ", f.Value.Line, f.Value.Col) + reason}
}

// first is the first thing that a value holds; nil where it holds nothing.
func first(v *rest.Value) *rest.Value {
	switch v.Kind {
	case rest.NullValue:
		return nil
	case rest.ArrayValue:
		for i := range v.Elements {
			if f := first(&v.Elements[i]); f != nil {
				return f
			}
		}
		return nil
	}
	return v
}

// field writes what a value is mapped as into the open object; false: nothing is new.
func (g *grower) field(w *rest.Writer, v, have *rest.Value, dynamic, path string) (bool, *elastic.Error) {
	switch v.Kind {
	case rest.ObjectValue:
		if have == nil {
			w.Str("type", "object")
			have = &rest.Value{}
			any := rest.NewWriter(false)
			any.Obj()
			some, bad := g.object(any, v, have, dynamic, path)
			if bad != nil || !some {
				return bad == nil, bad
			}
			// An object with properties needs no type.
			any.End()
			w.Buf, w.Comma = w.Buf[:1], false
			w.Raw("properties", []byte(strings.TrimSuffix(strings.TrimPrefix(string(any.Bytes()), `{"properties":`), "}")))
			return true, nil
		}
		return g.object(w, v, have, dynamic, path)
	case rest.BoolValue:
		w.Str("type", "boolean")
	case rest.NumberValue:
		if strings.ContainsAny(v.Text, ".eE") {
			w.Str("type", "float")
		} else {
			w.Str("type", "long")
		}
	default:
		if g.dates && looksLikeDate(v.Text) {
			w.Str("type", "date")
			return true, nil
		}
		w.Str("type", "text")
		w.Object("fields")
		w.Object("keyword")
		w.Str("type", "keyword")
		w.Int("ignore_above", 256)
		w.End()
		w.End()
	}
	return true, nil
}

// dated is the form of texts that are taken for dates (strict_date_optional_time and
// yyyy/MM/dd).
var dated = regexp.MustCompile(`^\d{4}-\d\d-\d\d(T\d\d(:\d\d(:\d\d([.,]\d+)?)?)?(Z|[+-]\d\d:?\d\d)?)?$|^\d{4}/\d\d/\d\d( \d\d:\d\d:\d\d)?$`)

func looksLikeDate(text string) bool { return dated.MatchString(text) }

// grow adds to the mappings of their indices what the items bring, an index after another. What
// an index refuses is the item's error.
func grow(c *rest.Call, items []*elastic.BulkItem) map[*elastic.BulkItem]*elastic.Error {
	failed := map[*elastic.BulkItem]*elastic.Error{}
	var names []string
	changes := map[string][]byte{}
	st := c.Node.Applied()
	for _, item := range items {
		m := st.Index(item.Index)
		if m == nil || len(item.Source) == 0 {
			continue
		}
		v, err := rest.ParseJSON(item.Source)
		if err != nil {
			continue
		}
		change, bad := grown(c, m, &v)
		if bad == nil && change != nil {
			bad = fieldLimits(m, change)
		}
		switch {
		case bad != nil:
			failed[item] = bad
		case change != nil:
			names = rest.AddNew(names, item.Index)
			both, err := mapping.Merge(changes[item.Index], change)
			if err == nil {
				changes[item.Index] = both
			}
		}
	}
	for _, name := range names {
		if _, err := metadata.PutMapping(c.Ctx, c.Node, []string{name}, changes[name], time.Minute, time.Minute); err != nil {
			if elastic.IsNodeGone(err) || c.Ctx.Err() != nil {
				panic(rest.Gone{Err: err})
			}
			for _, item := range items {
				if item.Index == name && failed[item] == nil {
					failed[item] = elastic.AsError(err)
				}
			}
		}
	}
	return failed
}

// growOne is grow of one item, whose document was read from the beginning of what was sent
// unless white space stood before it.
func growOne(c *rest.Call, item *elastic.BulkItem, doc *rest.Value) *elastic.Error {
	if m := c.Node.Applied().Index(item.Index); m != nil && doc.Start == 0 {
		if change, bad := grown(c, m, doc); bad == nil && change == nil {
			return nil // as nearly always
		}
	}
	return grow(c, []*elastic.BulkItem{item})[item]
}

// fieldLimits refuses what would make the mapping larger than the index allows.
func fieldLimits(m *state.Index, change []byte) *elastic.Error {
	whole, err := mapping.Merge(m.Mapping, change)
	if err != nil {
		return nil
	}
	return rest.MappingLimits(m.Settings, whole)
}
