package scenarios

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// Varied is the file's vary: section, in its order. Each seed draws a value for each entry.
type Varied []Choice

// Choice is a place of the file and what may stand there.
type Choice struct {
	// Path is the place as --set has it.
	Path string
	// Text is the range or the list as the file has it.
	Text string

	span   *span    // a range; nil: the values are listed
	values []string // the listed ones, as YAML
}

// Draw is a value that a seed has drawn for a place.
type Draw struct {
	Path  string `json:"path"`
	Value string `json:"value"`
}

// String is how the draw is told, and what --set would take.
func (d Draw) String() string { return d.Path + "=" + d.Value }

// span is a range of one kind of quantity.
type span struct {
	low, high       float64
	lowText, hiText string
	// whole has every value drawn whole; others are drawn in thousandths of the range.
	whole bool
	unit  string // what follows the drawn number
}

// UnmarshalYAML reads the section, entry by entry.
func (v *Varied) UnmarshalYAML(n ast.Node) error {
	var errs []error
	pairs := source.Pairs(n)
	if len(pairs) == 0 {
		return &yaml.SyntaxError{Message: "expected paths with ranges or lists, such as {\"faults[0].at\": 2m..8m}", Token: n.GetToken()}
	}
	for _, kv := range pairs {
		c := Choice{Path: kv.Key.GetToken().Value, Text: kv.Value.String()}
		if s, ok := kv.Key.(*ast.StringNode); ok {
			c.Path = s.Value
		}
		err := c.read(kv.Value)
		if _, wrong := splitPath(c.Path); wrong != nil {
			errs = append(errs, &yaml.SyntaxError{Message: wrong.Error(), Token: kv.Key.GetToken()})
			continue
		}
		if err != nil {
			errs = append(errs, &yaml.SyntaxError{Message: fmt.Sprintf("%s: %v", c.Path, err), Token: kv.Value.GetToken()})
			continue
		}
		*v = append(*v, c)
	}
	return errors.Join(errs...)
}

// read takes a range such as 2m..8m or a list of single values.
func (c *Choice) read(n ast.Node) error {
	const expected = "expected a range such as 2m..8m, or a list of values"
	switch n := n.(type) {
	case *ast.SequenceNode:
		if len(n.Values) == 0 {
			return errors.New("the list is empty; " + expected)
		}
		for _, item := range n.Values {
			if _, ok := item.(ast.ScalarNode); !ok {
				return fmt.Errorf("%s is not a single value; %s", item, expected)
			}
			c.values = append(c.values, item.String())
		}
		return nil
	case ast.ScalarNode:
		text := n.GetToken().Value
		low, high, ok := strings.Cut(text, "..")
		if !ok {
			return fmt.Errorf("%q leaves nothing to draw from; %s", text, expected)
		}
		var err error
		c.Text = text
		c.span, err = parseSpan(strings.TrimSpace(low), strings.TrimSpace(high))
		return err
	}
	return errors.New(expected)
}

// spanKinds are the quantities that have ranges, each with the unit in which values are
// drawn.
var spanKinds = [...]struct {
	unit  string
	whole bool
	parse func(string) (float64, error)
}{
	{"", true, func(s string) (float64, error) { n, err := strconv.ParseInt(s, 10, 53); return float64(n), err }},
	{"", false, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }},
	{"ms", true, wholeMillis},
	{"ns", true, func(s string) (float64, error) { d, err := units.ParseDuration(s); return float64(d), err }},
	{"b", true, func(s string) (float64, error) { n, err := units.ParseSize(s); return float64(n), err }},
	{"%", false, func(s string) (float64, error) { p, err := units.ParsePercent(s); return float64(p), err }},
	{"/s", false, func(s string) (float64, error) { r, err := units.ParseRate(s); return float64(r), err }},
	{"b/s", true, func(s string) (float64, error) { b, err := units.ParseBandwidth(s); return float64(b), err }},
}

// wholeMillis are times of whole milliseconds, which are drawn as such.
func wholeMillis(s string) (float64, error) {
	d, err := units.ParseDuration(s)
	if err == nil && d.D().Milliseconds()*1e6 != int64(d) {
		err = fmt.Errorf("%q is no whole number of milliseconds", s)
	}
	return float64(d.D().Milliseconds()), err
}

func parseSpan(low, high string) (*span, error) {
	for _, k := range spanKinds {
		a, err1 := k.parse(low)
		b, err2 := k.parse(high)
		if err1 != nil || err2 != nil || math.IsNaN(a) || math.IsNaN(b) || math.IsInf(a, 0) || math.IsInf(b, 0) {
			continue
		}
		switch {
		case a > b:
			return nil, fmt.Errorf("the range %s..%s is inverted; expected the smaller value first", low, high)
		case a == b:
			return nil, fmt.Errorf("the range %s..%s is empty; expected two different ends", low, high)
		}
		return &span{low: a, high: b, lowText: low, hiText: high, whole: k.whole, unit: k.unit}, nil
	}
	return nil, fmt.Errorf("%s..%s is not a range; expected two times, sizes, percentages, rates or numbers, both of one kind, such as 2m..8m", low, high)
}

// ends are the values that a check tries: the ends of a range, or each listed one.
func (c *Choice) ends() []string {
	if c.span != nil {
		return []string{c.span.lowText, c.span.hiText}
	}
	return c.values
}

// draw is the value of a seed. The stream is the path's own, so that one more entry shifts
// no other.
func (c *Choice) draw(seed uint64) string {
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte("vary "+c.Path+" "), seed))
	rng := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16])))
	if c.span == nil {
		return c.values[rng.IntN(len(c.values))]
	}
	return c.span.draw(rng)
}

func (s *span) draw(rng *rand.Rand) string {
	if s.whole {
		n := int64(s.low) + rng.Int64N(int64(s.high)-int64(s.low)+1)
		if s.unit == "ms" {
			return units.FormatDuration(millis(n))
		}
		return strconv.FormatInt(n, 10) + s.unit
	}
	const steps = 1000
	k := rng.IntN(steps + 1)
	v := s.low + float64(float64((s.high-s.low)*float64(k))/steps)
	text := strings.TrimRight(strconv.FormatFloat(v, 'f', 6, 64), "0")
	return strings.TrimSuffix(text, ".") + s.unit
}

// draws are the values of a seed, in the file's order.
func (v Varied) draws(seed uint64) []Draw {
	var out []Draw
	for i := range v {
		out = append(out, Draw{Path: v[i].Path, Value: v[i].draw(seed)})
	}
	return out
}
