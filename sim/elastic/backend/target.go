package backend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
)

// target is what faults act on.
type target struct {
	c      *elastic.Cluster
	shapes map[[2]string]chaos.Shape
}

var (
	_ chaos.Links     = (*target)(nil)
	_ chaos.Processes = (*target)(nil)
	_ chaos.Upgrades  = (*target)(nil)
	_ chaos.Disks     = (*target)(nil)
)

func newTarget(c *elastic.Cluster) *target {
	return &target{c: c, shapes: make(map[[2]string]chaos.Shape)}
}

// ChaosTarget is the cluster as faults act on it.
func ChaosTarget(c *elastic.Cluster) chaos.Target { return newTarget(c).all() }

// all are its capabilities; what a target supports it says without a cluster, too.
func (t *target) all() chaos.Target {
	return chaos.Target{Links: t, Processes: t, Upgrades: t, Disks: t, DiskSpeeds: t, Clocks: t, Settings: t, Snapshots: t, Copies: t}
}

// SupportsShape implements [chaos.Links]: everything can be had.
func (t *target) SupportsShape(chaos.Shape) error { return nil }

func (t *target) ends(from, to string) error {
	for _, name := range []string{from, to} {
		if t.c.Network().Endpoint(name) == nil {
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
	catchUpLeases(t.c, from, to)
	t.c.Network().Mend(from, to)
	switch mode {
	case chaos.Reset:
		t.c.Network().Cut(from, to, sim.Reset)
	case chaos.Blackhole:
		t.c.Network().Cut(from, to, sim.Blackhole)
	}
	return nil
}

// catchUpLeases does the syncs of retention leases that were due on nodes before they
// can't be reached any more: what the copies would have been told by then they must
// know, for one of them may be promoted.
func catchUpLeases(c *elastic.Cluster, nodes ...string) {
	for _, name := range nodes {
		n := c.ByName[name]
		if n == nil || n.Proc == nil {
			continue
		}
		for _, s := range n.Proc.Hosted() {
			if s.Tracker != nil {
				s.Tracker.SyncLeases()
			}
		}
	}
}

// Mend implements [chaos.Links].
func (t *target) Mend(_ context.Context, from, to string) error {
	if err := t.ends(from, to); err != nil {
		return err
	}
	t.c.Network().Mend(from, to)
	return nil
}

// Shape implements [chaos.Links].
func (t *target) Shape(_ context.Context, from, to string, s chaos.Shape) error {
	if err := t.ends(from, to); err != nil {
		return err
	}
	t.c.Network().Unshape(from, to)
	t.c.Network().Shape(from, to, sim.Shape{Latency: s.Latency, Bandwidth: s.Bandwidth, PerConnection: s.PerConnection})
	t.shapes[[2]string{from, to}] = s
	t.c.PathChanged(from, to)
	return nil
}

// Unshape implements [chaos.Links].
func (t *target) Unshape(_ context.Context, from, to string) error {
	if err := t.ends(from, to); err != nil {
		return err
	}
	t.c.Network().Unshape(from, to)
	delete(t.shapes, [2]string{from, to})
	t.c.PathChanged(from, to)
	return nil
}

// probeWait is after how long a probe without an answer counts as lost, where the links are
// as fast as they were built.
const probeWait = 2 * time.Second

// patience is how long a probe of two links, there and back, waits: a link that was made
// slow is no silent one.
func (t *target) patience(from, to string) time.Duration {
	return probeWait + t.shapes[[2]string{from, to}].Latency + t.shapes[[2]string{to, from}].Latency
}

// Probe implements [chaos.Links]: a message there and its answer back, and where the
// bandwidth is limited a transfer that measures it.
func (t *target) Probe(ctx context.Context, from, to string) (chaos.LinkProbe, error) {
	if err := t.ends(from, to); err != nil {
		return chaos.LinkProbe{}, err
	}
	net, begun := t.c.Network(), t.c.Engine().Now()
	answered := t.c.Engine().NewEvent()
	var failure error
	fail := func(err error) { failure = err; answered.Set() }
	net.SendOr(from, to, 64, func() { net.SendOr(to, from, 64, answered.Set, fail) }, fail)
	switch err := answered.WaitFor(ctx, t.patience(from, to)); {
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return chaos.LinkProbe{State: chaos.Blackhole}, nil
	case err != nil:
		return chaos.LinkProbe{}, err
	case failure != nil:
		return chaos.LinkProbe{State: chaos.Reset}, nil
	}
	probe := chaos.LinkProbe{State: chaos.Whole, RoundTrip: t.c.Engine().Now().Sub(begun)}
	if s := t.shapes[[2]string{from, to}]; s.Bandwidth > 0 {
		rate, err := t.measure(ctx, from, to, s.Bandwidth)
		if err != nil {
			return probe, err
		}
		probe.Rate = rate
	}
	return probe, nil
}

// measure transfers as much as the limit lets through in half a second.
func (t *target) measure(ctx context.Context, from, to string, limit int64) (int64, error) {
	bytes := max(limit/2, 1)
	begun, done := t.c.Engine().Now(), t.c.Engine().NewEvent()
	var failure error
	tr := t.c.Network().Flow(from, to, bytes, nil, 0, func(err error) { failure = err; done.Set() })
	if err := done.Wait(ctx); err != nil {
		tr.Stop()
		return 0, err
	}
	if failure != nil {
		return 0, failure
	}
	took := max(t.c.Engine().Now().Sub(begun), 1)
	return int64(float64(bytes) / took.Seconds()), nil
}

// Kill implements [chaos.Processes].
func (t *target) Kill(_ context.Context, node string) error {
	catchUpLeases(t.c, node)
	return t.c.Kill(node)
}

// Stop implements [chaos.Processes].
func (t *target) Stop(ctx context.Context, node string) error {
	catchUpLeases(t.c, node)
	ended := t.c.Engine().NewEvent()
	if err := t.c.Stop(node, ended.Set); err != nil {
		return err
	}
	return ended.Wait(ctx)
}

// Start implements [chaos.Processes].
func (t *target) Start(_ context.Context, node string) error { return t.c.StartNode(node) }

// StartNewer implements [chaos.Upgrades]: of what versions change there is which nodes copies
// may go to.
func (t *target) StartNewer(_ context.Context, node string) error {
	n, err := t.c.Lookup(node)
	if err != nil {
		return err
	}
	newest := n.Config().Release
	for _, o := range t.c.Nodes() {
		if newest.Before(o.Config().Release) {
			newest = o.Config().Release
		}
	}
	n.Upgraded = newest.Next()
	return t.c.StartNode(node)
}

// Pause implements [chaos.Processes].
func (t *target) Pause(_ context.Context, node string) error {
	catchUpLeases(t.c, node)
	return t.c.Pause(node)
}

// Resume implements [chaos.Processes].
func (t *target) Resume(_ context.Context, node string) error { return t.c.Resume(node) }

// State implements [chaos.Processes].
func (t *target) State(_ context.Context, node string) (chaos.ProcessState, error) {
	n, err := t.c.Lookup(node)
	switch {
	case err != nil:
		return chaos.Exited, err
	case n.Proc == nil:
		return chaos.Exited, nil
	case n.Proc.Paused:
		return chaos.Paused, nil
	}
	return chaos.Running, nil
}

// Fill implements [chaos.Disks].
func (t *target) Fill(_ context.Context, node string, percent float64) error {
	n, err := t.c.Lookup(node)
	if err != nil {
		return err
	}
	n.Account()
	n.Disk().Fill(percent)
	return nil
}

// Free implements [chaos.Disks].
func (t *target) Free(_ context.Context, node string) error {
	n, err := t.c.Lookup(node)
	if err != nil {
		return err
	}
	n.Disk().DropBallast()
	return nil
}

// Usage implements [chaos.Disks].
func (t *target) Usage(_ context.Context, node string) (chaos.DiskUsage, error) {
	n, err := t.c.Lookup(node)
	if err != nil {
		return chaos.DiskUsage{}, err
	}
	n.Account()
	return chaos.DiskUsage{Used: n.Disk().Used(), Total: n.Disk().Total(), Ballast: n.Disk().Ballast()}, nil
}
