package rehearse

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/kv"
)

// fault does something bad to the cluster and comes back.
func (w *wholeNodes) fault() {
	if !w.faults {
		return
	}
	m := w.f.Machines()[w.rng.IntN(len(w.f.Machines()))]
	if w.alone || w.Damage && w.rng.IntN(3) == 0 {
		w.damage(m)
		w.next()
		return
	}
	switch w.rng.IntN(22) {
	case 0, 1:
		w.crash(m, false)
	case 2, 3:
		w.crash(w.f.Leader(), false)
	case 4, 5:
		w.crash(w.f.Primary(w.anyShard().ID), false)
	case 6:
		w.crash(m, w.spare())
	case 7, 8:
		w.cut(m, w.rng.IntN(4) > 0, w.rng.IntN(4) > 0)
	case 9:
		if p := w.f.Primary(w.anyShard().ID); p != nil {
			w.cut(p, true, true)
		}
	case 10:
		if l := w.f.Leader(); l != nil {
			w.cut(l, w.rng.IntN(2) == 0, w.rng.IntN(2) == 0)
		}
	case 11:
		w.ill[m.Name()]++
		m.Pause()
		w.back(func() {
			w.ill[m.Name()]--
			m.Resume()
		})
	case 12:
		w.ill[m.Name()]++
		m.SlowDisk(time.Duration(w.rng.Int64N(int64(time.Second))))
		w.back(func() {
			w.ill[m.Name()]--
			m.SlowDisk(0)
		})
	case 13:
		w.fullDisk(m)
	case 14, 15, 16, 17:
		w.special()
	default:
		w.administer()
	}
	w.next()
}

// next lets the next fault come.
func (w *wholeNodes) next() {
	w.photograph(w.f.Machines()[w.rng.IntN(len(w.f.Machines()))])
	w.e.After(w.pause(), "kv.fault", w.fault)
}

func (w *wholeNodes) anyShard() *shardmap.Shard {
	m := w.newest.Map()
	return m.At(w.rng.IntN(m.Len()))
}

// back undoes a fault after a while: often before a failover, sometimes after it.
func (w *wholeNodes) back(f func()) {
	d := 8 * w.Settings.Heartbeat
	if w.sparse {
		d = 2 * w.res.Bound
	}
	w.e.After(time.Duration(w.rng.Int64N(int64(d))), "kv.repair", f)
}

// special is the kind of fault that a run has often, or not at all: those that lose power
// all the time never come to rest, and to lose a disk needs rest before.
func (w *wholeNodes) special() {
	switch m := w.f.Machines()[w.rng.IntN(len(w.f.Machines()))]; {
	case w.style == lossOfPower:
		w.powerCut()
	case w.style == lossOfDisks && w.spare() && w.rng.IntN(2) == 0:
		w.replaceFirst(m)
	case w.style == lossOfDisks && w.spare():
		w.crash(m, true)
	case w.style == damageToDisks:
		w.damage(m)
	}
}

// spare reports whether a disk may be lost: no more than one at a time, and none while
// copies elsewhere aren't complete.
func (w *wholeNodes) spare() bool {
	if w.latent || w.pairs() || !w.complete() {
		return false
	}
	w.hurt = false
	return true
}

// pairs reports whether a shard has two copies only, or is to have: one disk less, and there is
// no majority that vouches for what was acknowledged.
func (w *wholeNodes) pairs() bool {
	few := w.newest.Settings().Replicas < 3
	for i := range w.newest.Map().Len() {
		few = few || len(w.newest.Map().At(i).Replicas) < 3
	}
	return few
}

// complete reports whether every machine runs, and has all copies that it should have.
func (w *wholeNodes) complete() bool {
	for _, m := range w.f.Machines() {
		// Whether copies are in sync is seen only after a while.
		if !m.Up() || w.ill[m.Name()] > 0 || (w.e.Now()-m.Since()).Duration() < 5*time.Second || w.newest.Member(m.Node().ID()) == nil {
			return false
		}
	}
	return w.isWhole() && w.votersAreThere()
}

// votersAreThere reports whether those who vote in the metadata group are nodes that run: one
// whose disk was lost counts there until it has been replaced.
func (w *wholeNodes) votersAreThere() bool {
	members := w.f.Leader().Node().Group().State().Members()
	return !slices.ContainsFunc(members, func(m wire.Member) bool {
		return m.Role == wire.Voter && w.f.Machine(m.Name).Node().ID() != m.ID
	})
}

func (w *wholeNodes) crash(m *kv.Machine, wipe bool) {
	if m == nil || !m.Up() {
		return
	}
	w.res.Crashes++
	m.Crash()
	if wipe {
		w.wipe(m)
	}
	w.back(m.Start)
}

// crashFor ends a process for at most so long.
func (w *wholeNodes) crashFor(m *kv.Machine, most time.Duration) {
	if !m.Up() {
		return
	}
	w.res.Crashes++
	m.Crash()
	w.e.After(time.Duration(w.rng.Int64N(int64(most))), "kv.repair", m.Start)
}

// wipe gives a machine an empty disk. Until the cluster is whole again no other may be hurt.
func (w *wholeNodes) wipe(m *kv.Machine) {
	w.res.Wipes++
	w.hurt = true
	m.Wipe()
}

// replaceFirst ends all processes and gives a machine an empty disk, which is started before
// the others: it must not make a cluster of its own.
func (w *wholeNodes) replaceFirst(m *kv.Machine) {
	for _, x := range w.f.Machines() {
		w.res.Crashes++
		x.Crash()
		if x != m {
			w.e.After(time.Second+time.Duration(w.rng.Int64N(int64(3*time.Second))), "kv.repair", x.Start)
		}
	}
	w.wipe(m)
	m.Start()
}

// powerCut ends all processes at once, when all disks but the leader's have been slow for
// a while, and lets the leader come back last: what members acknowledged without having
// it on disk is gone.
func (w *wholeNodes) powerCut() {
	leader := w.f.Leader()
	for _, m := range w.f.Machines() {
		if m != leader {
			w.ill[m.Name()]++
			m.SlowDisk(time.Second)
		}
	}
	w.e.After(time.Duration(w.rng.Int64N(int64(600*time.Millisecond))), "kv.power", func() {
		for _, m := range w.f.Machines() {
			if m != leader {
				w.ill[m.Name()]--
				m.SlowDisk(0)
			}
			if !m.Up() {
				continue
			}
			w.res.Crashes++
			m.Crash()
			d := time.Duration(w.rng.Int64N(int64(300 * time.Millisecond)))
			if m == leader {
				d += time.Duration(w.rng.Int64N(int64(4 * w.Settings.Heartbeat)))
			}
			w.e.After(d, "kv.repair", m.Start)
		}
	})
}

func (w *wholeNodes) fullDisk(m *kv.Machine) {
	disk := m.Disk()
	w.ill[m.Name()]++
	disk.SetCapacity(disk.Used() + 100)
	w.back(func() {
		w.ill[m.Name()]--
		disk.SetCapacity(0)
		m.Start() // it may have given up
	})
}

// cut cuts a machine off from the others in one direction or both; clients reach it or
// not.
func (w *wholeNodes) cut(m *kv.Machine, out, in bool) {
	if !out && !in {
		out = true
	}
	w.res.Cuts++
	w.ill[m.Name()]++
	mode := sim.Blackhole
	if w.rng.IntN(3) == 0 {
		mode = sim.Reset
	}
	clients := w.rng.IntN(2) == 0
	var cuts []*sim.CutHandle
	for _, other := range w.f.Network.Endpoints() {
		if other == m.Name() || w.f.Machine(other) == nil && !clients {
			continue
		}
		if out {
			cuts = append(cuts, w.f.Network.Cut(m.Name(), other, mode))
		}
		if in {
			cuts = append(cuts, w.f.Network.Cut(other, m.Name(), mode))
		}
	}
	w.back(func() {
		w.ill[m.Name()]--
		for _, c := range cuts {
			c.Mend()
		}
	})
}

// administer gives an administrator's command that makes sense, or nearly.
func (w *wholeNodes) administer() {
	s := w.anyShard()
	members := w.newest.Members()
	n := members[w.rng.IntN(len(members))].ID
	key := w.key(w.rng.IntN(w.Keys))
	switch w.rng.IntN(10) {
	case 0, 1:
		w.command(wire.Command{Kind: wire.SplitShard, Shard: w.newest.Map().Lookup(key).ID, Start: key})
	case 2, 3:
		if right := w.newest.Map().Lookup(s.End); s.End != "" {
			w.command(wire.Command{Kind: wire.MergeShards, Shard: s.ID, Other: right.ID})
		}
	case 4:
		w.command(wire.Command{Kind: wire.MoveCopy, Shard: s.ID, Node: s.Replicas[w.rng.IntN(len(s.Replicas))], To: n})
	case 5:
		w.command(wire.Command{Kind: wire.Promote, Shard: s.ID, Node: s.Replicas[w.rng.IntN(len(s.Replicas))]})
	case 6:
		w.command(wire.Command{Kind: wire.SetNodeState, Node: n, State: wire.Draining})
		w.back(func() { w.command(wire.Command{Kind: wire.SetNodeState, Node: n, State: wire.Active}) })
	case 7:
		set := w.newest.Settings()
		set.Replicas, set.Voters = uint64(2+w.rng.IntN(3)), uint64(3+2*w.rng.IntN(2))
		w.command(wire.Command{Kind: wire.ChangeSettings, Settings: &set})
	case 8, 9: // the same names again and again
		name := shardmap.ID(fmt.Sprint("named", w.rng.IntN(2)))
		if w.newest.Map().Get(name) != nil {
			w.command(wire.Command{Kind: wire.DeleteShard, Shard: name})
		} else {
			w.command(wire.Command{Kind: wire.CreateShard, Shard: name, Start: key, End: s.End})
		}
	}
}

// heal ends all faults.
func (w *wholeNodes) heal() {
	w.faults = false
	w.f.Bother(kv.Nuisances{})
	names := w.f.Network.Endpoints()
	for _, a := range names {
		for _, b := range names {
			if a != b {
				w.f.Network.Mend(a, b)
			}
		}
	}
	for _, m := range w.f.Machines() {
		m.SlowDisk(0)
		m.Disk().SetCapacity(0)
		m.Resume()
		m.Start()
	}
	w.restore()
}

// restore repeats what an administrator would do when all is well again, until it has
// been done.
func (w *wholeNodes) restore() {
	set := meta.WithDefaults(w.Settings)
	// Merges that come too often would keep the shards from settling.
	set.ManualBalance = true
	done := true
	if w.newest.Settings() != set {
		done = false
		w.command(wire.Command{Kind: wire.ChangeSettings, Settings: &set})
	}
	for i := range w.newest.Members() {
		m := &w.newest.Members()[i]
		x := w.f.Machine(m.Name)
		gone := x.Up() && x.Node().ID() != "" && x.Node().ID() != m.ID // another disk has come
		switch {
		case !gone && m.State != wire.Active:
			done = false
			w.command(wire.Command{Kind: wire.SetNodeState, Node: m.ID, State: wire.Active})
		case gone && m.State != wire.Removed && m.State != wire.Leaving:
			done = false
			w.command(wire.Command{Kind: wire.SetNodeState, Node: m.ID, State: wire.Leaving})
		}
	}
	if !done {
		w.e.After(time.Second, "kv.restore", w.restore)
	}
}
