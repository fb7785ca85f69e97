package kv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/kvload"
	"github.com/shardquake/shardquake/sim"
)

// target is what faults act on.
type target struct{ s *simulated }

var (
	_ chaos.Links      = (*target)(nil)
	_ chaos.Processes  = (*target)(nil)
	_ chaos.Disks      = (*target)(nil)
	_ chaos.Clocks     = (*target)(nil)
	_ chaos.DiskSpeeds = (*target)(nil)
)

// targetOf is what faults can act on. What it supports it says without a cluster, too.
func targetOf(s *simulated) chaos.Target {
	t := &target{s}
	// An operator works from where the clients are.
	return chaos.Target{Links: t, Processes: t, Disks: t, DiskSpeeds: t, Clocks: t, Operator: kvload.NewOperator(s, scenarios.ViewerClient, s.Nodes())}
}

// SupportsShape implements [chaos.Links]: messages share a link's bandwidth, whoever's
// connection they go over.
func (t *target) SupportsShape(shape chaos.Shape) error {
	if shape.PerConnection {
		return errors.New("the simulated links of key-value nodes have no bandwidth for each connection")
	}
	return nil
}

func (t *target) ends(names ...string) error {
	for _, name := range names {
		if t.s.f.Network.Endpoint(name) == nil {
			return fmt.Errorf("unknown endpoint %q", name)
		}
	}
	return nil
}

// Cut implements [chaos.Links].
func (t *target) Cut(_ context.Context, from, to string, mode chaos.CutMode) error {
	if err := t.ends(from, to); err != nil {
		return err
	}
	net := t.s.f.Network
	net.Mend(from, to)
	switch mode {
	case chaos.Reset:
		net.Cut(from, to, sim.Reset)
	case chaos.Blackhole:
		net.Cut(from, to, sim.Blackhole)
	}
	return nil
}

// Mend implements [chaos.Links].
func (t *target) Mend(_ context.Context, from, to string) error {
	if err := t.ends(from, to); err != nil {
		return err
	}
	t.s.f.Network.Mend(from, to)
	return nil
}

// Shape implements [chaos.Links].
func (t *target) Shape(_ context.Context, from, to string, shape chaos.Shape) error {
	if err := t.ends(from, to); err != nil {
		return err
	}
	t.s.f.Network.Unshape(from, to)
	t.s.f.Network.Shape(from, to, sim.Shape{Latency: shape.Latency, Bandwidth: shape.Bandwidth})
	return nil
}

// Unshape implements [chaos.Links].
func (t *target) Unshape(_ context.Context, from, to string) error {
	if err := t.ends(from, to); err != nil {
		return err
	}
	t.s.f.Network.Unshape(from, to)
	return nil
}

// probeWait is after how long a probe without an answer counts as lost, probeBytes how
// much it sends: enough for a narrow link to show.
const (
	probeWait  = 2 * time.Second
	probeBytes = 64
	bulkBytes  = 1 << 20
	// slowLatency is from when on a link's latency counts beside that wait.
	slowLatency = 100 * time.Millisecond
)

// Probe implements [chaos.Links]: a message there and its answer back, and a large one
// that shows the rate.
func (t *target) Probe(ctx context.Context, from, to string) (chaos.LinkProbe, error) {
	if err := t.ends(from, to); err != nil {
		return chaos.LinkProbe{}, err
	}
	wait := t.patience(from, to)
	state, took, err := t.roundTrip(ctx, from, to, probeBytes, wait)
	if err != nil || state != chaos.Whole {
		return chaos.LinkProbe{State: state}, err
	}
	p := chaos.LinkProbe{RoundTrip: took}
	if state, bulk, err := t.roundTrip(ctx, from, to, bulkBytes, wait); err == nil && state == chaos.Whole && bulk > took {
		p.Rate = int64(float64(bulkBytes) / (bulk - took).Seconds())
	} else if err == nil && state == chaos.Blackhole {
		p.Rate = int64(float64(bulkBytes) / wait.Seconds())
	}
	return p, nil
}

// patience is how long a probe of two links, there and back, waits: a slow link is no silent
// one.
func (t *target) patience(from, to string) time.Duration {
	wait := probeWait
	for _, l := range [][2]string{{from, to}, {to, from}} {
		if latency, err := t.s.f.Network.Latency(l[0], l[1]); err == nil && latency >= slowLatency {
			wait += latency
		}
	}
	return wait
}

func (t *target) roundTrip(ctx context.Context, from, to string, bytes int, wait time.Duration) (chaos.CutMode, time.Duration, error) {
	net, begun := t.s.f.Network, t.s.e.Now()
	answered := t.s.e.NewEvent()
	var failure error
	fail := func(err error) { failure = err; answered.Set() }
	net.SendOr(from, to, bytes, func() { net.SendOr(to, from, probeBytes, answered.Set, fail) }, fail)
	switch err := answered.WaitFor(ctx, wait); {
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return chaos.Blackhole, 0, nil
	case err != nil:
		return chaos.Whole, 0, err
	case failure != nil:
		return chaos.Reset, 0, nil
	}
	return chaos.Whole, (t.s.e.Now() - begun).Duration(), nil
}

func (t *target) machine(name string) (*Machine, error) {
	if m := t.s.f.Machine(name); m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("unknown node %q", name)
}

func (t *target) on(name string, f func(*Machine)) error {
	m, err := t.machine(name)
	if err == nil {
		f(m)
	}
	return err
}

// Kill implements [chaos.Processes]: what the disk had not synced may be lost or torn.
func (t *target) Kill(_ context.Context, node string) error { return t.on(node, (*Machine).Crash) }

// Stop implements [chaos.Processes]. A key-value node has nothing to do before it ends:
// whatever it has acknowledged is on its disk.
func (t *target) Stop(_ context.Context, node string) error {
	return t.on(node, func(m *Machine) {
		if m.up {
			m.disk.SyncTo(m.disk.Mark()) // the system writes what a process leaves behind
		}
		m.Crash()
	})
}

// Start implements [chaos.Processes].
func (t *target) Start(_ context.Context, node string) error { return t.on(node, (*Machine).Start) }

// Pause implements [chaos.Processes].
func (t *target) Pause(_ context.Context, node string) error { return t.on(node, (*Machine).Pause) }

// Resume implements [chaos.Processes].
func (t *target) Resume(_ context.Context, node string) error { return t.on(node, (*Machine).Resume) }

// State implements [chaos.Processes].
func (t *target) State(_ context.Context, node string) (chaos.ProcessState, error) {
	m, err := t.machine(node)
	switch {
	case err != nil || !m.up:
		return chaos.Exited, err
	case m.paused:
		return chaos.Paused, nil
	}
	return chaos.Running, nil
}

// capacity is a disk's, without ballast.
func (s *simulated) capacity(m *Machine) int64 { return s.spec.Nodes[m.index].Disk }

func (s *simulated) usage(m *Machine) chaos.DiskUsage {
	b := s.ballast[m.name]
	return chaos.DiskUsage{Used: min(m.disk.Used()+b, s.capacity(m)), Total: s.capacity(m), Ballast: b}
}

// Fill implements [chaos.Disks]. Ballast takes room away.
func (t *target) Fill(_ context.Context, node string, percent float64) error {
	m, err := t.machine(node)
	if err != nil {
		return err
	}
	total := t.s.capacity(m)
	ballast := max(int64(float64(total)*percent/100)-m.disk.Used(), 0)
	t.s.ballast[node] = ballast
	m.disk.SetCapacity(max(total-ballast, 1)) // 0 would be no limit
	return nil
}

// Free implements [chaos.Disks].
func (t *target) Free(_ context.Context, node string) error {
	return t.on(node, func(m *Machine) {
		delete(t.s.ballast, node)
		m.disk.SetCapacity(t.s.capacity(m))
	})
}

// Usage implements [chaos.Disks].
func (t *target) Usage(_ context.Context, node string) (chaos.DiskUsage, error) {
	m, err := t.machine(node)
	if err != nil {
		return chaos.DiskUsage{}, err
	}
	return t.s.usage(m), nil
}

// Jump implements [chaos.Clocks].
func (t *target) Jump(_ context.Context, endpoint string, by time.Duration) error {
	if err := t.ends(endpoint); err != nil {
		return err
	}
	t.s.e.Clock(endpoint).Jump(by)
	return nil
}

// Offset implements [chaos.Clocks].
func (t *target) Offset(_ context.Context, endpoint string) (time.Duration, error) {
	if err := t.ends(endpoint); err != nil {
		return 0, err
	}
	return t.s.e.Clock(endpoint).Now().Sub(t.s.e.Wall()), nil
}

// SupportsDrag implements [chaos.DiskSpeeds]: everything can be had.
func (t *target) SupportsDrag(chaos.Drag) error { return nil }

// Drag implements [chaos.DiskSpeeds]. What a node reads it has in memory; what it brings to
// its disk takes longer.
func (t *target) Drag(_ context.Context, node string, d chaos.Drag) error {
	return t.on(node, func(m *Machine) {
		m.SlowDisk(d.By)
		m.LimitDisk(d.Rate)
	})
}

// Time implements [chaos.DiskSpeeds]: a write beside those of the node.
func (t *target) Time(ctx context.Context, node string, bytes int64) (time.Duration, error) {
	m, err := t.machine(node)
	if err != nil {
		return 0, err
	}
	begun, done := t.s.e.Now(), t.s.e.NewEvent()
	t.s.e.After(m.syncTime(bytes), "kv.probe", done.Set)
	if err := done.Wait(ctx); err != nil {
		return 0, err
	}
	return (t.s.e.Now() - begun).Duration(), nil
}
