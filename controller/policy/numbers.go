package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Number is one figure that a decision rests on.
type Number struct {
	Name  string
	Value float64
}

// Numbers are figures in the order in which they were taken. In JSON they are an
// object in that order; a value that JSON can't hold (an infinity) is null.
type Numbers []Number

// Get returns the figure of this name and whether there is one.
func (n Numbers) Get(name string) (float64, bool) {
	for _, x := range n {
		if x.Name == name {
			return x.Value, true
		}
	}
	return 0, false
}

// String gives "name=value" pairs.
func (n Numbers) String() string {
	var b strings.Builder
	for i, x := range n {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(x.Name)
		b.WriteByte('=')
		b.WriteString(format(x.Value))
	}
	return b.String()
}

// MarshalJSON implements json.Marshaler.
func (n Numbers) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, x := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(x.Name)
		if err != nil {
			return nil, fmt.Errorf("name of a number: %w", err)
		}
		b.Write(name)
		b.WriteByte(':')
		if math.IsInf(x.Value, 0) || math.IsNaN(x.Value) {
			b.WriteString("null")
		} else {
			b.WriteString(format(x.Value))
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON implements json.Unmarshaler; the order of the object is kept.
func (n *Numbers) UnmarshalJSON(data []byte) error {
	*n = nil
	d := json.NewDecoder(bytes.NewReader(data))
	t, err := d.Token()
	if err != nil {
		return fmt.Errorf("numbers: %w", err)
	}
	if t == nil {
		return nil
	}
	if t != json.Delim('{') {
		return fmt.Errorf("numbers: want an object, got %v", t)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return fmt.Errorf("numbers: %w", err)
		}
		var v *float64
		if err := d.Decode(&v); err != nil {
			return fmt.Errorf("number %v: %w", key, err)
		}
		x := Number{Name: key.(string), Value: math.NaN()}
		if v != nil {
			x.Value = *v
		}
		*n = append(*n, x)
	}
	return nil
}

// format writes a figure with at most four decimals.
func format(v float64) string {
	return strconv.FormatFloat(math.Round(v*1e4)/1e4, 'f', -1, 64)
}
