package units

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Tolerance is a difference between two runs that is too small to matter: a part of the
// baseline's median, or an amount in the figure's own unit (seconds, bytes, a number).
// Where it is both, the larger counts.
type Tolerance struct {
	Relative float64 `json:"relative,omitempty"`
	Absolute float64 `json:"absolute,omitempty"`
}

// Of is the tolerance at a median.
func (t Tolerance) Of(median float64) float64 {
	return max(float64(t.Relative*max(median, -median)), t.Absolute)
}

// UnmarshalText reads "5%", "2s", "10mb" or a number.
func (t *Tolerance) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if part, ok := strings.CutSuffix(s, "%"); ok {
		v, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err == nil && v >= 0 {
			*t = Tolerance{Relative: v / 100}
			return nil
		}
	}
	if v, err := strconv.ParseFloat(s, 64); err == nil && v >= 0 {
		*t = Tolerance{Absolute: v}
		return nil
	}
	var d Duration
	if d.UnmarshalText(text) == nil && d >= 0 {
		*t = Tolerance{Absolute: d.D().Seconds()}
		return nil
	}
	var size Size
	if size.UnmarshalText(text) == nil && size >= 0 {
		*t = Tolerance{Absolute: float64(size)}
		return nil
	}
	return fmt.Errorf("%q is not a tolerance; expected a percentage such as 5%%, or an amount such as 2s, 10mb or 3", s)
}

// UnmarshalJSON reads what reports and histories have, the two parts, and what a file has, a text.
func (t *Tolerance) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return err
		}
		return t.UnmarshalText([]byte(s))
	}
	type parts Tolerance
	return json.Unmarshal(text, (*parts)(t))
}
