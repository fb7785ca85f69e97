package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// stream reads JSON token by token.
type stream struct{ *jsontext.Decoder }

// lenient takes what real answers hold: names twice, bytes that are no text.
var lenient = jsonv2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

func newStream(r io.Reader) stream { return stream{jsontext.NewDecoder(r, lenient)} }

// object calls f for each member of the object that comes next; f reads its value. What is
// no object is skipped.
func (s stream) object(f func(key string) error) error {
	if s.PeekKind() != '{' {
		return s.SkipValue()
	}
	if _, err := s.ReadToken(); err != nil {
		return err
	}
	for s.PeekKind() != '}' {
		t, err := s.ReadToken()
		if err != nil {
			return err
		}
		key := t.String()
		if err := f(key); err != nil {
			return err
		}
	}
	_, err := s.ReadToken()
	return err
}

// array calls f for each element of the array that comes next.
func (s stream) array(f func() error) error {
	if s.PeekKind() != '[' {
		return s.SkipValue()
	}
	if _, err := s.ReadToken(); err != nil {
		return err
	}
	for s.PeekKind() != ']' {
		if s.PeekKind() == 0 {
			_, err := s.ReadToken()
			return errors.Join(err, io.ErrUnexpectedEOF)
		}
		if err := f(); err != nil {
			return err
		}
	}
	_, err := s.ReadToken()
	return err
}

// into reads the next value into v; what v has no field for is skipped.
func (s stream) into(v any) error { return jsonv2.UnmarshalDecode(s.Decoder, v, lenient) }

// text is a string that may be written as a number or a truth.
type text string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *text) UnmarshalJSON(data []byte) error {
	switch data = bytes.TrimSpace(data); {
	case string(data) == "null":
	case data[0] == '"':
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*t = text(s)
	case data[0] != '{' && data[0] != '[':
		*t = text(data)
	}
	return nil
}

// integer is a number that may be written as text; ok tells whether it was there.
type integer struct {
	v  int64
	ok bool
}

// UnmarshalJSON implements [json.Unmarshaler]. What is no number is not there.
func (w *integer) UnmarshalJSON(data []byte) error {
	var t text
	if err := t.UnmarshalJSON(data); err != nil {
		return err
	}
	if v, err := strconv.ParseInt(string(t), 10, 64); err == nil {
		*w = integer{v, true}
	} else if f, err := strconv.ParseFloat(string(t), 64); err == nil && f > -9e18 && f < 9e18 {
		*w = integer{int64(f), true}
	}
	return nil
}

// real is [whole] with a fraction.
type real struct {
	v  float64
	ok bool
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *real) UnmarshalJSON(data []byte) error {
	var t text
	if err := t.UnmarshalJSON(data); err != nil {
		return err
	}
	if f, err := strconv.ParseFloat(string(t), 64); err == nil && f-f == 0 {
		*r = real{f, true}
	}
	return nil
}

// truth is a boolean that may be written as text.
type truth bool

// UnmarshalJSON implements [json.Unmarshaler].
func (b *truth) UnmarshalJSON(data []byte) error {
	*b = truth(strings.Trim(string(bytes.TrimSpace(data)), `"`) == "true")
	return nil
}

// names is a list of texts, or one text with commas.
type names []string

// UnmarshalJSON implements [json.Unmarshaler].
func (n *names) UnmarshalJSON(data []byte) error {
	if data = bytes.TrimSpace(data); len(data) > 0 && data[0] == '[' {
		var list []text
		if err := json.Unmarshal(data, &list); err != nil {
			return err
		}
		for _, t := range list {
			*n = append(*n, string(t))
		}
		return nil
	}
	var t text
	if err := t.UnmarshalJSON(data); err != nil || t == "" {
		return err
	}
	for part := range strings.SplitSeq(string(t), ",") {
		*n = append(*n, strings.TrimSpace(part))
	}
	return nil
}

// flat is a tree of settings as keys with dots.
type flat map[string]string

// mostDepth bounds how deep settings may be nested.
const mostDepth = 32

// UnmarshalJSONFrom implements the streaming unmarshaler.
func (f *flat) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if *f == nil {
		*f = flat{}
	}
	return f.read(stream{d}, "", 0)
}

func (f *flat) read(s stream, prefix string, depth int) error {
	if depth > mostDepth {
		return fmt.Errorf("settings are nested deeper than %d", mostDepth)
	}
	return s.object(func(key string) error {
		if prefix != "" {
			key = prefix + "." + key
		}
		switch s.PeekKind() {
		case '{':
			return f.read(s, key, depth+1)
		case '[':
			var list names
			if err := s.into(&list); err != nil {
				return err
			}
			(*f)[key] = strings.Join(list, ",")
		case 'n':
			return s.SkipValue()
		default:
			var t text
			if err := s.into(&t); err != nil {
				return err
			}
			(*f)[key] = string(t)
		}
		return nil
	})
}
