package rehearse

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage/damage"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/kv"
	"github.com/shardquake/shardquake/sim/kv/simdisk"
)

// Options describe a rehearsal. Zero fields stand for the defaults.
type Options struct {
	Seed     uint64
	Nodes    int           // 5, of which 3 hold copies at a time
	Clients  int           // 4
	Keys     int           // 3
	Duration time.Duration // of the faults; 20 s. Then all is healed.
	// Transactions lets the clients be programs that use package client: they transfer money,
	// audit, and read and append to lists in transactions, write and read in batches, and die
	// in the middle of them.
	Transactions bool
	Replica      replica.Config
}

// Result is what a rehearsal found.
type Result struct {
	Report check.Report
	// Swaps judges keys that are only compared and set.
	Swaps check.Report
	// Lists and Bank judge transactions.
	Lists check.TxnReport
	Bank  check.BankReport
	// Problems are invariants that were broken; empty if all is well.
	Problems []string
	// How much happened.
	Acknowledged, UnknownWrites, Failovers, Moves, Crashes, Cuts, Snapshots int
	Splits, Merges                                                          int
	// Damage counts what was done to disks, by kind; Mended the logs that lost something and
	// had it given back by their tails, Lost the disks that were found to have lost something
	// for good.
	Damage       map[damage.Kind]int
	Mended, Lost int
	// Of transactions: committed, with an unknown outcome, given up for others; clients that died.
	Committed, Doubtful, Conflicts, Deaths int
	Events                                 uint64
	TraceHash                              uint64
}

// Bad reports whether anything was wrong.
func (r *Result) Bad() bool {
	return len(r.Problems) > 0 || r.Report.Verdict == check.Fail || r.Swaps.Verdict == check.Fail || r.Lists.Verdict == check.Fail || r.Bank.Verdict == check.Fail
}

const shard shardmap.ID = "s0"

// office is what only one node may hold.
type office struct {
	shard shardmap.ID
	epoch uint64
}

// rehearsal is a run under way.
type rehearsal struct {
	Options
	e       *sim.Engine
	c       *kv.Cluster
	m       *shardmap.Map // what the authority says
	rng     *rand.Rand    // of the faults
	deliver *rand.Rand    // of how late the authority is heard
	faults  bool
	kinds   []int         // of this run's faults: places in weights, each as often as it weighs
	rest    time.Duration // between two faults, on average
	clients []*script
	tellers []*teller
	ledger  ledger
	// failovers are the moments at which primaries began to act.
	failovers []int64
	history   []check.Op
	swaps     []check.Op // on keys that are only compared and set
	acting    map[office]shardmap.NodeID
	deaf      map[shardmap.NodeID]int // how many faults keep a node from hearing the authority
	gone      []gone
	lies      bool // acknowledgements may claim anything
	rotten    bool // a disk is damaged that nobody has looked at
	images    map[shardmap.NodeID]simdisk.Image
	res       Result
}

// Shard runs a cluster under random faults.
func Shard(o Options) (*Result, error) {
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
		acting: make(map[office]shardmap.NodeID), deaf: make(map[shardmap.NodeID]int), faults: true, images: make(map[shardmap.NodeID]simdisk.Image)}
	r.res.Damage = make(map[damage.Kind]int)
	if err := r.build(); err != nil {
		return nil, err
	}
	if err := r.run(); err != nil {
		return nil, err
	}
	return &r.res, e.Close()
}

func (r *rehearsal) build() error {
	cfg := kv.Config{Replica: r.Replica}
	for i := range r.Nodes {
		cfg.Nodes = append(cfg.Nodes, shardmap.NodeID(fmt.Sprint("n", i+1)))
	}
	// Each run has a random subset of the nuisances: some defects show only without the
	// others.
	cfg.Nuisances = kv.Nuisances{Loss: r.rng.IntN(2) * 30, Repeat: r.rng.IntN(2) * 30, Delay: r.rng.IntN(2) * 30, Lies: r.rng.IntN(2) * 5}
	r.chooseFaults()
	r.lies = cfg.Lies > 0
	cfg.Store.TailBytes = int64(1+r.rng.IntN(8)) << 10
	if r.rng.IntN(2) == 0 {
		cfg.Replica.KeepLog = 4 // so that copies that lag need snapshots
		cfg.Replica.PageBytes = 200
	}
	if r.rng.IntN(3) == 0 {
		cfg.Store.RewriteBytes = 16 << 10
	}
	r.c = kv.New(r.e, cfg)
	r.c.OnEvent = r.happened
	r.c.OnCorrupt = r.replace
	var err error
	if r.m, err = shardmap.New(shard, cfg.Nodes[:3]); err != nil {
		return err
	}
	for _, n := range cfg.Nodes {
		r.c.Start(n)
	}
	for i := range r.Clients {
		if r.Transactions {
			r.tellers = append(r.tellers, newTeller(r, i))
		} else {
			r.clients = append(r.clients, newScript(r, i))
		}
	}
	return nil
}

func (r *rehearsal) run() error {
	r.announce(r.m.Get(shard))
	for _, s := range r.clients {
		s.next()
	}
	for _, t := range r.tellers {
		t.start()
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
	for _, t := range r.tellers {
		t.stopped = true
	}
	if err := r.e.Run(sim.Time(r.Duration + 30*time.Second)); err != nil {
		return err
	}
	r.judge()
	r.res.Snapshots, r.res.Mended = r.c.Snapshots(), r.c.Mended()
	r.res.Events, r.res.TraceHash = r.e.Events(), r.e.TraceHash()
	return r.c.Err()
}

func (r *rehearsal) pause() time.Duration {
	return time.Duration(r.rng.Int64N(int64(2 * r.rest)))
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
	before := r.m
	r.m = next
	for i := range next.Len() {
		s := next.At(i)
		if old := before.Get(s.ID); old == nil || !old.Equal(s) {
			r.announce(s)
		}
	}
	for i := range before.Len() {
		if s := before.At(i); next.Get(s.ID) == nil {
			r.res.Merges++
			r.gone = append(r.gone, gone{s.ID, next.Version()})
			r.bury(r.gone[len(r.gone)-1])
		}
	}
	return true
}

// gone is a shard that was merged into another, since a version of the map.
type gone struct {
	id      shardmap.ID
	version uint64
}

// bury lets the nodes drop a shard that is gone.
func (r *rehearsal) bury(g gone) {
	for _, n := range r.c.Nodes() {
		r.e.After(r.late(), "kv.gone", func() {
			if (r.deaf[n] == 0 || !r.faults) && r.m.Get(g.id) == nil { // the name may be another's by now
				r.c.Forget(n, g.id, g.version)
			}
		})
	}
}

// late is how long after the authority has spoken it is heard.
func (r *rehearsal) late() time.Duration {
	if r.faults && r.deliver.IntN(5) == 0 {
		return time.Duration(r.deliver.Int64N(int64(3 * time.Second)))
	}
	return time.Duration(r.deliver.Int64N(int64(20 * time.Millisecond)))
}

// announce tells all nodes a configuration, each at its own time and perhaps never.
func (r *rehearsal) announce(of *shardmap.Shard) {
	s := of.Clone()
	for _, n := range r.c.Nodes() {
		if r.faults && r.deliver.IntN(6) == 0 {
			continue // lost; a later one tells more
		}
		r.e.After(r.late(), "kv.announce", func() { r.tell(n, s) })
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
	soon := time.Duration(r.deliver.Int64N(int64(50 * time.Millisecond)))
	switch e.Kind {
	case replica.Activated:
		if was, ok := r.acting[office{e.Shard, e.Epoch}]; ok {
			r.problem("epoch %d of %s has two primaries, %s and %s (or one twice)", e.Epoch, e.Shard, was, n)
		}
		r.acting[office{e.Shard, e.Epoch}] = n
		r.res.Failovers++
		r.failovers = append(r.failovers, int64(r.e.Now()))
		r.e.After(soon, "kv.activated", func() { r.change(r.m.Activated(e.Shard, e.Epoch)) })
	case replica.NeedEpoch:
		r.e.After(soon, "kv.need-epoch", func() {
			if s := r.m.Get(e.Shard); s != nil && s.Epoch == e.Epoch && s.Primary == n {
				r.change(r.m.SetPrimary(e.Shard, n))
			}
		})
	case replica.AtOdds:
		if !r.lies {
			r.problem("the copy of %s on %s: %v", e.Shard, n, e.Err)
		}
	case replica.Damaged:
		r.problem("the copy of %s on %s is damaged: %v", e.Shard, n, e.Err)
	case replica.Failed:
		r.e.After(time.Second, "kv.restart", func() { r.restart(n) })
	}
}

func (r *rehearsal) restart(n shardmap.NodeID) {
	r.c.Start(n)
	for i := range r.m.Len() {
		s := r.m.At(i).Clone()
		r.e.After(time.Duration(r.deliver.Int64N(int64(100*time.Millisecond))), "kv.announce", func() { r.tell(n, s) })
	}
}

// replace puts another machine in the place of one whose disk isn't what it was.
func (r *rehearsal) replace(lost shardmap.NodeID) {
	r.res.Lost++
	fresh := lost + "~"
	r.c.AddNode(fresh)
	r.restart(fresh)
	r.relocate(lost, fresh)
}

// relocate makes new copies of what a lost node had, as soon as each shard lets it.
func (r *rehearsal) relocate(lost, fresh shardmap.NodeID) {
	for i := range r.m.Len() {
		s := r.m.At(i)
		if s.Primary == lost { // it may be long until the copy can move
			at := slices.Index(s.Replicas, lost)
			r.change(r.m.SetPrimary(s.ID, s.Replicas[(at+1)%len(s.Replicas)]))
		}
		to := fresh
		for _, n := range r.c.Nodes() { // a fault may have moved another copy to it
			if s.HasReplica(to) && !s.HasReplica(n) {
				to = n
			}
		}
		r.change(r.m.Move(s.ID, lost, to))
	}
	r.e.After(200*time.Millisecond, "kv.relocate", func() {
		if slices.Contains(r.m.Nodes(), lost) {
			r.relocate(lost, fresh)
		}
	})
}

// heal ends all faults and lets every node know the configuration.
func (r *rehearsal) heal() {
	r.faults = false
	r.c.Bother(kv.Nuisances{})
	names := r.c.Network.Endpoints()
	for _, a := range names {
		for _, b := range names {
			if a != b {
				r.c.Network.Mend(a, b)
			}
		}
	}
	for _, n := range slices.Clone(r.c.Nodes()) {
		r.c.SlowDisk(n, 0)
		r.c.Disk(n).SetCapacity(0)
		r.c.Resume(n)
		r.c.Start(n)
	}
	for i := range r.m.Len() {
		s := r.m.At(i)
		if !r.change(r.m.SetPrimary(s.ID, s.Primary)) {
			r.problem("the authority can't name a primary")
		}
	}
	r.retell()
}

// retell repeats what the authority says, as a node that asks would hear it.
func (r *rehearsal) retell() {
	for i := range r.m.Len() {
		r.announce(r.m.At(i))
	}
	for _, g := range r.gone {
		r.bury(g)
	}
	if r.e.Now() < sim.Time(r.Duration+15*time.Second) {
		r.e.After(time.Second, "kv.retell", r.retell)
	}
}

// judge checks what must hold when all is healed and quiet.
func (r *rehearsal) judge() {
	if r.Transactions {
		r.judgeTransactions()
	} else {
		r.res.Report = check.Registers(r.history, check.Floor{Ops: 100, Overlaps: 10}).Covering(r.history, r.failovers, 2)
		r.res.Swaps = check.Swaps(r.swaps, check.Floor{Ops: 20}).Covering(r.swaps, r.failovers, 2)
	}
	for i := range r.m.Len() {
		r.judgeShard(r.m.At(i))
	}
	for _, g := range r.gone {
		for _, n := range r.c.Nodes() {
			if r.m.Get(g.id) != nil {
				continue
			}
			if k := r.c.Core(n, g.id); k != nil && k.LastIndex() > 0 {
				r.problem("%s still has a copy of %s, which is gone", n, g.id)
			}
		}
	}
}

func (r *rehearsal) judgeShard(s *shardmap.Shard) {
	p := r.c.Core(s.Primary, s.ID)
	if p == nil || p.Role() != replica.Primary {
		r.problem("no primary of %v acts, 30 s after all was healed", s)
		return
	}
	if !s.Settled() {
		r.problem("the change of %v didn't come to its end", s)
	}
	want := r.content(s.Primary, s.ID)
	for _, n := range s.Replicas {
		k := r.c.Core(n, s.ID)
		if k == nil || k.Applied() != p.Applied() {
			r.problem("the copy of %s on %s has not caught up", s.ID, n)
		} else if got := r.content(n, s.ID); got != want {
			r.problem("the copies of %s on %s and %s differ:\n%s\n%s", s.ID, s.Primary, n, want, got)
		}
	}
}

// content is what a copy answers a scan with.
func (r *rehearsal) content(n shardmap.NodeID, id shardmap.ID) (out string) {
	k := r.c.Core(n, id)
	e := k.Step(r.e.Now().Duration(), replica.Request{R: &wire.Request{Shard: id, Kind: wire.Scan, Level: wire.One, Start: r.m.Get(id).Start}})
	for _, i := range e.Answers[0].R.Items {
		out += fmt.Sprintf("%s=%s@%d\n", i.Key, i.Value, i.Version)
	}
	return out
}
