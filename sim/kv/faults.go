package kv

import (
	"time"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/sim"
)

// fault does something bad and comes back.
func (r *rehearsal) fault() {
	if !r.faults {
		return
	}
	n := r.anyNode()
	s := r.m.Get(shard)
	back := func(f func()) {
		r.e.After(time.Duration(r.rng.Int64N(int64(4*time.Second))), "kv.repair", f)
	}
	switch r.rng.IntN(15) {
	case 0, 1, 2: // another primary, or a new epoch of the same
		r.change(r.m.SetPrimary(shard, s.Replicas[r.rng.IntN(len(s.Replicas))]))
	case 3: // a copy moves
		if r.change(r.m.Move(shard, s.Replicas[r.rng.IntN(len(s.Replicas))], n)) {
			r.res.Moves++
		}
	case 4, 5:
		if r.c.Up(n) {
			r.res.Crashes++
			r.c.Crash(n)
			back(func() { r.restart(n) })
		}
	case 6: // the acting primary, while it acts
		if p := s.Primary; r.c.Up(p) {
			r.res.Crashes++
			r.c.Crash(p)
			back(func() { r.restart(p) })
		}
	case 7, 8:
		r.cut(n, back)
	case 9:
		r.c.Pause(n)
		back(func() { r.c.Resume(n) })
	case 10:
		r.c.SlowDisk(n, time.Duration(r.rng.Int64N(int64(time.Second))))
		back(func() { r.c.SlowDisk(n, 0) })
	case 11:
		r.c.Disk(n).SetCapacity(r.c.Disk(n).Used() + 100)
		back(func() { r.c.Disk(n).SetCapacity(0) })
	case 12, 13:
		r.isolate(s, back)
	case 14:
		r.powerCut(s)
	}
	r.e.After(r.pause(), "kv.fault", r.fault)
}

func (r *rehearsal) anyNode() shardmap.NodeID { return r.c.cfg.Nodes[r.rng.IntN(len(r.c.cfg.Nodes))] }

// cut cuts a node off from the others in one direction or both; clients reach it or
// not.
func (r *rehearsal) cut(n shardmap.NodeID, back func(func())) {
	r.res.Cuts++
	mode := sim.Blackhole
	if r.rng.IntN(3) == 0 {
		mode = sim.Reset
	}
	out, in, clients := r.rng.IntN(4) > 0, r.rng.IntN(4) > 0, r.rng.IntN(2) == 0
	var cuts []*sim.CutHandle
	for _, other := range r.c.Network.Endpoints() {
		_, isNode := r.c.byID[shardmap.NodeID(other)]
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
func (r *rehearsal) isolate(s *shardmap.Shard, back func(func())) {
	r.res.Cuts++
	old := s.Primary
	next := s.Replicas[r.rng.IntN(len(s.Replicas))]
	r.deaf[old]++
	var cuts []*sim.CutHandle
	for _, other := range r.c.cfg.Nodes {
		if other != old {
			cuts = append(cuts, r.c.Network.Cut(string(old), string(other), sim.Blackhole),
				r.c.Network.Cut(string(other), string(old), sim.Blackhole))
		}
	}
	r.e.After(time.Duration(r.rng.Int64N(int64(500*time.Millisecond))), "kv.isolated", func() {
		r.change(r.m.SetPrimary(shard, next))
	})
	back(func() {
		for _, c := range cuts {
			c.Mend()
		}
		r.deaf[old]--
		r.c.Configure(old, r.m.Get(shard).Clone())
	})
}

// powerCut ends all processes at once, when the disks of all but the primary have been
// slow for a while, and lets the primary come back last: what copies acknowledged
// without having it on disk is gone.
func (r *rehearsal) powerCut(s *shardmap.Shard) {
	old := s.Primary
	next := s.Replicas[r.rng.IntN(len(s.Replicas))]
	for _, n := range r.c.cfg.Nodes {
		if n != old {
			r.c.SlowDisk(n, time.Second)
		}
	}
	r.e.After(time.Duration(r.rng.Int64N(int64(400*time.Millisecond))), "kv.power", func() {
		for _, n := range r.c.cfg.Nodes {
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
		r.change(r.m.SetPrimary(shard, next))
	})
}
