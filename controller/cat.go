package controller

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// The _cat API answers with a flat array of objects whose values are strings or
// null: some hundred bytes per shard copy, megabytes per answer, read twice a minute.
// Reading them without reflection takes a tenth of the time of encoding/json; a fuzz
// test holds the two together.

var errCat = errors.New("malformed _cat answer")

// catVisitor is told what is in a _cat answer. Slices are valid during the call.
type catVisitor struct {
	row  func()                  // a row begins
	cell func(key, value []byte) // null is the empty value
	end  func() error            // the row is complete
}

// readCat walks through an array of flat objects.
func readCat(body []byte, v catVisitor) error {
	s := catScanner{in: body}
	if err := s.array(v); err != nil {
		return fmt.Errorf("%w at byte %d: %w", errCat, s.at, err)
	}
	return nil
}

type catScanner struct {
	in  []byte
	at  int
	key []byte // buffers for strings with escapes
	val []byte
}

func (s *catScanner) array(v catVisitor) error {
	if err := s.expect('['); err != nil {
		return err
	}
	if s.peek() == ']' {
		s.at++
		return s.finish()
	}
	for {
		if err := s.object(v); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.at++
		case ']':
			s.at++
			return s.finish()
		default:
			return errors.New("want ',' or ']'")
		}
	}
}

func (s *catScanner) finish() error {
	if s.peek() != 0 || s.at < len(s.in) {
		return errors.New("something follows the array")
	}
	return nil
}

func (s *catScanner) object(v catVisitor) error {
	if err := s.expect('{'); err != nil {
		return err
	}
	v.row()
	if s.peek() == '}' {
		s.at++
		return v.end()
	}
	for {
		key, err := s.text(&s.key)
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		value, err := s.value()
		if err != nil {
			return err
		}
		v.cell(key, value)
		switch s.peek() {
		case ',':
			s.at++
		case '}':
			s.at++
			return v.end()
		default:
			return errors.New("want ',' or '}'")
		}
	}
}

// value reads a string or null.
func (s *catScanner) value() ([]byte, error) {
	if s.peek() == 'n' {
		const null = "null"
		if s.at+len(null) <= len(s.in) && string(s.in[s.at:s.at+len(null)]) == null {
			s.at += len(null)
			return nil, nil
		}
	}
	return s.text(&s.val)
}

// text reads a string. One without escapes is a part of the input.
func (s *catScanner) text(buf *[]byte) ([]byte, error) {
	if err := s.expect('"'); err != nil {
		return nil, err
	}
	start := s.at
	for ; s.at < len(s.in); s.at++ {
		switch c := s.in[s.at]; {
		case c == '"':
			out := s.in[start:s.at]
			s.at++
			return out, nil
		case c == '\\':
			return s.escaped(start, buf)
		case c < ' ':
			return nil, errors.New("control character in a string")
		}
	}
	return nil, errors.New("string without an end")
}

// escaped reads the rest of a string from its first backslash on.
func (s *catScanner) escaped(start int, buf *[]byte) ([]byte, error) {
	out := append((*buf)[:0], s.in[start:s.at]...)
	defer func() { *buf = out }()
	for s.at < len(s.in) {
		c := s.in[s.at]
		s.at++
		switch {
		case c == '"':
			return out, nil
		case c < ' ':
			return nil, errors.New("control character in a string")
		case c != '\\':
			out = append(out, c)
			continue
		}
		if s.at >= len(s.in) {
			break
		}
		e := s.in[s.at]
		s.at++
		switch e {
		case '"', '\\', '/':
			out = append(out, e)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, err := s.unicode()
			if err != nil {
				return nil, err
			}
			out = utf8.AppendRune(out, r)
		default:
			return nil, errors.New("unknown escape in a string")
		}
	}
	return nil, errors.New("string without an end")
}

// unicode reads what follows \u, with the second half of a surrogate pair.
func (s *catScanner) unicode() (rune, error) {
	r, err := s.hex4()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if s.at+2 <= len(s.in) && s.in[s.at] == '\\' && s.in[s.at+1] == 'u' {
		save := s.at
		s.at += 2
		low, err := s.hex4()
		if err != nil {
			return 0, err
		}
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, nil
		}
		s.at = save
	}
	return utf8.RuneError, nil
}

func (s *catScanner) hex4() (rune, error) {
	if s.at+4 > len(s.in) {
		return 0, errors.New("short \\u escape")
	}
	n, err := strconv.ParseUint(string(s.in[s.at:s.at+4]), 16, 16)
	if err != nil {
		return 0, errors.New("bad \\u escape")
	}
	s.at += 4
	return rune(n), nil
}

// peek is the next byte that is not white space; 0 at the end.
func (s *catScanner) peek() byte {
	for ; s.at < len(s.in); s.at++ {
		switch c := s.in[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

func (s *catScanner) expect(c byte) error {
	if s.peek() != c || s.at >= len(s.in) {
		return fmt.Errorf("want %q", c)
	}
	s.at++
	return nil
}
