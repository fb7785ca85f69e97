package chaos

import (
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// DiskPressure fills nodes' disks with ballast up to a percentage.
type DiskPressure struct {
	Node Selector       `yaml:"node" json:"node" jsonschema:"description=a node or a selector"`
	To   units.Percent  `yaml:"to" json:"to" jsonschema:"description=how full, such as 92%"`
	For  units.Duration `yaml:"for,omitempty" json:"for,omitempty" jsonschema:"description=how long; absent: until the end"`
}

func diskPressure() Kind {
	return Kind{
		Name: "disk-pressure", About: "a node's disk fills to a percentage",
		Systems:   both(),
		FromForce: true, Ails: true,
		New: func() Fault { return &DiskPressure{} },
		Draw: func(d *Dice) Fault {
			return &DiskPressure{Node: d.Nodes(), To: units.Percent(Pick(d, 86, 91, 96, 99)), For: d.Lasting()}
		},
	}
}

// Kind implements [Fault].
func (*DiskPressure) Kind() string { return "disk-pressure" }

// Lasts implements [Fault].
func (f *DiskPressure) Lasts() time.Duration { return f.For.D() }

// Aims implements [Aiming].
func (f *DiskPressure) Aims() []Selector { return []Selector{f.Node} }

// Check implements [Fault].
func (f *DiskPressure) Check(t Topology) []source.Problem {
	var ps []source.Problem
	if msg := f.Node.check(t, false, false); msg != "" {
		ps = append(ps, source.Problemf("node", "%s", msg))
	}
	if f.To <= 0 {
		ps = append(ps, source.Problemf("to", "disk-pressure needs a level; expected to: such as 92%%"))
	}
	return ps
}

// Resolve implements [Fault].
func (f *DiskPressure) Resolve(v View) (Resolved, error) {
	names, err := f.Node.resolve(v)
	if err != nil {
		return Resolved{}, err
	}
	r := Resolved{Victims: names, Fault: f}
	if len(names) == 1 {
		r.Fault = &DiskPressure{Node: Selector(names[0]), To: f.To, For: f.For}
	}
	for _, n := range names {
		r.Primitives = append(r.Primitives, fillDisk{n, float64(f.To)})
	}
	return r, nil
}
