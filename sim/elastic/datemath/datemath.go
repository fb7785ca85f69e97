// Package datemath resolves date math: moments that are rounded and moved ("now-1M/d"), and names
// that are made of them ("<logs-{now/d}>").
package datemath

import (
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/api"
)

// Name resolves "<logs-{now/d}>": what stands in braces is a moment, rounded and moved,
// in a format that may follow in braces of its own (DateMathExpressionResolver). Other names
// stay as they are.
func Name(expression string, now time.Time) (string, error) {
	inner, ok := strings.CutPrefix(expression, "<")
	if !ok || !strings.HasSuffix(inner, ">") {
		return expression, nil
	}
	inner = strings.TrimSuffix(inner, ">")
	var out strings.Builder
	for inner != "" {
		before, after, dynamic := strings.Cut(inner, "{")
		out.WriteString(strings.ReplaceAll(before, `\`, ""))
		if !dynamic {
			break
		}
		end := closing(after)
		if end < 0 {
			return "", refusal("invalid dynamic name expression [%s]. date math placeholder is open ended", inner)
		}
		text, err := moment(after[:end], now)
		if err != nil {
			return "", err
		}
		out.WriteString(text)
		inner = after[end+1:]
	}
	return out.String(), nil
}

// closing is where the brace that is open ends; -1: nowhere.
func closing(text string) int {
	depth := 1
	for i := range len(text) {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func refusal(format string, args ...any) *api.Error {
	e := api.IllegalArgument(format, args...)
	e.Type = "parse_exception"
	return e
}

// moment is "now/d{yyyy.MM.dd|+02:00}" as text.
func moment(text string, now time.Time) (string, error) {
	math, format, _ := strings.Cut(text, "{")
	format = strings.TrimSuffix(format, "}")
	format, zone, _ := strings.Cut(format, "|")
	if format == "" {
		format = "yyyy.MM.dd"
	}
	t := now.UTC()
	if zone != "" {
		at, err := zoneOf(zone)
		if err != nil {
			return "", err
		}
		t = t.In(at)
	}
	t, err := Add(t, strings.TrimPrefix(math, "now"))
	if err != nil {
		return "", err
	}
	return javaDate(t, format), nil
}

func zoneOf(text string) (*time.Location, error) {
	if t, err := time.Parse("-07:00", text); err == nil {
		return t.Location(), nil
	}
	if text == "UTC" || text == "Z" {
		return time.UTC, nil
	}
	return nil, api.NotModelled("time zones by name, such as [" + text + "]; the nearest that it has is an offset such as +02:00")
}

// Add moves and rounds a moment by date math such as "-1M/d".
func Add(t time.Time, math string) (time.Time, error) {
	for math != "" {
		op := math[0]
		math = math[1:]
		n := 0
		for math != "" && math[0] >= '0' && math[0] <= '9' {
			n = n*10 + int(math[0]-'0')
			math = math[1:]
		}
		if math == "" || strings.IndexByte("+-/", op) < 0 {
			return t, refusal("operator not supported for date math [%s]", string(op)+math)
		}
		unit := math[0]
		math = math[1:]
		var known bool
		switch n = max(1, n); op {
		case '/':
			t, known = roundDown(t, unit)
		case '-':
			t, known = moved(t, -n, unit)
		default:
			t, known = moved(t, n, unit)
		}
		if !known {
			return t, refusal("unit [%s] not supported for date math", string(unit))
		}
	}
	return t, nil
}

func moved(t time.Time, n int, unit byte) (to time.Time, known bool) {
	switch unit {
	case 'y':
		return t.AddDate(n, 0, 0), true
	case 'M':
		return t.AddDate(0, n, 0), true
	case 'w':
		return t.AddDate(0, 0, 7*n), true
	case 'd':
		return t.AddDate(0, 0, n), true
	case 'h', 'H':
		return t.Add(time.Duration(n) * time.Hour), true
	case 'm':
		return t.Add(time.Duration(n) * time.Minute), true
	case 's':
		return t.Add(time.Duration(n) * time.Second), true
	}
	return t, false
}

func roundDown(t time.Time, unit byte) (to time.Time, known bool) {
	y, m, d := t.Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, t.Location())
	switch unit {
	case 'y':
		return time.Date(y, 1, 1, 0, 0, 0, 0, t.Location()), true
	case 'M':
		return time.Date(y, m, 1, 0, 0, 0, 0, t.Location()), true
	case 'w':
		return day.AddDate(0, 0, -(int(day.Weekday())+6)%7), true
	case 'd':
		return day, true
	case 'h', 'H':
		return day.Add(time.Duration(t.Hour()) * time.Hour), true
	case 'm':
		return t.Truncate(time.Minute), true
	case 's':
		return t.Truncate(time.Second), true
	}
	return t, false
}

// javaDate writes a date by a pattern of java.time, of which names use years, months, days,
// hours, minutes and seconds.
func javaDate(t time.Time, pattern string) string {
	var out strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		n := 1
		for i+n < len(pattern) && pattern[i+n] == c {
			n++
		}
		i += n
		v := -1
		switch c {
		case 'y', 'u', 'Y':
			v = t.Year()
		case 'M':
			v = int(t.Month())
		case 'd':
			v = t.Day()
		case 'H':
			v = t.Hour()
		case 'm':
			v = t.Minute()
		case 's':
			v = t.Second()
		case 'D':
			v = t.YearDay()
		}
		if v < 0 {
			out.WriteString(strings.Repeat(string(c), n))
			continue
		}
		text := strconv.Itoa(v)
		out.WriteString(strings.Repeat("0", max(0, n-len(text))) + text)
	}
	return out.String()
}
