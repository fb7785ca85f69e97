package backend

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
	n, err := t.c.Lookup(node)
	if err != nil {
		return err
	}
	n.Disk().Slow(d.By, d.Rate)
	t.c.Fluid.TopologyChanged()
	return nil
}

// Time implements [chaos.DiskSpeeds]: an access, and a flow among the others to the disk.
func (t *target) Time(ctx context.Context, node string, bytes int64) (time.Duration, error) {
	n, err := t.c.Lookup(node)
	if err != nil {
		return 0, err
	}
	begun, done := t.c.Engine().Now(), t.c.Engine().NewEvent()
	t.c.Engine().After(n.Disk().Delay()+t.c.Calibration.DiskOp, "disk.probe", func() {
		t.c.Network().Fluid().Start(sim.FlowSpec{Name: "disk.probe", Bytes: bytes, Through: []*sim.Resource{n.Disk().Write}}, done.Set)
	})
	if err := done.Wait(ctx); err != nil {
		return 0, err
	}
	return t.c.Engine().Now().Sub(begun), nil
}
