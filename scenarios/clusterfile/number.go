package clusterfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Tag says where a number comes from.
type Tag uint8

// The tags, the surer the lower.
const (
	Unknown  Tag = iota // there is no number
	Measured            // a source says so
	Derived             // computed from measured numbers
	Assumed             // a guess, said to be one
)

var tagNames = [...]string{"unknown", "measured", "derived", "assumed"}

// String is the tag's name in the file.
func (t Tag) String() string { return tagNames[t] }

// Number is a whole number with its tag; the zero value is not known.
type Number struct {
	V   int64
	Tag Tag
}

// Float is a number with its tag; the zero value is not known.
type Float struct {
	V   float64
	Tag Tag
}

// Seen is a number that a source tells.
func Seen(v int64) Number { return Number{v, Measured} }

// Computed is a number derived from others.
func Computed(v int64) Number { return Number{v, Derived} }

// Guessed is an assumption.
func Guessed(v int64) Number { return Number{v, Assumed} }

// Known reports whether there is a number.
func (n Number) Known() bool { return n.Tag != Unknown }

// Or is the number, or another where there is none.
func (n Number) Or(v int64) int64 {
	if n.Tag == Unknown {
		return v
	}
	return n.V
}

// IsZero lets `omitzero` leave out what is not known.
func (n Number) IsZero() bool { return n.Tag == Unknown }

// MarshalJSON implements [json.Marshaler].
func (n Number) MarshalJSON() ([]byte, error) { return tagged(strconv.FormatInt(n.V, 10), n.Tag), nil }

// UnmarshalJSON implements [json.Unmarshaler].
func (n *Number) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] != '[' && data[0] != 'n' { // the usual case
		v, err := strconv.ParseInt(string(data), 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", data)
		}
		*n = Number{v, Measured}
		return nil
	}
	var err error
	n.Tag, err = untag(data, &n.V)
	return err
}

// Known reports whether there is a number.
func (f Float) Known() bool { return f.Tag != Unknown }

// IsZero lets `omitzero` leave out what is not known.
func (f Float) IsZero() bool { return f.Tag == Unknown }

// MarshalJSON implements [json.Marshaler].
func (f Float) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(f.V)
	if err != nil {
		return nil, err
	}
	return tagged(string(text), f.Tag), nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (f *Float) UnmarshalJSON(data []byte) error {
	var err error
	f.Tag, err = untag(data, &f.V)
	return err
}

func tagged(text string, t Tag) []byte {
	switch t {
	case Unknown:
		return []byte("null")
	case Measured:
		return []byte(text)
	}
	return []byte("[" + text + `,"` + t.String() + `"]`)
}

// untag reads a number with or without its tag.
func untag[T int64 | float64](data []byte, v *T) (Tag, error) {
	switch data = bytes.TrimSpace(data); {
	case string(data) == "null":
		*v = 0
		return Unknown, nil
	case len(data) == 0 || data[0] != '[':
		return Measured, json.Unmarshal(data, v)
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return Unknown, err
	}
	if len(parts) != 2 {
		return Unknown, fmt.Errorf(`%s is not a number; expected n or [n, "derived"] or [n, "assumed"]`, data)
	}
	var name string
	if err := json.Unmarshal(parts[1], &name); err != nil {
		return Unknown, err
	}
	for t := Measured; t <= Assumed; t++ {
		if name == t.String() {
			return t, json.Unmarshal(parts[0], v)
		}
	}
	return Unknown, fmt.Errorf("unknown tag %q of a number; expected measured, derived or assumed", name)
}
