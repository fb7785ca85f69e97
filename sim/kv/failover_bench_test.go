package kv_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/shardquake/shardquake/kvcluster/failover"
	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/kv"
)

// BenchmarkFailover kills primaries of a cluster with the default settings, one per
// seed at a random moment, and tells how long their shards had none, in virtual time:
// -benchtime 1000x is a thousand seeds. One in five also leads the metadata group.
func BenchmarkFailover(b *testing.B) {
	set := meta.Defaults()
	var took []time.Duration
	for seed := uint64(0); b.Loop(); seed++ {
		d, err := failoverTime(seed)
		if err != nil {
			b.Fatal(seed, err)
		}
		took = append(took, d)
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds(), "virtual-s/p50")
	b.ReportMetric(took[len(took)*99/100].Seconds(), "virtual-s/p99")
	b.ReportMetric(took[len(took)-1].Seconds(), "virtual-s/max")
	b.ReportMetric(failover.Bound(&set, failover.Usual()).Seconds(), "virtual-s/bound")
}

// failoverTime is how long the only shard of a cluster has no acting primary after its
// primary was killed.
func failoverTime(seed uint64) (time.Duration, error) {
	e := sim.NewEngine(sim.Config{Seed: seed})
	f := kv.NewFleet(e, kv.FleetConfig{Machines: []string{"n1", "n2", "n3", "n4", "n5"}, Settings: meta.Defaults()})
	for _, m := range f.Machines() {
		m.Start()
	}
	whole := func() bool {
		p := f.Primary("s1")
		return p != nil && len(p.Node().Copy("s1").Status().InSync) == 3 && f.Leader() != nil
	}
	if err := e.RunUntil(whole, sim.Time(2*time.Minute)); err != nil {
		return 0, fmt.Errorf("not whole: %w", err)
	}
	// The leader begins as the primary of everything; let it be another one most times.
	rng := e.Stream("bench", "")
	if err := e.Run(e.Now().Add(10*time.Second + time.Duration(rng.Int64N(int64(5*time.Second))))); err != nil {
		return 0, err
	}
	old := f.Primary("s1")
	if rng.IntN(5) > 0 && old == f.Leader() {
		moved, err := movePrimary(e, f, old)
		if err != nil {
			return 0, err
		}
		old = moved
	}
	start := e.Now()
	old.Crash()
	another := func() bool { p := f.Primary("s1"); return p != nil && p != old }
	if err := e.RunUntil(another, start.Add(2*time.Minute)); err != nil {
		return 0, fmt.Errorf("no other primary: %w", err)
	}
	return (e.Now() - start).Duration(), f.Err()
}

// movePrimary lets another copy than the one given become the primary.
func movePrimary(e *sim.Engine, f *kv.Fleet, old *kv.Machine) (*kv.Machine, error) {
	k := f.NewCaller("admin")
	for _, id := range f.Leader().Node().State().Map().Get("s1").Replicas {
		if id != old.Node().ID() {
			k.Ask(old.Name(), &wire.Admin{Command: wire.Command{Kind: wire.Promote, Shard: "s1", Node: id}}, time.Second, func(wire.Message) {})
			break
		}
	}
	moved := func() bool { p := f.Primary("s1"); return p != nil && p != old }
	if err := e.RunUntil(moved, e.Now().Add(time.Minute)); err != nil {
		return nil, fmt.Errorf("not promoted: %w", err)
	}
	return f.Primary("s1"), e.Run(e.Now().Add(6 * time.Second))
}
