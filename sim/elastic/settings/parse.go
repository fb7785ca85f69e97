package settings

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// The parsers below accept and refuse the texts that Elasticsearch accepts and
// refuses, with its messages (org.elasticsearch.common.settings.Setting and
// org.elasticsearch.common.unit).

// Common sizes in bytes.
const (
	KB int64 = 1 << (10 * (iota + 1))
	MB
	GB
	TB
	PB
)

// byteUnits in the order in which suffixes are tried.
var byteUnits = [...]struct {
	suffix string
	bytes  int64
}{
	{"k", KB}, {"kb", KB}, {"m", MB}, {"mb", MB}, {"g", GB}, {"gb", GB},
	{"t", TB}, {"tb", TB}, {"p", PB}, {"pb", PB},
}

// ParseBytes reads a size such as "512kb"; "0" and "-1" need no unit.
func ParseBytes(key, text string) (int64, error) {
	switch text {
	case "0", "0b", "0B":
		return 0, nil
	case "1b", "1B":
		return 1, nil
	case "-1", "-1b", "-1B":
		return -1, nil
	}
	lower := strings.TrimSpace(strings.ToLower(text))
	for _, u := range byteUnits {
		if number, ok := strings.CutSuffix(lower, u.suffix); ok {
			return bytesOf(key, text, strings.TrimSpace(number), u.bytes)
		}
	}
	if number, ok := strings.CutSuffix(lower, "b"); ok {
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("failed to parse setting [%s] with value [%s]", key, text)
		}
		if n < -1 {
			return 0, fmt.Errorf("failed to parse setting [%s] with value [%s] as a size in bytes", key, text)
		}
		return n, nil
	}
	return 0, fmt.Errorf("failed to parse setting [%s] with value [%s] as a size in bytes: unit is missing or unrecognized", key, text)
}

// bytesOf multiplies a number, whole or (deprecated) fractional, with its unit.
func bytesOf(key, text, number string, unit int64) (int64, error) {
	n, err := strconv.ParseInt(number, 10, 64)
	if err == nil {
		if n < 0 || n > math.MaxInt64/unit {
			return 0, fmt.Errorf("failed to parse setting [%s] with value [%s] as a size in bytes", key, text)
		}
		return n * unit, nil
	}
	f, err := parseJavaFloat(number, 64)
	if err != nil {
		return 0, fmt.Errorf("failed to parse setting [%s] with value [%s]", key, text)
	}
	b := float64(f * float64(unit))
	switch {
	case b != b:
		return 0, nil
	case b >= math.MaxInt64:
		return math.MaxInt64, nil
	case int64(b) < -1:
		return 0, fmt.Errorf("failed to parse setting [%s] with value [%s] as a size in bytes", key, text)
	}
	return int64(b), nil
}

// BytesText is the exact text of a size (ByteSizeValue.getStringRep of a value
// in the largest unit that divides it).
func BytesText(n int64) string {
	if n <= 0 {
		return strconv.FormatInt(n, 10)
	}
	suffix := "b"
	for _, u := range [...]string{"kb", "mb", "gb", "tb", "pb"} {
		if n%1024 != 0 {
			break
		}
		n /= 1024
		suffix = u
	}
	return strconv.FormatInt(n, 10) + suffix
}

// HumanBytes is the rounded text of a size (ByteSizeValue.toString): one decimal,
// cut off, not rounded, and left out when it is zero.
func HumanBytes(n int64) string {
	unit, suffix := int64(1), "b"
	for _, u := range [...]struct {
		bytes  int64
		suffix string
	}{{PB, "pb"}, {TB, "tb"}, {GB, "gb"}, {MB, "mb"}, {KB, "kb"}} {
		if n >= u.bytes {
			unit, suffix = u.bytes, u.suffix
			break
		}
	}
	return OneDecimal(float64(n)/float64(unit)) + suffix
}

// OneDecimal cuts Java's text of a double after the first decimal.
func OneDecimal(v float64) string {
	text := JavaDouble(v)
	dot := strings.IndexByte(text, '.')
	if e := strings.IndexByte(text, 'E'); e >= 0 {
		if text[dot+1] == '0' {
			return text[:dot] + text[e:]
		}
		return text[:dot+2] + text[e:]
	}
	if text[dot+1] == '0' {
		return text[:dot]
	}
	return text[:dot+2]
}

// JavaDouble is Double.toString: shortest digits, at least one decimal, and an
// exponent below 1e-3 and from 1e7 on.
func JavaDouble(v float64) string { return javaFloat(v, 64) }

// JavaFloat is Float.toString.
func JavaFloat(v float32) string { return javaFloat(float64(v), 32) }

func javaFloat(v float64, bits int) string {
	switch {
	case v != v:
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	if a := math.Abs(v); v == 0 || a >= 1e-3 && a < 1e7 {
		text := strconv.FormatFloat(v, 'f', -1, bits)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		return text
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, bits), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	e, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(e)
}

// parseJavaFloat reads what Java's parseDouble reads of ordinary numbers: white
// space around it and a trailing d or f are allowed, Go's underscores and names
// of infinities other than Java's are not.
func parseJavaFloat(text string, bits int) (float64, error) {
	t := strings.TrimSpace(text)
	bare := strings.TrimLeft(t, "+-")
	if bare == "NaN" || bare == "Infinity" {
		return strconv.ParseFloat(t, bits)
	}
	if !strings.ContainsAny(bare, "xX") {
		t = strings.TrimRight(t, "dDfF")
		if len(bare)-len(strings.TrimRight(bare, "dDfF")) > 1 {
			return 0, strconv.ErrSyntax
		}
	}
	if strings.ContainsAny(t, "_iInN") {
		return 0, strconv.ErrSyntax
	}
	v, err := strconv.ParseFloat(t, bits)
	if err != nil && math.IsInf(v, 0) {
		return v, nil // Java overflows to infinity
	}
	return v, err
}

// badNumber is the message for text that is no number at all.
func badNumber(key, text string) error {
	return fmt.Errorf("Failed to parse value [%s] for setting [%s]", text, key) //nolint:staticcheck // Elasticsearch's text
}

// ParseFloat reads a 32-bit float not below lo.
func ParseFloat(lo float32) func(key, text string) (float32, error) {
	return func(key, text string) (float32, error) {
		v, err := parseJavaFloat(text, 32)
		if err != nil {
			return 0, badNumber(key, text)
		}
		if float32(v) < lo {
			return 0, fmt.Errorf("Failed to parse value [%s] for setting [%s] must be >= %s", text, key, JavaFloat(lo)) //nolint:staticcheck // Elasticsearch's text
		}
		return float32(v), nil
	}
}

// ParseDouble reads a 64-bit float between two bounds, both included.
func ParseDouble(lo, hi float64) func(key, text string) (float64, error) {
	return func(key, text string) (float64, error) {
		v, err := parseJavaFloat(text, 64)
		if err != nil {
			return 0, badNumber(key, text)
		}
		if v < lo {
			return 0, fmt.Errorf("Failed to parse value [%s] for setting [%s] must be >= %s", text, key, JavaDouble(lo)) //nolint:staticcheck // Elasticsearch's text
		}
		if v > hi {
			return 0, fmt.Errorf("Failed to parse value [%s] for setting [%s] must be <= %s", text, key, JavaDouble(hi)) //nolint:staticcheck // Elasticsearch's text
		}
		return v, nil
	}
}

// ParseInt reads a 32-bit integer between two bounds, both included.
func ParseInt(lo, hi int) func(key, text string) (int, error) {
	long := ParseLong(int64(lo), int64(hi))
	return func(key, text string) (int, error) {
		n, err := long(key, text)
		return int(n), err
	}
}

// ParseLong reads an integer between two bounds, both included.
func ParseLong(lo, hi int64) func(key, text string) (int64, error) {
	return func(key, text string) (int64, error) {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= lo && n <= hi {
			return n, nil
		}
		n, ok := new(big.Int).SetString(text, 10)
		if !ok || strings.Contains(text, "_") {
			return 0, badNumber(key, text)
		}
		if n.Cmp(big.NewInt(lo)) < 0 {
			return 0, fmt.Errorf("Failed to parse value [%s] for setting [%s] must be >= %d", text, key, lo) //nolint:staticcheck // Elasticsearch's text
		}
		if n.Cmp(big.NewInt(hi)) > 0 {
			return 0, fmt.Errorf("Failed to parse value [%s] for setting [%s] must be <= %d", text, key, hi) //nolint:staticcheck // Elasticsearch's text
		}
		return n.Int64(), nil
	}
}

// ParseBool reads "true" or "false".
func ParseBool(_, text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("Failed to parse value [%s] as only [true] or [false] are allowed.", text) //nolint:staticcheck // Elasticsearch's text
}

// ParseString accepts any text.
func ParseString(_, text string) (string, error) { return text, nil }

// ParseList reads a comma-separated list, or the JSON-like form "[a,b]"; white
// space around the elements goes.
func ParseList(_, text string) ([]string, error) {
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(text, "["); ok && strings.HasSuffix(inner, "]") {
		text = strings.ReplaceAll(strings.TrimSuffix(inner, "]"), `"`, "")
	}
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out, nil
}

// timeUnits in the order in which suffixes are tried.
var timeUnits = [...]struct {
	suffix string
	unit   time.Duration
}{
	{"nanos", time.Nanosecond}, {"micros", time.Microsecond}, {"ms", time.Millisecond},
	{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour},
}

// ParseTime reads a duration such as "30s"; "0" and "-1" need no unit. A
// negative duration means -1, which is -1 of the unit.
func ParseTime(key, text string) (time.Duration, error) {
	lower := strings.TrimSpace(strings.ToLower(text))
	for _, u := range timeUnits {
		number, ok := strings.CutSuffix(lower, u.suffix)
		if !ok || u.suffix == "m" && !strings.HasSuffix(text, "m") {
			continue
		}
		return timeOf(key, text, strings.TrimSpace(number), u.unit)
	}
	if digits, ok := strings.CutPrefix(lower, "-"); ok && strings.TrimLeft(digits, "0") == "1" {
		return -time.Millisecond, nil
	}
	if lower != "" && strings.Trim(lower, "0") == "" {
		return 0, nil
	}
	return 0, fmt.Errorf("failed to parse setting [%s] with value [%s] as a time value: unit is missing or unrecognized", key, text)
}

func timeOf(key, text, number string, unit time.Duration) (time.Duration, error) {
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		if _, err := parseJavaFloat(number, 64); err == nil {
			return 0, fmt.Errorf("failed to parse [%s], fractional time values are not supported", text)
		}
		return 0, fmt.Errorf("failed to parse [%s]", text)
	}
	if n < -1 {
		return 0, fmt.Errorf("failed to parse setting [%s] with value [%s] as a time value: negative durations are not supported", key, text)
	}
	if n > math.MaxInt64/int64(unit) {
		return math.MaxInt64, nil
	}
	return time.Duration(n) * unit, nil
}

// ParseTimeIn reads a duration between two bounds, both included; the bounds
// compare in milliseconds.
func ParseTimeIn(lo, hi time.Duration) func(key, text string) (time.Duration, error) {
	return func(key, text string) (time.Duration, error) {
		d, err := ParseTime(key, text)
		if err != nil {
			return 0, err
		}
		if d.Milliseconds() < lo.Milliseconds() {
			return 0, fmt.Errorf("failed to parse value [%s] for setting [%s], must be >= [%s]", text, key, TimeText(lo))
		}
		if d.Milliseconds() > hi.Milliseconds() {
			return 0, fmt.Errorf("failed to parse value [%s] for setting [%s], must be <= [%s]", text, key, TimeText(hi))
		}
		return d, nil
	}
}

// NoTimeLimit is the upper bound of a duration that has none.
const NoTimeLimit = time.Duration(math.MaxInt64)

// TimeText is a duration in the largest unit that divides it.
func TimeText(d time.Duration) string {
	if d < 0 {
		return "-1"
	}
	for i := len(timeUnits) - 1; i >= 0; i-- {
		if u := timeUnits[i]; d%u.unit == 0 && (d != 0 || u.suffix == "ms") {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.suffix
		}
	}
	return "0ms"
}

// HumanTime is the rounded text of a duration (TimeValue.toString): one decimal,
// cut off, and left out when it is zero.
func HumanTime(d time.Duration) string {
	if d < 0 {
		return "-1"
	}
	if d == 0 {
		return "0s"
	}
	i := len(timeUnits) - 1
	for d < timeUnits[i].unit {
		i--
	}
	return OneDecimal(float64(d)/float64(timeUnits[i].unit)) + timeUnits[i].suffix
}

// Relative is a size given in bytes or as a part of a whole (RelativeByteSizeValue).
type Relative struct {
	Bytes   int64   // when Ratio is false
	Percent float64 // 0 to 100, when Ratio is true
	Ratio   bool
}

// Text is the value as Elasticsearch prints it ("85%", "10gb").
func (r Relative) Text() string {
	if !r.Ratio {
		return BytesText(r.Bytes)
	}
	text := JavaDouble(r.Percent)
	if !strings.Contains(text, "E") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	if text == "" {
		text = "0"
	}
	return text + "%"
}

// ParseRatio reads a percentage ("85%") or a ratio ("0.85"), both as percent.
func ParseRatio(_, text string) (float64, error) {
	if number, ok := strings.CutSuffix(text, "%"); ok {
		p, err := parseJavaFloat(number, 64)
		if err != nil {
			return 0, fmt.Errorf("Failed to parse [%s] as a double", number) //nolint:staticcheck // Elasticsearch's text
		}
		if p < 0 || p > 100 {
			return 0, fmt.Errorf("Percentage should be in [0-100], got [%s]", number) //nolint:staticcheck // Elasticsearch's text
		}
		return math.Abs(p), nil
	}
	r, err := parseJavaFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("Invalid ratio or percentage [%s]", text) //nolint:staticcheck // Elasticsearch's text
	}
	if r < 0 || r > 1 {
		return 0, fmt.Errorf("Ratio should be in [0-1.0], got [%s]", JavaDouble(r)) //nolint:staticcheck // Elasticsearch's text
	}
	return float64(100.0 * math.Abs(r)), nil
}

// ParseRelative reads a percentage, a ratio or a size in bytes.
func ParseRelative(key, text string) (Relative, error) {
	if !strings.HasSuffix(text, "b") {
		if p, err := ParseRatio(key, text); err == nil {
			if p != 0 || strings.HasSuffix(text, "%") {
				return Relative{Percent: p, Ratio: true}, nil
			}
			return Relative{}, nil
		}
	}
	n, err := ParseBytes(key, text)
	if err != nil {
		return Relative{}, fmt.Errorf("unable to parse [%s=%s] as either percentage or bytes", key, text)
	}
	return Relative{Bytes: n}, nil
}

// ParseEnum reads one of some names, in any case; unknown is the error for
// others.
func ParseEnum(unknown func(key, text string) error, names ...string) func(key, text string) (string, error) {
	return func(key, text string) (string, error) {
		for _, n := range names {
			if strings.EqualFold(n, text) {
				return n, nil
			}
		}
		return "", unknown(key, text)
	}
}

// Fixed is a default that does not depend on other settings.
func Fixed(text string) func(Settings) string {
	return func(Settings) string { return text }
}

// Follow is the default of a setting that follows another one.
func Follow[T any](other *Setting[T]) func(Settings) string {
	return func(s Settings) string {
		if text, ok := s.Get(other.key); ok {
			return text
		}
		return other.def(s)
	}
}
