package rehearse

import (
	"fmt"
	"github.com/shardquake/shardquake/kvcluster/replica"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage/damage"
	"github.com/shardquake/shardquake/sim"
)

// weights are how often each kind of fault comes, and what it does.
var weights = []struct {
	often int
	do    func(*rehearsal, shardmap.NodeID, *shardmap.Shard, func(func()))
}{
	{3, (*rehearsal).rename},
	{1, (*rehearsal).move},
	{2, (*rehearsal).crash},
	{1, (*rehearsal).crashPrimary},
	{2, (*rehearsal).cut},
	{1, (*rehearsal).suspend},
	{1, (*rehearsal).slow},
	{1, (*rehearsal).fill},
	{2, (*rehearsal).isolate},
	{1, (*rehearsal).powerCut},
	{3, (*rehearsal).split},
	{2, (*rehearsal).unsplit},
	{2, (*rehearsal).rot},
}

// chooseFaults draws the kinds of faults of this run, and how fast they follow each other. A
// run with all kinds, one upon the other, hardly ever has a primary that acts for a while; a
// defect that needs one, or two faults of one kind, shows in the runs with few.
func (r *rehearsal) chooseFaults() {
	for i, w := range weights {
		if r.rng.IntN(2) == 0 || i == len(weights)-1 && len(r.kinds) == 0 {
			for range w.often {
				r.kinds = append(r.kinds, i)
			}
		}
	}
	r.rest = []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, 1000 * time.Millisecond}[r.rng.IntN(3)]
}

// fault does something bad and comes back.
func (r *rehearsal) fault() {
	if !r.faults {
		return
	}
	n := r.anyNode()
	s := r.m.At(r.rng.IntN(r.m.Len()))
	weights[r.kinds[r.rng.IntN(len(r.kinds))]].do(r, n, s, func(f func()) {
		r.e.After(time.Duration(r.rng.Int64N(int64(4*time.Second))), "kv.repair", f)
	})
	if len(r.tellers) > 0 && r.rng.IntN(4) == 0 {
		r.tellers[r.rng.IntN(len(r.tellers))].die()
	}
	r.e.After(r.pause(), "kv.fault", r.fault)
}

// rename names another primary, or a new epoch of the same.
func (r *rehearsal) rename(_ shardmap.NodeID, s *shardmap.Shard, _ func(func())) {
	r.change(r.m.SetPrimary(s.ID, s.Replicas[r.rng.IntN(len(s.Replicas))]))
}

// move moves a copy to a node.
func (r *rehearsal) move(n shardmap.NodeID, s *shardmap.Shard, _ func(func())) {
	if r.change(r.m.Move(s.ID, s.Replicas[r.rng.IntN(len(s.Replicas))], n)) {
		r.res.Moves++
	}
}

func (r *rehearsal) crash(n shardmap.NodeID, _ *shardmap.Shard, back func(func())) {
	if r.c.Up(n) {
		r.res.Crashes++
		r.c.Crash(n)
		back(func() { r.restart(n) })
	}
}

// crashPrimary ends the primary, while it acts.
func (r *rehearsal) crashPrimary(_ shardmap.NodeID, s *shardmap.Shard, back func(func())) {
	r.crash(s.Primary, s, back)
}

func (r *rehearsal) suspend(n shardmap.NodeID, _ *shardmap.Shard, back func(func())) {
	r.c.Pause(n)
	back(func() { r.c.Resume(n) })
}

func (r *rehearsal) slow(n shardmap.NodeID, _ *shardmap.Shard, back func(func())) {
	r.c.SlowDisk(n, time.Duration(r.rng.Int64N(int64(time.Second))))
	back(func() { r.c.SlowDisk(n, 0) })
}

func (r *rehearsal) fill(n shardmap.NodeID, _ *shardmap.Shard, back func(func())) {
	r.c.Disk(n).SetCapacity(r.c.Disk(n).Used() + 100)
	back(func() { r.c.Disk(n).SetCapacity(0) })
}

// split splits a shard, inside or outside of what the clients use.
func (r *rehearsal) split(_ shardmap.NodeID, s *shardmap.Shard, _ func(func())) {
	next, _, err := r.m.Split(s.ID, fmt.Sprint("key", r.rng.IntN(r.Keys+1)), r.name())
	if r.change(next, err) {
		r.res.Splits++
	}
}

// unsplit makes two shards one, by deleting one or by merging it.
func (r *rehearsal) unsplit(_ shardmap.NodeID, s *shardmap.Shard, _ func(func())) {
	if r.rng.IntN(2) == 0 {
		next, _, err := r.m.Delete(s.ID, shardmap.KeepData)
		r.change(next, err)
	} else if i := r.rng.IntN(r.m.Len()); i > 0 {
		r.change(r.m.Merge(r.m.At(i-1).ID, r.m.At(i).ID))
	}
}

// name is one for a new shard: often that of one that is gone, of which there may be copies
// yet, or "" for one of the map's choice.
func (r *rehearsal) name() shardmap.ID {
	if len(r.gone) == 0 || r.rng.IntN(3) == 0 {
		return ""
	}
	return r.gone[len(r.gone)-1].id
}

func (r *rehearsal) anyNode() shardmap.NodeID { return r.c.Nodes()[r.rng.IntN(len(r.c.Nodes()))] }

// anyFor is a node of a client's choice.
func (r *rehearsal) anyFor(rng *rand.Rand) shardmap.NodeID {
	return r.c.Nodes()[rng.IntN(len(r.c.Nodes()))]
}

// rot does damage to what a node has synced lately, and restarts it.
func (r *rehearsal) rot(n shardmap.NodeID, _ *shardmap.Shard, back func(func())) {
	earlier := r.images[n]
	r.images[n] = r.c.Disk(n).Image()
	if r.rotten || r.res.Lost > 0 || !r.c.Up(n) || r.c.Disk(n).Used() < 2<<10 {
		return
	}
	kind := damage.Kinds()[r.rng.IntN(len(damage.Kinds()))]
	r.res.Crashes++
	r.c.Crash(n)
	r.res.Damage[kind]++
	r.e.Note("kv.damage", string(n)+": "+r.c.Disk(n).Damage(kind, earlier))
	r.rotten = true // two at a time may be a majority
	back(func() {
		r.restart(n)
		r.rotten = !r.c.Up(n) // without room it doesn't start, and nobody has looked
	})
}

// cut cuts a node off from the others in one direction or both; clients reach it or
// not.
func (r *rehearsal) cut(n shardmap.NodeID, _ *shardmap.Shard, back func(func())) {
	r.res.Cuts++
	mode := sim.Blackhole
	if r.rng.IntN(3) == 0 {
		mode = sim.Reset
	}
	out, in, clients := r.rng.IntN(4) > 0, r.rng.IntN(4) > 0, r.rng.IntN(2) == 0
	var cuts []*sim.CutHandle
	for _, other := range r.c.Network.Endpoints() {
		isNode := r.c.IsNode(other)
		if other == string(n) || !isNode && !clients {
			continue
		}
		if out {
			cuts = append(cuts, r.c.Network.Cut(string(n), other, mode))
		}
		if in {
			cuts = append(cuts, r.c.Network.Cut(other, string(n), mode))
		}
	}
	back(func() {
		for _, c := range cuts {
			c.Mend()
		}
	})
}

// isolate cuts the primary off from the other nodes and the authority, but not from
// clients, and soon names another one: there are clients on both sides.
func (r *rehearsal) isolate(_ shardmap.NodeID, s *shardmap.Shard, back func(func())) {
	r.res.Cuts++
	s = r.acts(s)
	id, old := s.ID, s.Primary
	at := slices.Index(s.Replicas, old)
	next := s.Replicas[(at+1+r.rng.IntN(len(s.Replicas)-1))%len(s.Replicas)]
	r.deaf[old]++
	var cuts []*sim.CutHandle
	for _, other := range r.c.Nodes() {
		if other != old {
			cuts = append(cuts, r.c.Network.Cut(string(old), string(other), sim.Blackhole),
				r.c.Network.Cut(string(other), string(old), sim.Blackhole))
		}
	}
	r.e.After(time.Duration(r.rng.Int64N(int64(500*time.Millisecond))), "kv.isolated", func() {
		r.change(r.m.SetPrimary(id, next))
	})
	back(func() {
		for _, c := range cuts {
			c.Mend()
		}
		r.deaf[old]--
		for i := range r.m.Len() {
			r.c.Configure(old, r.m.At(i).Clone())
		}
	})
}

// acts is a shard whose primary acts: the one given, or the next that there is, or the one
// given all the same.
func (r *rehearsal) acts(s *shardmap.Shard) *shardmap.Shard {
	at := 0
	for r.m.At(at) != s {
		at++
	}
	for i := range r.m.Len() {
		x := r.m.At((at + i) % r.m.Len())
		if k := r.c.Core(x.Primary, x.ID); k != nil && k.Role() == replica.Primary {
			return x
		}
	}
	return s
}

// powerCut ends all processes at once, when the disks of all but the primary have been
// slow for a while, and lets the primary come back last: what copies acknowledged
// without having it on disk is gone.
func (r *rehearsal) powerCut(_ shardmap.NodeID, s *shardmap.Shard, _ func(func())) {
	id, old := s.ID, s.Primary
	next := s.Replicas[r.rng.IntN(len(s.Replicas))]
	for _, n := range r.c.Nodes() {
		if n != old {
			r.c.SlowDisk(n, time.Second)
		}
	}
	r.e.After(time.Duration(r.rng.Int64N(int64(400*time.Millisecond))), "kv.power", func() {
		for _, n := range r.c.Nodes() {
			r.c.SlowDisk(n, 0)
			if !r.c.Up(n) {
				continue
			}
			r.res.Crashes++
			r.c.Crash(n)
			d := time.Duration(r.rng.Int64N(int64(300 * time.Millisecond)))
			if n == old {
				d += time.Duration(r.rng.Int64N(int64(4 * time.Second)))
			}
			r.e.After(d, "kv.repair", func() { r.restart(n) })
		}
		r.change(r.m.SetPrimary(id, next))
	})
}
