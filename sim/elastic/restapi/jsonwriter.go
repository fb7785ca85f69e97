package restapi

import (
	_ "embed"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// jsonWriter writes compact JSON in the order of its calls. Keys are literals of
// this package or names that need escaping; both are escaped alike.
type jsonWriter struct {
	buf []byte
	// human adds readable forms beside raw ones (?human).
	human bool
	// open holds the closing mark of every open container.
	open  []byte
	comma bool
}

func newJSON(human bool) *jsonWriter { return &jsonWriter{buf: make([]byte, 0, 1024), human: human} }

// bytes is the finished text.
func (w *jsonWriter) bytes() []byte {
	if len(w.open) != 0 {
		panic("restapi: JSON not closed: " + string(w.open))
	}
	return w.buf
}

func (w *jsonWriter) sep() {
	if w.comma {
		w.buf = append(w.buf, ',')
	}
	w.comma = true
}

func (w *jsonWriter) key(k string) {
	w.sep()
	w.buf = appendString(w.buf, k)
	w.buf = append(w.buf, ':')
}

func (w *jsonWriter) begin(open, close byte) {
	w.buf = append(w.buf, open)
	w.open = append(w.open, close)
	w.comma = false
}

// obj opens an object as an element or as the whole.
func (w *jsonWriter) obj() { w.sep(); w.begin('{', '}') }

// object opens an object under a key.
func (w *jsonWriter) object(k string) { w.key(k); w.begin('{', '}') }

// arr opens an array as an element or as the whole.
func (w *jsonWriter) arr() { w.sep(); w.begin('[', ']') }

// array opens an array under a key.
func (w *jsonWriter) array(k string) { w.key(k); w.begin('[', ']') }

// end closes the innermost container.
func (w *jsonWriter) end() {
	last := len(w.open) - 1
	w.buf = append(w.buf, w.open[last])
	w.open = w.open[:last]
	w.comma = true
}

func (w *jsonWriter) str(k, v string)     { w.key(k); w.buf = appendString(w.buf, v) }
func (w *jsonWriter) elem(v string)       { w.sep(); w.buf = appendString(w.buf, v) }
func (w *jsonWriter) elemInt(v int64)     { w.sep(); w.buf = strconv.AppendInt(w.buf, v, 10) }
func (w *jsonWriter) int(k string, v int) { w.int64(k, int64(v)) }
func (w *jsonWriter) int64(k string, v int64) {
	w.key(k)
	w.buf = strconv.AppendInt(w.buf, v, 10)
}

func (w *jsonWriter) bool(k string, v bool) {
	w.key(k)
	w.buf = strconv.AppendBool(w.buf, v)
}

func (w *jsonWriter) float(k string, v float64) {
	if math.IsNaN(v) {
		w.str(k, "NaN")
		return
	}
	w.key(k)
	w.buf = append(w.buf, settings.JavaDouble(v)...)
}

func (w *jsonWriter) null(k string) {
	w.key(k)
	w.buf = append(w.buf, "null"...)
}

// raw writes a finished JSON value under a key.
func (w *jsonWriter) raw(k string, v []byte) {
	w.key(k)
	w.buf = append(w.buf, v...)
}

// strs writes an array of strings.
func (w *jsonWriter) strs(k string, v []string) {
	w.array(k)
	for _, s := range v {
		w.elem(s)
	}
	w.end()
}

// size writes a number of bytes, and its readable form when asked for.
func (w *jsonWriter) size(raw, readable string, n int64) {
	if w.human {
		w.str(readable, settings.HumanBytes(n))
	}
	w.int64(raw, n)
}

// millis writes a duration in milliseconds, and its readable form when asked for.
func (w *jsonWriter) millis(raw, readable string, d time.Duration) {
	if w.human {
		w.str(readable, settings.HumanTime(d.Truncate(time.Millisecond)))
	}
	w.int64(raw, d.Milliseconds())
}

// timestamp writes milliseconds since 1970, and the date when asked for.
func (w *jsonWriter) timestamp(raw, readable string, t time.Time) {
	if w.human {
		w.str(readable, isoMillis(t))
	}
	w.int64(raw, t.UnixMilli())
}

// isoMillis is Elasticsearch's strict_date_time in UTC.
func isoMillis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

const hexDigits = "0123456789ABCDEF"

// appendString quotes a string as Jackson does: only quotes, backslashes and
// control characters are escaped.
func appendString(buf []byte, s string) []byte {
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

func (w *jsonWriter) strOrNull(k, v string) {
	if v == "" {
		w.null(k)
		return
	}
	w.str(k, v)
}

// writeValue copies a parsed value.
func writeValue(w *jsonWriter, key string, v *jsonValue) {
	w.key(key)
	writeBare(w, v)
}

func writeBare(w *jsonWriter, v *jsonValue) {
	switch v.kind {
	case nullValue:
		w.buf = append(w.buf, "null"...)
	case stringValue:
		w.buf = appendString(w.buf, v.text)
	case objectValue:
		w.begin('{', '}')
		for i := range v.members {
			writeValue(w, v.members[i].name, &v.members[i].value)
		}
		w.end()
	case arrayValue:
		w.begin('[', ']')
		for i := range v.elements {
			w.sep()
			writeBare(w, &v.elements[i])
		}
		w.end()
	default:
		w.buf = append(w.buf, v.text...)
	}
}
