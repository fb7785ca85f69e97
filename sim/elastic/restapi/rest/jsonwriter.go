package rest

import (
	_ "embed"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// Writer writes compact JSON in the order of its calls. Keys are literals of
// this package or names that need escaping; both are escaped alike.
type Writer struct {
	Buf []byte
	// Human adds readable forms beside raw ones (?human).
	Human bool
	// open holds the closing mark of every open container.
	open  []byte
	Comma bool
	depth [16]byte // what open stands in while nothing is deeper
}

func NewWriter(human bool) *Writer { return &Writer{Buf: make([]byte, 0, 256), Human: human} }

// Bytes is the finished text.
func (w *Writer) Bytes() []byte {
	if len(w.open) != 0 {
		panic("restapi: JSON not closed: " + string(w.open))
	}
	return w.Buf
}

func (w *Writer) Sep() {
	if w.Comma {
		w.Buf = append(w.Buf, ',')
	}
	w.Comma = true
}

func (w *Writer) Key(k string) {
	w.Sep()
	w.Buf = AppendString(w.Buf, k)
	w.Buf = append(w.Buf, ':')
}

func (w *Writer) Begin(open, close byte) {
	w.Buf = append(w.Buf, open)
	if w.open == nil {
		w.open = w.depth[:0]
	}
	w.open = append(w.open, close)
	w.Comma = false
}

// Obj opens an object as an element or as the whole.
func (w *Writer) Obj() { w.Sep(); w.Begin('{', '}') }

// Object opens an object under a key.
func (w *Writer) Object(k string) { w.Key(k); w.Begin('{', '}') }

// Arr opens an array as an element or as the whole.
func (w *Writer) Arr() { w.Sep(); w.Begin('[', ']') }

// Array opens an array under a key.
func (w *Writer) Array(k string) { w.Key(k); w.Begin('[', ']') }

// End closes the innermost container.
func (w *Writer) End() {
	last := len(w.open) - 1
	w.Buf = append(w.Buf, w.open[last])
	w.open = w.open[:last]
	w.Comma = true
}

func (w *Writer) Str(k, v string)     { w.Key(k); w.Buf = AppendString(w.Buf, v) }
func (w *Writer) Elem(v string)       { w.Sep(); w.Buf = AppendString(w.Buf, v) }
func (w *Writer) Int(k string, v int) { w.Int64(k, int64(v)) }
func (w *Writer) Int64(k string, v int64) {
	w.Key(k)
	w.Buf = strconv.AppendInt(w.Buf, v, 10)
}

func (w *Writer) Bool(k string, v bool) {
	w.Key(k)
	w.Buf = strconv.AppendBool(w.Buf, v)
}

func (w *Writer) Float(k string, v float64) {
	if math.IsNaN(v) {
		w.Str(k, "NaN")
		return
	}
	w.Key(k)
	w.Buf = append(w.Buf, settings.JavaDouble(v)...)
}

// AppendFloat writes a number as Java does.
func AppendFloat(buf []byte, v float64) []byte { return append(buf, settings.JavaDouble(v)...) }

func (w *Writer) Null(k string) {
	w.Key(k)
	w.Buf = append(w.Buf, "null"...)
}

// Raw writes a finished JSON value under a key.
func (w *Writer) Raw(k string, v []byte) {
	w.Key(k)
	w.Buf = append(w.Buf, v...)
}

// Strs writes an array of strings.
func (w *Writer) Strs(k string, v []string) {
	w.Array(k)
	for _, s := range v {
		w.Elem(s)
	}
	w.End()
}

// Size writes a number of bytes, and its readable form when asked for.
func (w *Writer) Size(raw, readable string, n int64) {
	if w.Human {
		w.Str(readable, settings.HumanBytes(n))
	}
	w.Int64(raw, n)
}

// Millis writes a duration in milliseconds, and its readable form when asked for.
func (w *Writer) Millis(raw, readable string, d time.Duration) {
	if w.Human {
		w.Str(readable, settings.HumanTime(d.Truncate(time.Millisecond)))
	}
	w.Int64(raw, d.Milliseconds())
}

// Timestamp writes milliseconds since 1970, and the date when asked for.
func (w *Writer) Timestamp(raw, readable string, t time.Time) {
	if w.Human {
		w.Str(readable, IsoMillis(t))
	}
	w.Int64(raw, t.UnixMilli())
}

// IsoMillis is Elasticsearch's strict_date_time in UTC.
func IsoMillis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

const hexDigits = "0123456789ABCDEF"

// AppendString quotes a string as Jackson does: only quotes, backslashes and
// control characters are escaped.
func AppendString(buf []byte, s string) []byte {
	buf = append(buf, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				buf = append(append(buf, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += n
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			continue
		}
		buf = append(buf, s[start:i]...)
		switch c {
		case '"', '\\':
			buf = append(buf, '\\', c)
		case '\b':
			buf = append(buf, `\b`...)
		case '\t':
			buf = append(buf, `\t`...)
		case '\n':
			buf = append(buf, `\n`...)
		case '\f':
			buf = append(buf, `\f`...)
		case '\r':
			buf = append(buf, `\r`...)
		default:
			buf = append(buf, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(buf, s[start:]...), '"')
}

func (w *Writer) StrOrNull(k, v string) {
	if v == "" {
		w.Null(k)
		return
	}
	w.Str(k, v)
}

// WriteValue copies a parsed value.
func WriteValue(w *Writer, key string, v *Value) {
	w.Key(key)
	writeBare(w, v)
}

// Copy writes a parsed value where one is expected.
func (w *Writer) Copy(v *Value) { writeBare(w, v) }

func writeBare(w *Writer, v *Value) {
	switch v.Kind {
	case NullValue:
		w.Buf = append(w.Buf, "null"...)
	case StringValue:
		w.Buf = AppendString(w.Buf, v.Text)
	case ObjectValue:
		w.Begin('{', '}')
		for i := range v.Members {
			WriteValue(w, v.Members[i].Name, &v.Members[i].Value)
		}
		w.End()
	case ArrayValue:
		w.Begin('[', ']')
		for i := range v.Elements {
			w.Sep()
			writeBare(w, &v.Elements[i])
		}
		w.End()
	default:
		w.Buf = append(w.Buf, v.Text...)
	}
}
