package policy

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Distance is how far data has to go between nodes, by an attribute such as zone. The
// numbers mean what their author wants them to, milliseconds or money; they are compared
// with each other only. The zero value knows no distances: all nodes are equally far.
type Distance struct {
	Attribute string
	// Same is the distance within a zone, Other between two.
	Same, Other float64
	// Special are the distances between certain zones, either way.
	Special []ZonePair
}

// ZonePair is two zones and the distance between them.
type ZonePair struct {
	A, B     string
	Distance float64
}

// Known reports whether distances were given.
func (d Distance) Known() bool { return d.Attribute != "" }

// Between is the distance between two nodes. One whose zone is not known is in another.
func (d Distance) Between(a, b Node) float64 {
	if !d.Known() {
		return 0
	}
	za, zb := a.Attributes[d.Attribute], b.Attributes[d.Attribute]
	for _, p := range d.Special {
		if (p.A == za && p.B == zb) || (p.A == zb && p.B == za) {
			return p.Distance
		}
	}
	if za == zb && za != "" {
		return d.Same
	}
	return d.Other
}

// mostDistance bounds a distance, so that sums of them mean something.
const mostDistance = 1e9

// ParseDistance reads "zone(same=0, other=1, a/b=2)": the attribute, and the distances
// within a zone (0 when not given), between two (1), and between certain ones.
func ParseDistance(text string) (Distance, error) {
	wrong := func(format string, args ...any) (Distance, error) {
		return Distance{}, fmt.Errorf("%q is not a distance: %s; expected such as zone(same=0, other=1, a/b=2)", text, fmt.Sprintf(format, args...))
	}
	name, rest, ok := strings.Cut(strings.TrimSpace(text), "(")
	inner, closed := strings.CutSuffix(rest, ")")
	d := Distance{Attribute: strings.TrimSpace(name), Other: 1}
	switch {
	case d.Attribute == "" || strings.ContainsAny(d.Attribute, ",=/)"):
		return wrong("no attribute")
	case ok && !closed:
		return wrong("the bracket is not closed")
	}
	seen := make(map[string]bool)
	for _, part := range strings.Split(inner, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		key = strings.TrimSpace(key)
		far, err := parseFar(value)
		if err != nil {
			return wrong("%s: %v", part, err)
		}
		a, b, pair := strings.Cut(key, "/")
		switch {
		case seen[key] || seen[b+"/"+a]:
			return wrong("%s is given twice", key)
		case key == "same":
			d.Same = far
		case key == "other":
			d.Other = far
		case pair && a != "" && b != "":
			d.Special = append(d.Special, ZonePair{a, b, far})
		default:
			return wrong("%q is neither same, other nor two zones such as a/b", key)
		}
		seen[key] = true
	}
	if d.Same > d.Other {
		return wrong("within a zone it is farther than to another")
	}
	return d, nil
}

func parseFar(text string) (float64, error) {
	far, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(far) || far < 0 || far > mostDistance {
		return 0, errors.New("not a number from 0 on")
	}
	return far, nil
}
