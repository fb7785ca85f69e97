package queries

import (
	"cmp"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// Kinds of fields by how their values compare.
func isNumber(kind string) bool {
	switch kind {
	case "long", "integer", "short", "byte", "double", "float", "half_float", "scaled_float", "unsigned_long":
		return true
	}
	return false
}

func isWhole(kind string) bool {
	switch kind {
	case "long", "integer", "short", "byte", "unsigned_long", "date", "date_nanos", "boolean":
		return true
	}
	return false
}

func isDate(kind string) bool { return kind == "date" || kind == "date_nanos" }

func isText(kind string) bool { return kind == "text" || kind == "match_only_text" }

// key is a value that compares: a number, or text.
type key struct {
	n       float64
	s       string
	numeric bool
}

func (k key) compare(o key) int {
	if k.numeric && o.numeric {
		return cmp.Compare(k.n, o.n)
	}
	return strings.Compare(k.s, o.s)
}

// keyOf is a document's value as a field of that type compares it; false: it is none.
func keyOf(kind string, v *rest.Value) (key, bool) {
	switch {
	case isNumber(kind):
		n, err := strconv.ParseFloat(v.Text, 64)
		if err == nil && isWhole(kind) {
			n = math.Trunc(n)
		}
		return key{n: n, numeric: true}, err == nil
	case isDate(kind):
		t, err := ParseDate(v.Text)
		return key{n: float64(t.UnixMilli()), numeric: true}, err == nil
	case kind == "boolean":
		n := 0.0
		if v.Text == "true" {
			n = 1
		}
		return key{n: n, s: v.Text, numeric: true}, true
	}
	return key{s: v.Text}, v.Kind != rest.ObjectValue
}

// malformed reports whether a value is none that a field of that type can hold.
func malformed(kind string, v *rest.Value) bool {
	if kind == "ip" {
		_, err := netip.ParseAddr(v.Text)
		return err != nil
	}
	if v.Kind == rest.ObjectValue {
		return isNumber(kind) || isDate(kind) || kind == "boolean"
	}
	if kind == "boolean" {
		return v.Text != "true" && v.Text != "false" && v.Text != ""
	}
	_, ok := keyOf(kind, v)
	return !ok
}

// wanted is a value of a query as a field of that type compares it, or why it can't be.
func wanted(kind, text string) (key, *elastic.Error) {
	switch {
	case isNumber(kind):
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return key{}, queryShard(`failed to create query: For input string: "`+text+`"`, rest.NumberFormat(text))
		}
		return key{n: n, numeric: true}, nil
	case isDate(kind):
		t, err := ParseDate(text)
		if err != nil {
			return key{}, badDate(text, err)
		}
		return key{n: float64(t.UnixMilli()), numeric: true}, nil
	case kind == "boolean":
		if text != "true" && text != "false" && text != "" {
			return key{}, queryShard("failed to create query: Can't parse boolean value ["+text+"], expected [true] or [false]", nil)
		}
		k, _ := keyOf(kind, &rest.Value{Text: text})
		return k, nil
	}
	return key{s: text}, nil
}

func queryShard(reason string, cause *elastic.Error) *elastic.Error {
	return &elastic.Error{Status: 400, Type: "query_shard_exception", Reason: reason, CausedBy: cause}
}

// layouts are those of strict_date_optional_time.
var layouts = []string{
	"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00",
	"2006-01-02T15:04", "2006-01-02T15Z07:00", "2006-01-02T15", "2006-01-02", "2006-01", "2006", "2006/01/02 15:04:05", "2006/01/02",
	"2006-01-02 15:04:05.999999999",
}

// ParseDate reads a date as strict_date_optional_time||epoch_millis does.
func ParseDate(text string) (time.Time, error) {
	if len(text) > 4 || strings.HasPrefix(text, "-") {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return time.UnixMilli(n).UTC(), nil
		}
	}
	var err error
	for _, l := range layouts {
		var t time.Time
		if t, err = time.Parse(l, text); err == nil {
			return t.UTC(), nil
		}
	}
	if n, bad := strconv.ParseInt(text, 10, 64); bad == nil {
		return time.UnixMilli(n).UTC(), nil
	}
	return time.Time{}, err
}

// bound is a date of a range, perhaps with math: "now-1h/h", "2026-01-01||/d". Where it is
// rounded and meant to take the rounded unit in, it is that unit's end.
func bound(text string, now time.Time, toEnd bool) (t time.Time, bad *elastic.Error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(rest.Raised)
			if !ok {
				panic(r)
			}
			bad = e.Err
		}
	}()
	base, math := now, ""
	if rest, ok := strings.CutPrefix(text, "now"); ok {
		math = rest
	} else {
		date, after, _ := strings.Cut(text, "||")
		day, err := ParseDate(date)
		if err != nil {
			return t, badDate(date, err)
		}
		base, math = day, after
	}
	t = rest.AddMath(base, math)
	if i := strings.LastIndexByte(math, '/'); i >= 0 && toEnd {
		t = rest.AddMath(t, "+1"+math[i+1:]).Add(-time.Millisecond)
	}
	return t, nil
}

func badDate(date string, err error) *elastic.Error {
	return &elastic.Error{
		Status: 400, Type: "parse_exception",
		Reason: "failed to parse date field [" + date + "] with format [strict_date_optional_time||epoch_millis]: [" + err.Error() + "]",
	}
}
