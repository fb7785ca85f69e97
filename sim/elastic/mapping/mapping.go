package mapping

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// object is a JSON object of a mapping.
type object = map[string]any

// parse reads a mapping; nothing is an empty one.
func parse(text []byte) (object, error) {
	out := object{}
	if len(text) == 0 {
		return out, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		return nil, fmt.Errorf("mapping: %w", err)
	}
	return out, nil
}

// write is the text of a mapping; nil for an empty one.
func write(m object) ([]byte, error) {
	if p, ok := m["properties"].(object); ok && len(p) == 0 {
		delete(m, "properties")
	}
	if len(m) == 0 {
		return nil, nil
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return nil, fmt.Errorf("mapping: %w", err)
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}

// Merge lays one mapping over another: properties join, a field of both is that of the one
// above, everything else is too (MapperService.mergeMappings of templates).
func Merge(below, above []byte) ([]byte, error) {
	if len(above) == 0 {
		return below, nil
	}
	b, err := parse(below)
	if err != nil {
		return nil, err
	}
	a, err := parse(above)
	if err != nil {
		return nil, err
	}
	layOver(b, a)
	return write(b)
}

func layOver(below, above object) {
	for _, k := range slices.Sorted(maps.Keys(above)) {
		b, is := below[k].(object)
		a, also := above[k].(object)
		switch {
		case is && also && k == "properties":
			mergeFields(b, a)
		case is && also && k == "_meta":
			layOver(b, a)
		default:
			below[k] = above[k]
		}
	}
}

// mergeFields joins fields by name; objects in both join in turn.
func mergeFields(below, above object) {
	for _, name := range slices.Sorted(maps.Keys(above)) {
		b, is := below[name].(object)
		a, also := above[name].(object)
		if is && also && b["properties"] != nil && a["properties"] != nil {
			layOver(b, a)
			continue
		}
		below[name] = above[name]
	}
}

// Conflict is a field that can't become what an update of the mapping says.
type Conflict struct{ Field, Have, Want string }

// Error implements error.
func (c *Conflict) Error() string {
	return fmt.Sprintf("mapper [%s] cannot be changed from type [%s] to [%s]", c.Field, c.Have, c.Want)
}

// Update lays a change over the mapping of an index that holds documents: a field keeps its
// type, or the error is a [*Conflict].
func Update(have, change []byte) ([]byte, error) {
	h, err := parse(have)
	if err != nil {
		return nil, err
	}
	c, err := parse(change)
	if err != nil {
		return nil, err
	}
	if bad := conflict(h, c, ""); bad != nil {
		return nil, bad
	}
	layOver(h, c)
	return write(h)
}

func conflict(have, change object, path string) *Conflict {
	old, _ := have["properties"].(object)
	more, _ := change["properties"].(object)
	for _, name := range slices.Sorted(maps.Keys(more)) {
		h, is := old[name].(object)
		c, also := more[name].(object)
		if !is || !also {
			continue
		}
		if was, will := kindOf(h), kindOf(c); was != will {
			return &Conflict{path + name, was, will}
		}
		if bad := conflict(h, c, path+name+"."); bad != nil {
			return bad
		}
	}
	return nil
}

// kindOf is a field's type; one without is an object.
func kindOf(field object) string {
	if t, ok := field["type"].(string); ok {
		return t
	}
	return "object"
}

// Normal is a mapping with sorted keys; nil for an empty one.
func Normal(text []byte) ([]byte, error) {
	m, err := parse(text)
	if err != nil {
		return nil, err
	}
	if p, ok := m["properties"].(object); ok && m["subobjects"] != false {
		m["properties"] = nested(p)
	}
	return write(m)
}

// nested are fields with those whose names hold dots put into objects.
func nested(fields object) object {
	out := object{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value := fields[name]
		if o, ok := value.(object); ok {
			if p, has := o["properties"].(object); has && o["subobjects"] != false {
				o["properties"] = nested(p)
			}
		}
		if first, rest, dotted := strings.Cut(name, "."); dotted && first != "" && rest != "" {
			name, value = first, object{"properties": nested(object{rest: value})}
		}
		mergeFields(out, object{name: value})
	}
	return out
}

// Properties are the fields of a mapping as JSON; nil without any.
func Properties(text []byte) []byte {
	if len(text) == 0 {
		return nil
	}
	var m struct {
		Properties json.RawMessage `json:"properties"`
	}
	if json.Unmarshal(text, &m) != nil {
		return nil
	}
	return m.Properties
}

// KeepsSource reports whether documents can be read again as they were sent.
func KeepsSource(text []byte) bool {
	if !bytes.Contains(text, []byte(`"_source"`)) {
		return true
	}
	var m struct {
		Source struct {
			Enabled *bool `json:"enabled"`
		} `json:"_source"`
	}
	return json.Unmarshal(text, &m) != nil || m.Source.Enabled == nil || *m.Source.Enabled
}
