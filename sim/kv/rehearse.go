package kv

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim"
)

// Options describe a rehearsal. Zero fields stand for the defaults.
type Options struct {
	Seed     uint64
	Nodes    int           // 5, of which 3 hold copies at a time
	Clients  int           // 4
	Keys     int           // 3
	Duration time.Duration // of the faults; 20 s. Then all is healed.
	Replica  replica.Config
}

// Result is what a rehearsal found.
type Result struct {
	Report check.Report
	// Problems are invariants that were broken; empty if all is well.
	Problems []string
	// How much happened.
	Acknowledged, UnknownWrites, Failovers, Moves, Crashes, Cuts, Snapshots int
	Events                                                                  uint64
	TraceHash                                                               uint64
}

// Bad reports whether anything was wrong.
func (r *Result) Bad() bool { return len(r.Problems) > 0 || r.Report.Verdict == check.Fail }

const shard shardmap.ID = "s0"

// rehearsal is a run under way.
type rehearsal struct {
	Options
	e       *sim.Engine
	c       *Cluster
	m       *shardmap.Map // what the authority says
	rng     *rand.Rand    // of the faults
	deliver *rand.Rand    // of how late the authority is heard
	faults  bool
	clients []*script
	history []check.Op
	acting  map[uint64]shardmap.NodeID // by epoch
	deaf    map[shardmap.NodeID]int    // how many faults keep a node from hearing the authority
	res     Result
}

// Rehearse runs one shard under random faults.
func Rehearse(o Options) (*Result, error) {
	if o.Nodes == 0 {
		o.Nodes = 5
	}
	if o.Clients == 0 {
		o.Clients = 4
	}
	if o.Keys == 0 {
		o.Keys = 3
	}
	if o.Duration == 0 {
		o.Duration = 20 * time.Second
	}
	e := sim.NewEngine(sim.Config{Seed: o.Seed})
	r := &rehearsal{Options: o, e: e, rng: e.Stream("kv.faults", ""), deliver: e.Stream("kv.authority", ""),
		acting: make(map[uint64]shardmap.NodeID), deaf: make(map[shardmap.NodeID]int), faults: true}
	if err := r.build(); err != nil {
		return nil, err
	}
	if err := r.run(); err != nil {
		return nil, err
	}
	return &r.res, e.Close()
}

func (r *rehearsal) build() error {
	cfg := Config{Replica: r.Replica}
	for i := range r.Nodes {
		cfg.Nodes = append(cfg.Nodes, shardmap.NodeID(fmt.Sprint("n", i+1)))
	}
	// Each run has a random subset of the nuisances: some defects show only without the
	// others.
	cfg.Loss, cfg.Repeat, cfg.Delay = r.rng.IntN(2)*30, r.rng.IntN(2)*30, r.rng.IntN(2)*30
	if r.rng.IntN(2) == 0 {
		cfg.Replica.KeepLog = 4 // so that copies that lag need snapshots
		cfg.Replica.PageBytes = 200
	}
	if r.rng.IntN(3) == 0 {
		cfg.Store.RewriteBytes = 16 << 10
	}
	r.c = New(r.e, cfg)
	r.c.OnEvent = r.happened
	var err error
	if r.m, err = shardmap.New(shard, cfg.Nodes[:3]); err != nil {
		return err
	}
	for _, n := range cfg.Nodes {
		r.c.Start(n)
	}
	for i := range r.Clients {
		r.clients = append(r.clients, newScript(r, i))
	}
	return nil
}

func (r *rehearsal) run() error {
	r.announce()
	for _, s := range r.clients {
		s.next()
	}
	r.e.After(r.pause(), "kv.fault", r.fault)
	if err := r.e.Run(sim.Time(r.Duration)); err != nil {
		return err
	}
	r.heal()
	// Unknown writes may come into effect until the very end: so clients go on reading.
	if err := r.e.Run(sim.Time(r.Duration + 15*time.Second)); err != nil {
		return err
	}
	for _, s := range r.clients {
		s.stopped = true
	}
	if err := r.e.Run(sim.Time(r.Duration + 30*time.Second)); err != nil {
		return err
	}
	r.judge()
	r.res.Snapshots = r.c.snapshots
	r.res.Events, r.res.TraceHash = r.e.Events(), r.e.TraceHash()
	return r.c.Err()
}

func (r *rehearsal) pause() time.Duration {
	return time.Duration(r.rng.Int64N(int64(600 * time.Millisecond)))
}

func (r *rehearsal) problem(format string, args ...any) {
	r.res.Problems = append(r.res.Problems, fmt.Sprintf("%v: ", r.e.Now())+fmt.Sprintf(format, args...))
}

// change lets the authority change its mind, if the change is possible.
func (r *rehearsal) change(next *shardmap.Map, err error) bool {
	if err != nil || next == r.m {
		return false
	}
	if err := shardmap.CheckStep(r.m, next); err != nil {
		r.problem("%v", err)
	}
	r.m = next
	r.announce()
	return true
}

// announce tells all nodes the configuration, each at its own time and perhaps never.
func (r *rehearsal) announce() {
	s := r.m.Get(shard).Clone()
	for _, n := range r.c.cfg.Nodes {
		d := time.Duration(r.deliver.Int64N(int64(20 * time.Millisecond)))
		if r.faults {
			switch r.deliver.IntN(6) {
			case 0:
				continue // lost; a later one tells more
			case 1:
				d = time.Duration(r.deliver.Int64N(int64(3 * time.Second)))
			}
		}
		r.e.After(d, "kv.announce", func() { r.tell(n, s) })
	}
}

// tell lets a node hear what the authority said, unless a fault keeps it from that.
func (r *rehearsal) tell(n shardmap.NodeID, s shardmap.Shard) {
	if r.deaf[n] == 0 || !r.faults {
		r.c.Configure(n, s)
	}
}

// happened is what the authority hears from the nodes.
func (r *rehearsal) happened(n shardmap.NodeID, e replica.Event) {
	switch e.Kind {
	case replica.Activated:
		if was, ok := r.acting[e.Epoch]; ok {
			r.problem("epoch %d has two primaries, %s and %s (or one twice)", e.Epoch, was, n)
		}
		r.acting[e.Epoch] = n
		r.res.Failovers++
		r.e.After(time.Duration(r.deliver.Int64N(int64(50*time.Millisecond))), "kv.activated", func() {
			r.change(r.m.Activated(shard, e.Epoch))
		})
	case replica.NeedEpoch:
		r.e.After(time.Duration(r.deliver.Int64N(int64(50*time.Millisecond))), "kv.need-epoch", func() {
			if s := r.m.Get(shard); s.Epoch == e.Epoch && s.Primary == n {
				r.change(r.m.SetPrimary(shard, n))
			}
		})
	case replica.Failed:
		r.e.After(time.Second, "kv.restart", func() { r.restart(n) })
	}
}

func (r *rehearsal) restart(n shardmap.NodeID) {
	r.c.Start(n)
	s := r.m.Get(shard).Clone()
	r.e.After(time.Duration(r.deliver.Int64N(int64(100*time.Millisecond))), "kv.announce", func() { r.tell(n, s) })
}

// heal ends all faults and lets every node know the configuration.
func (r *rehearsal) heal() {
	r.faults = false
	r.c.cfg.Loss, r.c.cfg.Repeat, r.c.cfg.Delay = 0, 0, 0
	names := r.c.Network.Endpoints()
	for _, a := range names {
		for _, b := range names {
			if a != b {
				r.c.Network.Mend(a, b)
			}
		}
	}
	for _, n := range r.c.cfg.Nodes {
		r.c.SlowDisk(n, 0)
		r.c.Disk(n).SetCapacity(0)
		r.c.Resume(n)
		r.c.Start(n)
	}
	s := r.m.Get(shard)
	if !r.change(r.m.SetPrimary(shard, s.Primary)) {
		r.problem("the authority can't name a primary")
	}
	r.retell()
}

// retell repeats what the authority says, as a node that asks would hear it.
func (r *rehearsal) retell() {
	r.announce()
	if r.e.Now() < sim.Time(r.Duration+15*time.Second) {
		r.e.After(time.Second, "kv.retell", r.retell)
	}
}

// judge checks what must hold when all is healed and quiet.
func (r *rehearsal) judge() {
	r.res.Report = check.Registers(r.history, check.Floor{Ops: 100, Overlaps: 10})
	s := r.m.Get(shard)
	p := r.c.Core(s.Primary, shard)
	if p == nil || p.Role() != replica.Primary {
		r.problem("no primary acts, 30 s after all was healed")
		return
	}
	want := r.content(s.Primary)
	for _, n := range s.Replicas {
		k := r.c.Core(n, shard)
		if k == nil || k.Applied() != p.Applied() {
			r.problem("the copy on %s has not caught up", n)
		} else if got := r.content(n); got != want {
			r.problem("the copies on %s and %s differ:\n%s\n%s", s.Primary, n, want, got)
		}
	}
}

// content is what a copy answers a scan with.
func (r *rehearsal) content(n shardmap.NodeID) (out string) {
	k := r.c.Core(n, shard)
	e := k.Step(r.e.Now().Duration(), replica.Request{R: &wire.Request{Shard: shard, Kind: wire.Scan, Level: wire.One}})
	for _, i := range e.Answers[0].R.Items {
		out += fmt.Sprintf("%s=%s@%d\n", i.Key, i.Value, i.Version)
	}
	return out
}
