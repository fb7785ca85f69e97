package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// DiskSlow makes nodes' disks slow: every access takes longer, or their throughput falls.
type DiskSlow struct {
	Node Selector        `yaml:"node" json:"node" jsonschema:"required,description=a node or a selector"`
	By   units.Duration  `yaml:"by,omitempty" json:"by,omitempty" jsonschema:"description=how much longer each access takes, such as 400ms"`
	Rate units.Bandwidth `yaml:"rate,omitempty" json:"rate,omitempty" jsonschema:"description=throughput that is left, such as 5mb/s"`
	For  units.Duration  `yaml:"for,omitempty" json:"for,omitempty" jsonschema:"description=how long; absent: until the end"`
}

func diskSlow() Kind {
	return Kind{
		Name: "disk-slow", About: "a node's disk takes longer for each access, or its throughput falls",
		Systems: both(), FromForce: true, Ails: true,
		New: func() Fault { return &DiskSlow{} },
		Draw: func(d *Dice) Fault {
			f := &DiskSlow{Node: d.Nodes(), For: d.Lasting()}
			if d.Rand.IntN(2) == 0 {
				f.By = units.Duration(Pick(d, 20, 100, 400, 2000)) * units.Duration(time.Millisecond)
			} else {
				f.Rate = units.Bandwidth(Pick(d, 1, 5, 20)) << 20
			}
			return f
		},
	}
}

// Kind implements [Fault].
func (*DiskSlow) Kind() string { return "disk-slow" }

// Lasts implements [Fault].
func (f *DiskSlow) Lasts() time.Duration { return f.For.D() }

// Aims implements [Aiming].
func (f *DiskSlow) Aims() []Selector { return []Selector{f.Node} }

// Check implements [Fault].
func (f *DiskSlow) Check(t Topology) []source.Problem {
	var ps []source.Problem
	if msg := f.Node.check(t, false, false); msg != "" {
		ps = append(ps, source.Problemf("node", "%s", msg))
	}
	if f.By < 0 {
		ps = append(ps, source.Problemf("by", "a disk can't be slower by less than nothing"))
	}
	if f.By == 0 && f.Rate == 0 {
		ps = append(ps, source.Problemf("", "the disk would stay as it is; expected by: such as 400ms, or rate: such as 5mb/s"))
	}
	return ps
}

// Resolve implements [Fault].
func (f *DiskSlow) Resolve(v View) (Resolved, error) {
	names, err := f.Node.resolve(v)
	if err != nil {
		return Resolved{}, err
	}
	concrete := *f
	if len(names) == 1 {
		concrete.Node = Selector(names[0])
	}
	r := Resolved{Victims: names, Fault: &concrete}
	for _, n := range names {
		r.Primitives = append(r.Primitives, slowDisk{n, Drag{By: f.By.D(), Rate: int64(f.Rate)}})
	}
	return r, nil
}

// Drag is what holds a disk back.
type Drag struct {
	By   time.Duration // added to every access
	Rate int64         // bytes per second that are left; 0: as before
}

// DiskSpeeds are how fast the nodes' data disks are.
type DiskSpeeds interface {
	// SupportsDrag returns an error that says why a drag can't be had.
	SupportsDrag(Drag) error
	// Drag holds a disk back, instead of what held it back before. The zero Drag lets go.
	Drag(ctx context.Context, node string, d Drag) error
	// Time writes so many bytes to the disk, brings them there for good, and returns how
	// long that took.
	Time(ctx context.Context, node string, bytes int64) (time.Duration, error)
}

// FixedSpeeds are disks that nothing can hold back, with the reason.
type FixedSpeeds string

var _ DiskSpeeds = FixedSpeeds("")

// SupportsDrag implements [DiskSpeeds].
func (f FixedSpeeds) SupportsDrag(Drag) error { return errors.New(string(f)) }

// Drag implements [DiskSpeeds].
func (f FixedSpeeds) Drag(context.Context, string, Drag) error { return errors.New(string(f)) }

// Time implements [DiskSpeeds].
func (f FixedSpeeds) Time(context.Context, string, int64) (time.Duration, error) {
	return 0, errors.New(string(f))
}

// slowDisk holds a node's disk back.
type slowDisk struct {
	node string
	drag Drag
}

func (s slowDisk) String() string {
	var how []string
	if s.drag.By > 0 {
		how = append(how, "by "+units.FormatDuration(s.drag.By))
	}
	if s.drag.Rate > 0 {
		how = append(how, "to "+units.FormatBytes(s.drag.Rate)+"/s")
	}
	return fmt.Sprintf("slow the disk of %s %s", s.node, strings.Join(how, " and "))
}

func (s slowDisk) Needs(t Target) error {
	if t.DiskSpeeds == nil {
		return lacks("the speed of disks")
	}
	return t.DiskSpeeds.SupportsDrag(s.drag)
}

// Holds implements [Primitive].
func (s slowDisk) Holds() Hold { return Hold{On: "speed of the disk of " + s.node, Layered: true} }

func (s slowDisk) Inject(ctx context.Context, t Target) error {
	return t.DiskSpeeds.Drag(ctx, s.node, s.drag)
}

func (s slowDisk) Heal(ctx context.Context, t Target) error {
	return t.DiskSpeeds.Drag(ctx, s.node, Drag{})
}

// probe is how much is written to see the drag, and how long that takes at least with it:
// half a second's worth of the rate.
func (s slowDisk) probe() (bytes int64, least time.Duration) {
	if s.drag.Rate > 0 {
		bytes = max(s.drag.Rate/2, 1)
		least = time.Duration(float64(time.Second) * float64(bytes) / float64(s.drag.Rate))
	}
	return max(bytes, 4096), least + s.drag.By
}

func (s slowDisk) look(ctx context.Context, t Target, slow bool) Evidence {
	bytes, least := s.probe()
	took, err := t.DiskSpeeds.Time(ctx, s.node, bytes)
	// A tenth may hide in buffers that take what the disk does not.
	is := took >= least*9/10
	return evidence(s, err, is == slow, "%s brought to the disk of %s in %s", units.FormatBytes(bytes), s.node, took.Round(10*time.Microsecond))
}

func (s slowDisk) Bites(ctx context.Context, t Target) Evidence { return s.look(ctx, t, true) }
func (s slowDisk) Gone(ctx context.Context, t Target) Evidence  { return s.look(ctx, t, false) }
