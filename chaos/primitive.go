package chaos

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/shardquake/shardquake/internal/units"
)

// Primitive is one action on one link, process or disk.
type Primitive interface {
	// String says what is done: "cut n1→n2 (blackhole)".
	String() string
	// Needs returns why the target can't do it, nil when it can.
	Needs(Target) error
	// Holds is what stays in force from Inject to Heal and other faults may hold as well.
	Holds() Hold
	Inject(ctx context.Context, t Target) error
	Heal(ctx context.Context, t Target) error
	// Bites looks whether the primitive is in force after Inject, Gone whether it
	// has no effect any more after Heal.
	Bites(ctx context.Context, t Target) Evidence
	Gone(ctx context.Context, t Target) Evidence
}

// sharing is a primitive that has to know of the others of its run.
type sharing interface {
	share(in *Injector)
}

// Evidence is what a probe showed.
type Evidence struct {
	What  string `json:"what"`  // the primitive
	Shown bool   `json:"shown"` // what should be seen was seen
	Saw   string `json:"saw"`   // what was seen, or why nothing could be
	// Meanwhile is what other faults had in force when something else was seen than should
	// be: a link that is whole again answers nothing as long as a node is down.
	Meanwhile []string `json:"meanwhile,omitempty"`
}

func lacks(what string) error { return fmt.Errorf("the backend has no control over %s", what) }

// cutLink stops one direction of a link.
type cutLink struct {
	from, to string
	mode     CutMode
}

func (c cutLink) String() string { return fmt.Sprintf("cut %s→%s (%s)", c.from, c.to, c.mode) }

func (c cutLink) Needs(t Target) error {
	if t.Links == nil {
		return lacks("links")
	}
	return nil
}

func (c cutLink) Holds() Hold { return Hold{On: "cut " + c.from + "→" + c.to, Layered: true} }

func (c cutLink) Inject(ctx context.Context, t Target) error {
	return t.Links.Cut(ctx, c.from, c.to, c.mode)
}
func (c cutLink) Heal(ctx context.Context, t Target) error { return t.Links.Mend(ctx, c.from, c.to) }

func (c cutLink) Bites(ctx context.Context, t Target) Evidence {
	p, err := t.Links.Probe(ctx, c.from, c.to)
	return evidence(c, err, p.State != Whole, "a round trip %s→%s: %s", c.from, c.to, describe(p))
}

func (c cutLink) Gone(ctx context.Context, t Target) Evidence {
	p, err := t.Links.Probe(ctx, c.from, c.to)
	return evidence(c, err, p.State == Whole, "a round trip %s→%s: %s", c.from, c.to, describe(p))
}

func describe(p LinkProbe) string {
	switch p.State {
	case Reset:
		return "refused"
	case Blackhole:
		return "no answer"
	}
	s := "answered in " + p.RoundTrip.Round(10*time.Microsecond).String()
	if p.Rate > 0 {
		s += " at " + units.FormatBytes(p.Rate) + "/s"
	}
	return s
}

func evidence(p Primitive, err error, shown bool, format string, args ...any) Evidence {
	if err != nil {
		return Evidence{What: p.String(), Saw: "the probe failed: " + err.Error()}
	}
	return Evidence{What: p.String(), Shown: shown, Saw: fmt.Sprintf(format, args...)}
}

// slowLink adds latency to one direction of a link or limits its bandwidth.
type slowLink struct {
	from, to string
	shape    Shape
}

func (s slowLink) String() string {
	out := fmt.Sprintf("slow %s→%s", s.from, s.to)
	if s.shape.Latency > 0 {
		out += " by " + s.shape.Latency.String()
	}
	if s.shape.Bandwidth > 0 {
		out += " to " + units.FormatBytes(s.shape.Bandwidth) + "/s"
		if s.shape.PerConnection {
			out += " per connection"
		}
	}
	return out
}

func (s slowLink) Needs(t Target) error {
	if t.Links == nil {
		return lacks("links")
	}
	return t.Links.SupportsShape(s.shape)
}

func (s slowLink) Holds() Hold { return Hold{On: "shape " + s.from + "→" + s.to, Layered: true} }

func (s slowLink) Inject(ctx context.Context, t Target) error {
	return t.Links.Shape(ctx, s.from, s.to, s.shape)
}
func (s slowLink) Heal(ctx context.Context, t Target) error {
	return t.Links.Unshape(ctx, s.from, s.to)
}

// inForce compares a probe with the shape. A rate may exceed the limit by what fits
// into buffers before the limit is felt.
func (s slowLink) inForce(p LinkProbe) bool {
	if p.State != Whole {
		return false
	}
	slow := s.shape.Latency == 0 || p.RoundTrip >= s.shape.Latency
	narrow := s.shape.Bandwidth == 0 || (p.Rate > 0 && float64(p.Rate) < 1.5*float64(s.shape.Bandwidth))
	return slow && narrow
}

func (s slowLink) Bites(ctx context.Context, t Target) Evidence {
	p, err := t.Links.Probe(ctx, s.from, s.to)
	return evidence(s, err, s.inForce(p), "a round trip %s→%s: %s", s.from, s.to, describe(p))
}

func (s slowLink) Gone(ctx context.Context, t Target) Evidence {
	p, err := t.Links.Probe(ctx, s.from, s.to)
	fast := s.shape.Latency == 0 || p.RoundTrip < s.shape.Latency
	wide := s.shape.Bandwidth == 0 || p.Rate == 0 || float64(p.Rate) >= 1.5*float64(s.shape.Bandwidth)
	return evidence(s, err, p.State == Whole && fast && wide, "a round trip %s→%s: %s", s.from, s.to, describe(p))
}

// How a process is lost.
const (
	howKill  = "kill"
	howStop  = "stop"
	howPause = "pause"
)

// loseProcess takes a node's process away.
type loseProcess struct {
	node  string
	how   string
	newer bool // it comes back with a newer version
}

func (l loseProcess) String() string {
	if l.newer {
		return "upgrade " + l.node
	}
	return l.how + " " + l.node
}

func (l loseProcess) Needs(t Target) error {
	if t.Processes == nil {
		return lacks("processes")
	}
	if l.newer && t.Upgrades == nil {
		return lacks("another version of the nodes")
	}
	return nil
}

// Holds implements [Primitive]: a process that is away is away for whoever took it.
func (l loseProcess) Holds() Hold { return Hold{On: "process " + l.node} }

// Inject takes the process away. One that is away already stays so for this fault, too. A
// frozen process can't be asked to end: it is killed.
func (l loseProcess) Inject(ctx context.Context, t Target) error {
	st, err := t.Processes.State(ctx, l.node)
	switch {
	case err != nil:
		return err
	case st == Exited, st == Paused && l.how == howPause:
		return nil
	case l.how == howPause:
		return t.Processes.Pause(ctx, l.node)
	case l.how == howStop && st == Running:
		return t.Processes.Stop(ctx, l.node)
	}
	return t.Processes.Kill(ctx, l.node)
}

// Heal brings the process back from what the last of those that held it made of it.
func (l loseProcess) Heal(ctx context.Context, t Target) error {
	st, err := t.Processes.State(ctx, l.node)
	switch {
	case err != nil:
		return err
	case st == Running:
		return nil
	case st == Paused:
		return t.Processes.Resume(ctx, l.node)
	}
	if l.newer && t.Upgrades != nil {
		return t.Upgrades.StartNewer(ctx, l.node)
	}
	return t.Processes.Start(ctx, l.node)
}

func (l loseProcess) Bites(ctx context.Context, t Target) Evidence {
	st, err := t.Processes.State(ctx, l.node)
	away := st == Exited || st == Paused && l.how == howPause
	return evidence(l, err, away, "the process of %s: %s", l.node, st)
}

func (l loseProcess) Gone(ctx context.Context, t Target) Evidence {
	st, err := t.Processes.State(ctx, l.node)
	return evidence(l, err, st == Running, "the process of %s: %s", l.node, st)
}

// fillDisk writes ballast to a node's disk.
type fillDisk struct {
	node    string
	percent float64
}

func (f fillDisk) String() string {
	return fmt.Sprintf("fill the disk of %s to %g%%", f.node, f.percent)
}

func (f fillDisk) Needs(t Target) error {
	if t.Disks == nil {
		return lacks("disks")
	}
	return nil
}

func (f fillDisk) Holds() Hold { return Hold{On: "ballast " + f.node, Layered: true} }

func (f fillDisk) Inject(ctx context.Context, t Target) error {
	return t.Disks.Fill(ctx, f.node, f.percent)
}
func (f fillDisk) Heal(ctx context.Context, t Target) error { return t.Disks.Free(ctx, f.node) }

func (f fillDisk) Bites(ctx context.Context, t Target) Evidence {
	u, err := t.Disks.Usage(ctx, f.node)
	// Shards may leave before the look, so the ballast counts, not only the level.
	full := u.Percent() >= math.Floor(f.percent) || u.Ballast > 0
	return evidence(f, err, full, "the disk of %s: %.1f%% used, %s of it ballast", f.node, u.Percent(), units.FormatBytes(u.Ballast))
}

func (f fillDisk) Gone(ctx context.Context, t Target) Evidence {
	u, err := t.Disks.Usage(ctx, f.node)
	return evidence(f, err, u.Ballast == 0, "the disk of %s: %.1f%% used, %s of it ballast", f.node, u.Percent(), units.FormatBytes(u.Ballast))
}
