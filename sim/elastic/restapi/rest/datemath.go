package rest

import (
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
)

// DateMath resolves "<logs-{now/d}>": what stands in braces is a moment, rounded and moved,
// in a format that may follow in braces of its own (DateMathExpressionResolver). Other names
// stay as they are.
func DateMath(expression string, now time.Time) string {
	inner, ok := strings.CutPrefix(expression, "<")
	if !ok || !strings.HasSuffix(inner, ">") {
		return expression
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
			Raise(dateMathError("invalid dynamic name expression [%s]. date math placeholder is open ended", inner))
		}
		out.WriteString(moment(after[:end], now))
		inner = after[end+1:]
	}
	return out.String()
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

func dateMathError(format string, args ...any) *elastic.Error {
	e := IllegalArgument(format, args...)
	e.Type = "parse_exception"
	return e
}

// moment is "now/d{yyyy.MM.dd|+02:00}" as text.
func moment(text string, now time.Time) string {
	math, format, _ := strings.Cut(text, "{")
	format = strings.TrimSuffix(format, "}")
	format, zone, _ := strings.Cut(format, "|")
	if format == "" {
		format = "yyyy.MM.dd"
	}
	t := now.UTC()
	if zone != "" {
		t = t.In(zoneOf(zone))
	}
	t = AddMath(t, strings.TrimPrefix(math, "now"))
	return javaDate(t, format)
}

func zoneOf(text string) *time.Location {
	if t, err := time.Parse("-07:00", text); err == nil {
		return t.Location()
	}
	if text == "UTC" || text == "Z" {
		return time.UTC
	}
	Raise(NotModelled("time zones by name, such as [" + text + "]; the nearest that it has is an offset such as +02:00"))
	return nil
}

// AddMath moves and rounds a moment by date math such as "-1M/d".
func AddMath(t time.Time, math string) time.Time {
	for math != "" {
		op := math[0]
		math = math[1:]
		n := 0
		for math != "" && math[0] >= '0' && math[0] <= '9' {
			n = n*10 + int(math[0]-'0')
			math = math[1:]
		}
		if math == "" || strings.IndexByte("+-/", op) < 0 {
			Raise(dateMathError("operator not supported for date math [%s]", string(op)+math))
		}
		unit := math[0]
		math = math[1:]
		if op == '/' {
			t = roundDown(t, unit)
			continue
		}
		n = max(1, n)
		if op == '-' {
			n = -n
		}
		t = moved(t, n, unit)
	}
	return t
}

func moved(t time.Time, n int, unit byte) time.Time {
	switch unit {
	case 'y':
		return t.AddDate(n, 0, 0)
	case 'M':
		return t.AddDate(0, n, 0)
	case 'w':
		return t.AddDate(0, 0, 7*n)
	case 'd':
		return t.AddDate(0, 0, n)
	case 'h', 'H':
		return t.Add(time.Duration(n) * time.Hour)
	case 'm':
		return t.Add(time.Duration(n) * time.Minute)
	case 's':
		return t.Add(time.Duration(n) * time.Second)
	}
	Raise(dateMathError("unit [%s] not supported for date math", string(unit)))
	return t
}

func roundDown(t time.Time, unit byte) time.Time {
	y, m, d := t.Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, t.Location())
	switch unit {
	case 'y':
		return time.Date(y, 1, 1, 0, 0, 0, 0, t.Location())
	case 'M':
		return time.Date(y, m, 1, 0, 0, 0, 0, t.Location())
	case 'w':
		return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
	case 'd':
		return day
	case 'h', 'H':
		return day.Add(time.Duration(t.Hour()) * time.Hour)
	case 'm':
		return t.Truncate(time.Minute)
	case 's':
		return t.Truncate(time.Second)
	}
	Raise(dateMathError("unit [%s] not supported for date math", string(unit)))
	return t
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
