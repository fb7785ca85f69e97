package elastic

import (
	"context"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/sim"
)

var _ chaos.DiskSpeeds = (*target)(nil)

// SupportsDrag implements [chaos.DiskSpeeds]: everything can be had.
func (t *target) SupportsDrag(chaos.Drag) error { return nil }

// Drag implements [chaos.DiskSpeeds].
func (t *target) Drag(_ context.Context, node string, d chaos.Drag) error {
	n, err := t.c.lookup(node)
	if err != nil {
		return err
	}
	n.disk.Slow(d.By, d.Rate)
	t.c.fluid.topologyChanged()
	return nil
}

// Time implements [chaos.DiskSpeeds]: an access, and a flow among the others to the disk.
func (t *target) Time(ctx context.Context, node string, bytes int64) (time.Duration, error) {
	n, err := t.c.lookup(node)
	if err != nil {
		return 0, err
	}
	begun, done := t.c.e.Now(), t.c.e.NewEvent()
	t.c.e.After(n.disk.Delay()+t.c.cal.DiskOp, "disk.probe", func() {
		t.c.net.Fluid().Start(sim.FlowSpec{Name: "disk.probe", Bytes: bytes, Through: []*sim.Resource{n.disk.Write}}, done.Set)
	})
	if err := done.Wait(ctx); err != nil {
		return 0, err
	}
	return t.c.e.Now().Sub(begun), nil
}

// synced calls then when what a process has written is on its node's disk for good: at once
// unless the disk is slow, for the time of a healthy one is part of an operation's cost.
func (p *process) synced(then func()) {
	if d := p.n.disk.Delay(); d > 0 {
		p.after(d, "disk.sync", then)
		return
	}
	then()
}

// fetched is how much longer an operation takes that reads: what is not in memory has to
// come from the disk.
func (p *process) fetched() time.Duration {
	d := p.n.disk.Delay()
	if d == 0 {
		return 0
	}
	return time.Duration(float64(d) * p.n.missed())
}
