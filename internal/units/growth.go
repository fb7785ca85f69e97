package units

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Days is a span of whole days, written 90d, 26w or 2y.
type Days int

// daysOf are the days of each unit. A month is no unit: it has not always as many.
var daysOf = []struct {
	names []string
	days  int
}{{[]string{"d", "day", "days"}, 1}, {[]string{"w", "week", "weeks"}, 7}, {[]string{"y", "year", "years"}, 365}}

func unitOfDays(name string) int {
	for _, u := range daysOf {
		for _, n := range u.names {
			if n == strings.TrimSpace(name) {
				return u.days
			}
		}
	}
	return 0
}

// ParseDays reads a span of days.
func ParseDays(s string) (Days, error) {
	text := strings.TrimSpace(s)
	end := strings.LastIndexAny(text, "0123456789") + 1
	n, err := strconv.Atoi(text[:end])
	if unit := unitOfDays(text[end:]); err == nil && unit > 0 && n >= 0 && n <= 100_000 {
		return Days(n * unit), nil
	}
	return 0, fmt.Errorf("%q is not a span of days: expected a whole number of days, weeks or years, such as 90d, 26w or 2y", s)
}

func (d Days) String() string { return strconv.Itoa(int(d)) + "d" }

// GrowthRate is by how much something grows, of what it is, in so many days; it compounds.
type GrowthRate struct {
	Percent float64
	Days    int
	text    string
}

// ParseGrowthRate reads 3%/week.
func ParseGrowthRate(s string) (GrowthRate, error) {
	amount, per, _ := strings.Cut(s, "/")
	p, err := parseNumber(strings.TrimSuffix(strings.TrimSpace(amount), "%"))
	days := unitOfDays(per)
	switch {
	case err != nil || days == 0 || !strings.HasSuffix(strings.TrimSpace(amount), "%"):
		return GrowthRate{}, fmt.Errorf("%q is no growth: expected a percentage in a day, week or year, such as 3%%/week", s)
	case p < 0:
		return GrowthRate{}, fmt.Errorf("%q: growth can't be negative: a cluster that shrinks breaks nothing by it; expected 0%%/week or more", s)
	case p > 1000:
		return GrowthRate{}, fmt.Errorf("%q: expected at most 1000%%", s)
	}
	return GrowthRate{p, days, s}, nil
}

func (g GrowthRate) String() string { return g.text }

// Factor is how often as large it is after so many days: compounded after each whole period,
// evenly within one.
func (g GrowthRate) Factor(days int) float64 {
	if g.Days == 0 {
		return 1
	}
	out, each := 1.0, 1+float64(g.Percent/100)
	for range days / g.Days {
		out = float64(out * each)
	}
	part := float64(float64(g.Percent/100) * float64(days%g.Days))
	return float64(out * (1 + float64(part/float64(g.Days))))
}

// GrowthSize is how many bytes come in so many days.
type GrowthSize struct {
	Bytes int64
	Days  int
	text  string
}

// ParseGrowthSize reads 20gb/day.
func ParseGrowthSize(s string) (GrowthSize, error) {
	amount, per, _ := strings.Cut(s, "/")
	if strings.HasPrefix(strings.TrimSpace(amount), "-") {
		return GrowthSize{}, fmt.Errorf("%q: growth can't be negative: a cluster that shrinks breaks nothing by it; expected 0b/day or more", s)
	}
	b, err := ParseSize(amount)
	days := unitOfDays(per)
	if err != nil || days == 0 {
		return GrowthSize{}, fmt.Errorf("%q is no growth: expected a size in a day, week or year, such as 20gb/day", s)
	}
	return GrowthSize{int64(b), days, s}, nil
}

func (g GrowthSize) String() string { return g.text }

// After is how much came in so many days.
func (g GrowthSize) After(days int) int64 {
	if g.Days == 0 {
		return 0
	}
	return g.Bytes / int64(g.Days) * int64(days)
}

func (d Days) MarshalText() ([]byte, error)          { return []byte(d.String()), nil }
func (d *Days) UnmarshalText(b []byte) error         { return set(d, ParseDays, b) }
func (d *Days) UnmarshalYAML(n ast.Node) error       { return fromNode(d, n) }
func (g GrowthRate) MarshalText() ([]byte, error)    { return []byte(g.text), nil }
func (g *GrowthRate) UnmarshalText(b []byte) error   { return set(g, ParseGrowthRate, b) }
func (g *GrowthRate) UnmarshalYAML(n ast.Node) error { return fromNode(g, n) }
func (g GrowthSize) MarshalText() ([]byte, error)    { return []byte(g.text), nil }
func (g *GrowthSize) UnmarshalText(b []byte) error   { return set(g, ParseGrowthSize, b) }
func (g *GrowthSize) UnmarshalYAML(n ast.Node) error { return fromNode(g, n) }
