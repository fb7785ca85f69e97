package chaos

import (
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// Link makes every link between two sets of endpoints slow or narrow, both ways.
type Link struct {
	Between       []Selector      `yaml:"between" json:"between" jsonschema:"description=one side: nodes or selectors"`
	And           []Selector      `yaml:"and" json:"and" jsonschema:"description=the other side"`
	Latency       units.Duration  `yaml:"latency,omitempty" json:"latency,omitempty" jsonschema:"description=added one way, both ways"`
	Bandwidth     units.Bandwidth `yaml:"bandwidth,omitempty" json:"bandwidth,omitempty" jsonschema:"description=limit, such as 5mb/s or 100mbit"`
	PerConnection bool            `yaml:"per-connection,omitempty" json:"per-connection,omitempty" jsonschema:"description=the limit holds for each connection, not for the link as a whole"`
	For           units.Duration  `yaml:"for,omitempty" json:"for,omitempty" jsonschema:"description=how long; absent: until the end"`
}

func link() Kind {
	return Kind{
		Name: "link", About: "links between two sets of endpoints become slow or narrow",
		Systems: both(),
		New:     func() Fault { return &Link{} },
		Draw: func(d *Dice) Fault {
			f := &Link{Between: []Selector{d.Nodes()}, And: []Selector{"rest"}, For: d.Lasting()}
			if d.Rand.IntN(2) == 0 {
				f.Latency = units.Duration(Pick(d, 5, 50, 200, 1000)) * units.Duration(time.Millisecond)
			} else {
				f.Bandwidth = units.Bandwidth(Pick(d, 1, 5, 20)) << 20
			}
			return f
		},
	}
}

// Kind implements [Fault].
func (*Link) Kind() string { return "link" }

// Lasts implements [Fault].
func (f *Link) Lasts() time.Duration { return f.For.D() }

// Check implements [Fault].
func (f *Link) Check(t Topology) []source.Problem {
	ps := checkSides(f.Between, f.And, t)
	if f.Latency < 0 {
		ps = append(ps, source.Problemf("latency", "a latency can't be negative"))
	}
	if f.Latency == 0 && f.Bandwidth == 0 {
		ps = append(ps, source.Problemf("", "the link would stay as it is; expected latency: or bandwidth:"))
	}
	if f.PerConnection && f.Bandwidth == 0 {
		ps = append(ps, source.Problemf("per-connection", "per-connection says how bandwidth: is meant, and there is none"))
	}
	return ps
}

// Resolve implements [Fault].
func (f *Link) Resolve(v View) (Resolved, error) {
	left, right, err := resolveSides(f.Between, f.And, v)
	if err != nil {
		return Resolved{}, err
	}
	shape := Shape{Latency: f.Latency.D(), Bandwidth: int64(f.Bandwidth), PerConnection: f.PerConnection}
	concrete := *f
	concrete.Between, concrete.And = asSelectors(left), asSelectors(right)
	r := Resolved{Fault: &concrete, Victims: left}
	for _, a := range left {
		for _, b := range right {
			if !linked(v.Topology(), a, b) {
				continue
			}
			r.Primitives = append(r.Primitives, slowLink{a, b, shape}, slowLink{b, a, shape})
		}
	}
	return r, nil
}
