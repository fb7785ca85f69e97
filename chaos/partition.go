package chaos

import (
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// Partition cuts every link between two sets of endpoints.
type Partition struct {
	Between []Selector     `yaml:"between" json:"between" jsonschema:"description=one side: nodes or selectors"`
	And     []Selector     `yaml:"and" json:"and" jsonschema:"description=the other side"`
	Mode    string         `yaml:"mode,omitempty" json:"mode,omitempty" jsonschema:"enum=reset,enum=blackhole,description=reset (the default): peers notice at once; blackhole: silence"`
	OneWay  bool           `yaml:"one-way,omitempty" json:"one-way,omitempty" jsonschema:"description=cut only what the first side sends to the second"`
	For     units.Duration `yaml:"for,omitempty" json:"for,omitempty" jsonschema:"description=how long; absent: until the end"`
}

func partition() Kind {
	return Kind{
		Name: "partition", About: "links between two sets of endpoints are cut",
		Systems:   both(),
		FromForce: true, Ails: true,
		New: func() Fault { return &Partition{} },
		Draw: func(d *Dice) Fault {
			f := &Partition{Between: []Selector{d.Nodes()}, And: []Selector{"rest"}, Mode: Pick(d, Reset, Blackhole).String(), For: d.Lasting()}
			f.OneWay = f.Mode == Blackhole.String() && d.Rand.IntN(3) == 0
			switch { // nodes that only some can't reach
			case d.Topology.System != Elasticsearch:
			case len(d.Topology.Controllers) > 0 && d.Rand.IntN(4) == 0:
				f.Between = []Selector{Selector(Pick(d, d.Topology.Controllers...))}
			case d.Rand.IntN(4) == 0 && f.Between[0] != "master":
				f.And = []Selector{"master"}
			}
			return f
		},
	}
}

// Kind implements [Fault].
func (*Partition) Kind() string { return "partition" }

// Lasts implements [Fault].
func (f *Partition) Lasts() time.Duration { return f.For.D() }

// Aims implements [Aiming].
func (f *Partition) Aims() []Selector { return f.Between }

// Check implements [Fault].
func (f *Partition) Check(t Topology) []source.Problem {
	ps := checkSides(f.Between, f.And, t)
	if f.Mode != "" {
		if _, err := ParseCutMode(f.Mode); err != nil {
			ps = append(ps, source.Problemf("mode", "%s", source.Unknown("mode of a cut", f.Mode, []string{"reset", "blackhole"})))
		}
	}
	if f.OneWay && f.Mode != "blackhole" {
		ps = append(ps, source.Problemf("one-way", "a one-way cut drops silently: write mode: blackhole (a reset closes a connection for both sides)"))
	}
	return ps
}

// Resolve implements [Fault].
func (f *Partition) Resolve(v View) (Resolved, error) {
	left, right, err := resolveSides(f.Between, f.And, v)
	if err != nil {
		return Resolved{}, err
	}
	mode := Reset
	if f.Mode != "" {
		if mode, err = ParseCutMode(f.Mode); err != nil {
			return Resolved{}, err
		}
	}
	r := Resolved{
		Fault:   &Partition{Between: asSelectors(left), And: asSelectors(right), Mode: mode.String(), OneWay: f.OneWay, For: f.For},
		Victims: left,
	}
	for _, a := range left {
		for _, b := range right {
			if !linked(v.Topology(), a, b) {
				continue
			}
			r.Primitives = append(r.Primitives, cutLink{a, b, mode})
			if !f.OneWay {
				r.Primitives = append(r.Primitives, cutLink{b, a, mode})
			}
		}
	}
	return r, nil
}

// linked reports whether two endpoints have a link: viewers have none with each other.
func linked(t Topology, a, b string) bool {
	return slices.Contains(t.Nodes, a) || slices.Contains(t.Nodes, b)
}
