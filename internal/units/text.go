package units

import (
	"encoding"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Bound is a limit on a number: "< 0.1", "<= 6", ">= 2", "= 0", or a bare number
// that means "=".
type Bound struct {
	Op    string // "<", "<=", ">", ">=", "="
	Value float64
}

// ParseBound reads a bound.
func ParseBound(s string) (Bound, error) {
	rest := strings.TrimSpace(s)
	op := "="
	for _, o := range []string{"<=", ">=", "<", ">", "="} {
		if r, ok := strings.CutPrefix(rest, o); ok {
			op, rest = o, r
			break
		}
	}
	v, err := parseNumber(rest)
	if err != nil {
		return Bound{}, fmt.Errorf("%q is not a bound: expected <, <=, >, >= or = and a number, such as \"< 0.1\"", s)
	}
	return Bound{op, v}, nil
}

// ShareBound is a bound on a share, in percent.
type ShareBound struct{ Bound }

// ParseShareBound reads a bound such as "< 1 %".
func ParseShareBound(s string) (ShareBound, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(s), "%")
	b, err := ParseBound(number)
	if err != nil || !percent || b.Value < 0 || b.Value > 100 {
		return ShareBound{}, fmt.Errorf("%q is not a bound on a share: expected <, <=, >, >= or = and a percentage, such as \"< 1 %%\"", s)
	}
	return ShareBound{b}, nil
}

func (b ShareBound) String() string { return b.Bound.String() + " %" }

// Holds reports whether v is within the bound.
func (b Bound) Holds(v float64) bool {
	switch b.Op {
	case "<":
		return v < b.Value
	case "<=":
		return v <= b.Value
	case ">":
		return v > b.Value
	case ">=":
		return v >= b.Value
	}
	return v == b.Value
}

// Margin is how far v is on the right side of the bound; negative when beyond it.
func (b Bound) Margin(v float64) float64 {
	switch b.Op {
	case "<", "<=":
		return b.Value - v
	case ">", ">=":
		return v - b.Value
	}
	if v > b.Value {
		return b.Value - v
	}
	return v - b.Value
}

func (b Bound) String() string {
	return b.Op + " " + strconv.FormatFloat(b.Value, 'g', -1, 64)
}

// IsZero reports whether the bound is unset.
func (b Bound) IsZero() bool { return b.Op == "" }

// text is what every quantity reads and writes: the text form serves YAML, JSON and
// flags alike.
type text interface {
	encoding.TextMarshaler
	fmt.Stringer
}

var _ = []text{Duration(0), Size(0), Percent(0), Rate(0), Bandwidth(0), Fraction{}, Skew(0), Bound{}}

func set[T any](dst *T, parse func(string) (T, error), b []byte) error {
	v, err := parse(string(b))
	if err != nil {
		return err
	}
	*dst = v
	return nil
}

// fromNode reads a scalar of a YAML file; an error keeps the scalar's position.
func fromNode(dst encoding.TextUnmarshaler, n ast.Node) error {
	scalar, ok := n.(ast.ScalarNode)
	if !ok {
		return &yaml.SyntaxError{Message: "expected a single value here", Token: n.GetToken()}
	}
	if err := dst.UnmarshalText([]byte(fmt.Sprint(scalar.GetValue()))); err != nil {
		return &yaml.SyntaxError{Message: err.Error(), Token: n.GetToken()}
	}
	return nil
}

// MarshalText, UnmarshalText and UnmarshalYAML of all quantities.

func (d Duration) MarshalText() ([]byte, error)  { return []byte(d.String()), nil }
func (d *Duration) UnmarshalText(b []byte) error { return set(d, ParseDuration, b) }
func (s Size) MarshalText() ([]byte, error) {
	return []byte(strconv.FormatInt(int64(s), 10) + "b"), nil
}
func (s *Size) UnmarshalText(b []byte) error         { return set(s, ParseSize, b) }
func (p Percent) MarshalText() ([]byte, error)       { return []byte(p.String()), nil }
func (p *Percent) UnmarshalText(b []byte) error      { return set(p, ParsePercent, b) }
func (r Rate) MarshalText() ([]byte, error)          { return []byte(r.String()), nil }
func (r *Rate) UnmarshalText(b []byte) error         { return set(r, ParseRate, b) }
func (b Bandwidth) MarshalText() ([]byte, error)     { return []byte(FormatBytes(int64(b)) + "/s"), nil }
func (b *Bandwidth) UnmarshalText(t []byte) error    { return set(b, ParseBandwidth, t) }
func (f Fraction) MarshalText() ([]byte, error)      { return []byte(f.String()), nil }
func (f *Fraction) UnmarshalText(b []byte) error     { return set(f, ParseFraction, b) }
func (s Skew) MarshalText() ([]byte, error)          { return []byte(s.String()), nil }
func (s *Skew) UnmarshalText(b []byte) error         { return set(s, ParseSkew, b) }
func (b Bound) MarshalText() ([]byte, error)         { return []byte(b.String()), nil }
func (b *Bound) UnmarshalText(t []byte) error        { return set(b, ParseBound, t) }
func (b ShareBound) MarshalText() ([]byte, error)    { return []byte(b.String()), nil }
func (b *ShareBound) UnmarshalText(t []byte) error   { return set(b, ParseShareBound, t) }
func (b *ShareBound) UnmarshalYAML(n ast.Node) error { return fromNode(b, n) }
func (d *Duration) UnmarshalYAML(n ast.Node) error   { return fromNode(d, n) }
func (s *Size) UnmarshalYAML(n ast.Node) error       { return fromNode(s, n) }
func (p *Percent) UnmarshalYAML(n ast.Node) error    { return fromNode(p, n) }
func (r *Rate) UnmarshalYAML(n ast.Node) error       { return fromNode(r, n) }
func (b *Bandwidth) UnmarshalYAML(n ast.Node) error  { return fromNode(b, n) }
func (f *Fraction) UnmarshalYAML(n ast.Node) error   { return fromNode(f, n) }
func (s *Skew) UnmarshalYAML(n ast.Node) error       { return fromNode(s, n) }
func (b *Bound) UnmarshalYAML(n ast.Node) error      { return fromNode(b, n) }
