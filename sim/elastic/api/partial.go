package api

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Partial is what an update writes: a document that is laid over the one that is there.
type Partial struct {
	Doc []byte
	// Upsert is the document where there is none yet; nil: there has to be one.
	Upsert []byte
	// DetectNoop leaves a document alone that would stay as it is.
	DetectNoop bool
}

// Apply computes the new source from the present one; nil: there is none. noop leaves the
// document as it is.
func (p *Partial) Apply(old []byte) (source []byte, noop bool, err error) {
	if old == nil {
		return p.Upsert, false, nil
	}
	source, changed, err := layOver(old, p.Doc)
	return source, p.DetectNoop && !changed, err
}

// member is one of an object, as it is written.
type member struct {
	name       string
	key, value []byte
}

// membersOf are an object's members in order.
func membersOf(src []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(src))
	if t, err := dec.Token(); err != nil {
		return nil, err
	} else if t != json.Delim('{') {
		return nil, fmt.Errorf("expected an object, found %.40q", src)
	}
	var out []member
	for dec.More() {
		from := dec.InputOffset()
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		m := member{key: bytes.TrimLeft(src[from:dec.InputOffset()], ", \t\r\n")}
		m.name, _ = name.(string)
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, err
		}
		m.value = raw
		out = append(out, m)
	}
	return out, nil
}

func find(list []member, name string) *member {
	for i := range list {
		if list[i].name == name {
			return &list[i]
		}
	}
	return nil
}

// layOver writes an object with another one laid over it (XContentHelper.update) and
// reports whether they differ.
func layOver(old, doc []byte) (out []byte, changed bool, err error) {
	was, err := membersOf(old)
	if err != nil {
		return nil, false, err
	}
	over, err := membersOf(doc)
	if err != nil {
		return nil, false, err
	}
	out = append(out, '{')
	write := func(m *member, value []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, m.key...), ':'), value...)
	}
	for i := range was {
		m := &was[i]
		switch o := find(over, m.name); {
		case o == nil:
			write(m, m.value)
		case o.value[0] == '{' && m.value[0] == '{':
			inner, differs, err := layOver(m.value, o.value)
			if err != nil {
				return nil, false, err
			}
			changed = changed || differs
			write(m, inner)
		default:
			changed = changed || !bytes.Equal(m.value, o.value)
			write(m, o.value)
		}
	}
	for i := range over {
		if find(was, over[i].name) == nil {
			write(&over[i], over[i].value)
			changed = true
		}
	}
	return append(out, '}'), changed, nil
}
